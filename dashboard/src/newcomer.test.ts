import { expect, test } from 'vitest'
import type { Registered } from './api_registering'
import { dayOf, EMPTY, faultsOf, fieldOf, isEmpty, knownOf, NOTHING_KNOWN, stillTicked, wishOf, type Newcomer } from './newcomer'

const TODAY = '2026-11-22'
const MAALFRID: Newcomer = { ...EMPTY, name: ' Målfrid Ødegård ', born: '17.05.1940', pathway: 'kols', address: 'Lillegata 7, 3660 Rjukan' }

test.each(['17.05.1940', '17.5.1940', '17051940', '17/5 1940', '17-05-1940', ' 1940-05-17 '])('%s is a day as people write it', (text) => {
  expect(dayOf(text)).toBe('1940-05-17')
})

test.each(['', '17.05.40', '31.02.1940', '29.02.1941', '1705194', 'i mai', '17.13.1940', '00.05.1940'])('"%s" is no day that there was', (text) => {
  expect(dayOf(text)).toBeNull()
})

test('what must be there is named where it is missing, and nothing is sent', () => {
  expect(faultsOf(EMPTY, TODAY)).toEqual(['name', 'born', 'pathway', 'address'])
  expect(wishOf(EMPTY, NOTHING_KNOWN, TODAY)).toBeNull()
})

test('nobody is born tomorrow, or before 1900', () => {
  expect(faultsOf({ ...MAALFRID, born: '23.11.2026' }, TODAY)).toEqual(['born'])
  expect(faultsOf({ ...MAALFRID, born: '22.11.2026' }, TODAY)).toEqual([])
  expect(faultsOf({ ...MAALFRID, born: '31.12.1899' }, TODAY)).toEqual(['born'])
})

test('a number has eleven digits however it is spaced, and a telephone is one', () => {
  expect(faultsOf({ ...MAALFRID, number: '170540 42140', phone: '+47 900 00 001' }, TODAY)).toEqual([])
  expect(faultsOf({ ...MAALFRID, number: '170540', phone: 'ring meg' }, TODAY)).toEqual(['number', 'phone'])
})

test('what was not said is sent as not said', () => {
  expect(wishOf(MAALFRID, NOTHING_KNOWN, TODAY)).toEqual({
    name: 'Målfrid Ødegård',
    born_on: '1940-05-17',
    pathway: 'kols',
    reference: null,
    number: null,
    municipality: null,
    phone: null,
    address: 'Lillegata 7, 3660 Rjukan',
    home: null,
    lives_alone: null,
    protection: null,
    remark: '',
    although: [],
    others: [],
    others_untold: 0,
  })
})

test('whoever lives where somebody lives already has that home, and no new address', () => {
  const wish = wishOf({ ...MAALFRID, home: 7 }, { ...NOTHING_KNOWN, although: ['same_address'] }, TODAY)
  expect([wish?.home, wish?.address, wish?.although]).toEqual([7, null, ['same_address']])
})

const SEEN = { by: 'name', patient: 7, name: 'Målfrid Ødegård', ended: false } as const
const UNSEEN = { by: 'name', patient: null, name: null, ended: false } as const
const TOLD: Registered = { patient: null, home: null, reference: null, doubles: [SEEN, UNSEEN, UNSEEN, { ...SEEN, by: 'number', patient: 8 }], same_address: [{ home: 3, name: 'x', residents: 1 }] }

test('who is said to be somebody else is named, and whoever may not be named is counted', () => {
  expect(knownOf(TOLD, ['double'])).toEqual({ although: [], others: [7], others_untold: 2 })
  expect(knownOf(TOLD, ['same_address'])).toEqual({ although: ['same_address'], others: [], others_untold: 0 })
  expect(knownOf(TOLD, [])).toEqual(NOTHING_KNOWN)
})

test('a tick is about what was told, and not about who or what came since', () => {
  const ticked = ['double', 'same_address'] as const
  expect(stillTicked(ticked, TOLD, structuredClone(TOLD))).toEqual(ticked)
  expect(stillTicked(ticked, TOLD, { ...TOLD, doubles: [...TOLD.doubles, UNSEEN] })).toEqual(['same_address'])
  expect(stillTicked(ticked, TOLD, { ...TOLD, same_address: [] })).toEqual(['double'])
})

test('a municipality that was filled in by itself is no draft', () => {
  expect(isEmpty({ ...EMPTY, municipality: '3818' })).toBe(true)
  expect(isEmpty({ ...EMPTY, name: 'M' })).toBe(false)
})

test('a refusal of the server is shown at its field', () => {
  expect(fieldOf('urn:hjemvakt:wrong-number')).toBe('number')
  expect(fieldOf('urn:hjemvakt:wrong-reference-taken')).toBe('reference_taken')
  expect(fieldOf('urn:hjemvakt:wrong-nothing')).toBeNull()
  expect(fieldOf('about:blank')).toBeNull()
})
