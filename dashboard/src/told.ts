// What a rule found, in one sentence with its numbers: read in three seconds, checked against the chart.
import { calendarDay, moment, number, withUnit } from './format'
import { KINDS } from './kinds'
import type { Alert, Kind } from './protocol'
import { family, isFoundBy, isOfTheHome, NEWS2_PARAMETERS, SYMPTOMS, type FoundBy, type OfTheHome } from './rules'
import { isUrgent } from './ward'
import type { Words } from './words/nb'

const HOUR_MIN = 60
const NEWS2_MOST = 20

/** The numbers of one alert. `of` throws when one is missing: then the rule's name has to do. */
interface Found {
  readonly alert: Alert
  readonly kind: Kind | null
  readonly words: Words
  readonly now: number
  of(name: string): number
}

class NoNumber extends Error {}

/** Null: no such rule, or an older program wrote fewer numbers. */
export function told(alert: Alert, now: number, words: Words): string | null {
  const lead = alert.evidence.rules[0]
  const home = family(alert.rule) === 'home' ? alert.rule.split(':')[1] : undefined
  const found = numbersOf(alert, now, words)
  if (isOfTheHome(home)) return orNull(() => AT_HOME[home](found)) ?? words.home[home]
  if (alert.rule.startsWith('measurement:missed:')) return missed(found)
  if (!isFoundBy(lead) || family(alert.rule) === 'limit') return null
  return orNull(() => SENTENCES[lead](found)) ?? named(alert, lead, words)
}

/** Beside a limit, or another rule: what else tells of the same. */
export function alsoTold(alert: Alert, now: number, words: Words): string | null {
  const lead = family(alert.rule) === 'limit' ? undefined : alert.evidence.rules[0]
  const others = alert.evidence.rules.filter((rule) => rule !== lead)
  const parts = others.filter(isFoundBy).flatMap((rule, place) => {
    const found = numbersOf(alert, now, words, lead === undefined && place === 0 ? '' : `${rule}_`)
    return orNull(() => ALSO[rule]?.(found) ?? null) ?? []
  })
  return parts[0] ?? null
}

/** What is written large instead of a value: "+2,4 kg", "141/82 mmHg". */
export function large(alert: Alert, words: Words): { large: string; unit: string; kind: string } | null {
  const found = numbersOf(alert, 0, words)
  switch (alert.evidence.rules[0]) {
    case 'weight_gain':
      return orNull(() => ({ large: `+${number(found.of('gained_kg'), 1, words)}`, unit: 'kg', kind: words.kind.weight }))
    case 'weight_loss_month':
    case 'weight_loss_half_year':
      return orNull(() => ({ large: `−${number(100 * found.of('lost_share'), 0, words)}`, unit: '%', kind: words.kind.weight }))
    case 'home_pressure':
      return orNull(() => ({ large: pressure(found), unit: 'mmHg', kind: words.told.homePressureShort }))
    case 'news2':
      return orNull(() => ({ large: number(found.of('total'), 0, words), unit: words.told.outOf(String(NEWS2_MOST)), kind: 'NEWS2' }))
  }
  return null
}

/** The few words that stand large where there is no number: "SpO₂ synker". */
export function named(alert: Alert, lead: FoundBy, words: Words): string {
  const name = words.foundBy[lead]
  const { kind, direction } = alert.evidence
  if (!kind || family(alert.rule) !== 'change') return name
  if (lead === 'trend') return words.told.driftShort(words.kind[kind], side(direction))
  return words.told.unusualShort(words.kind[kind], side(direction))
}

/** "3 kall på 12 min", for a call that came soon after another. */
export function calledAgain(alert: Alert, words: Words): string | null {
  const { numbers, from_at: from, since } = alert.evidence
  if (!isUrgent(alert)) return null
  const calls = numbers.calls ?? 1
  if (calls < 2 || !from || !since) return words.alerts.urgent
  const minutes = Math.max(1, Math.ceil((Date.parse(since) - Date.parse(from)) / 60_000))
  return words.alerts.calledAgain(number(calls, 0, words), duration(minutes, words))
}

/** "45 min", "3 t 20 min", "24 t". */
export function duration(minutes: number, words: Words): string {
  const whole = Math.round(minutes)
  if (whole < HOUR_MIN) return words.span({ amount: whole, unit: 'minutes' })
  const hours = words.span({ amount: Math.floor(whole / HOUR_MIN), unit: 'hours' })
  const rest = whole % HOUR_MIN
  return rest === 0 ? hours : `${hours} ${words.span({ amount: rest, unit: 'minutes' })}`
}

