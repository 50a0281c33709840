// What becomes of a list that two people have changed: nothing of either is lost without being told.
import { expect, test } from 'vitest'
import type { Contact } from '../api_patient'
import { merged, plain, row, typedFrom, type Typed } from './merging'

const contact = (name: string, more: Partial<Contact> = {}): Contact => ({ name, relation: '', phone: '1', has_key: false, remark: '', ...more })
const [PER, KARI, OLA, LISE] = ['Per', 'Kari', 'Ola', 'Lise'].map((name) => contact(name)) as [Contact, Contact, Contact, Contact]

interface Form {
  contacts: Contact[]
}
interface Met {
  /** In the form, in order. */
  stands: Contact[]
  clashes: [mine: string | null, theirs: string | null][]
}

/** `here`: what is done in the form, in which `before` stands; `now`: what the server says by then. */
function met(before: Contact[], here: (typed: Typed<Form>['contacts']) => void, now: Contact[]): Met {
  const shown = typedFrom<Form>({ contacts: before })
  const typed = structuredClone(shown)
  here(typed.contacts)
  const made = merged<Form>(typed, shown, { contacts: now })
  const told = (side: unknown) => (Array.isArray(side) ? side.map(({ name }: Contact) => name).join(' ') : side === null ? null : `${(side as Contact).name} ${(side as Contact).phone}`)
  return { stands: plain<Form>(made.typed).contacts, clashes: made.clashes.map(({ mine, theirs }) => [told(mine), told(theirs)]) }
}

const nothing = () => undefined
const named = ({ stands }: Met) => stands.map(({ name }) => name).join(' ')

test.each([
  ['added', [PER], [PER, KARI]],
  ['added before', [PER], [KARI, PER]],
  ['removed', [PER, KARI], [KARI]],
  ['changed', [PER, KARI], [PER, { ...KARI, phone: '2' }]],
  ['called something else', [PER, KARI], [contact('Per Hansen'), KARI]],
  ['put in another order', [PER, KARI, OLA], [OLA, PER, KARI]],
  ['begun', [], [PER]],
])('what they have %s, and nobody touched here, stands as they wrote it', (_, before, now) => {
  expect(met(before, nothing, now)).toEqual({ stands: now, clashes: [] })
})

test.each<[string, (typed: Typed<Form>['contacts']) => void, Contact[]]>([
  ['added', (typed) => typed.push(row(LISE)), [PER, KARI, LISE]],
  ['added before', (typed) => typed.unshift(row(LISE)), [LISE, PER, KARI]],
  ['removed', (typed) => typed.shift(), [KARI]],
  ['changed', (typed) => Object.assign(typed[0]!, { phone: '2' }), [{ ...PER, phone: '2' }, KARI]],
  ['called something else', (typed) => Object.assign(typed[0]!, { name: 'Per Hansen' }), [contact('Per Hansen'), KARI]],
  ['put in another order', (typed) => typed.reverse(), [KARI, PER]],
])('what was %s here stays, beside what they added', (_, here, stands) => {
  expect(met([PER, KARI], here, [PER, KARI])).toEqual({ stands, clashes: [] })
  const beside = met([PER, KARI], here, [OLA, PER, KARI])
  expect(beside.clashes).toEqual([])
  expect(beside.stands).toHaveLength(stands.length + 1)
  expect(beside.stands).toContainEqual(OLA)
  expect(beside.stands.filter(({ name }) => name !== 'Ola')).toEqual(stands)
})

test('what both added stands once if it is the same, theirs first if it is not', () => {
  expect(met([PER], (typed) => typed.push(row(LISE)), [PER, LISE])).toEqual({ stands: [PER, LISE], clashes: [] })
  expect(named(met([PER], (typed) => typed.push(row(LISE)), [PER, OLA]))).toBe('Per Ola Lise')
  expect(named(met([PER], (typed) => typed.unshift(row(LISE)), [OLA, PER]))).toBe('Ola Lise Per')
})

test('whoever they added is not called before those behind whom they put them, whatever the order here', () => {
  expect(named(met([PER, KARI], (typed) => typed.reverse(), [PER, OLA, KARI]))).toBe('Kari Per Ola')
})

test('what both changed stays as it was typed here, and what they wrote is told', () => {
  const both = met([PER, KARI], (typed) => Object.assign(typed[0]!, { phone: 'mine' }), [{ ...PER, phone: 'theirs' }, KARI])
  expect(both).toEqual({ stands: [{ ...PER, phone: 'mine' }, KARI], clashes: [['Per mine', 'Per theirs']] })
})

test('of what both changed, the fields that were not touched here are theirs, and it is told all the same', () => {
  const both = met([PER], (typed) => Object.assign(typed[0]!, { phone: 'mine' }), [{ ...PER, has_key: true }])
  expect(both).toEqual({ stands: [{ ...PER, phone: 'mine', has_key: true }], clashes: [['Per mine', 'Per 1']] })
})

test('what both changed to the same is no clash', () => {
  const both = met([PER], (typed) => Object.assign(typed[0]!, { phone: '2' }), [{ ...PER, phone: '2' }])
  expect(both).toEqual({ stands: [{ ...PER, phone: '2' }], clashes: [] })
})

