// What the screen knows, and how each message changes it. Pure: the same message twice changes nothing the second time.
import type { Alert, Board, Cursors, GatewayRow, HomeRow, LatestValue, PatientRow, ServerMessage, TeamEvent, Vital } from './protocol'

export interface State {
  readonly epoch: string | null
  readonly cursors: Cursors
  readonly practice: boolean
  readonly alerts: ReadonlyMap<number, Alert>
  readonly patients: ReadonlyMap<number, PatientRow>
  readonly homes: ReadonlyMap<number, HomeRow>
  readonly gateways: ReadonlyMap<string, GatewayRow>
  /** Something arrived that only a new look at the board can place: a kind never seen before, a sensor taken off. */
  readonly wanting: boolean
}

export type Message =
  | ServerMessage
  | { readonly type: 'board'; readonly board: Board }
  | { readonly type: 'filled'; readonly patients: readonly PatientRow[] }
  | { readonly type: 'answered'; readonly alert: Alert }

export const EMPTY: State = {
  epoch: null,
  cursors: {},
  practice: false,
  alerts: new Map(),
  patients: new Map(),
  homes: new Map(),
  gateways: new Map(),
  wanting: false,
}

/** Closed alerts are kept a while, so that an older revision that comes late cannot open them again. */
const CLOSED_KEPT = 200
const SPARK_KEPT = 240

export function isOpen(alert: Alert): boolean {
  return alert.state === 'raised' || alert.state === 'acknowledged' || alert.state === 'cleared'
}

/** Where an event stands to what we have: the next one, one we know, or one after a gap. */
export function order(cursors: Cursors, event: Pick<TeamEvent, 'team' | 'seq'>): 'next' | 'known' | 'gap' {
  const head = cursors[event.team]
  if (head === undefined || event.seq > head + 1) return 'gap'
  return event.seq === head + 1 ? 'next' : 'known'
}

export function reduce(state: State, message: Message): State {
  switch (message.type) {
    case 'board':
      return fromBoard(message.board)
    case 'filled':
      return { ...state, patients: filled(state.patients, message.patients), wanting: false }
    case 'answered':
      return withAlert(state, message.alert)
    case 'alert':
    case 'gateway':
    case 'duty':
    case 'emergency':
    case 'passed':
      return order(state.cursors, message) === 'next' ? withEvent(state, message) : state
    case 'readings':
      return message.values.reduce(withReading, state)
    case 'seen_on':
      return withSeenOn(state, message.alert, message.seen_on)
    default:
      return state
  }
}

function fromBoard(board: Board): State {
  return {
    epoch: board.epoch,
    cursors: board.cursors,
    practice: board.practice,
    alerts: new Map(board.alerts.map((alert) => [alert.id, alert])),
    patients: new Map(board.patients.map((patient) => [patient.id, patient])),
    homes: new Map(board.homes.map((home) => [home.id, home])),
    gateways: new Map(board.gateways.map((gateway) => [gateway.id, gateway])),
    wanting: false,
  }
}

function withEvent(state: State, event: TeamEvent): State {
  const moved = { ...state, cursors: { ...state.cursors, [event.team]: event.seq } }
  if (event.type === 'passed' || event.type === 'emergency' || event.type === 'duty') return moved
  if (event.type === 'gateway') return { ...moved, gateways: new Map(state.gateways).set(event.gateway.id, event.gateway) }
  // No message says which sensors are off; the alert about it says that it changed.
  const wanting = state.wanting || event.alert.rule.endsWith('sensor_off')
  return withAlert({ ...moved, wanting }, event.alert)
}

function withAlert(state: State, alert: Alert): State {
  const held = state.alerts.get(alert.id)
  if (held && held.rev >= alert.rev) return state
  return { ...state, alerts: forgetOldest(new Map(state.alerts).set(alert.id, alert)) }
}

function forgetOldest(alerts: Map<number, Alert>): Map<number, Alert> {
  const closed = [...alerts.values()].filter((alert) => !isOpen(alert))
  closed.sort((a, b) => a.id - b.id)
  for (const alert of closed.slice(0, Math.max(0, closed.length - CLOSED_KEPT))) alerts.delete(alert.id)
  return alerts
}

function withSeenOn(state: State, id: number, screens: number): State {
  const alert = state.alerts.get(id)
  if (!alert || alert.seen_on === screens) return state
  return { ...state, alerts: new Map(state.alerts).set(id, { ...alert, seen_on: screens }) }
}

function withReading(state: State, reading: LatestValue): State {
  const patient = state.patients.get(reading.patient)
  const vital = patient?.vitals.find((each) => each.kind === reading.kind)
  if (!patient || !vital) return state.wanting ? state : { ...state, wanting: true }
  const next = withLatest(vital, reading)
  if (next === vital) return state
  const vitals = patient.vitals.map((each) => (each === vital ? next : each))
  return { ...state, patients: new Map(state.patients).set(patient.id, { ...patient, vitals }) }
}

function withLatest(vital: Vital, reading: LatestValue): Vital {
  if (Date.parse(reading.taken_at) <= Date.parse(vital.latest.taken_at)) return vital
  return { ...vital, latest: reading, spark: grown(vital, reading) }
}

/** A stream of one value a second must not push the hours out of the line: what comes closer than a quarter of the gap replaces. */
function grown(vital: Vital, reading: LatestValue): Vital['spark'] {
  if (reading.value === null) return vital.spark
  const point = { at: reading.taken_at, value: reading.value }
  const before = vital.spark.at(-2)
  const crowded = before !== undefined && Date.parse(point.at) - Date.parse(before.at) < vital.gap_s * 250
  return [...(crowded ? vital.spark.slice(0, -1) : vital.spark), point].slice(-SPARK_KEPT)
}

/** A second look at the board while the socket runs: its patients are taken, but no value older than the one we show. */
function filled(held: State['patients'], fresh: readonly PatientRow[]): State['patients'] {
  return new Map(fresh.map((patient) => [patient.id, newest(patient, held.get(patient.id))]))
}

function newest(fresh: PatientRow, held: PatientRow | undefined): PatientRow {
  if (!held) return fresh
  const vitals = fresh.vitals.map((vital) => {
    const ours = held.vitals.find((each) => each.kind === vital.kind)
    return ours ? withLatest(vital, ours.latest) : vital
  })
  return { ...fresh, vitals }
}
