// A decision on its way to the server. What was typed stays in the form until it is stored, whatever the line does.
import { newKey, Refused, SignedOut } from '../api'
import type { Desk } from '../desk.svelte'

export class Sending {
  state = $state<'idle' | 'sending' | 'stored' | 'away' | 'moved' | 'forbidden' | 'refused'>('idle')
  /** The server's sentence, where it refused. */
  why = $state('')
  /** What kind of refusal it was, where the server tells several apart. */
  type = $state('')
  #wish = ''
  #key = ''

  readonly #desk: Desk
  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** The same wish keeps its key until it is answered: said again after a silence, it is done once. null: it was not done. */
  async send<T>(wish: unknown, act: (key: string) => Promise<T>): Promise<T | null> {
    if (this.state === 'sending') return null
    const said = JSON.stringify(wish)
    if (said !== this.#wish) [this.#wish, this.#key] = [said, newKey()]
    this.state = 'sending'
    try {
      const answer = await this.#desk.asks(act(this.#key))
      this.#wish = ''
      this.state = 'stored'
      return answer
    } catch (error) {
      this.#failed(error)
      return null
    }
  }

  #failed(error: unknown): void {
    if (error instanceof SignedOut) {
      this.state = 'idle' // what was typed may outlive the login, and be sent after it
      return
    }
    if (!(error instanceof Refused)) {
      this.state = 'away'
      return
    }
    this.#wish = ''
    this.why = error.message
    this.type = error.type
    this.state = error.status === 409 ? 'moved' : error.status === 403 ? 'forbidden' : 'refused'
  }
}
