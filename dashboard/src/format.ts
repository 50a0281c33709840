// Numbers and times as people read them. Every time on the screen is Oslo's, wherever the browser is.
import { KINDS } from './kinds'
import type { Kind, LatestValue } from './protocol'
import type { Age, Words } from './words/nb'

const ZONE = 'Europe/Oslo'
const MINUTE_S = 60
const HOUR_S = 3600
const DAY_S = 86_400

const made = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>()

function kept<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
  const held = (made.get(key) as T | undefined) ?? make()
  made.set(key, held)
  return held
}

/** As the server rounds before it compares with a limit: half up in decimal, so that 38.05 is 38.1. */
export function rounded(value: number, decimals: number): number {
  return Number(`${Math.round(Number(`${value}e${decimals}`))}e-${decimals}`)
}

export function number(value: number, decimals: number, words: Words): string {
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals }
  return kept(`${words.locale} ${decimals}`, () => new Intl.NumberFormat(words.locale, options)).format(rounded(value, decimals))
}

/** "82", or "< 1,1" where the device says that it cannot measure lower; null: it has no value. */
export function signed(value: number | null, sign: number, decimals: number, words: Words): string | null {
  if (value === null) return sign < 0 ? 'LO' : sign > 0 ? 'HI' : null
  return `${sign < 0 ? '< ' : sign > 0 ? '> ' : ''}${number(value, decimals, words)}`
}

export function withUnit(value: number, kind: Kind, words: Words): string {
  return `${number(value, KINDS[kind].decimals, words)} ${KINDS[kind].unit}`
}

export function reading(latest: LatestValue, words: Words): string {
  return signed(latest.value, latest.sign, latest.decimals, words) ?? '–'
}

function parts(at: number, name: string, options: Intl.DateTimeFormatOptions, words: Words): string {
  return kept(`${words.locale} ${name}`, () => new Intl.DateTimeFormat(words.locale, { timeZone: ZONE, ...options })).format(at)
}

export function clock(at: number, words: Words): string {
  return parts(at, 'clock', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }, words)
}

/** "kl. 09:41" today in Oslo; with the day when it was another day. */
export function moment(at: number, now: number, words: Words): string {
  const day = (each: number) => parts(each, 'day', { year: 'numeric', month: '2-digit', day: '2-digit' }, words)
  if (day(at) === day(now)) return words.clock(clock(at, words))
  return words.dayClock(parts(at, 'weekday', { weekday: 'short', day: 'numeric', month: 'short' }, words), clock(at, words))
}

/** Under a minute in steps of 15 s, so that the screen stands still; the future (a clock a little fast) is now. */
export function age(ms: number): Age {
  const s = Math.floor(ms / 1000)
  if (s < 15) return { amount: 0, unit: 'now' }
  if (s < MINUTE_S) return { amount: Math.floor(s / 15) * 15, unit: 'seconds' }
  if (s < HOUR_S) return { amount: Math.floor(s / MINUTE_S), unit: 'minutes' }
  if (s < 2 * DAY_S) return { amount: Math.floor(s / HOUR_S), unit: 'hours' }
  return { amount: Math.floor(s / DAY_S), unit: 'days' }
}

/** "ons. 14." */
export function dayName(at: number, words: Words): string {
  return parts(at, 'day name', { weekday: 'short', day: 'numeric' }, words)
}

/** What is left until something happens: "1:04"; "0:00" when it is due. */
export function countdown(ms: number): string {
  const s = Math.max(0, Math.ceil(ms / 1000))
  const two = (count: number) => String(count).padStart(2, '0')
  const minutes = Math.floor(s / MINUTE_S)
  return s < HOUR_S ? `${minutes}:${two(s % MINUTE_S)}` : `${Math.floor(s / HOUR_S)}:${two(minutes % 60)}:${two(s % MINUTE_S)}`
}

/** Days on Oslo's calendar since 1970: what lies between two is whole, also where clocks change. */
export function calendarDay(at: number): number {
  return Date.parse(parts(at, 'iso', { year: 'numeric', month: '2-digit', day: '2-digit' }, { locale: 'sv-SE' } as Words)) / (DAY_S * 1000)
}

/** Whole years on Oslo's calendar; `born` is a date without a zone. */
export function years(born: string, now: number): number {
  const today = parts(now, 'iso', { year: 'numeric', month: '2-digit', day: '2-digit' }, { locale: 'sv-SE' } as Words)
  const before = today.slice(5) < born.slice(5) ? 1 : 0
  return Number(today.slice(0, 4)) - Number(born.slice(0, 4)) - before
}

/** Without spaces around them, "tel:+4790000001"; what is no number at all is no link. */
export function telOf(phone: string): string | null {
  const plain = phone.replace(/[\s()./-]/g, '')
  return /^\+?\d{3,15}$/.test(plain) ? `tel:${plain}` : null
}
