// Limits, devices and deeds in words, for several parts of the patient's screen. Pure.
import type { PatientDevice, ToldAlert } from '../../api_patient'
import { number } from '../../format'
import { KINDS } from '../../kinds'
import type { Kind, Limits } from '../../protocol'
import type { Words } from '../../words/nb'
import type { PatientWords } from '../../words/patient'
import type { Sending } from '../sending.svelte'
import { dayClock } from './when'

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

/** Why what was typed is not stored; empty: nothing speaks against it. */
export function problemOf({ state, why }: Pick<Sending, 'state' | 'why'>, moved: string, own: PatientWords): string {
  if (state === 'moved') return moved
  if (state === 'refused' || state === 'forbidden') return own.refused(why)
  return state === 'away' ? own.failed : ''
}
