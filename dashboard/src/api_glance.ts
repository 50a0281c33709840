// A team's figures beside its board.
import { ask, client, taken } from './api'
import type { components } from './api.gen'

type Schemas = components['schemas']
export type AnswerTimes = Schemas['AnswerTimes']
export type Silence = Schemas['Silence']
export type TeamFortnight = Schemas['Fortnight']

/** Made of thousands of readings for each patient. */
const PATIENCE_MS = 30_000

export async function answerTimes(team: number): Promise<AnswerTimes> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/answer-times', { params: { path: { team } }, ...init })))
}

export async function fortnight(team: number): Promise<TeamFortnight> {
  return taken(await ask((init) => client.GET('/api/v1/teams/{team}/fortnight', { params: { path: { team } }, ...init }), PATIENCE_MS))
}

/** Whom a silent gateway, or many of them, concern. */
export async function silence(alert: number): Promise<Silence> {
  return taken(await ask((init) => client.GET('/api/v1/alerts/{alert}/silence', { params: { path: { alert } }, ...init })))
}
