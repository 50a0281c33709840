import { describe, expect, test } from 'vitest'
import { anAlert, at, NOON, someEvidence } from './examples'
import type { Alert } from './protocol'
import { CALLS, FOUND_BY, OF_THE_HOME, SINGLE, TECHNICAL, type FoundBy } from './rules'
import { calledAgain, duration } from './told'
import { beyond, brief, cause, grounds, headline, measured, why } from './why'
import { en } from './words/en'
import { nb } from './words/nb'

const DAY_S = 86_400
type Evidence = Partial<Alert['evidence']>

function slow(rule: string, lead: FoundBy, evidence: Evidence, priority: Alert['priority'] = 'yellow'): Alert {
  const window = { from_at: at(-14 * DAY_S), since: at(-60), readings: 12 }
  return anAlert({ rule, priority, evidence: someEvidence({ rules: [lead], ...window, ...evidence }) })
}

const spo2 = { kind: 'spo2', direction: 'low' } as const
const isf = { kind: 'glucose_isf', direction: 'low' } as const
const kg = { kind: 'weight', readings: 4, from_at: at(-3 * DAY_S - 43_200) } as const

const SLOW: Record<FoundBy, [Alert, string, string, string]> = {
  deviation: [
    slow('change:spo2:low', 'deviation', { ...spo2, value: 89, numbers: { value: 89, usual: 93, mad: 0.5, z: -5.4, accepted: 0 } }),
    'SpO₂ 89 %',
    'SpO₂ lavere enn vanlig: 89 %, vanlig 93 % (12 dager)',
    'SpO₂ lower than usual: 89 %, usually 93 % (12 days)',
  ],
  trend: [
    slow('change:spo2:low', 'trend', { ...spo2, numbers: { per_day: -0.3, p: 0.01, change: -4.2, smallest: 2 } }),
    'SpO₂ synker',
    'SpO₂ synker jevnt: 4 % på 14 dager',
    'SpO₂ is steadily falling: 4 % in 14 days',
  ],
  ewma: [
    slow('change:respiratory_rate:high', 'ewma', { kind: 'respiratory_rate', direction: 'high', numbers: { average: 21.4, usual: 17, limit: 20 } }),
    'Pustefrekvens høyere enn vanlig',
    'Pustefrekvens i snitt høyere enn vanlig: 21,4 /min, vanlig 17 /min (12 dager)',
    'Respiratory rate on average higher than usual: 21.4 /min, usually 17 /min (12 days)',
  ],
  cusum: [
    slow('change:fev1:low', 'cusum', { kind: 'fev1', direction: 'low', readings: 8, numbers: { sum: 1, limit: 0.9, usual: 1.42, shift: -0.15 } }),
    'FEV1 lavere enn vanlig',
    'FEV1 dag etter dag litt lavere enn vanlig: 0,15 l fra 1,42 l (8 dager)',
    'FEV1 a little lower than usual day after day: 0.15 l from 1.42 l (8 days)',
  ],
  low_soon: [
    slow('low_soon:glucose_isf', 'low_soon', { ...isf, value: 5.1, numbers: { value: 5.1, per_min: -0.11, predicted: 1.8, within_min: 30, below: 3.9 } }),
    'Vevssukker 5,1 mmol/l',
    'Vevssukker ventes under 3,9 mmol/l om ca. 10 min: nå 5,1, faller 0,11 mmol/l per min',
    'Tissue glucose expected below 3.9 mmol/l in about 10 min: now 5.1, falling 0.11 mmol/l a min',
  ],
  very_low_soon: [
    slow('low_soon:glucose_isf', 'very_low_soon', { ...isf, value: 4.9, numbers: { value: 4.9, per_min: -0.08, predicted: 3.1, within_min: 20, below: 3.2 } }, 'red'),
    'Vevssukker 4,9 mmol/l',
    'Vevssukker ventes under 3,2 mmol/l om ca. 20 min: nå 4,9, faller 0,08 mmol/l per min',
    'Tissue glucose expected below 3.2 mmol/l in about 20 min: now 4.9, falling 0.08 mmol/l a min',
  ],
  falling_fast: [
    slow('low_soon:glucose_isf', 'falling_fast', { ...isf, value: 9.1, numbers: { value: 9.1, per_min: -0.18, at_least_per_min: 0.17 } }),
    'Vevssukker 9,1 mmol/l',
    'Vevssukker faller fort: nå 9,1 mmol/l, 0,18 mmol/l per min',
    'Tissue glucose is falling fast: now 9.1 mmol/l, 0.18 mmol/l a min',
  ],
  weight_gain: [
    slow('weight_gain', 'weight_gain', { ...kg, direction: 'high', value: 84.5, numbers: { value: 84.5, gained_kg: 2.4, more_than_kg: 2 } }),
    'Vekt +2,4 kg',
    'Vekt +2,4 kg på 3 dager (82,1 → 84,5)',
    'Weight +2.4 kg in 3 days (82.1 → 84.5)',
  ],
  weight_loss_month: [
    slow('weight_loss', 'weight_loss_month', { ...kg, direction: 'low', value: 62.7, numbers: { value: 62.7, lost_share: 0.05, at_least_share: 0.05 } }),
    'Vekt −5 %',
    'Vekt −5 % på en måned (66,0 → 62,7 kg)',
    'Weight −5 % in a month (66.0 → 62.7 kg)',
  ],
  weight_loss_half_year: [
    slow('weight_loss', 'weight_loss_half_year', { ...kg, direction: 'low', value: 63, numbers: { value: 63, lost_share: 0.1, at_least_share: 0.1 } }),
    'Vekt −10 %',
    'Vekt −10 % på et halvt år (70,0 → 63,0 kg)',
    'Weight −10 % in half a year (70.0 → 63.0 kg)',
  ],
  home_pressure: [
    slow('home_pressure', 'home_pressure', { kind: 'systolic', direction: 'high', readings: 22, numbers: { systolic: 141, diastolic: 82, days: 6 } }),
    'Hjemmeblodtrykk 141/82 mmHg',
    'Hjemmeblodtrykk 141/82 i snitt (6 dager, 22 målinger)',
    'Blood pressure at home 141/82 on average (6 days, 22 readings)',
  ],
  irregular_pulse: [
    slow('irregular_pulse', 'irregular_pulse', { kind: 'rr_interval', direction: 'high', readings: 2, numbers: { highest_entropy: 0.71 } }),
    'Uregelmessig puls',
    'Uregelmessig puls – bekreft med EKG',
    'Irregular pulse – confirm with an ECG',
  ],
  news2: [
    slow('news2', 'news2', { direction: 'high', numbers: { total: 6, respiration: 2, spo2: 3, oxygen: 0, systolic: 0, pulse: 1, consciousness: 0, temperature: 0, scale: 2 } }),
    'NEWS2 6 av 20',
    'NEWS2 6 av 20: SpO₂ 3, pustefrekvens 2, puls 1 (SpO₂ etter skala 2)',
    'NEWS2 6 of 20: SpO₂ 3, respiration 2, pulse 1 (SpO₂ on scale 2)',
  ],
  exacerbation: [
    slow('exacerbation', 'exacerbation', { direction: 'high', numbers: { type: 2, days: 3, dyspnoea: 1, sputum_volume: 1 } }),
    'Tegn på KOLS-forverring',
    'KOLS-forverring type 2: mer tungpust, mer slim (3 dager)',
    'COPD exacerbation type 2: more breathless, more sputum (3 days)',
  ],
}

