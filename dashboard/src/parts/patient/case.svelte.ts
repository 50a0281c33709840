// One patient's record as the screen holds it: each part is fetched when it is looked at, and says for itself what became of it.
import * as api from '../../api_patient'
import type { Desk } from '../../desk.svelte'
import type { Tab } from '../../words/patient'
import { Part } from './part.svelte'
import { Timeline } from './timeline.svelte'

export class Case {
  tab = $state<Tab>('overview')
  readonly id: number
  readonly timeline: Timeline
  readonly person: Part<api.Person>
  readonly facts: Part<api.Facts>
  readonly excuses: Part<api.Excuse[]>
  readonly limits: Part<api.EffectiveLimits>
  readonly devices: Part<api.PatientDevice[]>
  readonly contacts: Part<api.Records>
  readonly selfTreatment: Part<api.Records>
  readonly address: Part<api.Address>
  readonly #desk: Desk
  #opened = false

  readonly row = $derived.by(() => this.#desk.state.patients.get(this.id) ?? null)
  readonly tabs = $derived.by((): Tab[] => {
    const has = (kind: string) => this.row?.vitals.some((vital) => vital.kind === kind) ?? true
    const pathway = this.row?.pathway ?? this.person.data?.pathway
    const glucose: Tab[] = has('glucose_isf') || pathway === 'diabetes' ? ['glucose'] : []
    return ['overview', 'limits', 'home', ...glucose, 'news2', 'summary', 'history']
  })

  constructor(desk: Desk, id: number) {
    this.#desk = desk
    this.id = id
    this.timeline = new Timeline(desk, id)
    this.person = new Part(desk)
    this.facts = new Part(desk)
    this.excuses = new Part(desk)
    this.limits = new Part(desk)
    this.devices = new Part(desk)
    this.contacts = new Part(desk)
    this.selfTreatment = new Part(desk)
    this.address = new Part(desk)
  }

  /** When the board is there: it says which readings there are. */
  open(): void {
    if (this.#opened) return
    this.#opened = true
    this.fetchCare()
    this.fetchPeople()
    void this.fetchLimits()
    this.timeline.begin()
  }

  fetchCare(): void {
    void this.fetchFacts()
    void this.excuses.load(() => api.excuses(this.id))
  }

  fetchPeople(): void {
    void this.fetchPerson()
    void this.fetchContacts()
    void this.fetchSelfTreatment()
    void this.fetchAddress()
    void this.devices.load(() => api.devices(this.id))
  }

  async fetchFacts(): Promise<void> {
    await this.facts.load(() => api.facts(this.id))
  }

  async fetchPerson(): Promise<void> {
    await this.person.load(() => api.person(this.id))
  }

  async fetchAddress(): Promise<void> {
    await this.address.load(() => api.address(this.id))
  }

  async fetchContacts(): Promise<void> {
    await this.contacts.load(() => api.records(this.id, 'contacts'))
  }

  async fetchSelfTreatment(): Promise<void> {
    await this.selfTreatment.load(() => api.records(this.id, 'self_treatment'))
  }

  async fetchLimits(): Promise<void> {
    await this.limits.load(() => api.limits(this.id))
  }
}
