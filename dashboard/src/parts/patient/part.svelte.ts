// A piece of the record as the screen holds it: being fetched, here, or why not.
import { Refused, SignedOut } from '../../api'
import type { Desk } from '../../desk.svelte'

export class Part<T> {
  data = $state.raw<T | null>(null)
  state = $state<'loading' | 'here' | 'failed' | 'refused'>('loading')
  /** The server's sentence, where it refused. */
  why = $state('')
  status = $state(0)
  #asked = 0

  readonly #desk: Desk
  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** What is on the screen stays there until something newer comes. Of two that are under way the later counts. */
  async load(request: () => Promise<T>): Promise<void> {
    const mine = ++this.#asked
    this.state = 'loading'
    try {
      const data = await this.#desk.asks(request())
      if (mine === this.#asked) this.put(data)
    } catch (error) {
      if (mine !== this.#asked || error instanceof SignedOut) return
      this.state = error instanceof Refused ? 'refused' : 'failed'
      this.why = error instanceof Refused ? error.message : ''
      this.status = error instanceof Refused ? error.status : 0
    }
  }

  put(data: T): void {
    this.data = data
    this.state = 'here'
  }
}
