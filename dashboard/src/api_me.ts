// What the page of one's own login asks for.
import { ask, client, newKey, once, Refused, SignedOut, taken } from './api'
import type { CodeDemands, CodeState, NewCodes, OpenSession, Role } from './protocol'

export async function codeState(): Promise<CodeState> {
  return taken(await ask((init) => client.GET('/api/v1/me/code', init)))
}

export async function beginCodes(password: string): Promise<NewCodes> {
  return taken(await ask((init) => client.POST('/api/v1/me/code', { body: { password }, ...init })))
}

/** The codes for paper. */
export async function confirmCodes(code: string): Promise<string[]> {
  return taken(await ask((init) => client.POST('/api/v1/me/code/confirm', { body: { code }, ...init }))).codes
}

export async function endCodes(password: string, code: string): Promise<void> {
  const { error, response } = await ask((init) => client.POST('/api/v1/me/code/end', { body: { password, code }, ...init }))
  if (!response.ok) taken({ error, response })
}

export async function sessions(staff: number): Promise<OpenSession[]> {
  return taken(await ask((init) => client.GET('/api/v1/staff/{staff}/sessions', { params: { path: { staff } }, ...init }))).sessions
}

/** Done twice is done once: it may have ended by itself. */
export async function endSession(staff: number, session: number): Promise<void> {
  const params = { path: { staff, session } }
  const { error, response } = await ask((init) => client.DELETE('/api/v1/staff/{staff}/sessions/{session}', { params, ...init }))
  if (!response.ok && response.status !== 404) taken({ error, response })
}

export async function codeDemands(): Promise<CodeDemands> {
  return taken(await ask((init) => client.GET('/api/v1/code-demand', init)))
}

export async function demandCodes(rev: string, roles: Role[], reason: string): Promise<CodeDemands> {
  const params = once(newKey())
  return taken(await ask((init) => client.POST('/api/v1/code-demand', { params, body: { rev, roles, reason }, ...init })))
}

/** Why it did not work, as this page says it; null: nobody is signed in any more. */
export type Trouble = 'wrong' | 'tooMany' | 'changed' | 'unreachable'

export function troubleOf(error: unknown): Trouble | null {
  if (error instanceof SignedOut) return null
  if (!(error instanceof Refused)) return 'unreachable'
  if (error.status === 429) return 'tooMany'
  return error.status === 409 ? 'changed' : 'wrong'
}
