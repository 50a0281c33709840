// What is typed into the form of a measuring plan. Pure.
export const WEEKDAYS = [1, 2, 3, 4, 5, 6, 7] as const
export const DAY_MIN = 1440
/** "08:00" */
export const TIME = /^([01]\d|2[0-3]):[0-5]\d$/
const WITHIN_MIN = '120'

export interface Planned {
  weekdays: number[]
  times: string[]
  before_min: number
  after_min: number
}

export interface TypedPlan {
  weekdays: number[]
  times: string
  before: string
  after: string
}

export type PlanField = 'weekdays' | 'times' | 'before' | 'after'

/** "08:00" of "08:00:00" */
export function short(time: string): string {
  return time.slice(0, 5)
}

/** null: nothing is awaited yet. */
export function typedPlan(held: Planned | null): TypedPlan {
  if (held === null) return { weekdays: [...WEEKDAYS], times: '', before: WITHIN_MIN, after: WITHIN_MIN }
  return { weekdays: [...held.weekdays], times: held.times.map(short).join(', '), before: String(held.before_min), after: String(held.after_min) }
}

/** Of what was typed; or the fields that are not yet right. */
export function planOf(typed: TypedPlan): Planned | { wrong: PlanField[] } {
  const [times, before, after] = [timesOf(typed.times), minutesTyped(typed.before), minutesTyped(typed.after)]
  if (times === undefined || before === undefined || after === undefined || (times.length > 0 && typed.weekdays.length === 0)) {
    const wrong: Record<PlanField, boolean> = {
      weekdays: (times?.length ?? 0) > 0 && typed.weekdays.length === 0,
      times: times === undefined,
      before: before === undefined,
      after: after === undefined,
    }
    return { wrong: (Object.keys(wrong) as PlanField[]).filter((field) => wrong[field]) }
  }
  return { weekdays: [...typed.weekdays].sort(), times, before_min: before, after_min: after }
}

/** The times that were typed, in the day's order, each once; undefined: one of them is none. */
function timesOf(text: string): string[] | undefined {
  const parts = text.split(/[\s,;]+/).filter((each) => each !== '')
  const times = parts.map((each) => each.replace('.', ':').padStart(5, '0'))
  if (times.some((each) => !TIME.test(each))) return undefined
  return [...new Set(times)].sort()
}

/** A whole number of minutes of at most a day. */
function minutesTyped(text: string): number | undefined {
  const value = Number(text)
  return /^\d{1,4}$/.test(text.trim()) && value <= DAY_MIN ? value : undefined
}
