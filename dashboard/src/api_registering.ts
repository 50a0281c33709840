// Who comes, and teams: what is asked of the server.
import { ask, client, keyed, once, taken } from './api'
import type { components } from './api.gen'

type Schemas = components['schemas']
export type Double = Schemas['Double']
export type HomeThere = Schemas['HomeThere']
export type MadeTeam = Schemas['MadeTeam']
export type MakeTeam = Schemas['MakeTeam']
export type Registered = Schemas['Registered']
export type RegisterPatient = Schemas['RegisterPatient']
export type RenameTeam = Schemas['RenameTeam']
export type Team = Schemas['Team']
export type Teams = Schemas['Teams']

export async function teams(): Promise<Teams> {
  return taken(await ask((init) => client.GET('/api/v1/teams', init)))
}

export async function makeTeam(body: MakeTeam, key: string): Promise<MadeTeam> {
  const params = once(key)
  return taken(await ask((init) => client.POST('/api/v1/teams', { params, body, ...init })))
}

export async function renameTeam(team: number, body: RenameTeam, key: string): Promise<MadeTeam> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/name', { params, body, ...init })))
}

/** `patient` null: not yet, and why. */
export async function register(team: number, body: RegisterPatient, key: string): Promise<Registered> {
  const params = keyed({ team }, key)
  return taken(await ask((init) => client.POST('/api/v1/teams/{team}/patients', { params, body, ...init })))
}
