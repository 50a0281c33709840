// The socket's life: greet, resume, notice silence, come back. No DOM, no framework: socket, clock and chance are handed in.
import type { ClientMessage, Cursors, Moved, ServerMessage, TeamEvent } from './protocol'
import { order } from './state'

export interface Wire {
  send(text: string): void
  close(): void
}
export interface WireEvents {
  opened(): void
  text(text: string): void
  closed(): void
}
export interface Timers {
  now(): number
  after(ms: number, action: () => void): () => void
}
export type Link = { readonly state: 'connecting' | 'live' } | { readonly state: 'lost'; readonly since: number | null }

export interface LiveParts {
  readonly screen: string
  readonly timers: Timers
  open(events: WireEvents): Wire
  chance(): number
  known(): { epoch: string | null; cursors: Cursors }
  /** Fetch the board and take it in; rejects when that fails. */
  refetch(): Promise<void>
  message(message: ServerMessage): void
  link(link: Link): void
  /** The server closed before it let us in: perhaps the session is over. */
  refused(): void
}

export const HEARTBEAT_MS = 5_000
export const SILENCE_MS = 2.5 * HEARTBEAT_MS
export const PONG_MS = 3_000
export const GREETING_MS = 8_000
const BACKOFF_FIRST_MS = 500
const BACKOFF_MOST_MS = 15_000
const SHOWN_KEPT = 500
/** Without a heartbeat between them; then the back-off has its say. */
const RESETS_MOST = 3

/** Half of it certain, half by chance: a whole ward of screens must not come back in the same instant. */
export function backoff(attempt: number, chance: number): number {
  const ceiling = Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10))
  return ceiling * (0.5 + chance / 2)
}

export class Live {
  readonly #parts: LiveParts
  #wire: Wire | null = null
  #turn = 0 // what an abandoned socket still says is not heard
  #opened = false
  #synced = false
  #running = false
  #attempts = 0
  #heardAt: number | null = null
  #messages = 0
  #resets = 0
  #boardIsOld = false
  #shown = new Set<number>()
  #cancelRetry = nothing
  #cancelSilence = nothing
  #cancelGreeting = nothing
  #cancelPong: (() => void) | null = null

  constructor(parts: LiveParts) {
    this.#parts = parts
  }

  start(): void {
    this.#running = true
    this.#parts.link({ state: 'connecting' })
    this.#reopen()
  }

  stop(): void {
    this.#running = false
    this.#abandon()
    this.#cancelRetry()
    this.#cancelSilence()
  }

