// An administrator makes a team that comes before the others in the alphabet.
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte'
import type { Middleware } from 'openapi-fetch'
import { tick } from 'svelte'
import { afterEach, expect, test } from 'vitest'
import { client } from '../../api'
import { Desk } from '../../desk.svelte'
import type { Me } from '../../protocol'
import Admin from '../../views/Admin.svelte'
import { nb } from '../../words/registering.nb'

const LONG = { timeout: 30_000 }
const own = nb.teams
const me = (...names: string[]): Me => ({
  staff: { id: 1, name: 'Adam', initials: 'AD' },
  teams: names.map((name) => ({ id: name.length, name, role: 'administrator' as const })),
  code_awaited: false,
})

let asked: Middleware | null = null
afterEach(() => {
  cleanup()
  if (asked) client.eject(asked)
  asked = null
})

test('what became of it is said also when the list begins with another team', { timeout: 60_000 }, async () => {
  asked = {
    onRequest({ request }) {
      if (request.method === 'POST') return Response.json({ team: 5, name: 'Bydel' })
      return Response.json(request.url.endsWith('/me') ? me('Bydel', 'øst') : { teams: [], municipalities: [] })
    },
  }
  client.use(asked)
  const desk = new Desk({
    screen: '0123456789abcdef',
    timers: { now: () => 0, after: () => () => undefined },
    open: () => ({ send: () => undefined, close: () => undefined }),
    chance: () => 0,
  })
  desk.me = me('øst')
  desk.route = { screen: 'admin', page: 'team' }
  render(Admin, { desk, page: 'team' })
  await fireEvent.click(await screen.findByRole('button', { name: `${own.make} …` }, LONG))
  await fireEvent.input(screen.getByLabelText(own.newName), { target: { value: 'Bydel' } })
  await fireEvent.input(screen.getByLabelText(own.reason), { target: { value: 'ny sone' } })
  await fireEvent.submit(screen.getByRole('form'))
  await screen.findByText(own.made('Bydel'), {}, LONG)
  await expect.poll(() => desk.me?.teams.length, LONG).toBe(2)
  await tick()
  expect(screen.getByText(own.made('Bydel'))).toBeTruthy()
})
