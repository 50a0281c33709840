// Limits, devices and deeds in words, for several parts of the patient's screen. Pure.
import type { PatientDevice, ToldAlert } from '../../api_patient'
import { number } from '../../format'
import { KINDS } from '../../kinds'
import type { Kind, Limits } from '../../protocol'
import type { Words } from '../../words/nb'
import type { PatientWords } from '../../words/patient'
import type { Sending } from '../sending.svelte'
import { clashTold, type Fields } from '../clash'
import { KNOWN_BY, type Clash, type Lists } from '../merging'
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

/** What somebody else wrote, beside what was typed here. */
export function clashInWords(clash: Clash, fields: Fields, words: Words, own: PatientWords): string {
  return clashTold(clash, fields, own.write, {
    named: (list, entry) => calledIn(list as keyof Lists, entry as Lists[keyof Lists]),
    told: (list, entry) => entryInWords({ [list]: entry }, words, own),
  })
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
