// The fleet of gateways: orders with a proof, and what comes to all of them in rings.
import { ask, client, keyed, once, taken } from './api'
import type { components } from './api.gen'

type Schemas = components['schemas']
export type FleetGateway = Schemas['FleetGateway']
export type Given = Schemas['Given']
export type HandedIn = Schemas['HandedIn']
export type Order = Schemas['GiveOrder']['what']
export type Rollout = Schemas['Rollout']
export type RolloutDecision = Schemas['DecideRollout']

export async function fleet(): Promise<FleetGateway[]> {
  return taken(await ask((init) => client.GET('/api/v1/fleet', init))).gateways
}

export async function orders(gateway: string): Promise<Given[]> {
  return taken(await ask((init) => client.GET('/api/v1/fleet/gateways/{gateway}/orders', { params: { path: { gateway } }, ...init }))).orders
}

export async function give(gateway: string, what: Order, key: string): Promise<Given[]> {
  const params = keyed({ gateway }, key)
  return taken(await ask((init) => client.POST('/api/v1/fleet/gateways/{gateway}/orders', { params, body: { what }, ...init }))).orders
}

export async function diagnosis(gateway: string, command: string): Promise<HandedIn> {
  const params = { path: { gateway, command } }
  return taken(await ask((init) => client.GET('/api/v1/fleet/gateways/{gateway}/diagnoses/{command}', { params, ...init })))
}

export async function rollouts(): Promise<Rollout[]> {
  return taken(await ask((init) => client.GET('/api/v1/fleet/rollouts', init))).rollouts
}

export async function begin(body: Schemas['BeginRollout'], key: string): Promise<Rollout> {
  return taken(await ask((init) => client.POST('/api/v1/fleet/rollouts', { params: once(key), body, ...init })))
}

export async function decide(rollout: number, body: RolloutDecision, key: string): Promise<Rollout> {
  const params = keyed({ rollout }, key)
  return taken(await ask((init) => client.POST('/api/v1/fleet/rollouts/{rollout}/decide', { params, body, ...init })))
}
