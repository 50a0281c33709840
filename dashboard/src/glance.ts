// What the board shows beside its readings: the last fortnight of each patient, and how alerts were answered. Pure.
import type { AnswerTimes, TeamFortnight } from './api_glance'
import type { Kind } from './protocol'

export type InRange = TeamFortnight['in_range'][number]
export type Band = keyof InRange['bands']
/** From the worst below to the worst above. */
export const BANDS: readonly Band[] = ['very_low', 'low', 'in_range', 'high', 'very_high']

export interface Fortnight {
  readonly inRange: InRange | null
  /** When planned measurements were due of which nothing came. */
  readonly missed: ReadonlyMap<Kind, readonly number[]>
}
const NOTHING: Fortnight = { inRange: null, missed: new Map() }

export function byPatient({ in_range: inRange, missed }: TeamFortnight): Map<number, Fortnight> {
  const found = new Map<number, Fortnight>()
  for (const each of inRange) found.set(each.patient, { ...NOTHING, inRange: each })
  for (const { patient, kind, due } of missed) {
    const held = found.get(patient) ?? NOTHING
    found.set(patient, { ...held, missed: new Map(held.missed).set(kind, due.map(Date.parse)) })
  }
  return found
}

export interface Bar {
  readonly begins: number
  /** Where its parts end, from the foot up, in shares of the highest bar. */
  readonly red: number
  readonly yellow: number
  readonly grey: number
  readonly count: number
}

export interface Answers {
  readonly bars: readonly Bar[]
  readonly raised: number
  readonly highest: number
  readonly red: AnswerTimes['answers'][number] | null
  readonly yellow: AnswerTimes['answers'][number] | null
  readonly closed: number
  readonly unreal: number
}

/** Of several teams as of one; a middle of two middles would be a number of nobody's, so with several teams there is none. */
export function answersOf(teams: readonly AnswerTimes[]): Answers {
  const hours = (teams[0]?.hours ?? []).map(({ begins }, place) => {
    const sum = (what: 'red' | 'yellow' | 'grey') => teams.reduce((all, team) => all + (team.hours[place]?.[what] ?? 0), 0)
    return { begins: Date.parse(begins), red: sum('red'), yellow: sum('yellow'), grey: sum('grey') }
  })
  const highest = Math.max(1, ...hours.map((hour) => hour.red + hour.yellow + hour.grey))
  const all = teams.flatMap((team) => team.answers)
  const add = (what: 'raised' | 'closed' | 'unreal') => all.reduce((sum, each) => sum + each[what], 0)
  const only = (priority: string) => (teams.length === 1 ? (all.find((each) => each.priority === priority) ?? null) : null)
  return {
    bars: hours.map(({ begins, red, yellow, grey }) => ({
      begins,
      red: red / highest,
      yellow: (red + yellow) / highest,
      grey: (red + yellow + grey) / highest,
      count: red + yellow + grey,
    })),
    raised: add('raised'),
    highest,
    red: only('red'),
    yellow: only('yellow'),
    closed: add('closed'),
    unreal: add('unreal'),
  }
}
