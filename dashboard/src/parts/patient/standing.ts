// Which of the dated facts hold now, and what a plan and a try-out come to. Pure.
import type { SaidFact, StoredReading, TriedLimit, WouldBe } from '../../api_patient'
import { number } from '../../format'
import { dayAfter, dayOf } from '../../oslo'
import type { Limits } from '../../protocol'
import type { Words } from '../../words/nb'

type Fact = NonNullable<SaidFact['fact']>
export type Said<T extends Fact['type']> = SaidFact & { readonly fact: Extract<Fact, { type: T }> }

/** The newest word of this type that has begun, if it is no end and has not run out. */
export function holding<T extends Fact['type']>(facts: readonly SaidFact[], type: T, now: number): Said<T> | null {
  const begun = facts.filter((each) => each.type === type && each.withdrawn_at === null && Date.parse(each.at) <= now)
  const newest = begun.reduce<SaidFact | null>((best, each) => (best === null || isNewer(each, best) ? each : best), null)
  if (newest === null || newest.fact === null || (newest.until !== null && Date.parse(newest.until) <= now)) return null
  return newest as Said<T>
}

function isNewer(one: SaidFact, other: SaidFact): boolean {
  return Date.parse(one.at) - Date.parse(other.at) > 0 || (one.at === other.at && one.id > other.id)
}

export const EDGES = ['red_low', 'yellow_low', 'yellow_high', 'red_high'] as const
export type Edge = (typeof EDGES)[number]
export type Typed = Readonly<Record<Edge, string>>

export function typedOf(limits: Limits | null, decimals: number, words: Words): Typed {
  const text = (edge: Edge) => (limits?.[edge] == null ? '' : number(limits[edge], decimals, words))
  return { red_low: text('red_low'), yellow_low: text('yellow_low'), yellow_high: text('yellow_high'), red_high: text('red_high') }
}

/** What somebody typed, with comma or point; `null`: no limit there; `undefined`: that is no number. */
export function edgeOf(text: string): number | null | undefined {
  const plain = text.trim().replace(/\s/g, '').replace(',', '.').replace('−', '-')
  if (plain === '') return null
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : undefined
}

export type Reading = { readonly limit: TriedLimit } | { readonly wrong: readonly Edge[] }

/** `wrong`: the fields that are no numbers, or that are not between their neighbours. */
export function limitOf(kind: TriedLimit['kind'], typed: Typed): Reading {
  const values = EDGES.map((edge) => [edge, edgeOf(typed[edge])] as const)
  const odd = values.filter(([, value]) => value === undefined).map(([edge]) => edge)
  if (odd.length > 0) return { wrong: odd }
  const given = values.filter((each): each is readonly [Edge, number] => each[1] != null)
  const crossed = given.filter(([, value], place) => place > 0 && value < given[place - 1]![1]).map(([edge]) => edge)
  if (crossed.length > 0) return { wrong: crossed }
  const edges = Object.fromEntries(values) as Record<Edge, number | null>
  return { limit: { kind, ...edges } }
}

export interface DayOfAlerts {
  readonly day: string
  readonly red: number
  readonly yellow: number
}

/** Every day of the time on Oslo's calendar, also those without an alert. */
export function byDay(alerts: readonly WouldBe[], from: number, to: number): DayOfAlerts[] {
  const days: { day: string; red: number; yellow: number }[] = []
  for (let day = dayOf(from); day <= dayOf(to); day = dayAfter(day, 1)) days.push({ day, red: 0, yellow: 0 })
  for (const alert of alerts) {
    const found = days.find((each) => each.day === dayOf(Date.parse(alert.began_at)))
    if (found) found[alert.priority] += 1
  }
  return days
}

export interface CsvWords {
  readonly columns: readonly string[]
  readonly quality: readonly string[]
  readonly clock: readonly string[]
}

const STAMP = new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Oslo', dateStyle: 'short', timeStyle: 'medium' })
const OFFSET = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Oslo', timeZoneName: 'longOffset' })

/** "2026-01-15T12:00:00+01:00": Oslo's, and of the hour that comes twice it says which. */
export function stamp(at: string): string {
  const time = Date.parse(at)
  const offset = OFFSET.formatToParts(time).find((part) => part.type === 'timeZoneName')?.value.replace('GMT', '') || '+00:00'
  return `${STAMP.format(time).replace(' ', 'T')}${offset}`
}

/** As a spreadsheet in this language opens it: "," or ";" between, "," or "." in numbers. */
export function csv(readings: readonly StoredReading[], unit: string, decimals: number, csvWords: CsvWords, words: Words): string {
  const comma = words.locale === 'nb-NO'
  const figure = (value: number | null) => (value === null ? '' : value.toFixed(decimals).replace('.', comma ? ',' : '.'))
  const rows = readings.map((each) => [
    stamp(each.at),
    each.value === null ? (each.sign < 0 ? 'LO' : each.sign > 0 ? 'HI' : '') : `${each.sign < 0 ? '<' : each.sign > 0 ? '>' : ''}${figure(each.value)}`,
    unit,
    figure(each.low),
    figure(each.high),
    String(each.n),
    String(Math.round(each.span_s)),
    each.device,
    csvWords.quality[each.quality] ?? String(each.quality),
    csvWords.clock[each.clock] ?? String(each.clock),
    stamp(each.received_at),
  ])
  return [csvWords.columns, ...rows].map((row) => row.map(cell).join(comma ? ';' : ',')).join('\r\n')
}

/** Quoted where it must be; what a spreadsheet would take for a formula stays text. */
function cell(text: string): string {
  const safe = /^[=+@\t\r]/.test(text) ? `'${text}` : text
  return /[";,\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

export function linesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => line.trim() || [])
}

/** "Penicillin (utslett)": what, and what it does. */
export function reactionOf(line: string): { to: string; how: string } {
  const [, to, how] = /^(.*?)\s*\(([^()]*)\)$/.exec(line) ?? []
  return to ? { to, how: how ?? '' } : { to: line, how: '' }
}
