// An alert in words: the large word or number, and the sentence that says why.
import { moment, number, signed, withUnit } from './format'
import { KINDS } from './kinds'
import type { Alert } from './protocol'
import type { Words } from './words/nb'

/** "call:fall" -> "fall", "limit:spo2:low" -> "spo2". */
function subject(rule: string): string {
  return rule.split(':')[1] ?? rule
}

function known(table: Readonly<Record<string, string>>, alert: Alert): string | undefined {
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
  const { kind, value, sign, limit } = alert.evidence
  const large = kind ? signed(value ?? null, sign, KINDS[kind].decimals, words) : null
  if (!kind || large === null) return { large: reason(alert, words), unit: '', kind: '', limit: '' }
  const unit = large === 'LO' || large === 'HI' ? '' : KINDS[kind].unit
  // Else it stands in the sentence.
  const shown = sign === 0 || limit === null || limit === undefined ? '' : words.alerts.limit(withUnit(limit, kind, words))
  return { large, unit, kind: words.kind[kind], limit: shown }
}

function ruleWord(alert: Alert, words: Words): string {
  return known(words.rule, alert) ?? alert.rule
}

export function why(alert: Alert, now: number, words: Words): string {
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
  const word = ruleWord(alert, words)
  return where ? words.why.at(word, where.toLocaleLowerCase(words.locale)) : word
}

/** A late red reading alerts in yellow, yet it was the red limit that it crossed. */
function colour(alert: Alert): 'red' | 'yellow' {
  const level = Math.abs(alert.evidence.level ?? (alert.priority === 'red' ? 2 : 1))
  return level >= 2 ? 'red' : 'yellow'
}

/** One line for a screen reader or a list: "SpO₂ 82 %". */
export function brief(alert: Alert, words: Words): string {
  const { large, unit, kind } = headline(alert, words)
  return [kind, large, unit].filter(Boolean).join(' ')
}
