// A new patient as far as somebody has typed it. It outlives the screen, for an alert comes in between; and it is kept in
// the page's memory alone: what is typed here is about a person, and a browser's store is no place for it.
import * as api from '../../api_registering'
import type { Registered } from '../../api_registering'
import type { Desk } from '../../desk.svelte'
import { EMPTY, faultsOf, fieldOf, isEmpty, knownOf, NOTHING_KNOWN, stillTicked, wishOf, type Field, type Newcomer, type Tick } from '../../newcomer'
import { Sending } from '../sending.svelte'

let kept: { readonly staff: number; readonly draft: Draft } | null = null

/** Of whoever is signed in; another's is gone. */
export function draftOf(desk: Desk, team: number): Draft {
  const staff = desk.me?.staff.id ?? 0
  if (kept?.staff !== staff) kept = { staff, draft: new Draft(desk) }
  kept.draft.comesTo(team)
  return kept.draft
}

/** What the server told about these words, and what somebody knows better. */
interface Told {
  readonly about: string
  readonly answer: Registered
  readonly ticked: readonly Tick[]
}

export class Draft {
  typed = $state<Newcomer>({ ...EMPTY })
  /** Somebody wanted to register: from now on what is missing is pointed at. */
  tried = $state(false)
  made = $state.raw<Registered | null>(null)
  /** What the home is called into which the patient moves. */
  homeName = $state('')
  readonly sending: Sending
  #team = 0
  #last = $state.raw<Told | null>(null)

  constructor(desk: Desk) {
    this.sending = new Sending(desk)
  }

  // No deriveds: they would end with the screen that made them.
  get isEmpty(): boolean {
    return isEmpty(this.typed)
  }

  /** Who may be here already; null: nobody told so, or of other words. */
  get told(): Registered | null {
    return this.#told?.answer ?? null
  }

  get #told(): Told | null {
    return this.#last?.about === this.#about ? this.#last : null
  }

  get #about(): string {
    return JSON.stringify([this.#team, this.typed.name, this.typed.born, this.typed.number, this.typed.address])
  }

  /** What was told and ticked is of one team, and so is a home. */
  comesTo(team: number): void {
    if (team === this.#team) return
    this.#team = team
    this.moveIn(null, '')
    this.changed()
  }

  faults(today: string): readonly Field[] {
    return this.tried ? faultsOf(this.typed, today) : []
  }

  /** The field that the server refused; null: none, or something else was typed since. */
  refused(): ReturnType<typeof fieldOf> {
    return this.sending.state === 'refused' ? fieldOf(this.sending.type) : null
  }

  changed(): void {
    if (this.sending.state !== 'sending') this.sending.state = 'idle'
  }

  knows(what: Tick): boolean {
    return this.#told?.ticked.includes(what) ?? false
  }

  tick(what: Tick, holds: boolean): void {
    const others = this.#told?.ticked.filter((each) => each !== what) ?? []
    if (this.#told !== null) this.#last = { ...this.#told, ticked: holds ? [...others, what] : others }
  }

  moveIn(home: number | null, name: string): void {
    this.typed.home = home
    this.homeName = name
  }

  async register(today: string): Promise<Registered | null> {
    this.tried = true
    const [team, about] = [this.#team, this.#about]
    const known = this.#told === null ? NOTHING_KNOWN : knownOf(this.#told.answer, this.#told.ticked)
    const wish = wishOf(this.typed, known, today)
    if (wish === null) return null
    const answer = await this.sending.send([team, wish], (key) => api.register(team, wish, key))
    if (answer === null) return null
    if (answer.patient === null) this.#hears(about, answer)
    else this.made = answer
    return answer
  }

  /** What was ticked while it was under way stays so. */
  #hears(about: string, answer: Registered): void {
    const before = this.#last?.about === about ? this.#last : null
    this.#last = { about, answer, ticked: before === null ? [] : stillTicked(before.ticked, before.answer, answer) }
  }

  clear(): void {
    this.typed = { ...EMPTY }
    this.tried = false
    this.made = null
    this.homeName = ''
    this.#last = null
    this.sending.state = 'idle'
  }
}
