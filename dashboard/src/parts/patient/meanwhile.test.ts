// Two people change the same: what the second one saves undoes nothing of the first one's that nobody decided to undo.
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte'
import type { Component } from 'svelte'
import { afterEach, describe, expect, test } from 'vitest'
import type { Address, Contact, EffectiveLimits, EffectivePlans, Facts, Person, RecordOf, Records, SaidFact } from '../../api_patient'
import { aDesk, LONG, server, type Sent } from '../../desk_fakes'
import { aMe, ola } from '../../examples'
import type { Desk } from '../../desk.svelte'
import { PATIENT_WORDS, type PatientWords } from '../../words/patient'
import Care from './Care.svelte'
import { Case } from './case.svelte'
import Individual from './Individual.svelte'
import LimitsTab from './LimitsTab.svelte'
import Measuring from './Measuring.svelte'
import People from './People.svelte'
import Zones from './Zones.svelte'

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

type Shown = Component<{ patient: Case; desk: Desk; own: PatientWords }>

/** A server at which somebody else was first: the answers to what is sent, and what came of it. */
function overtaken(path: string, now: object): Sent[] {
  return server((each) => (each.endsWith(path) ? now : []), [409, { detail: 'look again' }], [200, { ...now, rev: 'third' }])
}

async function opened(button: string, part: Shown = People, known: (patient: Case) => void = () => undefined): Promise<HTMLElement> {
  const desk = aDesk(aMe({ staff: ola, teams: [{ id: 1, name: 'øst', role: 'coordinator' }] }))
  const patient = new Case(desk, 1)
  patient.person.put(PERSON)
  patient.address.put(ADDRESS)
  known(patient)
  render(part, { patient, desk, own })
  await fireEvent.click(await screen.findByRole('button', { name: button }, LONG))
  return screen.getByRole('form')
}

async function typed(label: string, value: string, where: HTMLElement = document.body): Promise<void> {
  await fireEvent.input(within(where).getByLabelText(label), { target: { value } })
}

/** Sent, refused, sent again. `shows`: from when on the form has what the others wrote. */
async function savedTwice(form: HTMLElement, sent: Sent[], shows: () => void): Promise<Sent['body']> {
  await typed(own.write.reason, 'avtalt', form)
  await fireEvent.submit(form)
  await screen.findByText(own.write.conflict, {}, LONG)
  await waitFor(shows, LONG)
  await fireEvent.submit(form)
  await waitFor(() => expect(sent).toHaveLength(2), LONG)
  expect(sent[1]!.body).toMatchObject({ rev: 'second' })
  return sent[1]!.body
}

function told(): string[] {
  return within(screen.getByRole('alert')).queryAllByRole('listitem').map((each) => each.textContent)
}

function records(record: RecordOf, rev: string): Records {
  return { patient: 1, rev, type: record.type, red_zone_first: null, versions: [{ id: 1, record, set_by: ola, set_at: '2026-01-15T10:00:00Z', reason: '' }] }
}

const contact = (name: string, phone: string, more: Partial<Contact> = {}): Contact => ({ name, relation: '', phone, has_key: false, remark: '', ...more })
const [PER, KARI] = [contact('Per', '900'), contact('Kari', '901')]
const measure = (what: string) => ({ what, responsible: 'Fysio', due: null, done: false })

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

