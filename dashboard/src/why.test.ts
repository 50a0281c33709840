import { describe, expect, test } from 'vitest'
import { age, clock, moment, number, rounded, signed, years } from './format'
import { anAlert, at, NOON, someEvidence } from './examples'
import { brief, headline, why } from './why'
import { en } from './words/en'
import { nb } from './words/nb'

const low = anAlert()

describe('why', () => {
  test.each([
    [low, 'SpO₂ under rød grense 88 %', 'SpO₂ below the red limit 88 %'],
    [anAlert({ evidence: { ...low.evidence, since: at(-600) } }), 'SpO₂ under rød grense 88 % siden kl. 11:50', 'SpO₂ below the red limit 88 % since 11:50'],
    [
      anAlert({ priority: 'yellow', rule: 'limit:glucose:high', evidence: someEvidence({ kind: 'glucose', value: 15.2, limit: 13.9, level: 1, direction: 'high' }) }),
      'Blodsukker over gul grense 13,9 mmol/l',
      'Glucose above the yellow limit 13.9 mmol/l',
    ],
    [
      anAlert({ rule: 'limit:glucose:low', evidence: someEvidence({ kind: 'glucose', value: 1.1, sign: -1, level: -2, direction: 'low' }) }),
      'Blodsukker er lavere enn apparatet kan måle (LO)',
      'Glucose is lower than the device can measure (LO)',
    ],
    [anAlert({ rule: 'call:fall', evidence: someEvidence({ event: 'fall', since: at(-9) }) }), 'Fall meldt av sensor', 'A sensor reported a fall'],
    [anAlert({ rule: 'call:sos', evidence: someEvidence({ event: 'sos' }) }), 'Trygghetsalarm utløst', 'Personal alarm pressed'],
    [anAlert({ rule: 'call:smoke', evidence: someEvidence({ event: 'smoke', place: 'kitchen' }) }), 'Røyk meldt – kjøkken', 'Smoke reported – kitchen'],
    [anAlert({ rule: 'call:water', evidence: someEvidence({ event: 'water', place: 'bod' }) }), 'Vannlekkasje meldt – bod', 'Water leak reported – bod'],
    [anAlert({ rule: 'call:gas', evidence: someEvidence({ event: 'gas', place: 'kitchen' }) }), 'Gass meldt – kjøkken', 'Gas reported – kitchen'],
    [anAlert({ rule: 'dose:missed', evidence: someEvidence({ event: 'dose_missed' }) }), 'Medisindose ikke tatt', 'A medicine dose was not taken'],
    [
      anAlert({ evidence: { ...low.evidence, low: 81, high: 87, span_s: 14 } }),
      'SpO₂ under rød grense 88 % (81 til 87 % på 14 s)',
      'SpO₂ below the red limit 88 % (81 to 87 % in 14 s)',
    ],
    [
      anAlert({ rule: 'technical:config_not_taken', evidence: someEvidence({ cause: 'it refuses' }) }),
      'Hjemmesentralen tar ikke i bruk oppsettet sitt',
      'The gateway does not take its configuration into use',
    ],
    [anAlert({ rule: 'night:door', evidence: someEvidence({ event: 'door_opened', place: 'front door' }) }), 'Ytterdør åpnet om natten', 'Front door opened in the night'],
    [anAlert({ rule: 'night:door', evidence: someEvidence({ event: 'door_opened' }) }), 'Dør åpnet om natten', 'Door opened in the night'],
    [
      anAlert({ rule: 'technical:gateway_silent', evidence: someEvidence({ cause: 'no sign of life', since: at(-60) }) }),
      'Hjemmesentralen er taus siden kl. 11:59',
      'The gateway is silent since 11:59',
    ],
    [anAlert({ rule: 'technical:rows_lost', evidence: someEvidence() }), 'Målinger gikk tapt på veien', 'Readings were lost on the way'],
    [anAlert({ rule: 'technical:identity_conflict', evidence: someEvidence() }), 'To hjemmesentraler bruker samme identitet', 'Two gateways use one identity'],
    [
      anAlert({ rule: 'technical:monitor_was_down', evidence: someEvidence() }),
      'Overvåkingen sto: varsler kan ha kommet sent',
      'The monitoring stood still: alerts may have come late',
    ],
    [anAlert({ rule: 'trend:weight:up', evidence: someEvidence() }), 'trend:weight:up', 'trend:weight:up'],
  ])('of %#', (alert, norwegian, english) => {
    expect(why(alert, NOON, nb).replaceAll('\u00a0', ' ')).toBe(norwegian)
    expect(why(alert, NOON, en).replaceAll('\u00a0', ' ')).toBe(english)
  })

  test('a late red reading that alerts in yellow still names the red limit', () => {
    expect(why(anAlert({ priority: 'yellow', late: true }), NOON, nb)).toContain('rød grense')
  })
})