const SENTENCES: Readonly<Record<FoundBy, (found: Found) => string>> = {
  deviation: (found) =>
    found.words.told.unusual(kindWord(found), side(found.alert.evidence.direction), one(found, found.of('value')), one(found, found.of('usual')), basis(found)),
  trend: (found) => {
    const change = Math.abs(found.of('change'))
    const days = Math.round(change / Math.abs(found.of('per_day')))
    return found.words.told.drift(kindWord(found), side(found.alert.evidence.direction), one(found, change), inDays(days, found.words))
  },
  ewma: (found) =>
    found.words.told.average(
      kindWord(found),
      side(found.alert.evidence.direction),
      finer(found, found.of('average')),
      one(found, found.of('usual')),
      measuredDays(found),
    ),
  cusum: (found) =>
    found.words.told.shift(
      kindWord(found),
      side(found.alert.evidence.direction),
      finer(found, Math.abs(found.of('shift'))),
      one(found, found.of('usual')),
      measuredDays(found),
    ),
  very_low_soon: lowSoon,
  low_soon: lowSoon,
  falling_fast: (found) => found.words.told.fallingFast(kindWord(found), one(found, found.of('value')), rate(found)),
  weight_gain: (found) => {
    const [value, gained] = [found.of('value'), found.of('gained_kg')]
    return found.words.told.gained(kg(found, gained), inDays(windowDays(found), found.words), bare(found, value - gained), bare(found, value))
  },
  weight_loss_month: (found) => lost(found, found.words.told.month),
  weight_loss_half_year: (found) => lost(found, found.words.told.halfYear),
  home_pressure: (found) =>
    found.words.told.homePressure(pressure(found), inDays(found.of('days'), found.words), number(found.alert.evidence.readings ?? 0, 0, found.words)),
  irregular_pulse: ({ words }) => words.told.irregular,
  news2: (found) => found.words.told.news2(number(found.of('total'), 0, found.words), scores(found)),
  exacerbation: (found) =>
    found.words.told.worsening(
      number(found.of('type'), 0, found.words),
      SYMPTOMS.filter((symptom) => found.alert.evidence.numbers[symptom])
        .map((symptom) => found.words.symptom[symptom])
        .join(', '),
      inDays(found.of('days'), found.words),
    ),
}

const ALSO: Readonly<Partial<Record<FoundBy, (found: Found) => string>>> = {
  deviation: (found) => found.words.told.alsoUsual(one(found, found.of('usual'))),
  trend: (found) => {
    const days = Math.round(Math.abs(found.of('change') / found.of('per_day')))
    return found.words.told.alsoDrift(side(found.alert.evidence.direction), inDays(days, found.words))
  },
  ewma: (found) => found.words.told.alsoUsual(one(found, found.of('usual'))),
  cusum: (found) => found.words.told.alsoUsual(one(found, found.of('usual'))),
  low_soon: (found) => found.words.told.alsoFalling(rate(found)),
  very_low_soon: (found) => found.words.told.alsoFalling(rate(found)),
  falling_fast: (found) => found.words.told.alsoFalling(rate(found)),
}

const AT_HOME: Readonly<Record<OfTheHome, (found: Found) => string>> = {
  inactive: (found) => {
    const { home } = found.words
    const last = places(found)
    const still = found.words.told.longerThan(since(home.inactive, found), limit(found))
    const seen = last ? found.words.told.lastSeen(still, last) : still
    const { sensors, sensors_silent: silent } = found.alert.evidence.numbers
    if (!silent || !sensors) return seen
    return found.words.told.and(seen, found.words.told.sensorsSilent(number(silent, 0, found.words), number(sensors, 0, found.words)))
  },
  wandering: (found) => {
    const walked = found.words.told.wandering(number(found.of('steps'), 0, found.words), duration(found.of('within_min'), found.words))
    const where = places(found)
    return where ? found.words.why.at(walked, where) : walked
  },
  door_open: (found) => {
    const where = places(found)
    const open = where ? found.words.told.stoodOpen(capital(where, found.words)) : found.words.home.door_open
    return found.words.told.longerThan(since(open, found), limit(found))
  },
  out: (found) => found.words.told.longerThan(since(found.words.home.out, found), limit(found)),
  bed_empty: (found) => found.words.told.longerThan(since(found.words.home.bed_empty, found), limit(found)),
}

