// What the patient's screen asks the server for. Refusals are those of api.ts.
import { ask, client, keyed, taken } from './api'
import type { components } from './api.gen'
import type { Planned } from './measuring'
import type { Days, Kind, Series } from './protocol'

type Schemas = components['schemas']
export type Access = Schemas['HomeAccess']
export type AccessEntry = Schemas['AccessEntry']
export type Address = Schemas['HomeAddress']
export type Change = Schemas['Change']
export type Changes = Schemas['Changes']
export type EffectiveLimit = Schemas['EffectiveLimit']
export type EffectiveLimits = Schemas['EffectiveLimits']
export type EffectivePlans = Schemas['EffectivePlans']
export type Excuse = Schemas['Excuse']
export type Facts = Schemas['Facts']
export type SaidFact = Schemas['SaidFact']
export type Fact = Schemas['SayFact']['fact']
export type GlucoseDay = Schemas['GlucoseDay']
export type GlucoseReport = Schemas['GlucoseReport']
export type News2 = Schemas['News2']
export type News2Trail = Schemas['News2Trail']
export type PatientDevice = Schemas['PatientDevice']
export type Person = Schemas['Person']
export type RecordVersion = Schemas['RecordVersion']
export type Records = Schemas['Records']
export type RecordOf = Schemas['SetRecord']['record']
export type Contact = Schemas['Contact']
export type Step = Schemas['Step']
export type Story = Schemas['Story']
export type StoredReading = Schemas['StoredReading']
export type StoredReadings = Schemas['StoredReadings']
export type ToldAlert = Schemas['ToldAlert']
export type ToldEvent = Schemas['ToldEvent']
export type TriedLimit = Schemas['TriedLimit']
export type TriedOut = Schemas['TriedOut']
export type WouldBe = Schemas['WouldBe']

export interface Window {
  readonly from: number
  readonly to: number
}

function span({ from, to }: Window) {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
}

function of(patient: number) {
  return { path: { patient } }
}

export async function person(patient: number): Promise<Person> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/person', { params: of(patient), ...init })))
}

