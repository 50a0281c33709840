// What the board shows, worked out from the state: queue, faults, rows. Pure.
import { mainKinds } from './kinds'
import type { Alert, GatewayRow, HomeRow, LatestValue, PatientRow, StaffMember, Vital } from './protocol'
import { isOpen, type State } from './state'

export type Tone = 'red' | 'yellow' | 'technical' | 'green'
export const TONES: readonly Tone[] = ['red', 'yellow', 'technical', 'green']

/** Why a row is not green although no alert says so. */
export type Unease = 'outside' | 'stale' | 'sensor_off' | 'gateway' | 'nothing'

export interface Row {
  readonly patient: PatientRow
  readonly tone: Tone
  readonly alerts: readonly Alert[]
  readonly unease: Unease | null
  readonly vitals: readonly Vital[]
  readonly gateways: readonly GatewayRow[]
  readonly owner: StaffMember | null
  readonly kit: Kit
}

/** The weakest of what a patient wears, as its gateways heard it last; null: nothing says so. */
export interface Kit {
  readonly battery: number | null
  readonly signal: number | null
}

export interface Faults {
  readonly rule: string
  readonly alerts: readonly Alert[]
}

const TONE_OF = { red: 'red', yellow: 'yellow', grey: 'technical' } as const
const RANK = { red: 0, yellow: 1, technical: 2, green: 3 } as const
const WAITING = { raised: 0, cleared: 1, acknowledged: 2, handled: 3, ended: 4 } as const
const byName = new Intl.Collator('nb')

export function openAlerts(state: State): Alert[] {
  return [...state.alerts.values()].filter(isOpen)
}

/** Red before yellow; within a colour what nobody has seen, who called again soon first, else the oldest; then what
 * somebody has. */
export function queue(state: State): Alert[] {
  return openAlerts(state)
    .filter((alert) => alert.priority !== 'grey')
    .sort(urgency)
}

function urgency(a: Alert, b: Alert): number {
  return (
    RANK[TONE_OF[a.priority]] - RANK[TONE_OF[b.priority]] ||
    WAITING[a.state] - WAITING[b.state] ||
    Number(isUrgent(b)) - Number(isUrgent(a)) ||
    Date.parse(a.began_at) - Date.parse(b.began_at) ||
    a.id - b.id
  )
}

/** Called for help again soon after another call: nobody has helped yet. */
export function isUrgent(alert: Alert): boolean {
  return Boolean(alert.evidence.numbers.urgent)
}

/** One line for each cause, however many gateways it took down; the cause with the most first. */
export function faults(state: State): Faults[] {
  const causes = new Map<string, Alert[]>()
  for (const alert of openAlerts(state).sort(urgency)) {
    if (alert.priority !== 'grey') continue
    causes.set(alert.rule, [...(causes.get(alert.rule) ?? []), alert])
  }
  return [...causes].map(([rule, alerts]) => ({ rule, alerts })).sort((a, b) => b.alerts.length - a.alerts.length)
}

export function unseen(alert: Alert): boolean {
  return alert.state === 'raised' || alert.state === 'cleared'
}

/** What the tab's title and icon count. */
export function waiting(state: State): { red: number; yellow: number } {
  const count = (priority: Alert['priority']) =>
    openAlerts(state).filter((alert) => alert.priority === priority && unseen(alert)).length
  return { red: count('red'), yellow: count('yellow') }
}

/** When a reading ended: one interval of a thinned stream is as new as its last value. */
export function endOf(latest: LatestValue): number {
  return Date.parse(latest.taken_at) + latest.span_s * 1000
}

/** The next interval can come only when it, too, is over. */
export function isStale(vital: Vital, now: number): boolean {
  return now - endOf(vital.latest) > (vital.stale_after_s + vital.latest.span_s) * 1000
}