function plainly(text: string): string {
  return text.replaceAll('\u00a0', ' ')
}

describe('what a slow rule found', () => {
  test.each(FOUND_BY)('of %s', (rule) => {
    const [alert, heading, norwegian, english] = SLOW[rule]
    expect(plainly(brief(alert, nb))).toBe(heading)
    expect(plainly(why(alert, NOON, nb))).toBe(norwegian)
    expect(plainly(why(alert, NOON, en))).toBe(english)
  })

  test.each(FOUND_BY)('of %s whose numbers an older program did not write', (rule) => {
    const [alert] = SLOW[rule]
    const bare = anAlert({ ...alert, evidence: { ...alert.evidence, value: null, numbers: {} } })
    for (const words of [nb, en]) {
      expect(why(bare, NOON, words)).not.toMatch(/NaN|undefined|Infinity/)
      expect(why(bare, NOON, words).length).toBeGreaterThan(5)
      expect(headline(bare, words).large).not.toMatch(/NaN|undefined/)
    }
  })

  test.each([
    ['2026-01-11T23:00:00Z', '2026-01-15T06:10:00Z', 'på 3 dager'], // weighed this morning
    ['2026-01-11T23:00:00Z', '2026-01-15T23:00:00Z', 'på 3 dager'], // judged when the day was over
    ['2026-03-25T23:00:00Z', '2026-03-29T22:00:00Z', 'på 3 dager'], // clocks went forward on the 29th
    ['2026-10-21T22:00:00Z', '2026-10-25T23:00:00Z', 'på 3 dager'], // and back on the 25th
  ])('days are those of the calendar: %s to %s', (from_at, since, said) => {
    const [alert] = SLOW.weight_gain
    expect(why(anAlert({ ...alert, evidence: { ...alert.evidence, from_at, since } }), NOON, nb)).toContain(said)
  })

  test('usual by agreement is not usual by counting', () => {
    const [alert] = SLOW.deviation
    const agreed = anAlert({ ...alert, evidence: { ...alert.evidence, numbers: { ...alert.evidence.numbers, accepted: 1 } } })
    expect(why(agreed, NOON, nb)).toContain('(avtalt)')
  })

  test('a trend that tells of the same as the value today is said beside it', () => {
    const [alert] = SLOW.deviation
    const numbers = { ...alert.evidence.numbers, trend_per_day: -0.3, trend_change: -4.2 }
    const both = anAlert({ ...alert, evidence: { ...alert.evidence, rules: ['deviation', 'trend', 'cusum'], numbers } })
    expect(plainly(why(both, NOON, nb))).toBe('SpO₂ lavere enn vanlig: 89 %, vanlig 93 % (12 dager) · synkende over 14 dager')
  })

  test('beside a limit that is crossed it says what is usual', () => {
    const crossed = anAlert()
    const both = anAlert({ evidence: { ...crossed.evidence, rules: ['deviation'], numbers: { value: 84, usual: 93 } } })
    expect(plainly(why(both, NOON, nb))).toBe('SpO₂ under rød grense 88 % · vanlig 93 %')
    expect(headline(both, nb).large).toBe('84')
  })

  test('a low that is almost there is never promised in less than five minutes', () => {
    const [alert] = SLOW.low_soon
    const near = anAlert({ ...alert, evidence: { ...alert.evidence, numbers: { ...alert.evidence.numbers, value: 4 } } })
    expect(why(near, NOON, nb)).toContain('om ca. 5 min')
  })

  test('its grounds are there for who wants to check them', () => {
    const [alert] = SLOW.deviation
    const told = anAlert({ ...alert, evidence: { ...alert.evidence, rules: ['deviation', 'trend'], reference: 'Iglewicz & Hoaglin 1993' } })
    expect(grounds(told, NOON, nb)).toEqual([
      'Sett som: Avvik fra det vanlige, Jevn utvikling',
      expect.stringMatching(/^Tidsrom: .*1\. jan\. kl\. 12:00 til kl\. 11:59$/),
      'Bygger på 12 målinger eller dager',
      'Kilde: Iglewicz & Hoaglin 1993',
    ])
    expect(grounds(anAlert(), NOON, nb)).toEqual([])
  })
})

