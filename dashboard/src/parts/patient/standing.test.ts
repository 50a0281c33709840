import { expect, test } from 'vitest'
import type { SaidFact, StoredReading, WouldBe } from '../../api_patient'
import { telOf } from '../../format'
import { en } from '../../words/en'
import { nb } from '../../words/nb'
import { byDay, csv, edgeOf, holding, limitOf, linesOf, reactionOf, stamp, typedOf } from './standing'

const NOW = Date.parse('2026-01-15T11:00:00Z')

function said(id: number, at: string, on: boolean | null, change: Partial<SaidFact> = {}): SaidFact {
  const fact = on === null ? null : { type: 'oxygen' as const, on, litres_per_min: on ? 1.5 : null }
  const rest = { kind: null, until: null, said_by: null, said_at: at, reason: '', withdrawn_by: null, withdrawn_at: null }
  return { id, type: 'oxygen', fact, at, ...rest, ...change }
}

test('the newest word that has begun counts; one ahead of time does not yet', () => {
  const facts = [said(1, '2026-01-01T00:00:00Z', false), said(2, '2026-01-10T00:00:00Z', true), said(3, '2026-02-01T00:00:00Z', false)]
  expect(holding(facts, 'oxygen', NOW)?.fact.on).toBe(true)
  expect(holding(facts, 'oxygen', Date.parse('2026-02-02T00:00:00Z'))?.fact.on).toBe(false)
})

test('of two at one time the later said counts, and what was withdrawn, has run out or was ended does not hold', () => {
  const at = '2026-01-10T00:00:00Z'
  expect(holding([said(4, at, true), said(3, at, false)], 'oxygen', NOW)?.id).toBe(4)
  expect(holding([said(4, at, true, { withdrawn_at: at }), said(3, at, false)], 'oxygen', NOW)?.id).toBe(3)
  expect(holding([said(1, at, true), said(2, '2026-01-12T00:00:00Z', null)], 'oxygen', NOW)).toBeNull()
  expect(holding([said(1, at, true, { until: '2026-01-15T11:00:00Z' })], 'oxygen', NOW)).toBeNull()
  expect(holding([], 'oxygen', NOW)).toBeNull()
})

test('a limit is typed with a comma or a point, and an empty field is no limit', () => {
  expect(edgeOf(' 3,9 ')).toBe(3.9)
  expect(edgeOf('3.9')).toBe(3.9)
  expect(edgeOf('')).toBeNull()
  for (const wrong of ['3,9 mmol', '-', '3,9,1', '1e3']) expect(edgeOf(wrong), wrong).toBeUndefined()
})

test('limits that cross are wrong where they cross', () => {
  const typed = { red_low: '88', yellow_low: '90', yellow_high: '', red_high: '' }
  expect(limitOf('spo2', typed)).toEqual({ limit: { kind: 'spo2', red_low: 88, yellow_low: 90, yellow_high: null, red_high: null } })
  expect(limitOf('spo2', { ...typed, yellow_low: '86' })).toEqual({ wrong: ['yellow_low'] })
  expect(limitOf('spo2', { ...typed, red_low: 'åtti' })).toEqual({ wrong: ['red_low'] })
})

test('what is shown in a field is what it is read as', () => {
  const limits = { red_low: 3, yellow_low: 3.9, yellow_high: 13.9, red_high: null }
  const typed = typedOf(limits, 1, nb)
  expect(typed).toEqual({ red_low: '3,0', yellow_low: '3,9', yellow_high: '13,9', red_high: '' })
  expect(limitOf('glucose', typed)).toEqual({ limit: { kind: 'glucose', ...limits } })
})

test('alerts are counted by day in Oslo, with the days that had none', () => {
  const alert = (began_at: string, priority: 'red' | 'yellow') => ({ began_at, priority }) as WouldBe
  const found = byDay(
    [alert('2026-01-14T22:59:00Z', 'red'), alert('2026-01-14T23:01:00Z', 'yellow'), alert('2026-01-15T08:00:00Z', 'yellow')],
    Date.parse('2026-01-13T12:00:00Z'),
    NOW,
  )
  expect(found).toEqual([
    { day: '2026-01-13', red: 0, yellow: 0 },
    { day: '2026-01-14', red: 1, yellow: 0 },
    { day: '2026-01-15', red: 0, yellow: 2 },
  ])
})

test('a time in a file says which of the two hours it was', () => {
  expect(stamp('2026-10-25T00:30:00Z')).toBe('2026-10-25T02:30:00+02:00')
  expect(stamp('2026-10-25T01:30:00Z')).toBe('2026-10-25T02:30:00+01:00')
})

test('a file opens in a spreadsheet of its language, and nothing in it is a formula', () => {
  const reading: StoredReading = {
    at: '2026-01-15T11:00:00Z',
    span_s: 0,
    value: 5.5,
    low: null,
    high: null,
    n: 1,
    sign: -1,
    quality: 1,
    clock: 0,
    received_at: '2026-01-15T11:00:01Z',
    device: '=1+1',
  }
  const columns = { columns: ['tid', 'verdi'], quality: ['god', 'usikker'], clock: ['sjekket'] }
  const norwegian = csv([reading], 'mmol/l', 1, columns, nb).split('\r\n')
  expect(norwegian[0]).toBe('tid;verdi')
  expect(norwegian[1]).toBe(`2026-01-15T12:00:00+01:00;"<5,5";mmol/l;;;1;0;'=1+1;usikker;sjekket;2026-01-15T12:00:01+01:00`)
  expect(csv([{ ...reading, value: null }], 'mmol/l', 1, columns, en).split('\r\n')[1]).toContain(',LO,mmol/l,')
})

test('a number can be called, and what is none is no link', () => {
  expect(telOf('+47 900 00 001')).toBe('tel:+4790000001')
  expect(telOf('spør naboen')).toBeNull()
})

test('what one must not get is read line by line, with what it does in brackets', () => {
  expect(linesOf(' Penicillin (utslett)\n\n Jod \n').map(reactionOf)).toEqual([
    { to: 'Penicillin', how: 'utslett' },
    { to: 'Jod', how: '' },
  ])
  expect(reactionOf('(utslett)')).toEqual({ to: '(utslett)', how: '' })
})