describe('the large words', () => {
  test('a value stands with its unit', () => {
    expect(headline(low, nb)).toEqual({ large: '84', unit: '%', kind: 'SpO₂', limit: '' })
    expect(brief(low, en)).toBe('SpO₂ 84 %')
  })

  test('what a device cannot measure is a limit, not a value', () => {
    expect(signed(1.1, -1, 1, nb)).toBe('< 1,1')
    expect(signed(33.3, 1, 1, en)).toBe('> 33.3')
    expect(headline(anAlert({ evidence: someEvidence({ kind: 'glucose', sign: -1, limit: 3 }) }), nb)).toMatchObject({
      large: 'LO',
      unit: '',
      limit: 'grense 3,0 mmol/l',
    })
    expect(signed(null, 0, 1, nb)).toBeNull()
  })

  test('an alert without a value is its sentence', () => {
    expect(headline(anAlert({ rule: 'call:fall', evidence: someEvidence({ event: 'fall' }) }), nb)).toMatchObject({ large: 'Fall meldt av sensor', kind: '' })
  })
})

describe('times and numbers', () => {
  test('Oslo has summer time from 29 March 2026 at 02:00, whatever zone the browser is in', () => {
    expect(clock(Date.parse('2026-03-29T00:59:00Z'), nb)).toBe('01:59')
    expect(clock(Date.parse('2026-03-29T01:00:00Z'), nb)).toBe('03:00')
    expect(clock(Date.parse('2026-10-25T01:30:00Z'), en)).toBe('02:30')
  })

  test('another day says so, by the calendar of Oslo', () => {
    const lateEvening = Date.parse('2026-01-14T22:59:00Z') // 23:59 in Oslo
    const justAfter = Date.parse('2026-01-14T23:01:00Z') // 00:01 the next day
    expect(moment(lateEvening, justAfter, nb)).toMatch(/14\. jan\. kl\. 23:59$/)
    expect(moment(justAfter, justAfter, nb)).toBe('kl. 00:01')
  })

  test.each([
    [-5000, 'nå'],
    [14_999, 'nå'],
    [44_000, 'for 30 s siden'],
    [119_000, 'for 1 min siden'],
    [3_599_000, 'for 59 min siden'],
    [47 * 3_600_000, 'for 47 t siden'],
    [48 * 3_600_000, 'for 2 d siden'],
  ])('%d ms is %s', (ms, said) => expect(nb.age(age(ms))).toBe(said))

  test('a birthday counts from its morning in Oslo', () => {
    const morning = Date.parse('2026-03-13T23:00:00Z') // 14 March in Oslo
    expect(years('1943-03-14', morning - 1)).toBe(82)
    expect(years('1943-03-14', morning)).toBe(83)
  })

  test('numbers are rounded half up in decimal, as the server does before it compares', () => {
    expect([rounded(38.05, 1), rounded(3.85, 1), rounded(-0.04, 1), rounded(87.5, 0)]).toEqual([38.1, 3.9, 0, 88])
    expect(number(38.05, 1, nb)).toBe('38,1')
    expect(number(1234.5, 1, en)).toBe('1,234.5')
  })
})
