// An administrator makes a team that comes before the others in the alphabet.
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte'
import { tick } from 'svelte'
import { afterEach, expect, test } from 'vitest'
import { aDesk, LONG, server } from '../../desk_fakes'
import { aMe } from '../../examples'
import Admin from '../../views/Admin.svelte'
import { nb } from '../../words/registering.nb'

const own = nb.teams
const me = (...names: string[]) => aMe({ teams: names.map((name) => ({ id: name.length, name, role: 'administrator' as const })) })

afterEach(cleanup)

test('what became of it is said also when the list begins with another team', { timeout: 60_000 }, async () => {
  server((path) => (path.endsWith('/me') ? me('Bydel', 'øst') : { teams: [], municipalities: [] }), [200, { team: 5, name: 'Bydel' }])
  const desk = aDesk(me('øst'))
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
