// What the administration asks the server for. What changed meanwhile is a refusal with status 409.
import { ask, client, keyed, taken } from './api'
import type { components } from './api.gen'
import type { Duty, Kind, Pathway, Priority, Technical } from './protocol'

type Schemas = components['schemas']
export type AccessEntry = Schemas['AccessEntry']
export type AccessLog = Schemas['AccessLog']
export type Chain = Schemas['Chain']
export type ChainDecision = Schemas['ChainDecision']
export type Chains = Schemas['Chains']
export type ChainStep = Schemas['ChainStep']
export type Change = Schemas['Change']
export type Changes = Schemas['Changes']
export type DutyHistory = Schemas['DutyHistory']
export type DutyPlan = Schemas['DutyPlan']
export type DutyPeriod = Schemas['DutyPeriod']
export type EffectiveLimit = Schemas['EffectiveLimit']
export type EffectiveLimits = Schemas['EffectiveLimits']
export type EffectivePlan = Schemas['EffectivePlan']
export type EffectivePlans = Schemas['EffectivePlans']
export type EffectiveRule = Schemas['EffectiveRule']
export type EffectiveRules = Schemas['EffectiveRules']
export type HomeProof = Schemas['HomeProof']
export type Hours = Schemas['Hours']
export type Member = Schemas['Member']
export type MemberChange = Schemas['MemberChange']
export type Members = Schemas['Members']
export type Municipality = Schemas['Municipality']
export type OpenSession = Schemas['OpenSession']
export type Part = Schemas['OnDuty']['part']
export type ServiceHours = Schemas['ServiceHours']
export type SetChains = Schemas['SetChains']
export type SetHours = Schemas['SetHours']
export type SetLimit = Schemas['SetLimit']
export type SetAsideTry = Schemas['SetAsideTry']
export type SetPlan = Schemas['SetPlan']
export type SetRule = Schemas['SetRule']
export type TakeBack = Schemas['TakeBack']
export type TeamChains = Schemas['TeamChains']
export type TeamHours = Schemas['TeamHours']

export async function members(team: number): Promise<Members> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/members', { params: { path: { team } }, ...init })))
}

export async function memberHistory(team: number): Promise<MemberChange[]> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/members/history', { params: { path: { team } }, ...init }))).changes
}

export async function addMember(team: number, body: Schemas['AddMember'], key: string): Promise<Members> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/members', { params, body, ...init })))
}

export async function setRole(team: number, staff: number, body: Schemas['SetRole'], key: string): Promise<Members> {
  const params = keyed({ team, staff }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/members/{staff}', { params, body, ...init })))
}

export async function endMembership(team: number, staff: number, body: TakeBack, key: string): Promise<Members> {
  const params = keyed({ team, staff }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/members/{staff}/end', { params, body, ...init })))
}

export async function municipalities(): Promise<Municipality[]> {
  return taken(await ask((init) => client.GET('/api/v1/municipalities', init))).municipalities
}

// ---- duty, chains, hours

export async function duty(team: number): Promise<Duty> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/duty', { params: { path: { team } }, ...init })))
}

export async function dutyHistory(team: number, days: number): Promise<DutyHistory> {
  const params = { path: { team }, query: { days } }
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/duty/history', { params, ...init })))
}

export async function dutyPlan(team: number): Promise<DutyPlan> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/duty/plan', { params: { path: { team } }, ...init })))
}

export async function planDuty(team: number, body: Schemas['PlanDuty'], key: string): Promise<DutyPlan> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty/plan', { params, body, ...init })))
}

export async function takeBackDuty(team: number, planned: number, rev: string, key: string): Promise<DutyPlan> {
  const params = keyed({ team, planned }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty/plan/{planned}/take-back', { params, body: { rev }, ...init })))
}

/** `staff` null: oneself. */
export async function goOnDuty(team: number, part: Part, staff: number | null, key: string): Promise<Duty> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty', { params, body: { part, staff }, ...init })))
}

export async function leaveDuty(team: number, part: Part, staff: number | null, because: string, key: string): Promise<Duty> {
  const params = keyed({ team }, key)
  const body = { part, staff, nobody_because: because }
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty/leave', { params, body, ...init }))).duty
}

export async function chains(team: number): Promise<TeamChains> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/chains', { params: { path: { team } }, ...init })))
}

export async function chainHistory(team: number): Promise<ChainDecision[]> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/chains/history', { params: { path: { team } }, ...init }))).decisions
}

