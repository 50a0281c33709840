import createClient from 'openapi-fetch'
import type { paths } from './api.gen'
import type { Alert, AlertConflict, Board, Me, Outcome, Technical } from './protocol'
import { unfolded } from './unfold'

const client = createClient<paths>({ baseUrl: '/', credentials: 'same-origin', cache: 'no-store' })

/** How long a nurse may stand with "sending" before the screen says that it did not work. */
const PATIENCE_MS = 10_000

export class SignedOut extends Error {}
export class Unreachable extends Error {}

/** The server answered, and the answer is no; the message is its sentence. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

async function ask<T>(request: (init: { signal: AbortSignal }) => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await request({ signal: AbortSignal.timeout(PATIENCE_MS) })
  } catch {
    throw new Unreachable()
  }
}

function taken<T>({ data, error, response }: Answer<T>): T {
  if (response.ok && data !== undefined) return data
  if (response.status === 401) throw new SignedOut()
  throw new Refused(response.status, sentence(error) ?? response.statusText)
}

function sentence(error: unknown): string | null {
  const detail = typeof error === 'object' && error !== null && 'detail' in error ? error.detail : null
  return typeof detail === 'string' ? detail : null
}

export async function signIn(login: string, password: string): Promise<Me> {
  return taken(await ask((init) => client.POST('/api/v1/session', { body: { login, password }, ...init })))
}

export async function whoAmI(): Promise<Me> {
  return taken(await ask((init) => client.GET('/api/v1/me', init)))
}

export async function signOut(): Promise<void> {
  await ask((init) => client.DELETE('/api/v1/session', init))
}

export async function board(): Promise<Board> {
  return unfolded(taken(await ask((init) => client.GET('/api/v1/board', init))))
}

export async function technical(): Promise<Technical> {
  return taken(await ask((init) => client.GET('/api/v1/technical', init)))
}

/** `conflict`: somebody was first, and this is how the alert stands now. */
export type Deed = { readonly alert: Alert; readonly conflict: boolean }

function deed({ data, error, response }: Answer<Alert>): Deed {
  if (response.status === 409) return { alert: (error as AlertConflict).alert, conflict: true }
  return { alert: taken({ data, error, response } as Answer<Alert>), conflict: false }
}

export async function acknowledge(id: number, rev: number): Promise<Deed> {
  const params = { path: { alert: id } }
  return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/acknowledge', { params, body: { rev }, ...init })))
}

export async function handle(id: number, rev: number, outcome: Outcome, note: string): Promise<Deed> {
  const params = { path: { alert: id } }
  const body = { rev, outcome, note: note.trim() || null }
  return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/handle', { params, body, ...init })))
}
