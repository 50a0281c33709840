// A decision on its way to the server. What was typed stays in the form until it is stored, whatever the line does.
import { newKey, Refused, SignedOut } from '../../api'
import type { Desk } from '../../desk.svelte'

export class Sending {
  state = $state<'idle' | 'sending' | 'stored' | 'away' | 'moved' | 'forbidden' | 'refused'>('idle')
  /** The server's sentence, where it refused. */
  why = $state('')
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
      if (error instanceof SignedOut) return null
      this.#failed(error)
      return null
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof Refused)) {
      this.state = 'away'
      return
    }
    this.#wish = ''
    this.why = error.message
    this.state = error.status === 409 ? 'moved' : error.status === 403 ? 'forbidden' : 'refused'
  }
}