describe('a list that somebody else changed while the form was open', { timeout: 120_000 }, () => {
  const contactsOf = (...contacts: Contact[]): RecordOf => ({ type: 'contacts', contacts })
  const toCall = (sent: Contact[]) => (patient: Case) => patient.contacts.put(records(contactsOf(...sent), 'first'))
  const shows = (count: number) => () => expect(screen.getAllByRole('group')).toHaveLength(count)

  test('of contacts, keeps whom they added beside who was added here', async () => {
    const sent = overtaken('/records/contacts', records(contactsOf(PER, KARI), 'second'))
    const form = await opened(own.write.contactsOf, People, toCall([PER]))
    await fireEvent.click(screen.getByRole('button', { name: own.write.addContact }))
    const added = screen.getByRole('group', { name: own.write.contact('2') })
    await typed(own.write.name, 'Ola', added)
    await typed(own.write.phone, '902', added)
    const body = await savedTwice(form, sent, shows(3))
    expect(body.record).toEqual(contactsOf(PER, KARI, contact('Ola', '902')))
    expect(told()).toEqual([])
  })

  test('of contacts, keeps what was typed of one that both changed, and tells what they wrote', async () => {
    const sent = overtaken('/records/contacts', records(contactsOf({ ...PER, phone: '999', has_key: true }, KARI), 'second'))
    const form = await opened(own.write.contactsOf, People, toCall([PER, KARI]))
    await typed(own.write.phone, '111', screen.getByRole('group', { name: own.write.contact('1') }))
    const line = own.write.theirs('Per', `Per · 999 · ${own.contacts.key}`)
    const body = await savedTwice(form, sent, () => expect(told()).toEqual([line]))
    expect(body.record).toEqual(contactsOf({ ...PER, phone: '111', has_key: true }, KARI))
  })

  test('of contacts, shows again whom they changed and who was taken away here', async () => {
    const sent = overtaken('/records/contacts', records(contactsOf({ ...PER, phone: '999' }, KARI), 'second'))
    const form = await opened(own.write.contactsOf, People, toCall([PER, KARI]))
    await fireEvent.click(screen.getByRole('button', { name: own.write.remove('Per') }))
    const body = await savedTwice(form, sent, () => expect(told()).toEqual([own.write.back('Per')]))
    expect(body.record).toEqual(contactsOf({ ...PER, phone: '999' }, KARI))
  })

  test('of contacts, keeps whom they wrote where nobody stood before', async () => {
    const sent = overtaken('/records/contacts', records(contactsOf(KARI), 'second'))
    const form = await opened(own.write.contactsOf, People, toCall([]))
    await typed(own.write.name, 'Per')
    await typed(own.write.phone, '900', screen.getByRole('group'))
    const body = await savedTwice(form, sent, shows(2))
    expect(body.record).toEqual(contactsOf(KARI, PER))
  })

  test('of steps, keeps theirs beside the one that was changed here', async () => {
    const steps = (...yellow: { when: string; then: string }[]): RecordOf => ({ type: 'self_treatment', red: [], yellow, green: [] })
    const [slime, breath] = [{ when: 'mer slim', then: 'start kuren' }, { when: 'tyngre pust', then: 'ring oss' }]
    const sent = overtaken('/records/self_treatment', records(steps(slime, breath), 'second'))
    const form = await opened(own.write.zonesOf, Zones, (patient) => patient.selfTreatment.put(records(steps(slime), 'first')))
    await typed(own.write.then, 'start kuren, to om dagen')
    const body = await savedTwice(form, sent, shows(2))
    expect(body.record).toEqual(steps({ ...slime, then: 'start kuren, to om dagen' }, breath))
    expect(told()).toEqual([])
  })

  test('of goals, keeps their measure under the goal that was changed here, and tells of a remark that both wrote', async () => {
    const plan = (remark: string, ...goals: { goal: string; measures: ReturnType<typeof measure>[] }[]): RecordOf => ({ type: 'individual_plan', goals, review_on: null, remark })
    const [walk, row] = [measure('gå tur'), measure('ro')]
    const [before, now] = [plan('', { goal: 'sterkere', measures: [walk] }), plan('theirs', { goal: 'sterkere', measures: [walk, row] })]
    const answers: Record<string, Records[]> = { '/records/individual_plan': [records(before, 'first'), records(now, 'second')] }
    const sent = server((path) => answers[path.replace(/.*(?=.records)/, '')]?.shift() ?? [], [409, { detail: 'look again' }], [200, records(now, 'third')])
    const form = await opened(own.home.individualOf, Individual)
    await typed(own.home.goalText, 'til butikken selv')
    await typed(own.write.remark, 'mine')
    const body = await savedTwice(form, sent, () => expect(told()).toEqual([own.write.theirs(own.write.remark, 'theirs')]))
    expect(body.record).toEqual(plan('mine', { goal: 'til butikken selv', measures: [walk, row] }))
  })
})

test.each<[string, Shown, string, RecordOf]>([
  ['contacts', People, own.write.contactsOf, { type: 'contacts', contacts: [PER] }],
  ['steps', Zones, own.write.zonesOf, { type: 'self_treatment', red: [], yellow: [], green: [] }],
])('what a newer program wrote of %s cannot be written over, and an open form of it is gone', async (_, part, button, record) => {
  let patient!: Case
  await opened(button, part, (each) => {
    patient = each
    each.contacts.put(records(record, 'first'))
    each.selfTreatment.put(records(record, 'first'))
  })
  const newer = records(record, 'second')
  const unread = { ...newer, versions: newer.versions.map((each) => ({ ...each, record: null })) }
  patient.contacts.put(unread)
  patient.selfTreatment.put(unread)
  await screen.findByText(own.zones.newer, {}, LONG)
  expect([screen.queryByRole('form'), screen.queryByRole('button', { name: button })]).toEqual([null, null])
})

