// A desk from which no line leads, and a server that answers as a test says.
import type { Middleware } from 'openapi-fetch'
import { onTestFinished } from 'vitest'
import { client } from './api'
import { Desk } from './desk.svelte'
import { NOON } from './examples'
import type { Me } from './protocol'

/** How long what must come is awaited: a machine that is busy with something else is no fault. */
export const LONG = { timeout: 30_000 }

/** At noon; `me` null: nobody is signed in. */
export function aDesk(me: Me | null = null): Desk {
  const desk = new Desk({
    screen: '0123456789abcdef',
    timers: { now: () => NOON, after: () => () => undefined },
    open: () => ({ send: () => undefined, close: () => undefined }),
    chance: () => 0,
  })
  desk.me = me
  desk.now = desk.calm = NOON
  return desk
}

export interface Sent {
  readonly path: string
  readonly body: Readonly<Record<string, unknown>>
}

/** Until the test is over: what is looked up, and the answers to what is sent, in turn; 0: there is no line. What was sent is returned. */
export function server(lookedUp: (path: string) => unknown, ...answers: readonly (readonly [status: number, body: unknown])[]): Sent[] {
  const sent: Sent[] = []
  const answering: Middleware = {
    async onRequest({ request }) {
      const path = new URL(request.url).pathname
      if (request.method === 'GET') return Response.json(lookedUp(path))
      const [status, answer] = answers[sent.length] ?? [500, {}]
      sent.push({ path, body: (await request.json()) as Sent['body'] })
      if (status === 0) throw new TypeError('no line')
      return Response.json(answer, { status })
    },
  }
  client.use(answering)
  onTestFinished(() => client.eject(answering))
  return sent
}