test('a card does not say twice what stands large on it', () => {
  const rest = (alert: Alert) => plainly(beyond(why(alert, NOON, nb), alert, nb))
  expect(rest(SLOW.weight_gain[0])).toBe('på 3 dager (82,1 → 84,5)')
  expect(rest(SLOW.news2[0])).toBe('SpO₂ 3, pustefrekvens 2, puls 1 (SpO₂ etter skala 2)')
  expect(rest(SLOW.irregular_pulse[0])).toBe('bekreft med EKG')
  expect(rest(SLOW.deviation[0])).toBe('SpO₂ lavere enn vanlig: 89 %, vanlig 93 % (12 dager)')
  expect(rest(anAlert({ rule: 'call:sos', evidence: someEvidence({ event: 'sos' }) }))).toBe('')
})

describe('what the home tells', () => {
  const since = { since: at(-2.5 * 3600), from_at: at(-2.5 * 3600) }
  test.each([
    ['inactive', { ...since, place: 'kitchen', numbers: { limit_min: 140 } }, 'Ingen bevegelse hjemme siden kl. 09:30 (over 2 t 20 min), sist: kjøkken', 'No movement at home since 09:30 (over 2 h 20 min), last: kitchen'],
    [
      'inactive',
      { ...since, place: null, numbers: { limit_min: 140, sensors: 5, sensors_silent: 2 } },
      'Ingen bevegelse hjemme siden kl. 09:30 (over 2 t 20 min) · 2 av 5 sensorer er tause',
      'No movement at home since 09:30 (over 2 h 20 min) · 2 of 5 sensors are silent',
    ],
    ['wandering', { since: at(-60), place: 'hall, kitchen', numbers: { steps: 4, within_min: 60 } }, 'Oppe og går om natten: 4 bevegelser på 1 t – gang, kjøkken', 'Up and about in the night: 4 movements in 1 h – hall, kitchen'],
    ['door_open', { ...since, place: 'front door', numbers: { limit_min: 30 } }, 'Ytterdør står åpen siden kl. 09:30 (over 30 min)', 'Front door stands open since 09:30 (over 30 min)'],
    ['out', { ...since, place: 'front door', numbers: { limit_min: 1440 } }, 'Ute og ikke kommet tilbake siden kl. 09:30 (over 24 t)', 'Out and not back since 09:30 (over 24 h)'],
    ['bed_empty', { ...since, place: 'bed', numbers: { limit_min: 20 } }, 'Ute av sengen og ikke tilbake siden kl. 09:30 (over 20 min)', 'Out of bed and not back since 09:30 (over 20 min)'],
  ] as const)('%s', (part, evidence, norwegian, english) => {
    const alert = anAlert({ rule: `home:${part}`, priority: 'yellow', patient: null, home: 1, evidence: someEvidence({ rules: [`home:${part}`], ...evidence }) })
    expect(plainly(why(alert, NOON, nb))).toBe(norwegian)
    expect(plainly(why(alert, NOON, en))).toBe(english)
    expect(headline(alert, nb)).toMatchObject({ large: nb.home[part], kind: '' })
  })

  test.each(OF_THE_HOME)('%s without numbers still says what it is', (part) => {
    const alert = anAlert({ rule: `home:${part}`, evidence: someEvidence() })
    expect(why(alert, NOON, nb)).toBe(nb.home[part])
  })
})

