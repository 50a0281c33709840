// Limits, devices and deeds in words, for several parts of the patient's screen. Pure.
import type { PatientDevice, ToldAlert } from '../../api_patient'
import { number } from '../../format'
import { KINDS } from '../../kinds'
import type { Kind, Limits } from '../../protocol'
import type { Words } from '../../words/nb'
import type { PatientWords } from '../../words/patient'
import type { Sending } from '../sending.svelte'
import { KNOWN_BY, type Clash, type Lists } from './merging'
import { dateOf, dayClock } from './when'

/** "grenser gul under 90, rød under 88 %" */
export function limitsInWords(limits: Limits | null, kind: Kind, words: Words, own: PatientWords): string {
  const { decimals, unit } = KINDS[kind]
  const edge = (value: number | null, colour: 'yellow' | 'red', side: 'below' | 'above') =>
    value === null ? [] : [own.chart[colour](own.chart[side](number(value, decimals, words)))]
  const parts = limits
    ? [
        ...edge(limits.yellow_low, 'yellow', 'below'),
        ...edge(limits.red_low, 'red', 'below'),
        ...edge(limits.yellow_high, 'yellow', 'above'),
        ...edge(limits.red_high, 'red', 'above'),
      ]
    : []
  return parts.length === 0 ? own.chart.noLimits : own.chart.limits(`${parts.join(', ')} ${unit}`)
}

/** "Oksymeter …00:01": the address' end is what stands on the device's label. */
export function deviceName(address: string, devices: readonly PatientDevice[], own: PatientWords): string {
  const found = devices.find((each) => each.device === address)
  const name = found?.profile ? (own.profile[found.profile] ?? found.profile) : own.chart.noSource
  return own.device(name, address.slice(-5))
}

/** "Kari: avsluttet (Reelt – tiltak): ringte, 15. jan. kl. 12:04" */
export function deedInWords(deed: ToldAlert['deeds'][number], words: Words, own: PatientWords): string {
  const what = own.act[deed.action] ?? deed.action
  const outcome = deed.outcome ? ` (${words.outcome[deed.outcome]})` : ''
  const to = deed.to ? ` ${deed.to.name}` : ''
  const note = deed.note ? `: ${deed.note}` : ''
  return `${own.by(`${deed.staff?.name ?? own.system} ${what}${to}${outcome}${note}`, dayClock(Date.parse(deed.at), words))}`
}

/** What somebody else wrote, beside what was typed here. `fields`: a form's own, and what the server says in each by now. */
export function clashInWords({ of, mine, theirs }: Clash, fields: Readonly<Record<string, readonly [name: string, value: string]>>, words: Words, own: PatientWords): string {
  const field = fields[of]
  if (field) return field[1] === '' ? own.write.gone(field[0]) : own.write.theirs(...field)
  const list = of as keyof Lists
  if (Array.isArray(theirs)) return own.write.order(theirs.map((each) => calledIn(list, each as Lists[typeof list])).join(', '))
  const name = calledIn(list, (mine ?? theirs) as Lists[typeof list])
  if (theirs === null) return own.write.gone(name)
  return mine === null ? own.write.back(name) : own.write.theirs(name, entryInWords({ [list]: theirs }, words, own))
}

function calledIn<Name extends keyof Lists>(list: Name, entry: Lists[Name]): string {
  return KNOWN_BY[list].map((field) => String(entry[field])).find((each) => each !== '') ?? ''
}

function entryInWords({ contacts, goals, measures, ...steps }: Partial<Lists>, words: Words, own: PatientWords): string {
  if (contacts) return [contacts.name, contacts.relation, contacts.phone, contacts.has_key ? own.contacts.key : '', contacts.remark].filter(Boolean).join(' · ')
  if (measures) {
    const { what, responsible, due, done } = measures
    return [what, own.home.responsible(responsible), due ? own.home.due(dateOf(due, words)) : '', done ? own.home.done : own.home.open].filter(Boolean).join(' · ')
  }
  const step = steps.red ?? steps.yellow ?? steps.green
  return goals?.goal ?? [step?.when, step?.then].filter(Boolean).join(': ')
}

/** Why what was typed is not stored; empty: nothing speaks against it. */
export function problemOf({ state, why }: Pick<Sending, 'state' | 'why'>, moved: string, own: PatientWords): string {
  if (state === 'moved') return moved
  if (state === 'refused' || state === 'forbidden') return own.refused(why)
  return state === 'away' ? own.failed : ''
}
