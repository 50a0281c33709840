// A gateway that tells what it hears, as long as somebody looks.
import { newKey } from '../../api'
import * as api from '../../api_installation'
import type { Nearby } from '../../api_installation'
import type { Desk } from '../../desk.svelte'
import { Polled } from './polled.svelte'

const WINDOW_S = 180
const AGAIN_MS = 60_000
const LOOK_MS = 1_500

export class Listening {
  readonly nearby: Polled<Nearby>
  readonly #desk: Desk
  readonly #gateway: string

  constructor(desk: Desk, gateway: string) {
    this.#desk = desk
    this.#gateway = gateway
    this.nearby = new Polled<Nearby>(desk, () => api.nearby(gateway))
  }

  /** Returns what ends it. What was asked of the gateway ends by itself. */
  readonly open = (): (() => void) => {
    const ask = (): void => void this.#desk.asks(api.listen(this.#gateway, WINDOW_S, newKey())).catch(nothing)
    ask()
    const again = setInterval(ask, AGAIN_MS)
    const stop = this.nearby.every(LOOK_MS)
    return () => {
      clearInterval(again)
      stop()
    }
  }
}

/** What could not be asked shows: nothing is heard, and the screen says that nobody listens. */
function nothing(): void {}
