// Days and times of the patient's screen, by the clock in Norway.
import { clock } from '../../format'
import type { Words } from '../../words/nb'

const ZONE = 'Europe/Oslo'
const made = new Map<string, Intl.DateTimeFormat>()

function format(at: number, words: Words, options: Intl.DateTimeFormatOptions): string {
  const key = `${words.locale} ${JSON.stringify(options)}`
  const found = made.get(key) ?? new Intl.DateTimeFormat(words.locale, { timeZone: ZONE, ...options })
  made.set(key, found)
  return found.format(at)
}

/** "15. jan." */
export function dayMonth(at: number, words: Words): string {
  return format(at, words, { day: 'numeric', month: 'short' })
}

/** "15. januar 2026" */
export function date(at: number, words: Words): string {
  return format(at, words, { day: 'numeric', month: 'long', year: 'numeric' })
}

/** Of a day without a time: "2026-01-15". */
export function dateOf(day: string, words: Words): string {
  return date(Date.parse(`${day}T12:00:00Z`), words)
}

/** "to. 15. jan. kl. 09:41" */
export function dayClock(at: number, words: Words): string {
  return words.dayClock(format(at, words, { weekday: 'short', day: 'numeric', month: 'short' }), clock(at, words))
}

/** "15. januar 2026 kl. 09:41" */
export function dateClock(at: number, words: Words): string {
  return words.dayClock(date(at, words), clock(at, words))
}

/** From when to when, with the year where it could be another one; what is drawn beyond now is only room. */
export function spanWords(window: { readonly from: number; readonly to: number }, now: number, words: Words): readonly [string, string] {
  const whole = window.to - window.from > 200 * 86_400_000 ? dateClock : dayClock
  return [whole(window.from, words), whole(Math.min(window.to, now), words)]
}

export function weekday(at: number, words: Words): string {
  return format(at, words, { weekday: 'short' })
}

/** Under a tick: the hour; at midnight the day; far out the month. */
export function tickWord(at: number, span: number, words: Words): string {
  const time = clock(at, words)
  if (span > 200 * 86_400_000) return format(at, words, { month: 'short', year: '2-digit' })
  return time === '00:00' || span > 3 * 86_400_000 ? dayMonth(at, words) : time
}