describe('one of several things that are said in one form', { timeout: 120_000 }, () => {
  const at = '2026-01-15T10:00:00Z'
  const rest = { kind: null, at, until: null, said_by: ola, said_at: at, reason: '', withdrawn_by: null, withdrawn_at: null }
  const facts = (rev: string, dog: string, allergy: string): Facts => {
    const critical: SaidFact = { id: 1, type: 'critical', fact: { type: 'critical', lines: [dog] }, ...rest }
    const cave: SaidFact = { id: 2, type: 'cave', fact: { type: 'cave', reactions: [{ to: allergy, how: '' }] }, ...rest }
    return { patient: 1, rev, facts: [critical, cave] }
  }

  test('stays as it was typed here, and what somebody else said of it is told', async () => {
    const sent = overtaken('/facts', facts('second', 'Stor hund', 'Jod'))
    const form = await opened(own.write.careOf, Care, (patient) => patient.facts.put(facts('first', 'Hund', 'Penicillin')))
    await typed(own.write.lines, 'Ingen hund lenger')
    const line = own.write.theirs(own.care.critical, 'Stor hund')
    const body = await savedTwice(form, sent, () => expect(told()).toEqual([line]))
    expect(body.fact).toEqual({ type: 'critical', lines: ['Ingen hund lenger'] })
  })

  test('is not put back by whoever typed nothing into it', async () => {
    const sent = overtaken('/facts', facts('second', 'Stor hund', 'Jod'))
    const form = await opened(own.write.careOf, Care, (patient) => patient.facts.put(facts('first', 'Hund', 'Penicillin')))
    const body = await savedTwice(form, sent, () => expect(screen.getByLabelText(own.write.lines)).toHaveProperty('value', 'Stor hund'))
    expect(body.fact).toEqual({ type: 'critical', lines: ['Stor hund'] })
  })

  test('is the plan of one kind: their times stand beside the minutes that were typed here', async () => {
    const plans = (rev: string, times: string[], after_min: number): EffectivePlans => {
      const weekdays = [1, 2, 3, 4, 5, 6, 7]
      return { rev, plan: [{ kind: 'spo2', weekdays, times, before_min: 60, after_min, source: 'patient', by: ola, since: at, reason: '', proposal: false, references: [] }] }
    }
    const answers = [plans('first', ['08:00:00'], 60), plans('second', ['12:00:00'], 90)]
    const sent = server(() => answers.shift(), [409, { detail: 'look again' }], [200, plans('third', [], 60)])
    const form = await opened(own.home.planOf(own.kindOf.spo2 ?? 'SpO₂'), Measuring)
    await typed(own.planFields.after, '30')
    const line = own.write.theirs(own.planFields.after, '90')
    expect(await savedTwice(form, sent, () => expect(told()).toEqual([line]))).toMatchObject({ times: ['12:00'], before_min: 60, after_min: 30 })
  })

  test('is the limit of one kind: their edge stands beside the one that was typed here', async () => {
    const limits = (rev: string, red_low: number, yellow_low: number): EffectiveLimits => {
      const edges = { red_low, yellow_low, yellow_high: null, red_high: null }
      return { rev, limits: [{ kind: 'spo2', unit: '%', decimals: 0, limits: edges, source: 'patient', rests_on: '', by: ola, since: at, reason: '', until: null, references: [] }] }
    }
    const none = { red: 0, yellow: 0 }
    const found = { patient: 1, from_at: at, to_at: at, readings: 0, thinned_until: null, limits: [], now: none, then: none, gone_count: 0, new_count: 0, gone: [], new: [] }
    const sent = server(() => limits('second', 86, 91), [200, found], [409, { detail: 'look again' }], [200, found], [200, limits('third', 86, 92)])
    const form = await opened(own.limits.changeOf(own.kindOf.spo2 ?? 'SpO₂'), LimitsTab, (patient) => patient.limits.put(limits('first', 88, 90)))
    await typed(own.limits.edge.yellow_low, '92')
    await typed(own.limits.reason, 'avtalt')
    await fireEvent.submit(form)
    await screen.findByRole('button', { name: own.limits.save }, LONG)
    await fireEvent.submit(form)
    await waitFor(() => expect(told()).toEqual([own.write.theirs(own.limits.edge.yellow_low, '91')]), LONG)
    expect(screen.getByRole('alert').textContent).toContain(own.limits.conflict)
    await fireEvent.submit(form)
    await waitFor(() => expect(sent).toHaveLength(3), LONG)
    expect(sent[2]!.body).toMatchObject({ limits: [{ red_low: 86, yellow_low: 92 }] })
  })
})

test('of what both changed of an address, what they wrote is told beside what was typed', { timeout: 120_000 }, async () => {
  const sent = overtaken('/address', { ...ADDRESS, rev: 'second', address: 'Nygata 3' })
  const form = await opened(own.who.addressOf)
  await typed(own.who.newAddress, 'Nygata 5')
  const line = own.write.theirs(own.who.newAddress, 'Nygata 3')
  expect(await savedTwice(form, sent, () => expect(told()).toEqual([line]))).toMatchObject({ address: 'Nygata 5' })
})