export async function series(patient: number, kind: Kind, window: Window, points: number): Promise<Series> {
  const params = { ...of(patient), query: { kind, points, ...span(window) } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/series', { params, ...init })))
}

/** `from`, `to`: days in Norway, both included. */
export async function days(patient: number, kind: Kind, from: string, to: string): Promise<Days> {
  const params = { ...of(patient), query: { kind, from, to } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/days', { params, ...init })))
}

export async function story(patient: number, window: Window): Promise<Story> {
  const params = { ...of(patient), query: span(window) }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/story', { params, ...init })))
}

export async function readings(patient: number, kind: Kind, window: Window, before: string | null, most: number): Promise<StoredReadings> {
  const params = { ...of(patient), query: { kind, most, ...span(window), ...(before === null ? {} : { before }) } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/readings', { params, ...init })))
}

export async function facts(patient: number): Promise<Facts> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/facts', { params: of(patient), ...init })))
}

/** From now on. */
export async function sayFact(patient: number, fact: Fact, reason: string, rev: string, key: string): Promise<SaidFact> {
  const params = keyed({ patient }, key)
  const body = { fact, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/facts', { params, body, ...init })))
}

export async function records(patient: number, record: Records['type']): Promise<Records> {
  const params = { path: { patient, record } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/records/{record}', { params, ...init })))
}

/** A whole new version. */
export async function writeRecord(patient: number, record: RecordOf, reason: string, rev: string, key: string): Promise<Records> {
  const params = keyed({ patient }, key)
  const body = { record, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/records', { params, body, ...init })))
}

/** All of it: what is left out is taken away. */
export type SetPerson = Omit<Schemas['SetPerson'], 'reason' | 'rev'>

export async function setPerson(patient: number, said: SetPerson, reason: string, rev: string, key: string): Promise<Person> {
  const params = keyed({ patient }, key)
  const body = { ...said, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/person', { params, body, ...init })))
}

export async function setAddress(patient: number, said: { address: string; doubt: string }, reason: string, rev: string, key: string): Promise<Address> {
  const params = keyed({ patient }, key)
  const body = { ...said, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/address', { params, body, ...init })))
}

export type Ended = Schemas['Ended']

export async function endPatient(patient: number, why: Schemas['EndPatient']['why'], reason: string, rev: string, key: string): Promise<Ended> {
  const params = keyed({ patient }, key)
  const body = { why, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/end', { params, body, ...init })))
}

export async function handOver(patient: number, team: number, reason: string, rev: string, key: string): Promise<void> {
  const params = keyed({ patient }, key)
  const body = { team, reason, rev }
  taken(await ask((init) => client.POST('/api/v1/patients/{patient}/hand-over', { params, body, ...init })))
}

/** Every team of the installation: one can be handed a patient. */
export async function allTeams(): Promise<Schemas['TeamName'][]> {
  return taken(await ask((init) => client.GET('/api/v1/municipalities', init))).teams
}

export async function colleagues(team: number): Promise<Schemas['Member'][]> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/members', { params: { path: { team } }, ...init }))).members
}

export async function address(patient: number): Promise<Address> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/address', { params: of(patient), ...init })))
}

export async function access(patient: number): Promise<Access> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/access', { params: of(patient), ...init })))
}

export async function accessCode(patient: number): Promise<string | null> {
  const { code } = taken(await ask((init) => client.GET('/api/v1/patients/{patient}/access/code', { params: of(patient), ...init })))
  return code
}

export async function devices(patient: number): Promise<PatientDevice[]> {
  const found = taken(await ask((init) => client.GET('/api/v1/patients/{patient}/devices', { params: of(patient), ...init })))
  return found.devices
}

export async function excuses(patient: number): Promise<Excuse[]> {
  const found = taken(await ask((init) => client.GET('/api/v1/patients/{patient}/excuses', { params: of(patient), ...init })))
  return found.excuses
}

export async function measuringPlan(patient: number): Promise<EffectivePlans> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/plan', { params: of(patient), ...init })))
}

export async function setPlan(patient: number, kind: Kind, plan: Planned, reason: string, rev: string, key: string): Promise<EffectivePlans> {
  const params = keyed({ patient, kind }, key)
  const body = { ...plan, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/plan/{kind}', { params, body, ...init })))
}

export async function takeBackPlan(patient: number, kind: Kind, reason: string, rev: string, key: string): Promise<EffectivePlans> {
  const params = keyed({ patient, kind }, key)
  const body = { reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/plan/{kind}/take-back', { params, body, ...init })))
}

export async function limits(patient: number): Promise<EffectiveLimits> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/limits', { params: of(patient), ...init })))
}

export async function tryOut(patient: number, limit: TriedLimit, days: number): Promise<TriedOut> {
  const body = { limits: [limit], days }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/try-out', { params: of(patient), body, ...init }), TRIAL_PATIENCE_MS))
}

export async function setLimit(patient: number, { kind, ...edges }: TriedLimit, reason: string, rev: string, key: string): Promise<EffectiveLimits> {
  const params = keyed({ patient, kind }, key)
  const body = { ...edges, reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/limits/{kind}', { params, body, ...init })))
}

export async function takeBackLimit(patient: number, kind: Kind, reason: string, rev: string, key: string): Promise<EffectiveLimits> {
  const params = keyed({ patient, kind }, key)
  const body = { reason, rev }
  return taken(await ask((init) => client.POST('/api/v1/patients/{patient}/limits/{kind}/take-back', { params, body, ...init })))
}

export async function news2(patient: number): Promise<News2> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/news2', { params: of(patient), ...init })))
}

export async function news2Trail(patient: number, days: number): Promise<News2Trail> {
  const params = { ...of(patient), query: { days } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/news2/trail', { params, ...init })))
}

export async function glucose(patient: number, window: Window, group: GlucoseReport['group']): Promise<GlucoseReport> {
  const params = { ...of(patient), query: { group, ...span(window) } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/glucose', { params, ...init })))
}

/** `from`, `to`: days in Norway, both included. */
export async function glucoseDays(patient: number, from: string, to: string): Promise<GlucoseDay[]> {
  const params = { ...of(patient), query: { from, to } }
  const found = taken(await ask((init) => client.GET('/api/v1/patients/{patient}/glucose/days', { params, ...init })))
  return found.days
}

export async function changes(patient: number, before: string | null): Promise<Changes> {
  const params = { ...of(patient), query: before === null ? {} : { before } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/changes', { params, ...init })))
}

/** For auditors. */
export async function accessLog(patient: number, before: number | null): Promise<Schemas['AccessLog']> {
  const params = { query: before === null ? { patient } : { patient, before } }
  return taken(await ask((init) => client.GET('/api/v1/access-log', { params, ...init })))
}

/** It looks through a month of readings, behind whoever else tries. */
const TRIAL_PATIENCE_MS = 60_000
