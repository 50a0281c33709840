// Who is on duty, and going on and off it.
import { ask, client, keyed, newKey, taken } from './api'
import type { Duty, OnDuty } from './protocol'

export async function duty(team: number): Promise<Duty> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/duty', { params: { path: { team } }, ...init })))
}

export async function goOnDuty(team: number, part: OnDuty['part']): Promise<Duty> {
  const params = keyed({ team }, newKey())
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty', { params, body: { part }, ...init })))
}

/** `handedOver`: how many alerts ring for the next one now. */
export async function leaveDuty(team: number, part: OnDuty['part'], nobodyBecause: string): Promise<{ duty: Duty; handedOver: number }> {
  const params = keyed({ team }, newKey())
  const body = { part, nobody_because: nobodyBecause }
  const left = taken(await ask((init) => client.POST('/api/v1/teams/{team}/duty/leave', { params, body, ...init })))
  return { duty: left.duty, handedOver: left.handed_over.length }
}