describe('what did not come', () => {
  const missed = (numbers: Record<string, number>) =>
    anAlert({ rule: 'measurement:missed:weight', priority: 'yellow', evidence: someEvidence({ kind: 'weight', since: at(-4 * 3600), numbers }) })

  test('says when it was expected, and how many in a row', () => {
    expect(why(missed({ in_a_row: 1 }), NOON, nb)).toBe('Vekt ikke målt, ventet kl. 08:00')
    expect(why(missed({ in_a_row: 3 }), NOON, nb)).toBe('Vekt ikke målt 3 ganger på rad, sist ventet kl. 08:00')
    expect(why(missed({}), NOON, en)).toBe('Weight not measured, expected 08:00')
    expect(brief(missed({}), nb)).toBe('Vekt ikke målt')
  })
})

describe('a call that comes soon after another', () => {
  const call = (numbers: Record<string, number>) =>
    anAlert({ rule: 'call:sos', count: 3, evidence: someEvidence({ event: 'sos', from_at: at(-12 * 60), since: at(0), numbers }) })

  test('is urgent and says how many in how long', () => {
    expect(calledAgain(call({ calls: 3, within_min: 30, urgent: 1 }), nb)).toBe('Haster – 3 kall på 12 min')
    expect(calledAgain(call({ calls: 3, within_min: 30, urgent: 1 }), en)).toBe('Urgent – 3 calls in 12 min')
  })

  test('the first is not, and what was urgent stays so', () => {
    expect(calledAgain(call({ calls: 1, within_min: 30 }), nb)).toBeNull()
    expect(calledAgain(call({ calls: 1, within_min: 30, urgent: 1 }), nb)).toBe('Haster – ringte igjen')
    expect(calledAgain(anAlert(), nb)).toBeNull()
  })
})

describe('technical', () => {
  const fault = (rule: string, numbers: Record<string, number>) => anAlert({ rule: `technical:${rule}`, priority: 'grey', evidence: someEvidence({ cause: 'c', numbers }) })
  test.each([
    ['battery_low', { percent: 9 }, 'Lavt batteri: 9 %', 'Low battery: 9 %'],
    ['clock_wrong', { ahead_s: 312 }, 'Klokken går 5 min for fort', 'The clock is 5 min fast'],
    ['clock_wrong', { ahead_s: -5400 }, 'Klokken går 1 t 30 min for sakte', 'The clock is 1 h 30 min slow'],
    ['not_reached', { calls: 2 }, 'Varsler på push, SMS eller e-post kommer ikke fram (2)', 'Alerts sent by push, SMS or e-mail do not arrive (2)'],
    ['not_assessed', { streams: 12 }, 'Serveren får ikke vurdert utviklingen i 12 målerekker', 'The server cannot assess 12 series of readings'],
  ])('%s with its number', (rule, numbers, norwegian, english) => {
    expect(measured(fault(rule, numbers), nb)).toBe(norwegian)
    expect(why(fault(rule, numbers), NOON, en)).toBe(english)
  })

  test('many of one cause share the words without anybody\'s number', () => {
    expect(cause(fault('battery_low', { percent: 9 }), nb)).toBe('Lavt batteri')
    expect(measured(fault('battery_low', {}), nb)).toBeNull()
  })
})

test('every rule that has a name has words in both languages', () => {
  const rules = [...CALLS.map((each) => `call:${each}`), ...TECHNICAL.map((each) => `technical:${each}`), ...SINGLE]
  for (const rule of rules) for (const words of [nb, en]) expect(cause(anAlert({ rule, evidence: someEvidence() }), words)).not.toBe(rule)
})

test.each([
  [45, '45 min'],
  [60, '1 t'],
  [200, '3 t 20 min'],
  [1440, '24 t'],
])('%d minutes are %s', (minutes, said) => expect(duration(minutes, nb)).toBe(said))
