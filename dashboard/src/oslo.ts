// Oslo's calendar for time axes: instants of whole hours, days and months on the wall, where clocks change too. Pure.
const ZONE = 'Europe/Oslo'
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

const WALL = new Intl.DateTimeFormat('sv-SE', {
  timeZone: ZONE,
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

/** What the clock on the wall says, as if it were UTC. */
function wall(at: number): number {
  return Date.parse(`${WALL.format(at).replace(' ', 'T')}Z`) + (((at % 1000) + 1000) % 1000)
}

/** The instant at which the wall says this; of two the first, of none the one after the hour that is left out. */
function instant(onWall: number): number {
  const early = onWall - 2 * HOUR_MS
  if (wall(early) === onWall) return early
  return onWall - HOUR_MS
}

/** "2026-03-29" */
export function dayOf(at: number): string {
  return WALL.format(at).slice(0, 10)
}

export function midnight(day: string): number {
  return timeOn(day, '00:00')
}

/** "08:30" on that day's wall. */
export function timeOn(day: string, time: string): number {
  return instant(Date.parse(`${day}T${time}:00Z`))
}

/** The day so many days after, on the calendar. */
export function dayAfter(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10)
}

/** Minutes since midnight on the wall. */
export function minuteOfDay(at: number): number {
  return Math.floor((wall(at) % DAY_MS) / 60_000)
}

export type Step = { readonly hours: number } | { readonly days: number } | { readonly months: number }

const STEPS: readonly { readonly step: Step; readonly ms: number }[] = [
  ...[1, 2, 3, 6, 12].map((hours) => ({ step: { hours }, ms: hours * HOUR_MS })),
  ...[1, 2, 7, 14].map((days) => ({ step: { days }, ms: days * DAY_MS })),
  ...[1, 2, 3].map((months) => ({ step: { months }, ms: months * 30.4 * DAY_MS })),
]

/** The finest step with at most so many ticks. */
export function stepFor(from: number, to: number, most: number): Step {
  const room = (to - from) / Math.max(1, most)
  return (STEPS.find(({ ms }) => ms >= room) ?? STEPS[STEPS.length - 1])!.step
}

/** Instants between `from` and `to` at which the wall shows a multiple of the step: 00, 06, 12, 18 on 23 and 25 hour days, too. */
export function ticks(from: number, to: number, step: Step): number[] {
  const found = new Set<number>()
  for (const onWall of wallTicks(wall(from), wall(to), step)) found.add(instant(onWall))
  return [...found].filter((at) => at >= from && at <= to).sort((a, b) => a - b)
}

function* wallTicks(from: number, to: number, step: Step): Generator<number> {
  if ('months' in step) {
    const begin = new Date(from)
    for (let month = begin.getUTCFullYear() * 12 + Math.floor(begin.getUTCMonth() / step.months) * step.months; ; month += step.months) {
      const at = Date.UTC(Math.floor(month / 12), month % 12, 1)
      if (at > to) return
      yield at
    }
  }
  const every = 'days' in step ? step.days * DAY_MS : step.hours * HOUR_MS
  // Weeks begin on Monday, as 1970-01-05 did.
  const base = 'days' in step && step.days % 7 === 0 ? 4 * DAY_MS : 0
  for (let at = base + Math.floor((from - base) / every) * every; at <= to + HOUR_MS; at += every) yield at
}
