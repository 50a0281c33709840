// What was decided in a home and is not at the server yet. Pure: what is kept, what is sent next, what becomes of it.
//
// A basement has no line. What somebody decides there waits in the browser with the key that the server knows it by, so
// that it is done once however often it is sent. It holds numbers and addresses, never a name or a value; what would be a
// secret or a sentence is not kept over a reload.
import type { BindSensor, PairingPart, PrepareSensor, RevokeGateway, UnbindSensor } from '../../api_installation'

export type Deed =
  /** The code is scanned before the gateway has a line: `enrolment` is known once it has asked. */
  | { readonly deed: 'admit'; readonly code: string; readonly enrolment: number | null; readonly home: number | null; readonly team: number | null }
  | { readonly deed: 'refuse'; readonly enrolment: number; readonly why: string }
  | { readonly deed: 'bind'; readonly home: number; readonly body: BindSensor }
  | { readonly deed: 'unbind'; readonly home: number; readonly device: string; readonly slot: number; readonly why: UnbindSensor['why'] }
  | { readonly deed: 'prove'; readonly home: number; readonly device: string; readonly slot: number; readonly part: PairingPart['part'] }
  | { readonly deed: 'prepare'; readonly gateway: string; readonly body: PrepareSensor }
  | { readonly deed: 'drop'; readonly gateway: string; readonly device: string }
  | { readonly deed: 'label'; readonly gateway: string; readonly label: string }
  | { readonly deed: 'give'; readonly gateway: string; readonly home: number }
  | { readonly deed: 'revoke'; readonly gateway: string; readonly why: RevokeGateway['why'] }
  | { readonly deed: 'finish'; readonly home: number; readonly remark: string | null }

/** `waits`: it is sent when it can be. `why`: the server's sentence; `type`: what kind of refusal it was. */
export interface Draft {
  readonly key: string
  readonly at: number
  readonly deed: Deed
  readonly state: 'waits' | 'sending' | 'refused'
  readonly why: string
  readonly type: string
}

export type Happening =
  | { readonly said: 'decided'; readonly key: string; readonly at: number; readonly deed: Deed }
  | { readonly said: 'sending' | 'away' | 'done' | 'dismissed'; readonly key: string }
  | { readonly said: 'found'; readonly key: string; readonly enrolment: number }
  | { readonly said: 'refused'; readonly key: string; readonly why: string; readonly type: string }
  | { readonly said: 'time'; readonly now: number }

export const MOST = 60
/** The server remembers a key for a day: what is older could be done twice. */
export const KEPT_MS = 20 * 3_600_000
export const TOO_OLD = 'too-old'

export function isFull(drafts: readonly Draft[]): boolean {
  return drafts.length >= MOST
}

/** The same decision again is the one that waits already, and takes the place of one that was refused. */
export function reduce(drafts: readonly Draft[], event: Happening): readonly Draft[] {
  switch (event.said) {
    case 'decided': {
      const same = drafts.find(({ deed }) => isSame(deed, event.deed))
      if (same !== undefined && same.state !== 'refused') return drafts
      const others = drafts.filter((each) => each !== same)
      if (isFull(others)) return drafts
      return [...others, { key: event.key, at: event.at, deed: event.deed, state: 'waits', why: '', type: '' }]
    }
    case 'done':
    case 'dismissed':
      return drafts.filter(({ key }) => key !== event.key)
    case 'sending':
      return changed(drafts, event.key, (draft) => ({ ...draft, state: 'sending' }))
    case 'away':
      return changed(drafts, event.key, (draft) => ({ ...draft, state: 'waits' }))
    case 'found':
      return changed(drafts, event.key, (draft) => (draft.deed.deed === 'admit' ? { ...draft, deed: { ...draft.deed, enrolment: event.enrolment } } : draft))
    case 'refused':
      return changed(drafts, event.key, (draft) => ({ ...draft, state: 'refused', why: event.why, type: event.type }))
    case 'time':
      return drafts.map((draft) => (draft.state === 'waits' && event.now - draft.at > KEPT_MS ? { ...draft, state: 'refused', why: '', type: TOO_OLD } : draft))
  }
}

function changed(drafts: readonly Draft[], key: string, change: (draft: Draft) => Draft): readonly Draft[] {
  return drafts.map((draft) => (draft.key === key ? change(draft) : draft))
}

function isSame(one: Deed, other: Deed): boolean {
  if (one.deed === 'admit' && other.deed === 'admit') return one.code === other.code
  return JSON.stringify(one) === JSON.stringify(other)
}

/** In the order in which they were decided, but for those that were tried in this round. */
export function nextOf(drafts: readonly Draft[], tried: ReadonlySet<string>): Draft | null {
  return drafts.find(({ state, key }) => state === 'waits' && !tried.has(key)) ?? null
}

// ---- what the browser keeps

/** A key of a sensor is a secret, and what somebody wrote may be about a patient: neither outlives the open page. */
function isKept({ deed }: Draft): boolean {
  if (deed.deed === 'bind' || deed.deed === 'prepare') return deed.body.key == null
  if (deed.deed === 'finish') return deed.remark === null
  return deed.deed !== 'refuse'
}

export function keptOver(drafts: readonly Draft[]): string {
  return JSON.stringify(drafts.filter(isKept))
}

const FIELDS: Readonly<Record<Deed['deed'], readonly (readonly [string, 'string' | 'number' | 'object'])[]>> = {
  admit: [['code', 'string']],
  refuse: [['enrolment', 'number'], ['why', 'string']],
  bind: [['home', 'number'], ['body', 'object']],
  unbind: [['home', 'number'], ['device', 'string'], ['slot', 'number'], ['why', 'string']],
  prove: [['home', 'number'], ['device', 'string'], ['slot', 'number'], ['part', 'string']],
  prepare: [['gateway', 'string'], ['body', 'object']],
  drop: [['gateway', 'string'], ['device', 'string']],
  label: [['gateway', 'string'], ['label', 'string']],
  give: [['gateway', 'string'], ['home', 'number']],
  revoke: [['gateway', 'string'], ['why', 'string']],
  finish: [['home', 'number']],
}

/** What was on its way when the page was closed waits again: its key is the same. What makes no sense is left out. */
export function readBack(text: string | null): readonly Draft[] {
  try {
    const found: unknown = JSON.parse(text ?? '[]')
    if (!Array.isArray(found)) return []
    return found.filter(isDraft).slice(0, MOST).map((draft) => (draft.state === 'sending' ? { ...draft, state: 'waits' } : draft))
  } catch {
    return []
  }
}

function isDraft(value: unknown): value is Draft {
  if (!isRecord(value) || !isRecord(value.deed)) return false
  const { key, at, state, why, type, deed } = value
  const fields = FIELDS[deed.deed as Deed['deed']]
  return (
    typeof key === 'string' && /^[\x21-\x7e]{8,80}$/.test(key) && typeof at === 'number' && typeof why === 'string' && typeof type === 'string' &&
    ['waits', 'sending', 'refused'].includes(String(state)) && fields !== undefined &&
    fields.every(([name, kind]) => typeof deed[name] === kind && deed[name] !== null)
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
