// Where the line, the points and the limits of one small chart lie. Pure: pixels in, pixels out.
import { rounded } from '../format'
import type { Limits, Vital } from '../protocol'

type Series = Pick<Vital, 'spark' | 'limits' | 'gap_s'> & { readonly latest: { readonly decimals: number } }

export interface Box {
  readonly width: number
  readonly height: number
}
export interface Dot {
  readonly x: number
  readonly y: number
  readonly level: number
}
export interface Sparkline {
  /** Runs of readings that hang together, each to be drawn as one line. */
  readonly lines: readonly (readonly Dot[])[]
  /** Readings that stand alone: spot measurements, and what lies between two gaps. */
  readonly dots: readonly Dot[]
  readonly last: Dot | null
  /** Inside the yellow limits, from top to bottom; null: no limits at all. */
  readonly band: { readonly top: number; readonly bottom: number } | null
  readonly red: readonly number[]
  /** Every limit that lies in the picture, for whoever writes them beside it. */
  readonly edges: readonly { readonly y: number; readonly limit: number; readonly level: 1 | 2 }[]
  /** Where a planned measurement is missing. */
  readonly missed: readonly number[]
  readonly from: number
  readonly lowest: number
  readonly highest: number
}

const PAD = 4
const CROSS_PX = 7
const LEAST_LINE_MS = 10 * 60_000
const LEAST_SPOT_MS = 24 * 3_600_000

/** Where the chart begins: with its first reading, but a few fresh ones are not stretched over the whole width. */
export function startOf(first: number, gapS: number, end: number): number {
  return Math.min(first, end - (gapS > 0 ? LEAST_LINE_MS : LEAST_SPOT_MS))
}

export function levelOf(measured: number, limits: Limits | null, decimals: number): number {
  if (!limits) return 0
  const value = rounded(measured, decimals)
  if (limits.red_low !== null && value < limits.red_low) return -2
  if (limits.red_high !== null && value > limits.red_high) return 2
  if (limits.yellow_low !== null && value < limits.yellow_low) return -1
  if (limits.yellow_high !== null && value > limits.yellow_high) return 1
  return 0
}

/** Readings further apart than `gap_s` are not joined; 0 joins nothing. The right edge is now, so that old data moves away.
 * `missed`: when planned ones were due that did not come. */
export function sparkline({ spark, limits, gap_s: gapS, latest }: Series, now: number, box: Box, missed: readonly number[] = []): Sparkline {
  const sorted = spark.map(({ at, value }) => ({ at: Date.parse(at), value })).sort((a, b) => a.at - b.at)
  const values = sorted.map((point) => point.value)
  const [lowest, highest] = [Math.min(...values), Math.max(...values)]
  const y = scale(values, limits, box)
  const end = Math.max(now, sorted.at(-1)?.at ?? now)
  const from = startOf(Math.min(sorted[0]?.at ?? now, ...missed), gapS, end)
  const x = (at: number) => PAD + ((at - from) / (end - from)) * (box.width - 2 * PAD)
  const placed = sorted.map((point) => ({ at: point.at, x: x(point.at), y: y(point.value), level: levelOf(point.value, limits, latest.decimals) }))
  const runs = split(placed, gapS * 1000)
  return {
    lines: runs.filter((run) => run.length > 1),
    dots: runs.filter((run) => run.length === 1).flat(),
    last: placed.at(-1) ?? null,
    band: band(limits, y, box),
    red: [limits?.red_low ?? null, limits?.red_high ?? null].filter((each) => each !== null).map(y),
    edges: edges(limits, y).filter((each) => each.y >= 0 && each.y <= box.height),
    missed: apart(missed.filter((due) => due <= end).map(x)),
    from,
    lowest,
    highest,
  }
}

/** Four a day for two weeks would be one bar: those that would touch are one cross. */
function apart(places: readonly number[]): number[] {
  const found: number[] = []
  for (const place of [...places].sort((a, b) => a - b)) if (place - (found.at(-1) ?? -CROSS_PX) >= CROSS_PX) found.push(place)
  return found
}

function edges(limits: Limits | null, y: (value: number) => number): Sparkline['edges'][number][] {
  const pairs = [
    [limits?.red_low, 2],
    [limits?.yellow_low, 1],
    [limits?.yellow_high, 1],
    [limits?.red_high, 2],
  ] as const
  return pairs.flatMap(([limit, level]) => (limit === null || limit === undefined ? [] : [{ y: y(limit), limit, level }]))
}

/** The limits are always in the picture: how near a value comes to them is what one looks for. */
function scale(values: readonly number[], limits: Limits | null, box: Box): (value: number) => number {
  const edges = limits ? [limits.red_low, limits.yellow_low, limits.yellow_high, limits.red_high].filter((each) => each !== null) : []
  const near = edges.length > 0 ? nearestEdges(values, edges) : []
  const all = [...values, ...near]
  const [low, high] = all.length > 0 ? [Math.min(...all), Math.max(...all)] : [0, 1]
  const span = high - low || 1
  return (value) => box.height - PAD - ((value - low) / span) * (box.height - 2 * PAD)
}

/** A glucose limit at 20 would flatten a day between 5 and 8: only the limits next to the values count, and those that are crossed. */
export function nearestEdges(values: readonly number[], edges: readonly number[]): number[] {
  if (values.length === 0) return [...edges]
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const below = edges.filter((edge) => edge <= low).slice(-1)
  const above = edges.filter((edge) => edge >= high).slice(0, 1)
  return [...below, ...edges.filter((edge) => edge > low && edge < high), ...above]
}

function split<T extends { readonly at: number }>(placed: readonly T[], gapMs: number): T[][] {
  const runs: T[][] = []
  for (const point of placed) {
    const run = runs.at(-1)
    const before = run?.at(-1)
    if (run && before && point.at - before.at <= gapMs) run.push(point)
    else runs.push([point])
  }
  return runs
}

function band(limits: Limits | null, y: (value: number) => number, box: Box): Sparkline['band'] {
  const low = limits?.yellow_low ?? limits?.red_low ?? null
  const high = limits?.yellow_high ?? limits?.red_high ?? null
  if (low === null && high === null) return null
  const inside = (at: number) => Math.min(box.height, Math.max(0, at))
  return { top: high === null ? 0 : inside(y(high)), bottom: low === null ? box.height : inside(y(low)) }
}
