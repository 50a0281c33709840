// What the form about a new patient says: what is missing or cannot be, and what is sent. Pure.
import type { RegisterPatient, Registered } from './api_registering'
import type { Pathway } from './protocol'

/** As it was typed. `home` null: a new one, at the address. */
export interface Newcomer {
  name: string
  born: string
  number: string
  pathway: Pathway | ''
  address: string
  home: number | null
  protection: '' | 'kode6' | 'kode7'
  phone: string
  livesAlone: '' | 'yes' | 'no'
  municipality: string
  reference: string
  remark: string
}
export type Field = keyof Newcomer

export const EMPTY: Newcomer = {
  name: '',
  born: '',
  number: '',
  pathway: '',
  address: '',
  home: null,
  protection: '',
  phone: '',
  livesAlone: '',
  municipality: '',
  reference: '',
  remark: '',
}

/** What somebody knows better than the server told: it is somebody else, it is another home. */
export type Tick = 'double' | 'same_address'
export type Known = Required<Pick<RegisterPatient, 'although' | 'others' | 'others_untold'>>
export const NOTHING_KNOWN: Known = { although: [], others: [], others_untold: 0 }

/** Of those who were told, and of nobody who came since. Whoever has the same number is the same person. */
export function knownOf(told: Registered, ticked: readonly Tick[]): Known {
  const others = ticked.includes('double') ? told.doubles.filter(({ by }) => by === 'name') : []
  return {
    although: ticked.includes('same_address') ? ['same_address'] : [],
    others: others.flatMap(({ patient }) => patient ?? []),
    others_untold: others.filter(({ patient }) => patient === null).length,
  }
}

/** A tick holds as long as the same is told. */
export function stillTicked(ticked: readonly Tick[], before: Registered, now: Registered): Tick[] {
  const told = (answer: Registered, what: Tick) => JSON.stringify(what === 'double' ? answer.doubles : answer.same_address)
  return ticked.filter((what) => told(before, what) === told(now, what))
}

export function isEmpty(typed: Newcomer): boolean {
  return (Object.keys(EMPTY) as Field[]).every((field) => field === 'municipality' || typed[field] === EMPTY[field])
}

/** 17.05.1940, 17051940, 17/5 1940 and 1940-05-17 are one day; null: none of these, or a day that does not exist. */
export function dayOf(text: string): string | null {
  const said = text.trim()
  const found =
    /^(?<year>\d{4})-(?<month>\d{1,2})-(?<day>\d{1,2})$/.exec(said) ??
    /^(?<day>\d{1,2})[./ -]+(?<month>\d{1,2})[./ -]+(?<year>\d{4})$/.exec(said) ??
    /^(?<day>\d{2})(?<month>\d{2})(?<year>\d{4})$/.exec(said)
  if (!found?.groups) return null
  const { year = '', month = '', day = '' } = found.groups
  const iso = `${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}`
  const date = new Date(`${iso}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(iso) ? iso : null
}

/** The fields that cannot be sent as they are. The server looks once more, and knows more. */
export function faultsOf(typed: Newcomer, today: string): Field[] {
  const born = dayOf(typed.born)
  const wrong: Readonly<Partial<Record<Field, boolean>>> = {
    name: typed.name.trim() === '',
    born: born === null || born > today || born < '1900-01-01',
    number: typed.number.trim() !== '' && !/^\d{11}$/.test(typed.number.replaceAll(/\s/g, '')),
    pathway: typed.pathway === '',
    address: typed.home === null && typed.address.trim() === '',
    phone: typed.phone.trim() !== '' && !/^\+?[0-9]{3,15}$/.test(typed.phone.replaceAll(/[\s().-]/g, '')),
  }
  return (Object.keys(EMPTY) as Field[]).filter((field) => wrong[field])
}

/** null: something is missing still. */
export function wishOf(typed: Newcomer, known: Known, today: string): RegisterPatient | null {
  const born = dayOf(typed.born)
  if (born === null || typed.pathway === '' || faultsOf(typed, today).length > 0) return null
  const orNull = (text: string) => text.trim() || null
  return {
    name: typed.name.trim(),
    born_on: born,
    pathway: typed.pathway,
    reference: orNull(typed.reference),
    number: orNull(typed.number),
    municipality: orNull(typed.municipality),
    phone: orNull(typed.phone),
    address: typed.home === null ? typed.address.trim() : null,
    home: typed.home,
    lives_alone: typed.livesAlone === '' ? null : typed.livesAlone === 'yes',
    protection: typed.protection || null,
    remark: typed.remark.trim(),
    ...known,
  }
}

/** The field that a refusal of the server is about; null: of none. */
export function fieldOf(type: string): Field | 'reference_taken' | null {
  const what = type.replace(/^urn:hjemvakt:wrong-/, '')
  if (what === 'reference-taken') return 'reference_taken'
  return what !== type && Object.hasOwn(EMPTY, what) ? (what as Field) : null
}
