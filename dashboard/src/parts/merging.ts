// Two people change the same: each one's changes count, and what both changed is told. Pure.
import type { TypedChain, TypedHours, TypedStep } from '../admin'
import type { Contact, RecordOf, Step } from '../api_patient'

type Goal = Extract<RecordOf, { type: 'individual_plan' }>['goals'][number]
export interface Lists {
  contacts: Contact
  red: Step
  yellow: Step
  green: Step
  goals: Goal
  measures: NonNullable<Goal['measures']>[number]
  chains: TypedChain
  steps: TypedStep
  periods: TypedHours
}

/** What an entry of each list is known by when somebody else has changed it, the surest first. */
export const KNOWN_BY: { readonly [Name in keyof Lists]: readonly (keyof Lists[Name] & string)[] } = {
  contacts: ['name'],
  red: ['when', 'then'],
  yellow: ['when', 'then'],
  green: ['when', 'then'],
  goals: ['goal'],
  measures: ['what'],
  chains: ['steps', 'from', 'weekdays'],
  steps: ['phone', 'who'],
  periods: ['from', 'to', 'weekdays'],
}

/** As it is typed: an entry keeps its id, whatever becomes of its words. */
export type Typed<T> = { -readonly [Field in keyof T]: T[Field] extends readonly (infer Entry extends object)[] ? Row<Entry>[] : T[Field] }
export type Row<T> = Typed<T> & { readonly id: number }

/** Both changed it. Of a list's order it has both lists; of an entry, null is whose it is no more. */
export interface Clash {
  /** The form's field, or the list. */
  readonly of: string
  readonly mine: unknown
  readonly theirs: unknown
}

type Fields = Readonly<Record<string, unknown>>
type Entry = Fields & { readonly id: number }

let last = 0

export function row<T extends object>(entry: T): Row<T> {
  return { ...typedFrom(entry), id: ++last }
}

export function typedFrom<T extends object>(said: T): Typed<T> {
  return recognised({}, {}, said as Fields) as Typed<T>
}

/** As it is sent. */
export function plain<T extends object>(typed: Typed<T>): T {
  return bare(typed) as T
}

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).flatMap(([name, each]) => (name === 'id' ? [] : [[name, bare(each)]])))
}

export function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(bare(one)) === JSON.stringify(bare(other))
}

/** `shown`: what the server had said when `typed` was begun; `now`: what it says by now. */
export function merged<T extends object>(typed: Typed<T>, shown: Typed<T>, now: T): { typed: Typed<T>; shown: Typed<T>; clashes: Clash[] } {
  const [mine, was] = [typed as Fields, shown as Fields]
  const theirs = recognised(was, mine, now as Fields)
  const clashes: Clash[] = singlesOf(theirs)
    .filter((name) => !same(mine[name], was[name]) && !same(theirs[name], was[name]) && !same(mine[name], theirs[name]))
    .map((name) => ({ of: name, mine: mine[name], theirs: theirs[name] }))
  return { typed: fieldsOf(was, mine, theirs, clashes) as Typed<T>, shown: theirs as Typed<T>, clashes }
}

function isList(name: string): name is keyof Lists {
  return Object.hasOwn(KNOWN_BY, name)
}

function singlesOf(fields: Fields): string[] {
  return Object.keys(fields).filter((name) => !isList(name))
}

function rowsOf(fields: Fields, name: string): readonly Entry[] {
  return (fields[name] ?? []) as readonly Entry[]
}

/** `now`, and each entry of it with the id that it has in what was shown or is typed here. */
function recognised(was: Fields, mine: Fields, now: Fields): Fields {
  const of = (name: string) => entriesRecognised(KNOWN_BY[name as keyof Lists], rowsOf(was, name), rowsOf(mine, name), now[name] as readonly Fields[])
  return Object.fromEntries(Object.keys(now).map((name) => [name, isList(name) ? of(name) : now[name]]))
}

function entriesRecognised(knownBy: readonly string[], was: readonly Entry[], mine: readonly Entry[], now: readonly Fields[]): Entry[] {
  const ids = new Map<Fields, number>()
  const taken = new Set<number>()
  const alike = [same, ...knownBy.map((field) => (one: Fields, other: Fields) => one[field] !== '' && same(one[field], other[field]))]
  for (const are of alike)
    for (const each of now) {
      const known = ids.has(each) ? undefined : [...was, ...mine].find((one) => !taken.has(one.id) && are(one, each))
      if (known === undefined) continue
      ids.set(each, known.id)
      taken.add(known.id)
    }
  return now.map((each) => {
    const id = ids.get(each) ?? ++last
    return { ...recognised(withId(was, id) ?? {}, withId(mine, id) ?? {}, each), id }
  })
}

function withId(rows: readonly Entry[], id: number): Entry | undefined {
  return rows.find((each) => each.id === id)
}

function fieldsOf(was: Fields, mine: Fields, theirs: Fields, clashes: Clash[]): Fields {
  const field = (name: string) => {
    if (isList(name)) return entriesOf(name, rowsOf(was, name), rowsOf(mine, name), rowsOf(theirs, name), clashes)
    return same(mine[name], was[name]) ? theirs[name] : mine[name]
  }
  return Object.fromEntries(Object.keys(theirs).map((name) => [name, field(name)]))
}

function entriesOf(list: keyof Lists, was: readonly Entry[], mine: readonly Entry[], theirs: readonly Entry[], clashes: Clash[]): Fields[] {
  return orderOf(list, was, mine, theirs, clashes).flatMap((id) => {
    const [old, own, other] = [withId(was, id), withId(mine, id), withId(theirs, id)]
    if (own && other) {
      if (bothChanged(old ?? {}, own, other)) clashes.push({ of: list, mine: own, theirs: other })
      return [{ ...fieldsOf(old ?? {}, own, other, clashes), id }]
    }
    const left = own ?? other
    if (left === undefined || (old && same(left, old))) return []
    if (old) clashes.push({ of: list, mine: own ?? null, theirs: other ?? null })
    return [left]
  })
}

/** In itself: the entries of a list within it speak for themselves. */
function bothChanged(was: Fields, mine: Fields, theirs: Fields): boolean {
  const names = singlesOf(theirs).filter((name) => name !== 'id')
  const differ = (one: Fields, other: Fields) => names.some((name) => !same(one[name], other[name]))
  return differ(mine, was) && differ(theirs, was) && differ(mine, theirs)
}

/** The ids of all that one of the two has: theirs stand as they put them, unless somebody moved them here. */
function orderOf(list: string, was: readonly Entry[], mine: readonly Entry[], theirs: readonly Entry[], clashes: Clash[]): number[] {
  const both = (rows: readonly Entry[]) => rows.map(({ id }) => id).filter((id) => [was, mine, theirs].every((each) => withId(each, id)))
  const [before, own, other] = [both(was), both(mine), both(theirs)]
  const isMoved = !same(own, before)
  if (isMoved && !same(other, before) && !same(own, other)) clashes.push({ of: list, mine, theirs })
  const [first, second] = isMoved ? [mine, theirs] : [theirs, mine]
  const order = first.map(({ id }) => id)
  second.forEach(({ id }, place) => {
    if (order.includes(id)) return
    let at = place === 0 ? 0 : order.indexOf(second[place - 1]!.id) + 1 // behind whoever it was put behind
    while (at < order.length && !withId(second, order[at]!)) at += 1
    order.splice(at, 0, id)
  })
  return order
}
