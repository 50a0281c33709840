// What a doctor reads of some weeks on one page. Pure: days, alerts and limits in, rows out.
import type { EffectiveLimit, Story, ToldAlert } from '../../api_patient'
import { levelOf } from '../../charts/sparkline'
import { KINDS } from '../../kinds'
import { dayAfter } from '../../oslo'
import type { Days, Kind, Limits } from '../../protocol'

export interface Trend {
  readonly kind: Kind
  readonly limits: Limits | null
  /** Mean of the first and of the last days that were measured. */
  readonly first: number
  readonly last: number
  readonly mean: number
  readonly low: number
  readonly high: number
  readonly measured: number
  readonly outside: number
  /** Days of the time without a reading. */
  readonly without: number
  readonly missed: number
  readonly days: readonly { readonly day: string; readonly mean: number | null; readonly low: number | null; readonly high: number | null; readonly level: number }[]
}

const ENDS_DAYS = 3

/** null: nothing was measured. */
export function trendOf(days: Days, first: string, last: string, limit: EffectiveLimit | null, story: Story): Trend | null {
  const { kind } = days
  const found = new Map(days.days.map((each) => [each.day, each]))
  const limits = limit?.limits ?? null
  const { decimals } = KINDS[kind]
  const all = every(first, last).map((day) => {
    const each = found.get(day)
    if (!each) return { day, mean: null, low: null, high: null, level: 0 }
    const levels = [each.low, each.high].map((value) => levelOf(value, limits, decimals))
    const level = Math.abs(levels[0]!) >= Math.abs(levels[1]!) ? levels[0]! : levels[1]!
    return { day, mean: each.mean, low: each.low, high: each.high, level }
  })
  const measured = days.days.filter((each) => each.day >= first && each.day <= last)
  if (measured.length === 0) return null
  const mean = (of: readonly { mean: number }[]) => of.reduce((sum, each) => sum + each.mean, 0) / of.length
  return {
    kind,
    limits,
    first: mean(measured.slice(0, ENDS_DAYS)),
    last: mean(measured.slice(-ENDS_DAYS)),
    mean: mean(measured),
    low: Math.min(...measured.map((each) => each.low)),
    high: Math.max(...measured.map((each) => each.high)),
    measured: measured.length,
    outside: all.filter((each) => each.level !== 0).length,
    without: all.filter((each) => each.mean === null).length,
    missed: story.missed.filter((each) => each.kind === kind).length,
    days: all,
  }
}

export function every(first: string, last: string): string[] {
  const days: string[] = []
  for (let day = first; day <= last; day = dayAfter(day, 1)) days.push(day)
  return days
}

/** Red before yellow, the newest first; technical ones are not for a doctor. */
export function worthTelling(alerts: readonly ToldAlert[]): ToldAlert[] {
  const rank = { red: 0, yellow: 1, grey: 2 } as const
  return alerts
    .filter(({ alert }) => alert.priority !== 'grey')
    .sort((a, b) => rank[a.alert.priority] - rank[b.alert.priority] || Date.parse(b.alert.began_at) - Date.parse(a.alert.began_at))
}

/** Days in a row without any reading of a kind that is measured daily, the longest first. */
export function holes(trend: Trend): { readonly from: string; readonly to: string; readonly days: number }[] {
  const found: { from: string; to: string; days: number }[] = []
  for (const { day, mean } of trend.days) {
    const before = found[found.length - 1]
    if (mean !== null) continue
    if (before && dayAfter(before.to, 1) === day) Object.assign(before, { to: day, days: before.days + 1 })
    else found.push({ from: day, to: day, days: 1 })
  }
  return found.sort((a, b) => b.days - a.days)
}
