import { expect, test } from 'vitest'
import { dayAfter, dayOf, midnight, minuteOfDay, stepFor, ticks } from './oslo'

const utc = (text: string) => Date.parse(text)
const iso = (times: readonly number[]) => times.map((at) => new Date(at).toISOString().slice(0, 16))

test('a day begins at midnight on the wall, an hour earlier in summer', () => {
  expect(midnight('2026-01-15')).toBe(utc('2026-01-14T23:00:00Z'))
  expect(midnight('2026-07-15')).toBe(utc('2026-07-14T22:00:00Z'))
  expect(dayOf(utc('2026-01-14T22:59:59Z'))).toBe('2026-01-14')
  expect(dayOf(utc('2026-01-14T23:00:00Z'))).toBe('2026-01-15')
  expect(dayAfter('2026-03-28', 2)).toBe('2026-03-30')
})

test('on the day when clocks go forward ticks are at 00, 06, 12 and 18 on the wall, and the day has 23 hours', () => {
  // 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
  const day = ticks(midnight('2026-03-29'), midnight('2026-03-30'), { hours: 6 })
  expect(iso(day)).toEqual(['2026-03-28T23:00', '2026-03-29T04:00', '2026-03-29T10:00', '2026-03-29T16:00', '2026-03-29T22:00'])
  expect(midnight('2026-03-30') - midnight('2026-03-29')).toBe(23 * 3_600_000)
})

test('on the day when clocks go back the day has 25 hours and the ticks still say 06, 12, 18', () => {
  const day = ticks(midnight('2026-10-25'), midnight('2026-10-26'), { hours: 6 })
  expect(iso(day)).toEqual(['2026-10-24T22:00', '2026-10-25T05:00', '2026-10-25T11:00', '2026-10-25T17:00', '2026-10-25T23:00'])
})

test('weeks begin on Monday and months on the first', () => {
  expect(iso(ticks(utc('2026-01-01T00:00:00Z'), utc('2026-01-15T00:00:00Z'), { days: 7 }))).toEqual(['2026-01-04T23:00', '2026-01-11T23:00'])
  expect(iso(ticks(utc('2025-12-15T00:00:00Z'), utc('2026-04-15T00:00:00Z'), { months: 2 }))).toEqual(['2025-12-31T23:00', '2026-02-28T23:00'])
})

test('the step is the finest with room for its words', () => {
  const hours = (count: number) => stepFor(0, count * 3_600_000, 8)
  expect(hours(6)).toEqual({ hours: 1 })
  expect(hours(24)).toEqual({ hours: 3 })
  expect(hours(7 * 24)).toEqual({ days: 1 })
  expect(hours(30 * 24)).toEqual({ days: 7 })
  expect(hours(365 * 24)).toEqual({ months: 2 })
})

test('minutes of the day are those on the wall', () => {
  expect(minuteOfDay(utc('2026-01-15T07:30:00Z'))).toBe(8 * 60 + 30)
  expect(minuteOfDay(utc('2026-07-15T22:00:00Z'))).toBe(0)
})
