// Two people change the same: what the second one saves undoes nothing of the first one's that nobody decided to undo.
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte'
import { afterEach, describe, expect, test } from 'vitest'
import type { Address, Person } from '../../api_patient'
import { aDesk, LONG, server, type Sent } from '../../desk_fakes'
import { aMe, ola } from '../../examples'
import { PATIENT_WORDS } from '../../words/patient'
import { Case } from './case.svelte'
import { caughtUp } from './meanwhile.svelte'
import People from './People.svelte'

const own = PATIENT_WORDS.nb
const per = { id: 3, name: 'Per Vaktesen', initials: 'PV' }
const PERSON: Person = {
  patient: 1,
  rev: 'first',
  reference: 'P-1',
  references: [],
  name: 'Magnhild Prøvestad',
  born_on: '1944-05-01',
  pathway: 'kols',
  team: 1,
  home: 1,
  municipality: '0301',
  municipality_name: 'Oslo',
  phone: '90000001',
  lives_alone: true,
  coordinator: ola,
  protection: null,
  has_number: false,
  virtual: false,
  ended_at: null,
  ended_why: null,
  merged_into: null,
  changes: [],
}
const ADDRESS: Address = { patient: 1, rev: 'first', home: 1, address: 'Storgata 1', doubt: '', protected: false, words: [] }

afterEach(cleanup)

/** A server at which somebody else was first: the answers to what is sent, and what came of it. */
function overtaken(path: string, now: Person | Address): Sent[] {
  return server((each) => (each.endsWith(path) ? now : []), [409, { detail: 'look again' }], [200, { ...now, rev: 'third' }])
}

async function opened(button: string): Promise<HTMLElement> {
  const desk = aDesk(aMe({ staff: ola, teams: [{ id: 1, name: 'øst', role: 'coordinator' }] }))
  const patient = new Case(desk, 1)
  patient.person.put(PERSON)
  patient.address.put(ADDRESS)
  render(People, { patient, desk, own })
  await fireEvent.click(screen.getByRole('button', { name: button }))
  return screen.getByRole('form', { name: button })
}

async function typed(label: string, value: string): Promise<void> {
  await fireEvent.input(screen.getByLabelText(label), { target: { value } })
}

describe('what somebody else changed while the form was open', { timeout: 120_000 }, () => {
  test('of who the patient is, is taken over, and what was typed here is saved', async () => {
    const sent = overtaken('/person', { ...PERSON, rev: 'second', name: 'Magnhild Nygift', municipality: '4601', lives_alone: false, coordinator: per, protection: 'kode6' })
    const form = await opened(own.who.personOf)
    await typed(own.write.phone, '90000002')
    await typed(own.write.reason, 'nytt nummer')
    await fireEvent.submit(form)
    await screen.findByText(own.write.conflict, {}, LONG)
    await waitFor(() => expect(screen.getByLabelText(own.write.name)).toHaveProperty('value', 'Magnhild Nygift'), LONG)
    await fireEvent.submit(form)
    await waitFor(() => expect(sent).toHaveLength(2), LONG)
    expect(sent[1]).toEqual({
      path: '/api/v1/patients/1/person',
      body: {
        name: 'Magnhild Nygift',
        phone: '90000002',
        municipality: '4601',
        lives_alone: false,
        coordinator: per.id,
        protection: 'kode6',
        reason: 'nytt nummer',
        rev: 'second',
      },
    })
  })

  test('of the address, is taken over, and what was typed here is saved', async () => {
    const sent = overtaken('/address', { ...ADDRESS, rev: 'second', address: 'Nygata 3' })
    const form = await opened(own.who.addressOf)
    await typed(own.who.doubtHelp, 'ringte på, ingen der')
    await typed(own.write.reason, 'hjemmebesøk')
    await fireEvent.submit(form)
    await screen.findByText(own.write.conflict, {}, LONG)
    await waitFor(() => expect(screen.getByLabelText(own.who.newAddress)).toHaveProperty('value', 'Nygata 3'), LONG)
    await fireEvent.submit(form)
    await waitFor(() => expect(sent).toHaveLength(2), LONG)
    const body = { address: 'Nygata 3', doubt: 'ringte på, ingen der', reason: 'hjemmebesøk', rev: 'second' }
    expect(sent[1]).toEqual({ path: '/api/v1/patients/1/address', body })
  })
})

test('what both changed stays as it was typed here, for it is said that there was a change', () => {
  expect(caughtUp({ name: 'mine', phone: '1' }, { name: 'old', phone: '1' }, { name: 'theirs', phone: '2' })).toEqual({ name: 'mine', phone: '2' })
})
