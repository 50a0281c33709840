// Sensors of an installation in words. Pure.
import type { InstalledSensor, Installation, NearbySensor } from '../../api_installation'
import { number } from '../../format'
import { ending } from '../../installation'
import { KINDS } from '../../kinds'
import type { InstallationWords } from '../../words/installation.nb'
import type { Words } from '../../words/nb'
import { PATIENT_WORDS } from '../../words/patient'

export function profileTold(profile: string, words: Words): string {
  return PATIENT_WORDS[words.locale === 'nb-NO' ? 'nb' : 'en'].profile[profile] ?? profile
}

/** "Pulsbelte eller oksymeter": what it may be. */
export function sortTold({ profiles }: Pick<NearbySensor, 'profiles'>, words: Words, own: InstallationWords): string {
  const sorts = [...new Set(profiles.map((each) => profileTold(each, words)))]
  const last = sorts.at(-1)
  if (last === undefined) return own.sensors.unknown
  return sorts.length === 1 ? last : own.sensors.either(sorts.slice(0, -1).join(', '), last.toLowerCase())
}

/** "Oksymeter …4C19", or as it is labelled. */
export function sensorTold({ profile, label, device }: Pick<InstalledSensor, 'profile' | 'label' | 'device'>, words: Words): string {
  return `${profileTold(profile, words)} ${label || `…${ending(device)}`}`
}

export function whoseTold({ patient, place }: InstalledSensor, { residents }: Installation, own: InstallationWords): string {
  if (patient !== null) return residents.find((each) => each.patient === patient)?.name ?? own.unknown
  return own.sensors.place(place ?? own.unknown)
}

/** "93 %", or what happened; null: nothing yet. */
export function newestTold({ newest }: InstalledSensor, words: Words, own: InstallationWords): string | null {
  if (newest === null) return null
  if (newest.event !== null) return own.event[newest.event]
  if (newest.kind === null || newest.value === null) return null
  return `${words.kind[newest.kind]} ${number(newest.value, KINDS[newest.kind].decimals, words)} ${newest.unit ?? ''}`.trim()
}