export async function setChains(team: number, priority: Priority, body: SetChains, key: string): Promise<TeamChains> {
  const params = keyed({ team, priority }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/chains/{priority}', { params, body, ...init })))
}

export async function takeBackChains(team: number, priority: Priority, body: TakeBack, key: string): Promise<TeamChains> {
  const params = keyed({ team, priority }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/chains/{priority}/take-back', { params, body, ...init })))
}

export async function hours(team: number): Promise<TeamHours> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/service-hours', { params: { path: { team } }, ...init })))
}

export async function setHours(team: number, body: SetHours, key: string): Promise<TeamHours> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/service-hours', { params, body, ...init })))
}

export async function takeBackHours(team: number, body: Schemas['TakeBackHours'], key: string): Promise<TeamHours> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/service-hours/take-back', { params, body, ...init })))
}

// ---- the fleet

export async function technical(): Promise<Technical> {
  return taken(await ask((init) => client.GET('/api/v1/technical', init)))
}

/** The days are those of Norway. */
export async function proofs(from: string, to: string): Promise<HomeProof[]> {
  const params = { query: { from, to } }
  return taken(await ask((init) => client.GET('/api/v1/technical/proofs', { params, ...init }))).proofs
}

// ---- messages set aside

export async function tryAgain(message: number, reason: string, key: string): Promise<SetAsideTry> {
  const params = keyed({ message }, key)
  return taken(await ask((init) => client.POST('/api/v1/technical/set-aside/{message}/try', { params, body: { reason }, ...init })))
}

// ---- pathways

export interface Place {
  readonly team: number
  readonly pathway: Pathway
}

export async function limits(path: Place): Promise<EffectiveLimits> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/pathways/{pathway}/limits', { params: { path }, ...init })))
}

export async function rules(path: Place): Promise<EffectiveRules> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/pathways/{pathway}/rules', { params: { path }, ...init })))
}

export async function plans(path: Place): Promise<EffectivePlans> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/pathways/{pathway}/plan', { params: { path }, ...init })))
}

export async function changes(path: Place, before: string | null): Promise<Changes> {
  const params = { path, query: { before } }
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/pathways/{pathway}/changes', { params, ...init })))
}

export async function setLimit(place: Place, kind: Kind, body: SetLimit, key: string): Promise<EffectiveLimits> {
  const params = keyed({ ...place, kind }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/limits/{kind}', { params, body, ...init })))
}

export async function takeBackLimit(place: Place, kind: Kind, body: TakeBack, key: string): Promise<EffectiveLimits> {
  const params = keyed({ ...place, kind }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/limits/{kind}/take-back', { params, body, ...init })))
}

export async function setRule(place: Place, rule: string, body: SetRule, key: string): Promise<EffectiveRules> {
  const params = keyed({ ...place, rule }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/rules/{rule}', { params, body, ...init })))
}

export async function takeBackRule(place: Place, rule: string, body: TakeBack, key: string): Promise<EffectiveRules> {
  const params = keyed({ ...place, rule }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/rules/{rule}/take-back', { params, body, ...init })))
}

export async function setPlan(place: Place, kind: Kind, body: SetPlan, key: string): Promise<EffectivePlans> {
  const params = keyed({ ...place, kind }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/plan/{kind}', { params, body, ...init })))
}

export async function takeBackPlan(place: Place, kind: Kind, body: TakeBack, key: string): Promise<EffectivePlans> {
  const params = keyed({ ...place, kind }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/pathways/{pathway}/plan/{kind}/take-back', { params, body, ...init })))
}

// ---- people

export async function sessions(staff: number): Promise<OpenSession[]> {
  return taken(await ask((init) => client.GET('/api/v1/staff/{staff}/sessions', { params: { path: { staff } }, ...init }))).sessions
}

export async function endSession(staff: number, session: number): Promise<void> {
  const { error, response } = await ask((init) => client.DELETE('/api/v1/staff/{staff}/sessions/{session}', { params: { path: { staff, session } }, ...init }))
  if (!response.ok) taken({ error, response })
}

/** Null: of everybody, at any time. */
export interface LogQuestion {
  readonly patient: number | null
  readonly staff: number | null
  readonly from: string | null
  readonly to: string | null
}

/** `before`: `next` of the page before; null: the newest. */
export async function accessLog(asked: LogQuestion, before: number | null): Promise<AccessLog> {
  const params = { query: { ...asked, before } }
  return taken(await ask((init) => client.GET('/api/v1/access-log', { params, ...init })))
}
