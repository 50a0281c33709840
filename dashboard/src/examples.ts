// Wire objects for the tests, as the server writes them.
import type { Alert, Board, GatewayRow, LatestValue, Me, PatientRow, Vital } from './protocol'

export const NOON = Date.parse('2026-01-15T11:00:00Z') // 12:00 in Oslo

export function at(seconds: number): string {
  return new Date(NOON + seconds * 1000).toISOString()
}

export const kari = { id: 1, name: 'Kari Vaktesen', initials: 'KV' }
export const ola = { id: 2, name: 'Ola Vaktesen', initials: 'OV' }

export function aMe(change: Partial<Me> = {}): Me {
  return { staff: kari, teams: [], code_awaited: false, ...change }
}

export function anAlert(change: Partial<Alert> = {}): Alert {
  return {
    id: 1,
    team: 1,
    rev: 1,
    rule: 'limit:spo2:low',
    priority: 'red',
    state: 'raised',
    patient: 1,
    home: null,
    gateway: null,
    device: null,
    lives_there: [],
    began_at: at(-120),
    raised_at: at(-118),
    last_at: at(-60),
    late: false,
    count: 1,
    condition_ended_at: null,
    owner: null,
    acknowledged_at: null,
    on_way_at: null,
    there_at: null,
    contact_at: null,
    contact_needed: false,
    snoozed_until: null,
    step: 0,
    next_at: null,
    called: [],
    asked: null,
    quiet: false,
    response: null,
    handled_by: null,
    handled_at: null,
    outcome: null,
    seen_on: 0,
    evidence: someEvidence({ kind: 'spo2', value: 84, limit: 88, level: -2, direction: 'low' }),
    ...change,
  }
}

export function someEvidence(change: Partial<Alert['evidence']> = {}): Alert['evidence'] {
  const nothing = { kind: null, value: null, limit: null, level: null, direction: null, event: null, place: null, cause: null, since: null }
  return { ...nothing, sign: 0, reference: '', rules: [], numbers: {}, ...change }
}

export function aReading(change: Partial<LatestValue> = {}): LatestValue {
  return {
    patient: 1,
    kind: 'spo2',
    value: 93,
    unit: '%',
    decimals: 0,
    sign: 0,
    quality: 0,
    taken_at: at(-10),
    span_s: 0,
    received_at: at(-9),
    clock: 0,
    device: 'C0:11:00:00:00:01',
    level: 0,
    ...change,
  }
}

export function aVital(change: Partial<Vital> = {}): Vital {
  const limits = { red_low: 88, yellow_low: 90, yellow_high: null, red_high: null }
  return { kind: 'spo2', latest: aReading(), limits, spark: [], gap_s: 60, stale_after_s: 300, ...change }
}

export function aPatient(change: Partial<PatientRow> = {}): PatientRow {
  return {
    id: 1,
    name: 'Magnhild Prøvestad',
    born_on: '1943-03-14',
    pathway: 'kols',
    team: 1,
    home: 1,
    gateways: ['demo-bjorkeveien'],
    sensors_off: [],
    virtual: true,
    municipality: null,
    week: [],
    response: null,
    vitals: [aVital()],
    ...change,
  }
}

export function aGateway(change: Partial<GatewayRow> = {}): GatewayRow {
  const row = { id: 'demo-bjorkeveien', home: 1, team: 1, state: 'online', state_since: at(-3600), heard_at: at(-5), waiting: 0 } as const
  return { ...row, troubles: [], refused: {}, battery: {}, signal: {}, ...change }
}

export function aBoard(change: Partial<Board> = {}): Board {
  return {
    epoch: 'e1',
    cursors: { 1: 10 },
    at: at(0),
    practice: true,
    alerts: [],
    patients: [aPatient()],
    homes: [{ id: 1, address: 'Bjørkeveien 12, 9999 Øvelsesvik', team: 1 }],
    gateways: [aGateway()],
    ...change,
  }
}
