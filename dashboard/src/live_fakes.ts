// A clock that is told, and a socket that says what a test lets it say.
import type { WireEvents } from './live'
import type { ServerMessage } from './protocol'

/** Time that passes only when told to. */
export class FakeTime {
  ms = 0
  #due: { at: number; action: () => void }[] = []
  now = () => this.ms
  after = (wait: number, action: () => void) => {
    const entry = { at: this.ms + wait, action }
    this.#due.push(entry)
    return () => void (this.#due = this.#due.filter((each) => each !== entry))
  }
  async pass(ms: number): Promise<void> {
    await settled()
    const end = this.ms + ms
    for (;;) {
      const next = this.#due.filter((each) => each.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#due = this.#due.filter((each) => each !== next)
      this.ms = Math.max(this.ms, next.at)
      next.action()
      await settled()
    }
    this.ms = end
  }
  /** The lid is closed: time passes, timers do not run. */
  sleep(ms: number): void {
    this.ms += ms
  }
}

export class FakeSocket {
  sent: Record<string, unknown>[] = []
  closedByUs = false
  constructor(readonly events: WireEvents) {}
  send = (text: string) => void this.sent.push(JSON.parse(text))
  close = () => void (this.closedByUs = true)
  says(...messages: ServerMessage[]): void {
    for (const message of messages) this.events.text(JSON.stringify(message))
  }
  sentTypes(): unknown[] {
    return this.sent.map((message) => message.type)
  }
}

export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve()
}
