import { expect, test } from 'vitest'
import type { EffectiveLimit, Story } from '../../api_patient'
import { anAlert } from '../../examples'
import type { Days } from '../../protocol'
import { holes, trendOf, worthTelling } from './summary'

const LIMIT = { kind: 'spo2', limits: { red_low: 88, yellow_low: 90, yellow_high: null, red_high: null } } as EffectiveLimit
const STORY = { missed: [{ kind: 'spo2', due: '2026-01-03T07:00:00Z' }, { kind: 'weight', due: '2026-01-03T07:00:00Z' }] } as Story

function days(...of: [string, number, number, number][]): Days {
  return { patient: 1, kind: 'spo2', unit: '%', days: of.map(([day, mean, low, high]) => ({ day, mean, low, high, readings: 1, n: 1 })) }
}

test('first and last are means of three days, and a day is outside when its extreme is', () => {
  const measured = days(
    ['2026-01-01', 92, 91, 93],
    ['2026-01-02', 91, 89, 93],
    ['2026-01-05', 90, 90, 90],
    ['2026-01-06', 89, 87, 91],
    ['2026-01-07', 88, 86, 90],
    ['2026-01-08', 87, 85, 89],
  )
  const trend = trendOf(measured, '2026-01-01', '2026-01-08', LIMIT, STORY)
  expect(trend).toMatchObject({ first: 91, last: 88, low: 85, high: 93, measured: 6, outside: 4, without: 2, missed: 1 })
  expect(trend?.mean).toBeCloseTo(89.5)
  expect(trend?.days.map((day) => day.level)).toEqual([0, -1, 0, 0, 0, -2, -2, -2])
})

test('what was not measured at all has no trend', () => {
  expect(trendOf(days(), '2026-01-01', '2026-01-08', LIMIT, STORY)).toBeNull()
  expect(trendOf(days(['2025-12-31', 90, 90, 90]), '2026-01-01', '2026-01-08', LIMIT, STORY)).toBeNull()
})

test('days in a row without a reading are one hole, the longest first', () => {
  const trend = trendOf(days(['2026-01-02', 91, 91, 91], ['2026-01-05', 91, 91, 91]), '2026-01-01', '2026-01-06', null, STORY)
  expect(trend && holes(trend)).toEqual([
    { from: '2026-01-03', to: '2026-01-04', days: 2 },
    { from: '2026-01-01', to: '2026-01-01', days: 1 },
    { from: '2026-01-06', to: '2026-01-06', days: 1 },
  ])
})

test('a doctor reads red before yellow, the newest first, and no technical ones', () => {
  const told = (id: number, priority: 'red' | 'yellow' | 'grey', began_at: string) => ({ alert: anAlert({ id, priority, began_at }), deeds: [] })
  const found = worthTelling([
    told(1, 'yellow', '2026-01-05T10:00:00Z'),
    told(2, 'red', '2026-01-01T10:00:00Z'),
    told(3, 'grey', '2026-01-06T10:00:00Z'),
    told(4, 'red', '2026-01-03T10:00:00Z'),
  ])
  expect(found.map(({ alert }) => alert.id)).toEqual([4, 2, 1])
})