  /** The screen is looked at again, or the network is back: is anybody there? */
  wake(): void {
    if (!this.#running) return
    const slept = this.#overdue()
    if (slept) this.#lose()
    if (!this.#wire || (slept && this.#synced)) {
      this.#attempts = 0 // a line that has been silent for so long is dead: nobody waits for its answer
      return this.#reopen()
    }
    if (this.#cancelPong) return
    const before = this.#messages
    if (this.#opened) this.#send({ type: 'ping' })
    this.#cancelPong = this.#parts.timers.after(PONG_MS, () => {
      this.#cancelPong = null
      if (this.#messages === before) this.#reopen()
    })
  }

  /** These alerts are on this screen now. Said again after each reconnect; the server counts a screen once. */
  seen(ids: readonly number[]): void {
    const fresh = ids.filter((id) => !this.#shown.has(id))
    for (const id of fresh) this.#shown.add(id)
    for (const id of this.#shown) {
      if (this.#shown.size <= SHOWN_KEPT) break
      this.#shown.delete(id)
    }
    if (this.#synced && fresh.length > 0) this.#send({ type: 'seen', alerts: fresh.slice(-SHOWN_KEPT) })
  }

  #reopen(): void {
    this.#abandon()
    this.#cancelRetry()
    void this.#open(++this.#turn)
  }

  async #open(turn: number): Promise<void> {
    const fresh = this.#boardIsOld || this.#parts.known().epoch === null
    if (fresh && !(await this.#fetched(turn))) return
    const mine = (act: () => void) => () => {
      if (turn === this.#turn) act()
    }
    this.#greetingWithin()
    this.#wire = this.#parts.open({
      opened: mine(() => {
        this.#opened = true
        this.#hello()
      }),
      text: (text) => {
        if (turn === this.#turn) this.#hear(text)
      },
      closed: mine(() => this.#closed()),
    })
  }

  /** True when the board is fetched and this is still the turn that asked. */
  async #fetched(turn: number): Promise<boolean> {
    try {
      await this.#parts.refetch()
      this.#boardIsOld = false
      return turn === this.#turn && this.#running
    } catch {
      if (turn === this.#turn && this.#running) this.#closed()
      return false
    }
  }

  #greetingWithin(): void {
    this.#cancelGreeting()
    this.#cancelGreeting = this.#parts.timers.after(GREETING_MS, () => this.#closed())
  }

  #hello(): void {
    const { epoch, cursors } = this.#parts.known()
    this.#send({ type: 'hello', epoch, cursors: { ...cursors }, screen: this.#parts.screen })
  }

  #send(message: ClientMessage): void {
    this.#wire?.send(JSON.stringify(message))
  }

  #hear(text: string): void {
    this.#messages++
    const message = parsed(text)
    if (!message) return this.#closed()
    switch (message.type) {
      case 'resumed':
        return this.#resumed()
      case 'reset':
        return void this.#reset()
      case 'alert':
      case 'gateway':
      case 'duty':
      case 'emergency':
      case 'passed':
        return this.#event(message)
      case 'left':
      case 'joined':
        return this.#moved(message)
      case 'heartbeat':
        return this.#heartbeat(message)
      case 'pong':
        return this.#parts.message(message)
      case 'readings':
      case 'seen_on':
        if (this.#synced) this.#parts.message(message)
    }
  }

  #resumed(): void {
    this.#cancelGreeting()
    this.#synced = true
    this.#heard()
    this.#parts.link({ state: 'live' })
    if (this.#shown.size > 0) this.#send({ type: 'seen', alerts: [...this.#shown] })
  }

  async #reset(): Promise<void> {
    if (++this.#resets > RESETS_MOST) return this.#closed()
    this.#synced = false
    this.#greetingWithin()
    if (await this.#fetched(this.#turn)) this.#hello()
  }

  #event(event: TeamEvent): void {
    if (!this.#synced) return
    switch (order(this.#parts.known().cursors, event)) {
      case 'next':
        // A daily trial of the alarm path: the answer says that this screen listens.
        if (event.type === 'passed' && typeof event.proof === 'number') this.#send({ type: 'proven', proof: event.proof })
        return this.#parts.message(event)
      case 'gap':
        return this.#closed()
    }
  }

  /** Who is on the board has changed: it is fetched anew. */
  #moved(event: Moved): void {
    if (!this.#synced) return
    switch (order(this.#parts.known().cursors, event)) {
      case 'next':
        return void this.#reset()
      case 'gap':
        return this.#closed()
    }
  }

  #heartbeat(beat: Extract<ServerMessage, { type: 'heartbeat' }>): void {
    if (!this.#synced) return
    this.#boardIsOld = this.#teamsChanged(beat.cursors)
    if (this.#boardIsOld || this.#behind(beat.cursors)) return this.#closed()
    this.#attempts = 0
    this.#resets = 0
    this.#heard()
    this.#parts.message(beat)
  }

  /** The server sends a heartbeat only when every event up to its cursors has been sent. */
  #behind(heads: Cursors): boolean {
    const { cursors } = this.#parts.known()
    return Object.entries(heads).some(([team, head]) => (cursors[team] ?? -1) < head)
  }

  #teamsChanged(heads: Cursors): boolean {
    const { cursors } = this.#parts.known()
    return Object.keys(heads).sort().join() !== Object.keys(cursors).sort().join()
  }

  #heard(): void {
    this.#heardAt = this.#parts.timers.now()
    this.#cancelSilence()
    this.#cancelSilence = this.#parts.timers.after(SILENCE_MS, () => {
      this.#lose()
      if (this.#synced) this.#reopen() // else it is on its way back already
    })
  }

  #overdue(): boolean {
    return this.#heardAt !== null && this.#parts.timers.now() - this.#heardAt >= SILENCE_MS
  }

  #lose(): void {
    this.#parts.link({ state: 'lost', since: this.#heardAt })
  }

  #closed(): void {
    const wasIn = this.#synced
    this.#abandon()
    this.#turn++
    if (!this.#running) return
    if (!wasIn) this.#parts.refused()
    if (!this.#running) return // the answer was that the session is over
    if (this.#overdue() || this.#attempts > 0) this.#lose()
    else this.#parts.link({ state: 'connecting' })
    this.#cancelRetry()
    this.#cancelRetry = this.#parts.timers.after(backoff(this.#attempts++, this.#parts.chance()), () => this.#reopen())
  }

  #abandon(): void {
    const wire = this.#wire
    this.#wire = null
    this.#opened = false
    this.#synced = false
    this.#cancelGreeting()
    this.#cancelPong?.()
    this.#cancelPong = null
    wire?.close()
  }
}

function nothing(): void {}

function parsed(text: string): ServerMessage | null {
  try {
    return JSON.parse(text) as ServerMessage
  } catch {
    return null
  }
}
