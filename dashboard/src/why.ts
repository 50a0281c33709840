// An alert in words: the large word or number, and the sentence that says why.
import { moment, number, signed, withUnit } from './format'
import { KINDS } from './kinds'
import type { Alert } from './protocol'
import { family, isFoundBy, isOfTheHome } from './rules'
import { alsoTold, duration, large as largeTold, named, told } from './told'
import type { Words } from './words/nb'

/** "call:fall" -> "fall", "limit:spo2:low" -> "spo2". */
function subject(rule: string): string {
  return rule.split(':')[1] ?? rule
}

function known(words: Words, alert: Alert): string | undefined {
  const table: Readonly<Record<string, string>> = words.rule
  return table[alert.rule] ?? table[subject(alert.rule)] ?? table[alert.evidence.event ?? '']
}

export interface Headline {
  /** The number or the word that is written large. */
  readonly large: string
  readonly unit: string
  readonly kind: string
  readonly limit: string
}

export function headline(alert: Alert, words: Words): Headline {
  const counted = largeTold(alert, words)
  if (counted !== null) return { ...counted, limit: '' }
  const { kind, value, sign, limit } = alert.evidence
  const large = kind ? signed(value ?? null, sign, KINDS[kind].decimals, words) : null
  if (!kind || large === null) return { large: short(alert, words), unit: '', kind: '', limit: '' }
  const unit = large === 'LO' || large === 'HI' ? '' : KINDS[kind].unit
  // Else it stands in the sentence.
  const shown = sign === 0 || limit === null || limit === undefined ? '' : words.alerts.limit(withUnit(limit, kind, words))
  return { large, unit, kind: words.kind[kind], limit: shown }
}

/** Large where there is no number; the numbers stand in the sentence below. */
function short(alert: Alert, words: Words): string {
  const [, part, kind] = alert.rule.split(':')
  if (family(alert.rule) === 'home' && isOfTheHome(part)) return words.home[part]
  if (family(alert.rule) === 'measurement') return words.told.missedShort(Object.entries(words.kind).find(([each]) => each === kind)?.[1] ?? words.told.measurement)
  const lead = alert.evidence.rules[0]
  return isFoundBy(lead) && family(alert.rule) !== 'limit' ? named(alert, lead, words) : reason(alert, words)
}

/** What many faults of one rule have in common. */
export function cause(alert: Alert, words: Words): string {
  return known(words, alert) ?? alert.rule
}

/** A technical fault with the number that says how bad it is. */
export function measured(alert: Alert, words: Words): string | null {
  const { percent, ahead_s: ahead, streams, calls } = alert.evidence.numbers
  switch (alert.rule) {
    case 'technical:battery_low':
      return percent === undefined ? null : words.told.battery(number(percent, 0, words))
    case 'technical:clock_wrong': {
      if (ahead === undefined) return null
      const span = duration(Math.max(1, Math.abs(ahead) / 60), words)
      return ahead > 0 ? words.told.clockAhead(span) : words.told.clockBehind(span)
    }
    case 'technical:not_assessed':
      return streams === undefined ? null : words.told.notAssessed(number(streams, 0, words))
    case 'technical:not_reached':
      return calls === undefined ? null : words.told.notReached(number(calls, 0, words))
  }
  return null
}

export function why(alert: Alert, now: number, words: Words): string {
  const also = alsoTold(alert, now, words)
  const sentence = told(alert, now, words) ?? plain(alert, now, words)
  return also === null ? sentence : words.told.and(sentence, also)
}

/** What a rule over many readings rests on, for who wants to check it: rules, window, readings, sources. */
export function grounds(alert: Alert, now: number, words: Words): string[] {
  const { rules, from_at: from, since, readings, reference } = alert.evidence
  const names = rules.filter(isFoundBy).map((rule) => words.foundBy[rule])
  if (names.length === 0) return []
  const at = (time: string) => moment(Date.parse(time), now, words)
  return [
    words.grounds.found(names.join(', ')),
    ...(from && since ? [words.grounds.window(at(from), at(since))] : []),
    ...(readings == null ? [] : [words.grounds.readings(number(readings, 0, words))]),
    ...(reference ? [words.grounds.source(reference)] : []),
  ]
}

function plain(alert: Alert, now: number, words: Words): string {
  const sentence = withExtremes(reason(alert, words), alert, words)
  const since = alert.evidence.since ?? null
  const happenedOnce = Boolean(alert.evidence.event)
  return since === null || happenedOnce ? sentence : words.why.since(sentence, moment(Date.parse(since), now, words))
}

/** Of an interval, `value` is the median: what it hides stands behind the reason. */
function withExtremes(sentence: string, alert: Alert, words: Words): string {
  const { kind, low, high, span_s: span } = alert.evidence
  if (!kind || low == null || high == null || span == null) return sentence
  return words.why.interval(sentence, number(low, KINDS[kind].decimals, words), withUnit(high, kind, words), number(span, 0, words))
}

function reason(alert: Alert, words: Words): string {
  const { kind, sign, direction, limit, place } = alert.evidence
  const where = place ? (words.place[place] ?? place) : null
  if (kind && direction) {
    if (sign !== 0) return words.why.beyondRange(words.kind[kind], sign < 0 ? 'low' : 'high')
    const edge = limit === null || limit === undefined ? '' : withUnit(limit, kind, words)
    return words.why.limit(words.kind[kind], direction, colour(alert), edge)
  }
  if (subject(alert.rule) === 'door' && where) return words.why.opened(where)
  const word = measured(alert, words) ?? cause(alert, words)
  return where ? words.why.at(word, where.toLocaleLowerCase(words.locale)) : word
}

/** A late red reading alerts in yellow, yet it was the red limit that it crossed. */
function colour(alert: Alert): 'red' | 'yellow' {
  const level = Math.abs(alert.evidence.level ?? (alert.priority === 'red' ? 2 : 1))
  return level >= 2 ? 'red' : 'yellow'
}

/** What the sentence says beyond the headline: on a card nothing is said twice. Empty: nothing. */
export function beyond(sentence: string, alert: Alert, words: Words): string {
  const said = brief(alert, words)
  return sentence.startsWith(said) ? sentence.slice(said.length).replace(/^[\s:,–]+/, '') : sentence
}

/** One line for a screen reader or a list: "SpO₂ 82 %". */
export function brief(alert: Alert, words: Words): string {
  const { large, unit, kind } = headline(alert, words)
  return [kind, large, unit].filter(Boolean).join(' ')
}
