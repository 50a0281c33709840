// A row of a pathway's table while somebody decides it: which one, why, and upon what they last saw.
import type { Place } from '../../api_admin'
import type { Desk } from '../../desk.svelte'
import type { AdminWords } from '../../words/admin.nb'
import { Part } from '../patient/part.svelte'
import { Sending } from '../sending.svelte'

/** What each of the tables is given. `told`: something was decided. */
export interface TableOf {
  desk: Desk
  own: AdminWords
  place: Place
  decides: boolean
  told: () => void
}

export interface Why {
  readonly reason: string
  readonly rev: string
}

/** What is sent, without why. */
export type Bare<Body extends Why> = Omit<Body, keyof Why>

interface Doing<Row, Wish, Seen> {
  readonly get: () => Promise<Seen>
  readonly set: (row: Row, body: Wish & Why, key: string) => Promise<Seen>
  readonly takeBack: (row: Row, why: Why, key: string) => Promise<Seen>
  readonly told: () => void
}

export class Decision<Row, Wish extends object, Seen extends { rev: string }> {
  editing = $state.raw<Row | null>(null)
  reason = $state('')
  /** Somebody wanted to save: from now on what is missing is pointed at. */
  tried = $state(false)
  readonly part: Part<Seen>
  readonly sending: Sending
  readonly #doing: Doing<Row, Wish, Seen>

  constructor(desk: Desk, doing: Doing<Row, Wish, Seen>) {
    this.part = new Part<Seen>(desk)
    this.sending = new Sending(desk)
    this.#doing = doing
  }

  readonly look = (): void => void this.part.load(this.#doing.get)

  open(row: Row): void {
    this.reason = ''
    this.tried = false
    this.sending.state = 'idle'
    this.editing = row
  }

  readonly close = (): void => {
    this.editing = null
  }

  /** null: what was typed is not whole, and the form says where. */
  async save(wish: Wish | null): Promise<void> {
    if (wish === null) this.tried = true
    else await this.#decide(wish, (row, why, key) => this.#doing.set(row, { ...wish, ...why }, key))
  }

  /** What the team has of its own is no more. */
  async takeBack(): Promise<void> {
    await this.#decide('back', this.#doing.takeBack)
  }

  async #decide(what: unknown, act: (row: Row, why: Why, key: string) => Promise<Seen>): Promise<void> {
    this.tried = true
    const [row, rev, reason] = [this.editing, this.part.data?.rev, this.reason.trim()]
    if (row === null || rev === undefined || reason === '') return
    const why = { reason, rev }
    const answer = await this.sending.send([row, what, why], (key) => act(row, why, key))
    if (answer !== null) {
      this.part.put(answer)
      this.close()
      this.#doing.told()
    } else if (this.sending.state === 'moved') this.look()
  }
}
