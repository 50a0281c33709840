// What somebody does about alerts on this screen, and what came of it.
import * as api from './api'
import type { Alert, Me, Outcome } from './protocol'
import { done, type Remark } from './remark'
import { isOpen } from './state'
import type { Words } from './words/nb'

/** What they need of the screen they are done on. */
interface DeskSide {
  readonly me: Me | null
  readonly now: number
  readonly words: Words
  answered(alert: Alert): void
  tell(sentence: string): void
  over(): void
}

const UNANSWERED_KEPT = 50

export class Deeds {
  /** By alert. */
  remarks = $state.raw<ReadonlyMap<number, Remark>>(new Map())
  #unanswered = new Map<string, string>()

  readonly #desk: DeskSide
  constructor(desk: DeskSide) {
    this.#desk = desk
  }

  async acknowledge(alert: Alert): Promise<void> {
    await this.#deed(alert, 'acknowledge', (key) => acknowledged(alert, key))
  }

  async handle(alert: Alert, outcome: Outcome, note: string): Promise<void> {
    await this.#deed(alert, `${outcome} ${note}`, (key) => api.handle(alert.id, alert.rev, outcome, note, key))
  }

  async answer(alert: Alert, said: api.Said): Promise<void> {
    const until = said.answer === 'snooze' ? ` ${this.#desk.now}` : '' // another time is another wish
    await this.#deed(alert, JSON.stringify(said) + until, (key) => api.answer(alert.id, alert.rev, said, key, this.#desk.now))
  }

  async #deed(alert: Alert, what: string, act: (key: string) => Promise<api.Deed>): Promise<void> {
    if (this.remarks.get(alert.id)?.what === 'sending') return
    this.#remark(alert.id, { what: 'sending', detail: '' })
    const wish = `${alert.id} ${alert.rev} ${what}`
    try {
      const { alert: now, conflict } = await act(this.#keyOf(wish))
      this.#unanswered.delete(wish)
      this.#desk.answered(now)
      this.#remark(alert.id, conflict && isOpen(now) ? this.#conflict(now) : null)
      if (conflict && !isOpen(now)) this.#desk.tell(this.#desk.words.act.closed(now.owner?.name ?? ''))
    } catch (error) {
      if (error instanceof api.SignedOut) return this.#desk.over()
      const refused = error instanceof api.Refused
      if (refused) this.#unanswered.delete(wish)
      this.#remark(alert.id, refused ? { what: 'refused', detail: error.message } : { what: 'not_sent', detail: '', done: done(alert) })
    }
  }

  /** What nobody answered may have been done all the same: said again, it keeps its key and is done once. */
  #keyOf(wish: string): string {
    const key = this.#unanswered.get(wish) ?? api.newKey()
    this.#unanswered.set(wish, key)
    for (const oldest of this.#unanswered.keys()) {
      if (this.#unanswered.size <= UNANSWERED_KEPT) break
      this.#unanswered.delete(oldest)
    }
    return key
  }

  #conflict(now: Alert): Remark {
    const name = now.owner?.name ?? ''
    return now.owner && now.owner.id !== this.#desk.me?.staff.id ? { what: 'taken', detail: name } : { what: 'changed', detail: '' }
  }

  #remark(id: number, remark: Remark | null): void {
    const remarks = new Map(this.remarks)
    if (remark) remarks.set(id, remark)
    else remarks.delete(id)
    this.remarks = remarks
  }
}

/** A stream that goes on changes its alert's numbers under the nurse's finger. Unless it was raised again meanwhile, she has it. */
async function acknowledged(alert: Alert, key: string): Promise<api.Deed> {
  const deed = await api.acknowledge(alert.id, alert.rev, key)
  const { state, owner, raised_at: raisedAt, count, rev } = deed.alert
  const sameToHer = state === alert.state && owner === null && raisedAt === alert.raised_at && count === alert.count
  return deed.conflict && sameToHer ? api.acknowledge(alert.id, rev, api.newKey()) : deed
}
