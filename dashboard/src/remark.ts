import { moment } from './format'
import type { Alert } from './protocol'
import type { Words } from './words/nb'

/** What came of a press, shown on the alert's card. */
export type Remark = { readonly what: 'sending' | 'taken' | 'changed' | 'not_sent' | 'refused'; readonly detail: string }

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
