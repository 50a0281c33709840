// What one panel of the patient's time axis shows: runs that hang together, single readings, silences, limits. Pure: times and
// values in, times and values out; where they lie in pixels is uPlot's business.
import type { Kind, LatestValue, Limits, Series } from '../protocol'
import { levelOf, nearestEdges } from './sparkline'

export interface Point {
  readonly at: number
  /** When what it stands for was over: the same as `at` for a single reading. */
  readonly until: number
  readonly value: number
  readonly low: number
  readonly high: number
  readonly level: number
}

export interface Span {
  readonly from: number
  readonly to: number
}

export interface Panel {
  readonly kind: Kind
  /** Of a stream; each run is drawn as one line, and none is joined to the next. */
  readonly runs: readonly (readonly Point[])[]
  /** Single readings, and what of a stream lies alone between two silences. */
  readonly dots: readonly Point[]
  /** Nothing came: hatched. Only of streams; a single reading has no silence, but can be missed. */
  readonly gaps: readonly Span[]
  readonly missed: readonly number[]
  readonly limits: Limits | null
  readonly range: readonly [number, number]
  readonly continuous: boolean
}

const LEAST_DIGITS = 10

export interface Given {
  readonly series: Series
  readonly limits: Limits | null
  readonly decimals: number
  readonly missed: readonly number[]
  readonly window: Span
  readonly now: number
  /** A stream is silent when it is older than this. */
  readonly staleMs: number
}

export function panel({ series, limits, decimals, missed, window, now, staleMs }: Given): Panel {
  const found = split(series, limits, decimals)
  const points = found.flat()
  return {
    kind: series.kind,
    runs: series.continuous ? found.filter((run) => run.length > 1) : [],
    dots: series.continuous ? found.filter((run) => run.length === 1).flat() : points,
    gaps: series.continuous ? silences(found, window, now, staleMs) : [],
    missed: missed.filter((at) => at >= window.from && at <= window.to),
    limits,
    range: rangeOf(points, limits, decimals),
    continuous: series.continuous,
  }
}

function split(series: Series, limits: Limits | null, decimals: number): Point[][] {
  const runs: Point[][] = [[]]
  series.at.forEach((text, place) => {
    const value = series.value[place] ?? null
    if (value === null) {
      runs.push([])
      return
    }
    const [low, high] = [series.low[place] ?? value, series.high[place] ?? value]
    const at = Date.parse(text)
    const until = series.until[place]
    runs[runs.length - 1]!.push({ at, until: until ? Date.parse(until) : at, value, low, high, level: worst(low, value, high, limits, decimals) })
  })
  return runs.filter((run) => run.length > 0)
}

/** Of an interval the extreme that is furthest out decides its colour: a mean hides it. */
function worst(low: number, value: number, high: number, limits: Limits | null, decimals: number): number {
  const levels = [low, value, high].map((each) => levelOf(each, limits, decimals))
  return levels.reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0)
}

function silences(runs: readonly (readonly Point[])[], window: Span, now: number, staleMs: number): Span[] {
  const end = Math.min(window.to, now)
  const gaps: Span[] = []
  let heard: number | null = null
  for (const run of runs) {
    const [first, last] = [run[0]!, run[run.length - 1]!]
    if (heard !== null) gaps.push({ from: heard, to: first.at })
    else if (first.at - window.from > staleMs) gaps.push({ from: window.from, to: first.at })
    heard = last.until
  }
  if (heard === null) return end > window.from ? [{ from: window.from, to: end }] : []
  return end - heard > staleMs ? [...gaps, { from: heard, to: end }] : gaps
}

/** The limits next to the values are always in the picture; a little air above and below. What moves by a digit or two is
 * no mountain: the picture is at least ten of them high. */
function rangeOf(points: readonly Point[], limits: Limits | null, decimals: number): [number, number] {
  const values = points.flatMap((point) => [point.low, point.high])
  const edges = limits ? [limits.red_low, limits.yellow_low, limits.yellow_high, limits.red_high].filter((each) => each !== null) : []
  const ends = values.length > 0 ? [Math.min(...values), Math.max(...values)] : []
  const all = [...values, ...nearestEdges(ends, edges)]
  if (all.length === 0) return [0, 1]
  const [low, high] = all.reduce(([a, b], each) => [Math.min(a, each), Math.max(b, each)], [Infinity, -Infinity])
  const lacks = Math.max(0, LEAST_DIGITS / 10 ** decimals - (high - low)) / 2
  const air = (high - low + 2 * lacks) * 0.08
  return [low - lacks - air, high + lacks + air]
}

/** What came on the socket after the series was fetched. A stream goes on in its last run, unless it was silent between. */
export function withLatest(series: Series, latest: LatestValue, joinMs: number): Series {
  const at = Date.parse(latest.taken_at)
  const last = lastOf(series)
  if (latest.value === null || latest.kind !== series.kind || (last !== null && at <= last.at)) return series
  const until = new Date(at + latest.span_s * 1000).toISOString()
  const apart = last !== null && at - last.until > joinMs
  const gap = apart ? new Date((last.until + at) / 2).toISOString() : null
  const grown = <T>(column: readonly T[], value: T, nothing: T) => (gap === null ? [...column, value] : [...column, nothing, value])
  return {
    ...series,
    at: gap === null ? [...series.at, latest.taken_at] : [...series.at, gap, latest.taken_at],
    until: grown<string | null>(series.until, until, null),
    value: grown<number | null>(series.value, latest.value, null),
    low: grown<number | null>(series.low, latest.value, null),
    high: grown<number | null>(series.high, latest.value, null),
  }
}

function lastOf(series: Series): { at: number; until: number } | null {
  const place = series.at.length - 1
  const text = series.at[place]
  if (text === undefined) return null
  const until = series.until[place]
  return { at: Date.parse(text), until: until ? Date.parse(until) : Date.parse(text) }
}

export interface Cluster<T> {
  /** From 0 to 1 along the axis. */
  readonly share: number
  readonly events: readonly T[]
}

/** Events that lie closer than a finger is wide are one mark. In order of time. */
export function clusters<T extends { readonly at: number }>(events: readonly T[], window: Span, widthPx: number, leastPx: number): Cluster<T>[] {
  const inside = events.filter((event) => event.at >= window.from && event.at <= window.to).sort((a, b) => a.at - b.at)
  const share = (at: number) => (at - window.from) / (window.to - window.from)
  const found: { share: number; events: T[] }[] = []
  for (const event of inside) {
    const before = found[found.length - 1]
    if (before && (share(event.at) - before.share) * widthPx < leastPx) before.events.push(event)
    else found.push({ share: share(event.at), events: [event] })
  }
  return found
}
