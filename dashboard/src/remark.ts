import { moment } from './format'
import type { Alert } from './protocol'
import type { Words } from './words/nb'

/** What came of a press, shown on the alert's card. `done`: what had been done about it when the line failed. */
export type Remark =
  | { readonly what: 'sending' | 'taken' | 'changed' | 'refused'; readonly detail: string }
  | { readonly what: 'not_sent'; readonly detail: string; readonly done: string }

/** What people have done about an alert, to see whether they did something since. */
export function done(alert: Alert): string {
  const { owner, acknowledged_at, on_way_at, there_at, contact_at, snoozed_until, handled_at } = alert
  return JSON.stringify([owner?.id, acknowledged_at, on_way_at, there_at, contact_at, snoozed_until, handled_at])
}

/** An answer that was lost says nothing any more once the screen has learned, some other way, that something was done. */
export function remarkOn(alert: Alert, remarks: ReadonlyMap<number, Remark>): Remark | null {
  const remark = remarks.get(alert.id)
  if (remark === undefined || (remark.what === 'not_sent' && remark.done !== done(alert))) return null
  return remark
}

export function sentence(remark: Remark, alert: Alert, now: number, words: Words): string {
  const { act } = words
  const taken = alert.acknowledged_at === null ? '' : moment(Date.parse(alert.acknowledged_at), now, words)
  switch (remark.what) {
    case 'sending':
      return act.sending
    case 'taken':
      return act.taken(remark.detail, taken)
    case 'changed':
      return act.changed
    case 'not_sent':
      return act.notSent
    case 'refused':
      return act.refused(remark.detail)
  }
}
