// Decisions on their way to the server: kept in this browser until it has answered, and sent again with the same key.
import { newKey, Refused, SignedOut } from '../../api'
import * as api from '../../api_installation'
import type { Desk } from '../../desk.svelte'
import { keptOver, nextOf, readBack, reduce, type Deed, type Draft, type Happening } from './drafts'

const AGAIN_MS = 2_000
const AGAIN_MOST_MS = 30_000
/** The server has no time, or asks for patience. */
const LATER = [408, 425, 429]

/** The gateway has not asked to be let in yet. */
class NotYet extends Error {}

export class Outbox {
  drafts = $state.raw<readonly Draft[]>([])
  /** The last one that was tried did not get there. */
  away = $state(false)
  /** Is told when the server has done something. */
  done: (deed: Deed) => void = () => undefined

  readonly #desk: Desk
  readonly #place: string
  #timer: ReturnType<typeof setTimeout> | undefined
  #pauseMs = AGAIN_MS
  #busy = false
  #open = false

  /** Another one who signs in on this phone has drafts of their own. */
  constructor(desk: Desk) {
    this.#desk = desk
    this.#place = `installation of ${desk.me?.staff.id ?? 0}`
    this.drafts = readBack(localStorage.getItem(this.#place))
  }

  /** As long as the screen is open; returns what ends it. */
  readonly open = (): (() => void) => {
    const now = (): void => void this.#round()
    this.#open = true
    addEventListener('online', now)
    now()
    return () => {
      this.#open = false
      clearTimeout(this.#timer)
      removeEventListener('online', now)
    }
  }

  decide(deed: Deed): void {
    this.#take({ said: 'decided', key: newKey(), at: Date.now(), deed })
    this.#pauseMs = AGAIN_MS
    void this.#round()
  }

  dismiss(key: string): void {
    this.#take({ said: 'dismissed', key })
  }

  #take(event: Happening): void {
    this.drafts = reduce(this.drafts, event)
    localStorage.setItem(this.#place, keptOver(this.drafts))
  }

  /** Each that waits is tried once; without a line the rest need not be. */
  async #round(): Promise<void> {
    if (this.#busy || !this.#open) return
    this.#busy = true
    clearTimeout(this.#timer)
    this.#take({ said: 'time', now: Date.now() })
    const tried = new Set<string>()
    let reached = true
    for (let draft = nextOf(this.drafts, tried); draft !== null && reached && this.#open; draft = nextOf(this.drafts, tried)) {
      tried.add(draft.key)
      reached = await this.#send(draft)
    }
    this.#busy = false
    if (tried.size > 0) this.away = !reached
    this.#pauseMs = reached ? AGAIN_MS : Math.min(2 * this.#pauseMs, AGAIN_MOST_MS)
    if (this.#open && nextOf(this.drafts, new Set()) !== null) this.#timer = setTimeout(() => void this.#round(), this.#pauseMs)
  }

  /** False: nobody was reached. */
  async #send({ key, deed }: Draft): Promise<boolean> {
    this.#take({ said: 'sending', key })
    try {
      await this.#desk.asks(this.#act(deed, key))
      this.#take({ said: 'done', key })
      this.done(deed)
      return true
    } catch (error) {
      if (error instanceof Refused && error.status < 500 && !LATER.includes(error.status)) {
        this.#take({ said: 'refused', key, why: error.message, type: error.type })
        return true
      }
      this.#take({ said: 'away', key })
      if (error instanceof SignedOut) this.#open = false
      return error instanceof NotYet
    }
  }

  async #act(deed: Deed, key: string): Promise<unknown> {
    switch (deed.deed) {
      case 'admit':
        return api.admit(deed.enrolment ?? (await this.#asked(deed.code, key)), deed.home, deed.team, key)
      case 'refuse':
        return api.refuse(deed.enrolment, deed.why, key)
      case 'bind':
        return api.bind(deed.home, deed.body, key)
      case 'unbind':
        return api.unbind(deed.home, deed, deed.why, key)
      case 'prove':
        return api.prove(deed.home, deed, deed.part, key)
      case 'prepare':
        return api.prepare(deed.gateway, deed.body, key)
      case 'drop':
        return api.drop(deed.gateway, deed.device, key)
      case 'label':
        return api.label(deed.gateway, deed.label, key)
      case 'give':
        return api.giveHome(deed.gateway, deed.home, key)
      case 'revoke':
        return api.revoke(deed.gateway, deed.why, key)
      case 'finish':
        return api.finish(deed.home, deed.remark, key)
    }
  }

  /** Its number, once it has asked; kept before it is used, for afterwards it is not among those that wait. */
  async #asked(code: string, key: string): Promise<number> {
    const found = (await api.enrolments()).find((each) => each.code === code && each.state === 'waiting')
    if (found === undefined) throw new NotYet()
    this.#take({ said: 'found', key, enrolment: found.id })
    return found.id
  }
}
