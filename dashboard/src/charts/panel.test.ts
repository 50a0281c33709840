import { expect, test } from 'vitest'
import { aReading } from '../examples'
import type { Series } from '../protocol'
import { clusters, panel, withLatest, type Given } from './panel'

const NOON = Date.parse('2026-01-15T11:00:00Z')
const MINUTE = 60_000
const LIMITS = { red_low: 88, yellow_low: 90, yellow_high: null, red_high: null }

/** Minutes before noon and values; null marks a gap. */
function aSeries(points: readonly (readonly [number, number | null])[], change: Partial<Series> = {}): Series {
  const at = points.map(([minute]) => new Date(NOON + minute * MINUTE).toISOString())
  const value = points.map(([, each]) => each)
  const until = points.map(([minute, each]) => (each === null ? null : new Date(NOON + minute * MINUTE + 20_000).toISOString()))
  return { patient: 1, kind: 'spo2', unit: '%', continuous: true, at, until, value, low: value, high: value, ...change }
}

function drawn(change: Partial<Given> = {}) {
  const given = { limits: LIMITS, decimals: 0, missed: [], window: { from: NOON - 60 * MINUTE, to: NOON }, now: NOON, staleMs: 5 * MINUTE }
  return panel({ series: aSeries([]), ...given, ...change })
}

test('a line is never joined across a gap, and the gap is hatched from the end of one reading to the next', () => {
  const chart = drawn({ series: aSeries([[-60, 93], [-59, 92], [-40, null], [-21, 91], [-20, 90], [-1, 92]]) })
  expect(chart.runs.map((run) => run.map((point) => point.value))).toEqual([[93, 92], [91, 90, 92]])
  expect(chart.gaps).toEqual([{ from: NOON - 59 * MINUTE + 20_000, to: NOON - 21 * MINUTE }])
})

test('a stream that came late and went silent is hatched at both ends, up to now and not into the future', () => {
  const chart = drawn({ series: aSeries([[-40, 93], [-39, 93]]), window: { from: NOON - 60 * MINUTE, to: NOON + 30 * MINUTE } })
  expect(chart.gaps).toEqual([
    { from: NOON - 60 * MINUTE, to: NOON - 40 * MINUTE },
    { from: NOON - 39 * MINUTE + 20_000, to: NOON },
  ])
})

test('a stream of which nothing came is hatched all along', () => {
  expect(drawn().gaps).toEqual([{ from: NOON - 60 * MINUTE, to: NOON }])
})

test('single readings are dots that nothing joins, without a hatch between them, and what was missed is marked', () => {
  const chart = drawn({ series: aSeries([[-50, 91], [-2, 89]], { continuous: false }), missed: [NOON - 30 * MINUTE, NOON - 90 * MINUTE] })
  expect(chart.runs).toEqual([])
  expect(chart.gaps).toEqual([])
  expect(chart.dots.map((dot) => [dot.value, dot.level])).toEqual([[91, 0], [89, -1]])
  expect(chart.missed).toEqual([NOON - 30 * MINUTE])
})

test('an interval is coloured by its extreme and not by its middle', () => {
  const chart = drawn({ series: { ...aSeries([[-3, 92], [-2, 92]]), low: [92, 84], high: [93, 94] } })
  expect(chart.runs[0]?.map((point) => point.level)).toEqual([0, -2])
})

test('the picture holds the extremes and the limits beside them, with a twelfth of air', () => {
  // 84..94 and the limits 88 and 90 lie between: 10 wide, so 0.8 of air at each end.
  const chart = drawn({ series: { ...aSeries([[-3, 92], [-2, 92]]), low: [92, 84], high: [93, 94] } })
  expect(chart.range[0]).toBeCloseTo(83.2)
  expect(chart.range[1]).toBeCloseTo(94.8)
  // 92 and 93 with the limit 90 below are 3 digits high: 3.5 more on each side make 10, and 0.8 of air.
  const flat = drawn({ series: aSeries([[-3, 92], [-2, 93]]) })
  expect(flat.range[0]).toBeCloseTo(90 - 3.5 - 0.8)
  expect(flat.range[1]).toBeCloseTo(93 + 3.5 + 0.8)
  // Of glucose between 5 and 8 the limits 3.9 and 13.9 are shown; 3.0 and 20.0 would flatten it.
  const glucose = { red_low: 3, yellow_low: 3.9, yellow_high: 13.9, red_high: 20 }
  const calm = drawn({ series: aSeries([[-3, 5], [-2, 8]], { kind: 'glucose_isf' }), limits: glucose, decimals: 1 })
  expect(calm.range[0]).toBeCloseTo(3.9 - 0.8)
  expect(calm.range[1]).toBeCloseTo(13.9 + 0.8)
})

test('a reading from the socket goes on in the line, or after a gap when it was silent', () => {
  const series = aSeries([[-10, 93]])
  const soon = withLatest(series, aReading({ taken_at: new Date(NOON - 9 * MINUTE).toISOString(), value: 92 }), 2 * MINUTE)
  expect(soon.value).toEqual([93, 92])
  const late = withLatest(series, aReading({ taken_at: new Date(NOON).toISOString(), value: 90, span_s: 20 }), 2 * MINUTE)
  expect(late.value).toEqual([93, null, 90])
  expect(late.until[2]).toBe(new Date(NOON + 20_000).toISOString())
  expect(drawn({ series: late }).runs).toEqual([])
})

test('a reading that is known, older, of another kind or without a value changes nothing', () => {
  const series = aSeries([[-10, 93]])
  const at = (minute: number) => new Date(NOON + minute * MINUTE).toISOString()
  for (const change of [{ taken_at: at(-10) }, { taken_at: at(-30) }, { taken_at: at(0), kind: 'glucose' as const }, { taken_at: at(0), value: null }])
    expect(withLatest(series, aReading(change), MINUTE)).toBe(series)
})

test('events that a finger cannot tell apart are one mark', () => {
  const events = [50, 0, 2, 100, 101].map((minute) => ({ at: minute * MINUTE }))
  const found = clusters(events, { from: 0, to: 100 * MINUTE }, 500, 24) // 5 px a minute
  expect(found.map((each) => [each.share, each.events.length])).toEqual([[0, 2], [0.5, 1], [1, 1]])
})
