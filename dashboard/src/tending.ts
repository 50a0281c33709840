// How one alert is tended: what is the next thing to press, which steps are done, what has happened and what comes. Pure.
import { TAKE_BACK_MS } from './answer'
import type { Alert, Called, HistoryEntry, OnDuty, Records, Resident, StaffMember } from './protocol'

/** What the thumb finds at the foot of the screen. */
export type Next = 'acknowledge' | 'on_my_way' | 'there' | 'close' | 'take_over' | 'reopen'

/** As long as the server lets a closed alert be opened again. */
export const REOPEN_MS = 12 * 3_600_000

export function nextOf(alert: Alert, me: number | null, now: number): Next | null {
  if (alert.state === 'handled') return canReopen(alert, now) ? 'reopen' : null
  if (alert.state === 'ended') return null
  if (alert.state !== 'acknowledged') return 'acknowledge'
  if (alert.owner?.id !== me) return 'take_over'
  if (alert.there_at !== null || alert.snoozed_until !== null) return 'close'
  return alert.on_way_at === null ? 'on_my_way' : 'there'
}

function canReopen(alert: Alert, now: number): boolean {
  return alert.handled_at !== null && now - Date.parse(alert.handled_at) < REOPEN_MS
}

/** Whole seconds in which the newest tap of this nurse can be taken back; 0: it stands. */
export function regretS(alert: Alert, me: number | null, now: number): number {
  const [who, at] = alert.state === 'handled' ? [alert.handled_by, alert.handled_at] : [alert.owner, alert.acknowledged_at]
  const pressed = alert.state === 'handled' || (alert.state === 'acknowledged' && alert.on_way_at === null && alert.there_at === null)
  if (!pressed || at === null || who?.id !== me || alert.snoozed_until !== null) return 0
  return Math.max(0, Math.min(TAKE_BACK_MS, TAKE_BACK_MS - (now - Date.parse(at)))) / 1000
}

export interface Step {
  readonly when: string
  readonly then: string
  readonly done: { readonly by: string; readonly at: string } | null
}

const DONE = '✓ '
const NOT_DONE = '✗ '

/** A tick is a note in the alert's own history: everybody sees it, and it stays in the record. */
export function tick(then: string, done: boolean): string {
  return `${done ? DONE : NOT_DONE}${then}`
}

export function steps(plan: Records | null, zone: 'red' | 'yellow', history: readonly HistoryEntry[]): Step[] {
  const record = plan?.versions[0]?.record
  if (record?.type !== 'self_treatment') return []
  return (record[zone] ?? []).map(({ when, then }) => ({ when, then, done: doneBy(then, history) }))
}

function doneBy(then: string, history: readonly HistoryEntry[]): Step['done'] {
  const last = history.findLast((entry) => entry.note === tick(then, true) || entry.note === tick(then, false))
  return last?.note === tick(then, true) ? { by: last.staff?.name ?? '', at: last.at } : null
}

export interface Callee {
  readonly name: string
  readonly what: string
  readonly phone: string
  readonly key: boolean
}

/** The patient first, then contacts in the order in which they are called. */
export function callees(residents: readonly Resident[]): Callee[] {
  return residents.flatMap((resident) => [
    ...(resident.phone ? [{ name: resident.name, what: '', phone: resident.phone, key: false }] : []),
    ...resident.contacts.map((contact) => ({ name: contact.name, what: contact.relation, phone: contact.phone, key: contact.has_key })),
  ])
}

/** What a telephone understands. */
export function tel(phone: string): string {
  return `tel:${phone.replace(/[^\d+]/g, '')}`
}

/** Whom it can be passed on to, who is on duty behind: not oneself, and not who has it. */
export function behind(duty: readonly OnDuty[], alert: Alert, me: number | null): StaffMember | null {
  const order = ['backup', 'coordinator'] as const
  const found = order.flatMap((part) => duty.filter((each) => each.part === part))
  return found.map((each) => each.staff).find((staff) => staff.id !== me && staff.id !== alert.owner?.id) ?? null
}

export interface Line {
  readonly at: string
  readonly what: HistoryEntry | readonly string[]
}

/** What was done, and who was called: those of one instant in one line. */
export function story(history: readonly HistoryEntry[], calls: readonly Called[]): Line[] {
  const lines: Line[] = history.map((entry) => ({ at: entry.at, what: entry }))
  for (const at of new Set(calls.map((call) => call.at))) {
    lines.push({ at, what: calls.filter((call) => call.at === at).map((call) => call.name) })
  }
  return lines.sort((a, b) => Date.parse(a.at) - Date.parse(b.at)) // what came first of one instant stays first
}