test('what both added under one name with other words is told', () => {
  const both = met([], (typed) => typed.push(row({ ...PER, phone: 'mine' })), [{ ...PER, phone: 'theirs' }])
  expect(both).toEqual({ stands: [{ ...PER, phone: 'mine' }], clashes: [['Per mine', 'Per theirs']] })
})

test('what was changed here and removed by them stays, and it is told', () => {
  const both = met([PER, KARI], (typed) => Object.assign(typed[0]!, { phone: 'mine' }), [KARI])
  expect(both).toEqual({ stands: [{ ...PER, phone: 'mine' }, KARI], clashes: [['Per mine', null]] })
})

test('what was removed here and changed by them comes back, and it is told', () => {
  const both = met([PER, KARI], (typed) => typed.shift(), [{ ...PER, phone: 'theirs' }, KARI])
  expect(both).toEqual({ stands: [{ ...PER, phone: 'theirs' }, KARI], clashes: [[null, 'Per theirs']] })
})

test('what both removed is gone', () => {
  expect(met([PER, KARI], (typed) => typed.shift(), [KARI])).toEqual({ stands: [KARI], clashes: [] })
})

test('an order that both changed stays as it was put here, and theirs is told', () => {
  const both = met([PER, KARI, OLA], (typed) => typed.reverse(), [KARI, PER, OLA])
  expect([named(both), both.clashes]).toEqual(['Ola Kari Per', [['Ola Kari Per', 'Kari Per Ola']]])
})

test('of two under one name, the one that they removed is gone and the other stays', () => {
  const [first, second] = [contact('Per', { phone: '1' }), contact('Per', { phone: '2' })]
  expect(met([first, second], nothing, [second])).toEqual({ stands: [second], clashes: [] })
  const changed = met([first, second], (typed) => Object.assign(typed[1]!, { remark: 'mine' }), [second])
  expect(changed).toEqual({ stands: [{ ...second, remark: 'mine' }], clashes: [] })
})

test('another whom they added under a name that stands already is another', () => {
  const another = contact('Per', { phone: '2' })
  const changed = met([PER], (typed) => Object.assign(typed[0]!, { remark: 'mine' }), [PER, another])
  expect(changed).toEqual({ stands: [{ ...PER, remark: 'mine' }, another], clashes: [] })
})

test('a second merge rests on the first: what was taken over is not taken for what was typed', () => {
  const shown = typedFrom<Form>({ contacts: [PER] })
  const typed = structuredClone(shown)
  typed.contacts[0]!.phone = 'mine'
  const first = merged<Form>(typed, shown, { contacts: [PER, KARI] })
  const second = merged<Form>(first.typed, first.shown, { contacts: [{ ...PER, remark: 'theirs' }, OLA] })
  expect(plain<Form>(second.typed).contacts).toEqual([{ ...PER, phone: 'mine', remark: 'theirs' }, OLA])
  expect(second.clashes.map(({ of }) => of)).toEqual(['contacts'])
})

test('a step is the same one while its condition or its advice is', () => {
  const [slime, breath] = [{ when: 'mer slim', then: 'start kuren' }, { when: '', then: 'ring oss' }]
  const shown = typedFrom({ yellow: [slime, breath] })
  const typed = structuredClone(shown)
  typed.yellow[0]!.then = 'mine'
  typed.yellow[1]!.when = 'mine'
  const both = merged(typed, shown, { yellow: [{ when: 'mer slim', then: 'theirs' }, { when: 'theirs', then: 'ring oss' }] })
  expect(plain(both.typed)).toEqual({ yellow: [{ when: 'mer slim', then: 'mine' }, { when: 'mine', then: 'ring oss' }] })
  expect(both.clashes.map(({ theirs }) => plain(theirs as object))).toEqual([{ when: 'mer slim', then: 'theirs' }, { when: 'theirs', then: 'ring oss' }])
})

test('a measure that they wrote under a goal that was changed here comes under that goal', () => {
  const [walk, rowing] = [{ what: 'gå tur' }, { what: 'ro' }]
  const shown = typedFrom({ goals: [{ goal: 'sterkere', measures: [walk] }], remark: '' })
  const typed = structuredClone(shown)
  typed.goals[0]!.goal = 'sterk nok til butikken'
  const both = merged(typed, shown, { goals: [{ goal: 'sterkere', measures: [walk, rowing] }], remark: 'theirs' })
  expect(plain(both.typed)).toEqual({ goals: [{ goal: 'sterk nok til butikken', measures: [walk, rowing] }], remark: 'theirs' })
  expect(both.clashes).toEqual([])
})

test('a field that both changed stays as it was typed here, and what they wrote is told', () => {
  const both = merged({ name: 'mine', phone: '1' }, { name: 'old', phone: '1' }, { name: 'theirs', phone: '2' })
  expect(both).toMatchObject({ typed: { name: 'mine', phone: '2' }, clashes: [{ of: 'name', mine: 'mine', theirs: 'theirs' }] })
})