/** The value as it is now, where the alert's own has been overtaken: 87 raised it, 82 stands on the sensor. */
export function overtaking(alert: Alert, vital: Vital | null, now: number): LatestValue | null {
  if (vital === null || vital.latest.value === null || isStale(vital, now)) return null
  const { latest } = vital
  const newer = Date.parse(latest.taken_at) > Date.parse(alert.last_at)
  return newer && (latest.value !== alert.evidence.value || latest.sign !== alert.evidence.sign) ? latest : null
}

let shown: (Pick<State, 'alerts' | 'gateways'> & { readonly now: number; readonly of: ReadonlyMap<PatientRow, Row> }) | null = null

/** Whom nothing has happened to keeps the row that was shown: of five hundred a reading changes one. */
export function rows(state: State, now: number): Row[] {
  const { alerts, gateways } = state
  const kept = shown?.alerts === alerts && shown.gateways === gateways && shown.now === now ? shown.of : null
  const about = alertsByPatient(state)
  const of = new Map<PatientRow, Row>()
  for (const patient of state.patients.values()) {
    of.set(patient, kept?.get(patient) ?? row(state, patient, about.get(patient.id) ?? [], now))
  }
  shown = { alerts, gateways, now, of }
  return [...of.values()].sort(byUrgency)
}

function alertsByPatient(state: State): Map<number, Alert[]> {
  const about = new Map<number, Alert[]>()
  for (const alert of openAlerts(state).sort(urgency)) {
    for (const id of concerned(state, alert)) about.set(id, [...(about.get(id) ?? []), alert])
  }
  return about
}

/** An alert of a home is about everybody who lives there; a gateway's fault about everybody it watches. */
export function concerned(state: State, alert: Alert): number[] {
  if (alert.patient !== null) return [alert.patient]
  if (alert.lives_there.length > 0) return alert.lives_there
  const home = alert.home ?? (alert.gateway === null ? null : (state.gateways.get(alert.gateway)?.home ?? null))
  if (home === null) return []
  return [...state.patients.values()].filter((patient) => patient.home === home).map((patient) => patient.id)
}

export function homeOf(state: State, alert: Alert): HomeRow | null {
  const id = alert.home ?? (alert.gateway === null ? null : (state.gateways.get(alert.gateway)?.home ?? null))
  return id === null ? null : (state.homes.get(id) ?? null)
}

function row(state: State, patient: PatientRow, alerts: readonly Alert[], now: number): Row {
  const kinds = mainKinds(
    patient.pathway,
    patient.vitals.map((vital) => vital.kind),
  )
  const vitals = kinds.flatMap((kind) => patient.vitals.filter((vital) => vital.kind === kind))
  const gateways = patient.gateways.flatMap((id) => state.gateways.get(id) ?? [])
  const unease = uneasy(patient, vitals, gateways, now)
  const toneOfUnease = unease === null ? 'green' : unease === 'outside' ? levelTone(vitals, now) : 'technical'
  const toneOfAlerts = alerts[0] ? TONE_OF[alerts[0].priority] : 'green'
  const tone = RANK[toneOfAlerts] <= RANK[toneOfUnease] ? toneOfAlerts : toneOfUnease
  const owner = alerts.find((alert) => alert.owner !== null)?.owner ?? null
  return { patient, tone, alerts, unease, vitals, gateways, owner, kit: kitOf(patient, gateways) }
}

function kitOf(patient: PatientRow, gateways: readonly GatewayRow[]): Kit {
  const worn = new Set(patient.vitals.map((vital) => vital.latest.device))
  const weakest = (what: 'battery' | 'signal') => {
    const said = gateways.flatMap((gateway) => Object.entries(gateway[what]).flatMap(([device, value]) => (worn.has(device) ? [value] : [])))
    return said.length > 0 ? Math.min(...said) : null
  }
  return { battery: weakest('battery'), signal: weakest('signal') }
}

