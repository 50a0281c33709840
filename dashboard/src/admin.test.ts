import { expect, test } from 'vitest'
import { chainFaults, chainsOf, EMPTY_STEP, fleet, gaps, numbersOf, pagesFor, patientAsked, typedChains, uncovered, within } from './admin'
import type { Chains, DutyPeriod } from './api_admin'
import type { TechnicalGateway } from './protocol'

const kari = { id: 1, name: 'Kari', initials: 'KA' }
const at = (hour: number) => Date.parse('2026-01-15T00:00:00Z') + hour * 3_600_000
const period = (from: number, to: number | null): DutyPeriod => ({
  part: 'duty',
  staff: kari,
  from_at: new Date(at(from)).toISOString(),
  to_at: to === null ? null : new Date(at(to)).toISOString(),
  started_by: kari,
  ended_by: null,
  note: '',
})

test('a time that no period covers had nobody on duty; two that overlap leave none', () => {
  const periods = [period(6, null), period(0, 3), period(2, 4)]
  expect(gaps(periods, at(0), at(10))).toEqual([{ from: at(4), to: at(6) }])
  expect(gaps([period(1, 2)], at(0), at(5))).toEqual([
    { from: at(0), to: at(1) },
    { from: at(2), to: at(5) },
  ])
})

test('of a span only what lies in the window is drawn', () => {
  expect(within({ from: 5, to: 20 }, { from: 10, to: 30 })).toEqual({ start: 0, width: 0.5 })
  expect(within({ from: 0, to: 9 }, { from: 10, to: 30 })).toBeNull()
})

test('hours over midnight on a Sunday go on on Monday, and the same at both ends is a whole day', () => {
  const all = [1, 2, 3, 4, 5, 6, 7]
  expect(uncovered([{ weekdays: all, from_time: '00:00:00', to_time: '00:00:00' }])).toEqual([])
  expect(uncovered([{ weekdays: all, from_time: '22:00:00', to_time: '07:00:00' }, { weekdays: all, from_time: '07:00:00', to_time: '22:00:00' }])).toEqual([])
  const day = uncovered([{ weekdays: [1, 2, 3, 4, 5, 6], from_time: '00:00', to_time: '00:00' }])
  expect(day).toEqual([{ from: 6 * 1440, to: 7 * 1440 }])
})

const shipped: Chains = {
  priority: 'red',
  chains: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], from_time: '00:00:00', to_time: '00:00:00', steps: [{ part: 'duty', after_s: 0 }, { staff: 7, name: 'Ola', after_s: 180 }] }],
  unlogged_s: 900,
  again_s: 300,
  source: 'shipped',
  proposal: true,
}

test('a chain that nobody touched is sent as it was', () => {
  const typed = typedChains(shipped)
  expect(chainFaults(typed, 'fordi')).toEqual({})
  expect(chainsOf(typed, ' fordi ', 'r')).toEqual({
    chains: [{ weekdays: [1, 2, 3, 4, 5, 6, 7], from_time: '00:00', to_time: '00:00', steps: [{ part: 'duty', after_s: 0 }, { staff: 7, after_s: 180 }] }],
    unlogged_s: 900,
    again_s: 300,
    reason: 'fordi',
    rev: 'r',
  })
})

test('what is wrong with a chain is said of its field', () => {
  const typed = typedChains(shipped)
  typed.chains[0]!.from = '25:00'
  typed.chains[0]!.steps = [{ ...EMPTY_STEP, who: 'phone', phone: '+47 113', name: ' ', after: '1,5' }]
  typed.again = '5'
  expect(chainFaults(typed, ' ')).toEqual({
    'chain.0.from': 'time',
    'chain.0.step.0.after': 'seconds',
    'chain.0.step.0.phone': 'phoneNever',
    'chain.0.step.0.name': 'name',
    again: 'seconds',
    reason: 'reason',
  })
})

test('gateways with troubles stand first, the longest unheard first among them', () => {
  const quiet = { troubles: [], config: null, proof: null }
  const row = (id: string, state: string, heard_at: string | null) => ({ ...quiet, id, state, heard_at }) as unknown as TechnicalGateway
  const rows = [row('gw-b', 'online', '2026-01-15T10:00:00Z'), row('gw-c', 'silent', '2026-01-15T09:00:00Z'), row('gw-a', 'online', null), row('gw-d', 'never', null)]
  expect(fleet(rows).map((each) => each.id)).toEqual(['gw-d', 'gw-c', 'gw-a', 'gw-b'])
})

test('a role is shown no page that the server would refuse', () => {
  expect(pagesFor(['technician'])).toEqual(['hjemmesentraler'])
  expect(pagesFor(['auditor'])).toEqual(['ansatte', 'innsynslogg'])
  expect(pagesFor(['nurse'])).toEqual(['vakt', 'pasientforlop', 'ansatte'])
  expect(pagesFor(['administrator'])).toEqual(['hjemmesentraler', 'ansatte', 'team', 'ny-pasient'])
  expect(pagesFor([])).toEqual([])
})

test('numbers and a patient are read as people write them', () => {
  expect(numbersOf({ z: '2,5', days: '14' }, { z: 3.5, days: 14 })).toEqual({ z: 2.5 })
  expect(numbersOf({ z: 'mye' }, { z: 3.5 })).toBeUndefined()
  expect([patientAsked(''), patientAsked('12'), patientAsked('anna')]).toEqual([null, 12, undefined])
})
