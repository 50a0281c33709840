import createClient from 'openapi-fetch'
import type { Reply } from './answer'
import type { paths } from './api.gen'
import type { Alert, AlertConflict, Board, Me, Outcome, Technical } from './protocol'
import { unfolded } from './unfold'

export const client = createClient<paths>({ baseUrl: '/', credentials: 'same-origin', cache: 'no-store' })

/** How long a nurse may stand with "sending" before the screen says that it did not work. */
const PATIENCE_MS = 10_000

/** So long is a new measurement awaited; then whoever has the alert hears that none came. */
const AWAITED_MIN = 60

export class SignedOut extends Error {}
/** The password is right, and a code of the app is asked for, or another one. */
export class CodeNeeded extends SignedOut {}
export class Unreachable extends Error {}

/** The server answered, and the answer is no; the message is its sentence. */
export class Refused extends Error {
  readonly status: number
  /** What kind of problem it is, where the server tells several apart; else empty. */
  readonly type: string

  constructor(status: number, message: string, type = '') {
    super(message)
    this.status = status
    this.type = type
  }
}

export interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** Every request of the page goes through this: bounded, and without an answer it is `Unreachable`. */
export async function ask<T>(
  request: (init: { signal: AbortSignal }) => Promise<Answer<T>>,
  patienceMs: number = PATIENCE_MS,
): Promise<Answer<T>> {
  try {
    return await request({ signal: AbortSignal.timeout(patienceMs) })
  } catch {
    throw new Unreachable()
  }
}

export function taken<T>({ data, error, response }: Answer<T>): T {
  if (response.ok && data !== undefined) return data
  if (response.status === 401) throw typeOf(error) === 'urn:hjemvakt:code-needed' ? new CodeNeeded() : new SignedOut()
  throw new Refused(response.status, sentence(error) ?? response.statusText, typeOf(error))
}

function sentence(error: unknown): string | null {
  const detail = typeof error === 'object' && error !== null && 'detail' in error ? error.detail : null
  return typeof detail === 'string' ? detail : null
}

function typeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string' ? error.type : ''
}

/** `code` null: it was not asked for. */
export async function signIn(login: string, password: string, code: string | null): Promise<Me> {
  return taken(await ask((init) => client.POST('/api/v1/session', { body: { login, password, code }, ...init })))
}

/** What the identity provider is called; null: there is none, or it cannot be heard just now. */
export async function provider(): Promise<string | null> {
  const { data } = await client.GET('/api/v1/sign-in-ways', { signal: AbortSignal.timeout(PATIENCE_MS) }).catch(() => ({ data: undefined }))
  return data?.oidc ?? null
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

/** What a nurse says about an alert; `minutes`: for how long she puts it off. */
export type Said =
  | { readonly answer: Exclude<Reply, 'snooze'> | 'measure_again' }
  | { readonly answer: 'snooze'; readonly minutes: number; readonly reason: string }
  | { readonly answer: 'note' | 'reopen'; readonly note: string }
  | { readonly answer: 'assign'; readonly to: number; readonly note: string | null }

/** `key`: the same for the same words, so that what is said again after a silence is done once. `now`: the server's. */
export async function answer(id: number, rev: number, said: Said, key: string, now: number): Promise<Deed> {
  const params = keyed({ alert: id }, key)
  const body = { rev }
  switch (said.answer) {
    case 'take_back':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/take-back', { params, body, ...init })))
    case 'on_my_way':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/on-my-way', { params, body, ...init })))
    case 'there':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/there', { params, body, ...init })))
    case 'contact':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/contact', { params, body, ...init })))
    case 'release':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/release', { params, body, ...init })))
    case 'end_snooze':
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/snooze/end', { params, body, ...init })))
    case 'measure_again': {
      const awaited = { rev, within_min: AWAITED_MIN }
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/measure-again', { params, body: awaited, ...init })))
    }
    case 'snooze': {
      const until = new Date(now + said.minutes * 60_000).toISOString()
      const lease = { rev, until, reason: said.reason }
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/snooze', { params, body: lease, ...init })))
    }
    case 'note': {
      const noted = { rev, note: said.note }
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/note', { params, body: noted, ...init })))
    }
    case 'reopen': {
      const again = { rev, note: said.note }
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/reopen', { params, body: again, ...init })))
    }
    case 'assign': {
      const given = { rev, to: said.to, note: said.note }
      return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/assign', { params, body: given, ...init })))
    }
  }
}

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** What is sent again with the same key is done once. */
export function once(key: string) {
  return { header: { 'Idempotency-Key': key } }
}

export function keyed<P>(path: P, key: string) {
  return { path, ...once(key) }
}

export async function acknowledge(id: number, rev: number, key: string): Promise<Deed> {
  const params = keyed({ alert: id }, key)
  return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/acknowledge', { params, body: { rev }, ...init })))
}

export async function handle(id: number, rev: number, outcome: Outcome, note: string, key: string): Promise<Deed> {
  const params = keyed({ alert: id }, key)
  const body = { rev, outcome, note: note.trim() || null }
  return deed(await ask((init) => client.POST('/api/v1/alerts/{alert}/handle', { params, body, ...init })))
}
