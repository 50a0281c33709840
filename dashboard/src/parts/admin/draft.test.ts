// A patient who is half registered: what was told, ticked and chosen is of one team, and nothing of it gets stuck.
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte'
import { afterEach, describe, expect, test } from 'vitest'
import type { Registered } from '../../api_registering'
import type { Desk } from '../../desk.svelte'
import { aDesk, LONG, server, type Sent } from '../../desk_fakes'
import { aMe } from '../../examples'
import { EMPTY } from '../../newcomer'
import { nb } from '../../words/registering.nb'
import NewPatient from './NewPatient.svelte'
import { draftOf } from './newcomer.svelte'

const [EAST, WEST] = [1, 2]
const TODAY = '2026-11-22'
const TYPED = { ...EMPTY, name: 'Målfrid Ødegård', born: '17.05.1940', pathway: 'kols', address: 'Lillegata 7' } as const
const TOLD: Registered = {
  patient: null,
  home: null,
  reference: null,
  doubles: [{ by: 'name', patient: 7, name: 'Målfrid Ødegård', ended: false }],
  same_address: [{ home: 3, name: 'Hjem HV-1', residents: 1 }],
}

let staff = 100
afterEach(cleanup)

/** The answers to what is registered, in turn, and what was sent. */
function registering(...answers: readonly (readonly [number, unknown])[]): Sent[] {
  return server(() => ({ teams: [], municipalities: [] }), ...answers)
}

/** Of somebody new each time: a draft outlives the screen. */
function somebody(): Desk {
  const teams = [EAST, WEST].map((id) => ({ id, name: `team ${id}`, role: 'coordinator' as const }))
  return aDesk(aMe({ staff: { id: ++staff, name: 'Siv', initials: 'SI' }, teams }))
}

test('who is known to be another person in one team is asked about again in another', async () => {
  const sent = registering([200, TOLD], [200, TOLD])
  const desk = somebody()
  const draft = draftOf(desk, EAST)
  draft.typed = { ...TYPED }
  await draft.register(TODAY)
  draft.tick('double', true)
  draft.moveIn(3, 'Hjem HV-1')
  expect([draft.knows('double'), draftOf(desk, EAST).typed.home]).toEqual([true, 3])
  draftOf(desk, WEST)
  expect([draft.told, draft.knows('double'), draft.typed.home, draft.typed.name]).toEqual([null, false, null, TYPED.name])
  await draft.register(TODAY)
  expect(sent[1]).toMatchObject({ path: `/api/v1/teams/${WEST}/patients`, body: { although: [], others: [], home: null } })
})

test('who is known to be another person is named, and a namesake who came meanwhile is asked about', async () => {
  const more = { ...TOLD, doubles: [...TOLD.doubles, { by: 'name', patient: 8, name: 'Målfrid Ødegård', ended: false }] }
  const sent = registering([200, TOLD], [200, more], [200, more])
  const draft = draftOf(somebody(), EAST)
  draft.typed = { ...TYPED }
  await draft.register(TODAY)
  draft.tick('double', true)
  draft.tick('same_address', true)
  await draft.register(TODAY)
  expect(sent[1]?.body).toMatchObject({ although: ['same_address'], others: [7] })
  expect([draft.told?.doubles.length, draft.knows('double'), draft.knows('same_address')]).toEqual([2, false, true])
  draft.tick('double', true)
  await draft.register(TODAY)
  expect(sent[2]?.body).toMatchObject({ although: ['same_address'], others: [7, 8] })
  expect(draft.knows('double')).toBe(true)
})

test('what was typed is sent after a login that ended meanwhile', async () => {
  const sent = registering([401, {}], [200, { ...TOLD, patient: 9, home: 4, reference: 'HV-2', doubles: [], same_address: [] }])
  const draft = draftOf(somebody(), EAST)
  draft.typed = { ...TYPED }
  expect(await draft.register(TODAY)).toBeNull()
  expect((await draft.register(TODAY))?.patient).toBe(9)
  expect(sent).toHaveLength(2)
})

describe('the form', { timeout: 120_000 }, () => {
  test("says of a home that is the team's no more that it is so, where it can be taken back", async () => {
    registering([422, { type: 'urn:hjemvakt:wrong-home', detail: 'x' }])
    const desk = somebody()
    const draft = draftOf(desk, EAST)
    draft.typed = { ...TYPED }
    draft.moveIn(3, 'Hjem HV-1')
    const team = desk.me?.teams[0]
    if (!team) throw new Error('two teams')
    render(NewPatient, { desk, team })
    await fireEvent.submit(screen.getByRole('form'))
    await screen.findByText(nb.wrong.home, {}, LONG)
    await fireEvent.click(screen.getByRole('button', { name: nb.same.undo }))
    expect(screen.getByLabelText(nb.label.address, { exact: false }).getAttribute('aria-invalid')).toBe('true')
  })
})
