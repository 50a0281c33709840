import { describe, expect, test } from 'vitest'
import { anAlert, at, kari, NOON, ola } from './examples'
import type { HistoryEntry, OnDuty, Records } from './protocol'
import { behind, callees, nextOf, regretS, steps, story, tel, tick } from './tending'

const ME = kari.id
const mine = { state: 'acknowledged', owner: kari, acknowledged_at: at(-30) } as const

describe('the next thing to press', () => {
  test.each([
    ['acknowledge', anAlert()],
    ['acknowledge', anAlert({ state: 'cleared' })],
    ['acknowledge', anAlert({ owner: ola })],
    ['on_my_way', anAlert(mine)],
    ['there', anAlert({ ...mine, on_way_at: at(-20) })],
    ['close', anAlert({ ...mine, on_way_at: at(-20), there_at: at(-10) })],
    ['close', anAlert({ ...mine, snoozed_until: at(600) })],
    ['take_over', anAlert({ ...mine, owner: ola })],
    ['reopen', anAlert({ state: 'handled', handled_by: ola, handled_at: at(-3600) })],
    [null, anAlert({ state: 'handled', handled_by: ola, handled_at: at(-12 * 3600) })],
    [null, anAlert({ state: 'ended' })],
  ] as const)('is %s', (next, alert) => expect(nextOf(alert, ME, NOON)).toBe(next))
})

describe('a slip of the finger', () => {
  test('can be taken back for ten seconds, by whose finger it was', () => {
    const taken = anAlert({ ...mine, acknowledged_at: at(-3) })
    expect(regretS(taken, ME, NOON)).toBe(7)
    expect(regretS(taken, 2, NOON)).toBe(0)
    expect(regretS(anAlert(mine), ME, NOON)).toBe(0)
  })

  test('never shows more than ten seconds when the clocks differ a little', () => {
    expect(regretS(anAlert({ ...mine, acknowledged_at: at(2) }), ME, NOON)).toBe(10)
  })

  test('is none once she has said that she drives', () => {
    expect(regretS(anAlert({ ...mine, acknowledged_at: at(-3), on_way_at: at(-1) }), ME, NOON)).toBe(0)
  })

  test('may have closed it, too', () => {
    expect(regretS(anAlert({ state: 'handled', handled_by: kari, handled_at: at(-4) }), ME, NOON)).toBe(6)
  })
})

describe('the plan', () => {
  const step = (then: string) => ({ when: '', then })
  const plan = {
    versions: [{ record: { type: 'self_treatment', green: [], yellow: [step('Hvil')], red: [step('Ring'), step('Mål igjen')] } }],
  } as unknown as Records
  const noted = (rev: number, note: string): HistoryEntry =>
    ({ rev, at: at(rev), action: 'note', staff: kari, note, to: null, until: null, outcome: null }) as HistoryEntry

  test('shows the steps of the zone, with what is done and by whom', () => {
    const history = [noted(2, tick('Mål igjen', true))]
    expect(steps(plan, 'red', history)).toEqual([
      { when: '', then: 'Ring', done: null },
      { when: '', then: 'Mål igjen', done: { by: kari.name, at: at(2) } },
    ])
    expect(steps(plan, 'yellow', history).map((each) => each.then)).toEqual(['Hvil'])
  })

  test('believes the newest word about a step, and no other note', () => {
    const history = [noted(2, tick('Ring', true)), noted(3, tick('Ring', false)), noted(4, 'Ring')]
    expect(steps(plan, 'red', history)[0]?.done).toBeNull()
  })

  test('that nobody wrote has no steps', () => {
    expect(steps(null, 'red', [])).toEqual([])
    expect(steps({ versions: [] } as unknown as Records, 'red', [])).toEqual([])
  })
})

test('what was done and who was called stand in one order, those called at once in one line', () => {
  const done = { rev: 2, at: at(5), action: 'acknowledged' } as HistoryEntry
  const call = (name: string, s: number) => ({ step: 1, at: at(s), name, staff: null })
  const lines = story([done], [call('Kari', 0), call('Ola', 0), call('Siv', 9)])
  expect(lines.map((line) => line.what)).toEqual([['Kari', 'Ola'], done, ['Siv']])
})

describe('whom to call', () => {
  test('is the patient first, then the contacts in their order', () => {
    const contact = { name: 'Lise', relation: 'datter', phone: '900 00 002', has_key: true, remark: '' }
    const resident = { name: 'Anna', phone: '+47 900 00 001', contacts: [contact] } as never
    expect(callees([resident]).map((each) => [each.name, each.phone, each.key])).toEqual([
      ['Anna', '+47 900 00 001', false],
      ['Lise', '900 00 002', true],
    ])
    expect(tel('+47 900 00 001')).toBe('tel:+4790000001')
  })

  test('to pass it on is the back-up, else the coordinator, never oneself nor who has it', () => {
    const duty = (...staff: ['backup' | 'coordinator' | 'duty', typeof kari][]): OnDuty[] =>
      staff.map(([part, each]) => ({ part, staff: each, since: at(0), ways: [] }))
    expect(behind(duty(['coordinator', ola], ['backup', kari]), anAlert(), ME)).toBe(ola)
    expect(behind(duty(['backup', ola]), anAlert({ owner: ola }), ME)).toBeNull()
    expect(behind(duty(['duty', ola]), anAlert(), ME)).toBeNull()
    expect(behind([], anAlert(), ME)).toBeNull()
  })
})
