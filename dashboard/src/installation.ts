// What the screen of installing decides. Pure.
import type { DepotGateway, Installation, InstalledSensor, NearbySensor, PairingPart } from './api_installation'

export const STEPS = ['gateway', 'sensors', 'person', 'test'] as const
export type Step = (typeof STEPS)[number]

/** What has to be there before a step is green. */
const NEEDS: Readonly<Record<Step, readonly Installation['missing'][number][]>> = {
  gateway: ['gateway'],
  sensors: ['sensor'],
  person: ['pairing', 'coverage'],
  test: ['test'],
}

export function isDone(step: Step, { missing }: Installation): boolean {
  return !NEEDS[step].some((each) => missing.includes(each))
}

/** Where somebody who opens a home goes on. */
export function firstOpen(installation: Installation): Step {
  return STEPS.find((step) => !isDone(step, installation)) ?? 'test'
}

// ---- the code on the box

/** Crockford's base 32 without vowels, as the server has it. */
const CODE = /^[0-9BCDFGHJKMNPQRSTVWXZ]{12}$/
const MISREAD: Readonly<Record<string, string>> = { O: '0', I: '1', L: '1' }

/** "7K3M-9TQZ-2WXB", of what was typed, or of what the box's picture says; null: it is none. */
export function codeOf(text: string): string | null {
  const bare = [...(said(text) ?? text).toUpperCase()].filter((sign) => !/[\s-]/.test(sign)).map((sign) => MISREAD[sign] ?? sign).join('')
  return CODE.test(bare) ? (bare.match(/.{4}/g) ?? []).join('-') : null
}

/** The picture has what a gateway is born with, in JSON. */
function said(text: string): string | null {
  try {
    const birth: unknown = JSON.parse(text)
    return typeof birth === 'object' && birth !== null && 'code' in birth && typeof birth.code === 'string' ? birth.code : null
  } catch {
    return null
  }
}

/** The key of a sensor that encrypts: 32 hexadecimal digits, however they are grouped; null: it is none. */
export function keyOf(text: string): string | null {
  const bare = text.replace(/[\s:-]/g, '').toLowerCase()
  return /^[0-9a-f]{32}$/.test(bare) ? bare : null
}

// ---- what is heard

/** Where a meter begins to lose readings on the way to its gateway. */
const BARS_DBM = [-95, -85, -75] as const
const STEADY_DB = 6

export function bars(dbm: number): number {
  return 1 + BARS_DBM.filter((least) => dbm >= least).length
}

/** The strongest first, in steps: what is about as strong does not change places under a finger. */
export function ordered(sensors: readonly NearbySensor[]): NearbySensor[] {
  const strength = ({ rssi_dbm: dbm }: NearbySensor) => (dbm === null ? -999 : Math.floor(dbm / STEADY_DB))
  return [...sensors].sort((one, other) => strength(other) - strength(one) || one.device.localeCompare(other.device))
}

/** What stands on most of them: the last two bytes of the address. */
export function ending(address: string): string {
  return address.slice(-5).replace(':', '')
}

export function sameSensor(one: { device: string; slot: number }, other: { device: string; slot: number }): boolean {
  return one.device === other.device && one.slot === other.slot
}

// ---- the pairing

/** Nobody has to say these: the server has seen them, and it is enough to ask. */
const SEEN_BY_SERVER: readonly PairingPart['part'][] = ['reconnect', 'clock']

/** The part of a sensor's pairing that the screen may ask for by itself. */
export function askable({ pairing }: InstalledSensor): PairingPart['part'] | null {
  return pairing.parts.find(({ part, at, awaits }) => at === null && awaits === null && SEEN_BY_SERVER.includes(part))?.part ?? null
}

export function depotOf(gateways: readonly DepotGateway[], team: number): DepotGateway[] {
  return gateways.filter((each) => each.team === team)
}
