// Something that is looked at again and again while a screen is open. What is on the screen stays until something newer comes.
import { Refused, SignedOut } from '../../api'
import type { Desk } from '../../desk.svelte'

export class Polled<T> {
  data = $state.raw<T | null>(null)
  fault = $state<'away' | 'refused' | null>(null)
  /** The server's sentence, where it refused. */
  why = $state('')
  /** When the server last answered. */
  at = $state<number | null>(null)
  #looking = false

  readonly #desk: Desk
  readonly #ask: () => Promise<T>
  constructor(desk: Desk, ask: () => Promise<T>) {
    this.#desk = desk
    this.#ask = ask
  }

  readonly look = async (): Promise<void> => {
    if (this.#looking) return
    this.#looking = true
    try {
      this.data = await this.#desk.asks(this.#ask())
      this.at = Date.now()
      this.fault = null
    } catch (error) {
      if (error instanceof SignedOut) return
      this.fault = error instanceof Refused ? 'refused' : 'away'
      this.why = error instanceof Refused ? error.message : ''
    } finally {
      this.#looking = false
    }
  }

  /** A pause lies between two looks, however long one takes; a page that nobody sees does not look. Returns what ends it. */
  every(pauseMs: number): () => void {
    let timer: ReturnType<typeof setTimeout>
    let open = true
    const again = async (): Promise<void> => {
      if (!document.hidden) await this.look()
      if (open) timer = setTimeout(() => void again(), pauseMs)
    }
    void again()
    return () => {
      open = false
      clearTimeout(timer)
    }
  }
}
