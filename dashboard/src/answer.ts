// What a nurse can say about an alert while it is being answered. Pure.
import type { Alert } from './protocol'

export type Reply = 'take_back' | 'on_my_way' | 'there' | 'contact' | 'release' | 'snooze' | 'end_snooze'

/** How long a slip of the finger can be taken back. */
export const TAKE_BACK_MS = 10_000
export const SNOOZE_MINUTES: readonly number[] = [30, 60, 120, 240]

/** In the order in which they are offered. `me`: whose screen this is. */
export function answers(alert: Alert, me: number | null, now: number): Reply[] {
  if (alert.state !== 'acknowledged') return [] // first of all somebody has it
  if (alert.snoozed_until !== null) return ['end_snooze']
  if (alert.owner === null || alert.owner.id !== me) return awaitsContact(alert) ? ['contact'] : []
  const offered: Reply[] = []
  if (isFresh(alert, now)) offered.push('take_back')
  if (alert.there_at === null && alert.on_way_at === null) offered.push('on_my_way')
  if (alert.there_at === null) offered.push('there')
  if (awaitsContact(alert)) offered.push('contact')
  if (alert.priority === 'yellow' && !alert.rule.startsWith('call:')) offered.push('snooze')
  return [...offered, 'release']
}

/** Called for help again: it is closed only after somebody has spoken with her. */
export function awaitsContact(alert: Alert): boolean {
  return alert.contact_needed && alert.contact_at === null
}

function isFresh(alert: Alert, now: number): boolean {
  return alert.acknowledged_at !== null && now - Date.parse(alert.acknowledged_at) < TAKE_BACK_MS
}
