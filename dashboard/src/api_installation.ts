// What the screen of installing asks the server for. Every post is done once for its key, however often it is sent.
import { ask, client, keyed, taken } from './api'
import type { components } from './api.gen'

type Schemas = components['schemas']
export type BindSensor = Schemas['BindSensor']
export type Depot = Schemas['Depot']
export type DepotGateway = Schemas['DepotGateway']
export type Enrolment = Schemas['Enrolment']
export type HomeLine = Schemas['HomeLine']
export type Installation = Schemas['Installation']
export type InstalledGateway = Schemas['InstalledGateway']
export type InstalledSensor = Schemas['InstalledSensor']
export type NewestEvent = NonNullable<Schemas['NewestWord']['event']>
export type Nearby = Schemas['Nearby']
export type NearbySensor = Schemas['NearbySensor']
export type PairingPart = Schemas['PairingPart']
export type PrepareSensor = Schemas['PrepareSensor']
export type PreparedSensor = Schemas['PreparedSensor']
export type Protocol = Schemas['Protocol']
export type ProtocolLine = Schemas['ProtocolLine']
export type RevokeGateway = Schemas['RevokeGateway']
export type RoomSignal = Schemas['RoomSignal']
export type SensorRef = Schemas['SensorRef']
export type Trial = Schemas['Trial']
export type TrialHop = Schemas['TrialHop']
export type UnbindSensor = Schemas['UnbindSensor']

// ---- what stands

export async function homes(): Promise<HomeLine[]> {
  return taken(await ask((init) => client.GET('/api/v1/installation/homes', init))).homes
}

export async function installation(home: number): Promise<Installation> {
  return taken(await ask((init) => client.GET('/api/v1/installation/homes/{home}', { params: { path: { home } }, ...init })))
}

export async function depot(): Promise<DepotGateway[]> {
  return taken(await ask((init) => client.GET('/api/v1/installation/depot', init))).gateways
}

export async function enrolments(): Promise<Enrolment[]> {
  return taken(await ask((init) => client.GET('/api/v1/enrolments', init))).enrolments
}

export async function nearby(gateway: string): Promise<Nearby> {
  return taken(await ask((init) => client.GET('/api/v1/installation/gateways/{gateway}/nearby', { params: { path: { gateway } }, ...init })))
}

export async function trial(id: number): Promise<Trial> {
  return taken(await ask((init) => client.GET('/api/v1/installation/trials/{trial}', { params: { path: { trial: id } }, ...init })))
}

export async function protocols(home: number): Promise<ProtocolLine[]> {
  return taken(await ask((init) => client.GET('/api/v1/installation/homes/{home}/protocols', { params: { path: { home } }, ...init }))).protocols
}

export async function protocol(id: number): Promise<Protocol> {
  return taken(await ask((init) => client.GET('/api/v1/installation/protocols/{protocol}', { params: { path: { protocol: id } }, ...init })))
}

// ---- what is worth something only now

export async function listen(gateway: string, for_s: number, key: string): Promise<void> {
  const params = keyed({ gateway }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/gateways/{gateway}/listen', { params, body: { for_s }, ...init })))
}

export async function walk(home: number, room: string, device: string, key: string): Promise<RoomSignal> {
  const params = keyed({ home }, key)
  return taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/rooms', { params, body: { room, device }, ...init })))
}

export async function tryAlarm(home: number, gateway: string, sensor: SensorRef | null, key: string): Promise<Trial> {
  const params = keyed({ home }, key)
  return taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/trials', { params, body: { gateway, sensor }, ...init })))
}

// ---- what is written down, and sent when there is a line

/** `home` null: into the depot of that team. */
export async function admit(enrolment: number, home: number | null, team: number | null, key: string): Promise<void> {
  const params = keyed({ enrolment }, key)
  taken(await ask((init) => client.POST('/api/v1/enrolments/{enrolment}/accept', { params, body: { home, team, name: null }, ...init })))
}

export async function refuse(enrolment: number, why: string, key: string): Promise<void> {
  const params = keyed({ enrolment }, key)
  taken(await ask((init) => client.POST('/api/v1/enrolments/{enrolment}/refuse', { params, body: { why }, ...init })))
}

export async function bind(home: number, body: BindSensor, key: string): Promise<void> {
  const params = keyed({ home }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/sensors', { params, body, ...init })))
}

export async function unbind(home: number, { device, slot }: SensorRef, why: UnbindSensor['why'], key: string): Promise<void> {
  const params = keyed({ home, device, slot }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/sensors/{device}/{slot}/unbind', { params, body: { why }, ...init })))
}

export async function prove(home: number, { device, slot }: SensorRef, part: PairingPart['part'], key: string): Promise<void> {
  const params = keyed({ home, device, slot }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/sensors/{device}/{slot}/prove', { params, body: { part }, ...init })))
}

export async function prepare(gateway: string, body: PrepareSensor, key: string): Promise<void> {
  const params = keyed({ gateway }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/gateways/{gateway}/sensors', { params, body, ...init })))
}

export async function drop(gateway: string, device: string, key: string): Promise<void> {
  const params = keyed({ gateway, device }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/gateways/{gateway}/sensors/{device}/drop', { params, ...init })))
}

export async function label(gateway: string, text: string, key: string): Promise<void> {
  const params = keyed({ gateway }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/gateways/{gateway}/label', { params, body: { label: text }, ...init })))
}

export async function giveHome(gateway: string, home: number, key: string): Promise<void> {
  const params = keyed({ gateway }, key)
  taken(await ask((init) => client.POST('/api/v1/installation/gateways/{gateway}/home', { params, body: { home }, ...init })))
}

export async function revoke(gateway: string, why: RevokeGateway['why'], key: string): Promise<void> {
  const params = keyed({ gateway }, key)
  taken(await ask((init) => client.POST('/api/v1/gateways/{gateway}/revoke', { params, body: { why }, ...init })))
}

export async function finish(home: number, remark: string | null, key: string): Promise<Protocol> {
  const params = keyed({ home }, key)
  return taken(await ask((init) => client.POST('/api/v1/installation/homes/{home}/protocols', { params, body: { remark }, ...init })))
}
