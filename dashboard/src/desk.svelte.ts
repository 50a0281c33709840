// The open screen: who is signed in, what the board says, what is being sent. Views read it; only it talks to the server.
import * as api from './api'
import { duty as dutyOf } from './api_duty'
import { fortnight } from './api_glance'
import { Deeds } from './deeds.svelte'
import { byPatient, type Fortnight } from './glance'
import { Live, type Link, type LiveParts } from './live'
import { leave, replace } from './navigation'
import type { Alert, Duty, Me, OnDuty, ServerMessage, Technical } from './protocol'
import { caresFor, pathOf, permitted, places, type Route } from './route'
import { Bell, REPEAT_MS, type Hearing } from './sound'
import { EMPTY, reduce, type Message, type State } from './state'
import { concerned, homeOf, NO_FILTER, queue, raisedBetween, unseen, type Filter } from './ward'
import { brief } from './why'
import { en } from './words/en'
import { nb, type Words } from './words/nb'

export type Language = 'nb' | 'en'
export type Phase = 'starting' | 'out' | 'in'
/** Why somebody who was in stands at the login again. */
export type Notice = 'over' | 'noBoard' | 'notOut'
type Surroundings = Pick<LiveParts, 'screen' | 'timers' | 'open' | 'chance'>

const WORDS: Readonly<Record<Language, Words>> = { nb, en }
const READINGS_TOGETHER_MS = 200
const LOOK_AGAIN_MS = 3_000
const CALM_TICKS = 15
const TOLD_MS = 12_000
const BESIDE_MS = 10 * 60_000

export class Desk {
  phase = $state<Phase>('starting')
  notice = $state<Notice | null>(null)
  /** Nobody has answered yet who we are: opened without a line. */
  unreached = $state(false)
  route = $state.raw<Route>({ screen: 'board' })
  me = $state.raw<Me | null>(null)
  state = $state.raw<State>(EMPTY)
  link = $state.raw<Link>({ state: 'connecting' })
  /** Kept while somebody looks at a patient and comes back. */
  filter = $state.raw<Filter>(NO_FILTER)
  /** By team; a team that is not there has not been heard of. */
  duty = $state.raw<ReadonlyMap<number, readonly OnDuty[]>>(new Map())
  /** By patient, of the last fourteen days; who is not there has not been heard of. */
  fortnights = $state.raw<ReadonlyMap<number, Fortnight>>(new Map())
  hearing = $state<Hearing>('off')
  spokenRed = $state('')
  spokenYellow = $state('')
  /** One sentence at the foot of the page, about an alert that has left it. */
  told = $state('')
  language = $state<Language>('nb')
  shortcuts = $state(true)
  /** The server's clock, each second; `calm` every 15 s, for what would only flicker. */
  now = $state(Date.now())
  calm = $state(Date.now())

  readonly words = $derived(WORDS[this.language])
  readonly roles = $derived(this.me?.teams.map((team) => team.role) ?? [])
  readonly cares = $derived(caresFor(this.roles))
  /** A blink of the line does not make the values old; from `lost` on they are. */
  readonly current = $derived(this.link.state !== 'lost')
  readonly loaded = $derived(this.state.epoch !== null)

  readonly deeds = new Deeds(this)

