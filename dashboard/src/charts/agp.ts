// Where the curves of the glucose report lie, as paths in a field of fixed size: what is printed is what is on the screen. Pure.
export interface Field {
  readonly width: number
  readonly height: number
  /** mmol/l at the foot and at the top. */
  readonly low: number
  readonly high: number
}

export const DAY_MIN = 1440

export function xOf(minute: number, field: Field): number {
  return (minute / DAY_MIN) * field.width
}

/** What lies beyond the field is drawn on its edge. */
export function yOf(value: number, field: Field): number {
  const inside = Math.min(field.high, Math.max(field.low, value))
  return ((field.high - inside) / (field.high - field.low)) * field.height
}

type Column = readonly (number | null)[]

/** "M0,5L2,6": a new line after each time of day at which nobody measured. */
export function lineOf(minutes: readonly number[], values: Column, field: Field): string {
  return runs(minutes, [values])
    .map((run) => run.map(({ minute, of }, place) => `${place === 0 ? 'M' : 'L'}${point(minute, of[0]!, field)}`).join(''))
    .join('')
}

/** The field between two columns; closed before each silence. */
export function areaOf(minutes: readonly number[], lower: Column, upper: Column, field: Field): string {
  return runs(minutes, [lower, upper])
    .filter((run) => run.length > 1)
    .map((run) => {
      const over = run.map(({ minute, of }) => point(minute, of[1]!, field))
      const under = [...run].reverse().map(({ minute, of }) => point(minute, of[0]!, field))
      return `M${[...over, ...under].join('L')}Z`
    })
    .join('')
}

/** Of one day: readings further apart than the sensor's own pace are not joined. */
export function dayLine(minutes: readonly number[], values: readonly number[], joinMin: number, field: Field): string {
  return minutes
    .map((minute, place) => {
      const before = minutes[place - 1]
      const goesOn = before !== undefined && minute - before <= joinMin
      return `${goesOn ? 'L' : 'M'}${point(minute, values[place]!, field)}`
    })
    .join('')
}

interface Place {
  readonly minute: number
  readonly of: readonly number[]
}

function runs(minutes: readonly number[], columns: readonly Column[]): Place[][] {
  const found: Place[][] = [[]]
  minutes.forEach((minute, place) => {
    const of = columns.map((column) => column[place] ?? null)
    if (of.some((each) => each === null)) found.push([])
    else found[found.length - 1]!.push({ minute, of: of as number[] })
  })
  return found.filter((run) => run.length > 0)
}

function point(minute: number, value: number, field: Field): string {
  return `${round(xOf(minute, field))},${round(yOf(value, field))}`
}

function round(at: number): number {
  return Math.round(at * 10) / 10
}