function missed(found: Found): string {
  const { evidence } = found.alert
  const kind = evidence.kind ? found.words.kind[evidence.kind] : found.words.told.measurement
  const due = evidence.since ? moment(Date.parse(evidence.since), found.now, found.words) : ''
  const row = evidence.numbers.in_a_row ?? 1
  if (!due) return found.words.told.missedShort(kind)
  return row > 1 ? found.words.told.missedRow(kind, number(row, 0, found.words), due) : found.words.told.missed(kind, due)
}

function lowSoon(found: Found): string {
  const [value, below, fall] = [found.of('value'), found.of('below'), -found.of('per_min')]
  const minutes = Math.max(5, 5 * Math.round((value - below) / fall / 5))
  return found.words.told.lowSoon(kindWord(found), one(found, below), String(Math.min(minutes, found.of('within_min'))), bare(found, value), rate(found))
}

function lost(found: Found, span: string): string {
  const [value, share] = [found.of('value'), found.of('lost_share')]
  return found.words.told.lost(`${number(100 * share, 0, found.words)} %`, span, bare(found, value / (1 - share)), kg(found, value))
}

/** The worst first; what gave no points is left out. */
function scores(found: Found): string {
  const { numbers } = found.alert.evidence
  const given = NEWS2_PARAMETERS.filter((each) => (numbers[each] ?? 0) > 0).sort((a, b) => (numbers[b] ?? 0) - (numbers[a] ?? 0))
  const listed = given.map((each) => `${found.words.news2[each]} ${numbers[each]}`).join(', ')
  return numbers.scale === 2 ? `${listed} (${found.words.told.scale2})` : listed
}

function pressure(found: Found): string {
  return `${number(found.of('systolic'), 0, found.words)}/${number(found.of('diastolic'), 0, found.words)}`
}

function basis(found: Found): string {
  return found.alert.evidence.numbers.accepted ? found.words.told.agreed : measuredDays(found)
}

function measuredDays(found: Found): string {
  return inDays(found.alert.evidence.readings ?? windowDays(found), found.words)
}

function windowDays(found: Found): number {
  const { from_at: from, since: to, numbers } = found.alert.evidence
  if (numbers.days !== undefined) return numbers.days
  if (!from || !to) throw new NoNumber('days')
  // A finished day ends at midnight: what ends then is of the day before.
  return Math.max(1, calendarDay(Date.parse(to) - 1) - calendarDay(Date.parse(from)))
}

function inDays(days: number, words: Words): string {
  return words.told.days(number(days, 0, words))
}

function kindWord(found: Found): string {
  return found.kind ? found.words.kind[found.kind] : ''
}

function one(found: Found, value: number): string {
  return found.kind ? withUnit(value, found.kind, found.words) : number(value, 0, found.words)
}

/** An average shows what a single reading does not. */
function finer(found: Found, value: number): string {
  const facts = found.kind ? KINDS[found.kind] : { decimals: 0, unit: '' }
  return `${number(value, facts.decimals + (facts.decimals === 0 ? 1 : 0), found.words)} ${facts.unit}`
}

function bare(found: Found, value: number): string {
  return number(value, found.kind ? KINDS[found.kind].decimals : 0, found.words)
}

function kg(found: Found, value: number): string {
  return withUnit(value, 'weight', found.words)
}

function rate(found: Found): string {
  return `${number(Math.abs(found.of('per_min')), 2, found.words)} ${KINDS.glucose_isf.unit}`
}

function limit(found: Found): string {
  return duration(found.of('limit_min'), found.words)
}

function since(words: string, found: Found): string {
  const at = found.alert.evidence.since
  return at ? found.words.why.since(words, moment(Date.parse(at), found.now, found.words)) : words
}

/** In running text: "kjøkken, gang". */
function places(found: Found): string {
  const named = (found.alert.evidence.place ?? '').split(', ').filter(Boolean)
  return named.map((place) => (found.words.place[place] ?? place).toLocaleLowerCase(found.words.locale)).join(', ')
}

function capital(text: string, words: Words): string {
  return text.charAt(0).toLocaleUpperCase(words.locale) + text.slice(1)
}

function side(direction: 'low' | 'high' | null | undefined): 'low' | 'high' {
  return direction === 'high' ? 'high' : 'low'
}

function numbersOf(alert: Alert, now: number, words: Words, prefix = ''): Found {
  const { numbers, kind } = alert.evidence
  const of = (name: string) => {
    const value = numbers[prefix + name]
    if (value === undefined || !Number.isFinite(value)) throw new NoNumber(name)
    return value
  }
  return { alert, kind: kind ?? null, words, now, of }
}

function orNull<T>(say: () => T): T | null {
  try {
    return say()
  } catch (error) {
    if (error instanceof NoNumber) return null
    throw error
  }
}