  readonly #surroundings: Surroundings
  readonly #bell = new Bell()
  #live: Live | null = null
  #offsetMs = 0
  #ticks = 0
  #waiting: ServerMessage[] = []
  #flushing = false
  #looking = false

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  async start(): Promise<void> {
    setInterval(() => this.#tick(), 1000)
    setInterval(() => this.#remind(), REPEAT_MS)
    setInterval(() => this.#lookBeside(), BESIDE_MS)
    await this.#resume()
  }

  async #resume(): Promise<void> {
    try {
      this.#enter(await api.whoAmI())
    } catch (error) {
      this.unreached = error instanceof api.Unreachable || (error instanceof api.Refused && error.status >= 500)
      if (this.unreached) setTimeout(() => void this.#resume(), LOOK_AGAIN_MS)
      else this.phase = 'out'
    }
  }

  async signIn(login: string, password: string, code: string | null): Promise<void> {
    this.#enter(await api.signIn(login, password, code))
  }

  /** Who is signed in may open something else by now. */
  async again(): Promise<void> {
    try {
      const me = await api.whoAmI()
      this.#live?.stop()
      this.#enter(me)
    } catch (error) {
      if (error instanceof api.SignedOut) this.#leave('over')
    }
  }

  go(route: Route): void {
    leave(pathOf(route))
    this.shown(route)
  }

  /** The address says so already. */
  shown(route: Route): void {
    this.route = route
    if (this.me) this.#redirect()
  }

  #redirect(): void {
    const open = permitted(this.route, this.roles)
    if (open === this.route) return
    replace(pathOf(open))
    this.route = open
  }

  async signOut(): Promise<void> {
    const next = this.me?.leave
    const answered = await api.signOut().then(
      () => true,
      () => false,
    )
    if (answered && next) return location.replace(next) // the identity provider would let the next one in as this one
    this.#leave(answered ? null : 'notOut') // the screen is emptied even when nobody answers
    replace('/') // the next one to sign in here did not ask for this patient
    this.route = { screen: 'board' }
  }

  wake(): void {
    this.#tick()
    this.#live?.wake()
  }

  /** What a screen asks the server for; whoever is signed out meanwhile stands at the login. */
  async asks<T>(request: Promise<T>): Promise<T> {
    try {
      return await request
    } catch (error) {
      if (error instanceof api.SignedOut) this.#leave('over')
      throw error
    }
  }

  /** What a technician must see; null: it could not be had now. */
  async technical(): Promise<Technical | null> {
    return this.asks(api.technical()).catch(() => null)
  }

  seen(id: number): void {
    this.#live?.seen([id])
  }

  async toggleSound(): Promise<void> {
    await this.#bell.toggle()
    this.hearing = this.#bell.hearing
  }

  /** This is how an alert stands after somebody did something about it. */
  answered(alert: Alert): void {
    this.#take({ type: 'answered', alert })
  }

  onDuty({ team, on_duty: people }: Pick<Duty, 'team' | 'on_duty'>): void {
    this.duty = new Map(this.duty).set(team, people)
  }

  /** A screen was told that nobody is signed in any more. */
  over(): void {
    this.#leave('over')
  }

  #enter(me: Me): void {
    this.me = me
    this.notice = null
    this.#redirect()
    this.phase = 'in'
    if (me.code_awaited) return
    if (!this.cares && places(this.roles).length > 0) return // nothing of a patient for them
    this.#live = new Live({
      ...this.#surroundings,
      known: () => ({ epoch: this.state.epoch, cursors: this.state.cursors }),
      refetch: () => this.#fetchBoard(),
      message: (message) => this.#arrived(message),
      link: (link) => this.#linked(link),
      refused: () => void this.#stillSignedIn(),
    })
    this.#live.start()
  }

  #leave(notice: Notice | null): void {
    this.#live?.stop()
    this.#live = null
    this.me = null
    this.state = EMPTY
    this.deeds.remarks = new Map()
    this.filter = NO_FILTER
    this.duty = new Map()
    this.fortnights = new Map()
    this.#waiting = []
    this.notice = notice
    this.phase = 'out'
  }

  async #stillSignedIn(): Promise<void> {
    try {
      await api.whoAmI()
    } catch (error) {
      if (error instanceof api.SignedOut) this.#leave('over')
    }
  }

  async #fetchBoard(): Promise<void> {
    try {
      this.#take({ type: 'board', board: await api.board() })
      for (const team of Object.keys(this.state.cursors)) void dutyOf(Number(team)).then((found) => this.onDuty(found), nothing)
      this.#lookBeside()
    } catch (error) {
      if (error instanceof api.SignedOut) this.#leave('over')
      if (error instanceof api.Refused && error.status === 403) this.#leave('noBoard')
      throw error
    }
  }

  /** What stands beside the readings; without it the board is whole. */
  #lookBeside(): void {
    for (const team of Object.keys(this.state.cursors)) {
      void fortnight(Number(team)).then((found) => {
        if (this.loaded) this.fortnights = new Map([...this.fortnights, ...byPatient(found)])
      }, nothing)
    }
  }

  #arrived(message: ServerMessage): void {
    if (message.type === 'heartbeat' || message.type === 'pong') this.#setClock(message.at)
    else if (message.type === 'readings' || message.type === 'seen_on') this.#later(message)
    else {
      this.#flush()
      const before = this.state
      this.#take(message)
      if (message.type === 'duty' && this.state !== before) this.onDuty(message)
      if (message.type === 'alert' && this.state !== before && message.ring) this.#call([message.alert])
    }
  }

  /** Fifty values a second need not be fifty pictures a second; an alert never waits. */
  #later(message: ServerMessage): void {
    this.#waiting.push(message)
    if (this.#flushing) return
    this.#flushing = true
    setTimeout(() => this.#flush(), READINGS_TOGETHER_MS)
  }

  #flush(): void {
    this.#flushing = false
    const messages = this.#waiting.splice(0)
    if (messages.length > 0) this.#put(messages.reduce(reduce, this.state))
  }

  #take(message: Message): void {
    const before = this.state
    this.#put(reduce(before, message))
    if (message.type === 'board' && before.epoch !== null) this.#call(raisedBetween(before, this.state))
  }

  #put(state: State): void {
    this.state = state
    if (state.wanting && !this.#looking) void this.#lookAgain()
  }

  async #lookAgain(): Promise<void> {
    this.#looking = true
    try {
      const { patients } = await api.board()
      if (this.loaded) this.state = reduce(this.state, { type: 'filled', patients })
    } catch (error) {
      if (error instanceof api.SignedOut) this.#leave('over')
    }
    setTimeout(() => {
      this.#looking = false
      if (this.state.wanting) void this.#lookAgain()
    }, LOOK_AGAIN_MS)
  }

  #linked(link: Link): void {
    if (link.state === 'lost' && this.link.state !== 'lost') this.#bell.ring('lost')
    this.link = link
  }

  #call(alerts: readonly Alert[]): void {
    const red = alerts.filter((alert) => alert.priority === 'red')
    const yellow = alerts.filter((alert) => alert.priority === 'yellow')
    if (red.length > 0) this.#bell.ring('red')
    else if (yellow.length > 0) this.#bell.ring('yellow')
    const { newRed, newYellow } = this.words.alerts
    if (red.length > 0) this.spokenRed = red.map((alert) => newRed(this.who(alert), brief(alert, this.words))).join('. ')
    if (yellow.length > 0) this.spokenYellow = yellow.map((alert) => newYellow(this.who(alert), brief(alert, this.words))).join('. ')
  }

  /** Whom an alert is about, in a few words: the patient, or the address. */
  who(alert: Alert): string {
    const patient = alert.patient === null ? undefined : this.state.patients.get(alert.patient)
    if (patient) return patient.name
    const home = homeOf(this.state, alert)
    if (home) return home.address
    if (alert.gateway !== null) return this.words.alerts.gateway(alert.gateway)
    return alert.device === null ? this.words.alerts.server : this.words.alerts.device(alert.device)
  }

  address(alert: Alert): string | null {
    return homeOf(this.state, alert)?.address ?? null
  }

  people(alert: Alert): readonly number[] {
    return alert.patient === null ? concerned(this.state, alert) : []
  }

  tell(sentence: string): void {
    this.told = sentence
    setTimeout(() => {
      if (this.told === sentence) this.told = ''
    }, TOLD_MS)
  }

  #remind(): void {
    if (queue(this.state).some((alert) => alert.priority === 'red' && unseen(alert))) this.#bell.ring('red')
  }

  #setClock(at: string): void {
    this.#offsetMs = Date.parse(at) - Date.now()
  }

  #tick(): void {
    this.now = Date.now() + this.#offsetMs
    if (this.#ticks++ % CALM_TICKS === 0 || Math.abs(this.now - this.calm) > 2 * CALM_TICKS * 1000) this.calm = this.now
    this.hearing = this.#bell.hearing
  }

  /** Link times are the browser's; the screen shows the server's. */
  serverTime(browserMs: number): number {
    return browserMs + this.#offsetMs
  }
}

/** What cannot be had now is had with the next board. */
function nothing(): void {}
