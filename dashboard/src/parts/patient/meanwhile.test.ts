// Two people change the same: what the second one saves undoes nothing of the first one's that nobody decided to undo.
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/svelte'
import type { Middleware } from 'openapi-fetch'
import { afterEach, describe, expect, test } from 'vitest'
import { client } from '../../api'
import type { Address, Person } from '../../api_patient'
import { Desk } from '../../desk.svelte'
import { NOON } from '../../examples'
import { PATIENT_WORDS } from '../../words/patient'
import { Case } from './case.svelte'
import { caughtUp } from './meanwhile.svelte'
import People from './People.svelte'

const own = PATIENT_WORDS.nb
const [ola, per] = [
  { id: 2, name: 'Ola Vaktesen', initials: 'OV' },
  { id: 3, name: 'Per Vaktesen', initials: 'PV' },
]
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

/** A machine that is busy with something else is no fault. */
const LONG = { timeout: 30_000 }

let asked: Middleware | null = null
afterEach(() => {
  cleanup()
  if (asked) client.eject(asked)
  asked = null
})

/** A server at which somebody else was first: the answers to what is sent, and what came of it. */
function overtaken(path: string, now: Person | Address): unknown[] {
  const sent: unknown[] = []
  asked = {
    async onRequest({ request }) {
      const { pathname } = new URL(request.url)
      if (!pathname.endsWith(path)) return Response.json([])
      if (request.method === 'GET') return Response.json(now)
      const body: unknown = await request.json()
      sent.push(body)
      return sent.length === 1 ? Response.json({ detail: 'look again' }, { status: 409 }) : Response.json({ ...now, rev: 'third' })
    },
  }
  client.use(asked)
  return sent
}

async function opened(button: string): Promise<HTMLElement> {
  const desk = new Desk({
    screen: '0123456789abcdef',
    timers: { now: () => NOON, after: () => () => undefined },
    open: () => ({ send: () => undefined, close: () => undefined }),
    chance: () => 0,
  })
  desk.me = { staff: ola, teams: [{ id: 1, name: 'øst', role: 'coordinator' }], code_awaited: false }
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
      name: 'Magnhild Nygift',
      phone: '90000002',
      municipality: '4601',
      lives_alone: false,
      coordinator: per.id,
      protection: 'kode6',
      reason: 'nytt nummer',
      rev: 'second',
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
    expect(sent[1]).toEqual({ address: 'Nygata 3', doubt: 'ringte på, ingen der', reason: 'hjemmebesøk', rev: 'second' })
  })
})

test('what both changed stays as it was typed here, for it is said that there was a change', () => {
  expect(caughtUp({ name: 'mine', phone: '1' }, { name: 'old', phone: '1' }, { name: 'theirs', phone: '2' })).toEqual({ name: 'mine', phone: '2' })
})