/** Until it goes on along its chain, and what share of that time is left; null: nothing is awaited. */
export function leftOf(alert: Alert, now: number): { readonly ms: number; readonly share: number } | null {
  if (alert.next_at === null || !unseen(alert)) return null
  const next = Date.parse(alert.next_at)
  const from = Math.max(Date.parse(alert.raised_at), ...alert.called.map((call) => Date.parse(call.at)))
  const ms = Math.max(0, next - now)
  return { ms, share: next > from ? Math.min(1, ms / (next - from)) : 0 }
}

/** What the rows are filtered by besides their colour. */
export function municipalities(all: readonly Row[]): string[] {
  return [...new Set(all.flatMap((each) => each.patient.municipality ?? []))].sort(byName.compare)
}

function uneasy(patient: PatientRow, vitals: readonly Vital[], gateways: readonly GatewayRow[], now: number): Unease | null {
  if (levelTone(vitals, now) !== 'green') return 'outside'
  if (patient.sensors_off.length > 0) return 'sensor_off'
  if (gateways.some((gateway) => gateway.state !== 'online')) return 'gateway'
  if (vitals.some((vital) => isStale(vital, now))) return 'stale'
  return isWatched({ patient, vitals, gateways }) ? null : 'nothing'
}

/** Somebody of whom readings have come, or whom sensors of the home watch: only then silence says that all is well. */
export function isWatched({ patient, vitals, gateways }: Pick<Row, 'patient' | 'vitals' | 'gateways'>): boolean {
  return vitals.length > 0 || (patient.pathway === 'safety' && gateways.length > 0)
}

/** Unknown is not green: only a value that is new enough says that somebody is inside the limits, or outside. */
function levelTone(vitals: readonly Vital[], now: number): 'red' | 'yellow' | 'green' {
  const levels = vitals.filter((vital) => !isStale(vital, now)).map((vital) => Math.abs(vital.latest.level ?? 0))
  const worst = Math.max(0, ...levels)
  return worst >= 2 ? 'red' : worst === 1 ? 'yellow' : 'green'
}

/** Nothing in the order moves with a reading: rows change places only when an alert or a colour does. */
function byUrgency(a: Row, b: Row): number {
  return (
    RANK[a.tone] - RANK[b.tone] ||
    (a.alerts[0] ? WAITING[a.alerts[0].state] : 9) - (b.alerts[0] ? WAITING[b.alerts[0].state] : 9) ||
    (a.alerts[0] ? Date.parse(a.alerts[0].began_at) : 0) - (b.alerts[0] ? Date.parse(b.alerts[0].began_at) : 0) ||
    byName.compare(a.patient.name, b.patient.name) ||
    a.patient.id - b.patient.id
  )
}

export function counts(all: readonly Row[]): Record<Tone, number> {
  const found = { red: 0, yellow: 0, technical: 0, green: 0 }
  for (const each of all) found[each.tone]++
  return found
}

export interface Filter {
  readonly tone: Tone | null
  readonly sought: string
  /** '': all of them */
  readonly municipality: string
}
export const NO_FILTER: Filter = { tone: null, sought: '', municipality: '' }

export function filtered(all: readonly Row[], { tone, sought, municipality }: Filter): readonly Row[] {
  return matching(all, sought).filter(
    (row) => (tone === null || row.tone === tone) && (municipality === '' || row.patient.municipality === municipality),
  )
}

export function matching(all: readonly Row[], sought: string): readonly Row[] {
  const words = folded(sought).split(/\s+/).filter(Boolean)
  if (words.length === 0) return all
  return all.filter((each) => words.every((word) => folded(each.patient.name).includes(word)))
}

function folded(text: string): string {
  return text.normalize('NFC').toLocaleLowerCase('nb')
}

/** What must be heard after a fresh look at the board: alerts that are new or have been raised again since the old one. */
export function raisedBetween(before: State, after: State): Alert[] {
  return openAlerts(after).filter((alert) => {
    const held = before.alerts.get(alert.id)
    return alert.state === 'raised' && (!held || held.count < alert.count || Date.parse(held.raised_at) < Date.parse(alert.raised_at))
  })
}
