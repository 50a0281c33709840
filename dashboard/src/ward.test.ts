import { describe, expect, test } from 'vitest'
import { aBoard, aGateway, anAlert, aPatient, aReading, at, aVital, NOON, someEvidence } from './examples'
import { EMPTY, reduce, type State } from './state'
import { mainKinds } from './kinds'
import { tab } from './tab'
import { counts, faults, filtered, leftOf, matching, municipalities, NO_FILTER, queue, raisedBetween, rows, waiting } from './ward'
import { nb } from './words/nb'

const ida = { id: 2, name: 'Bård Bakvaktsen', initials: 'BB' }

function board(change: Parameters<typeof aBoard>[0]): State {
  return reduce(EMPTY, { type: 'board', board: aBoard(change) })
}

describe('queue', () => {
  test('red before yellow, unseen before taken, oldest first; grey and closed are not in it', () => {
    const alerts = [
      anAlert({ id: 1, priority: 'yellow', began_at: at(-9000) }),
      anAlert({ id: 2, began_at: at(-10) }),
      anAlert({ id: 3, began_at: at(-500), state: 'acknowledged', owner: ida }),
      anAlert({ id: 4, began_at: at(-400), state: 'cleared', condition_ended_at: at(-5) }),
      anAlert({ id: 5, began_at: at(-20) }),
      anAlert({ id: 6, priority: 'grey' }),
      anAlert({ id: 7, state: 'handled' }),
      anAlert({ id: 8, state: 'ended' }),
    ]
    expect(queue(board({ alerts })).map((alert) => alert.id)).toEqual([5, 2, 4, 3, 1])
  })

  test('who called for help again soon comes before who called earlier', () => {
    const call = (id: number, seconds: number, numbers: Record<string, number>) =>
      anAlert({ id, rule: 'call:sos', began_at: at(seconds), evidence: someEvidence({ event: 'sos', numbers }) })
    const alerts = [call(1, -900, { calls: 1 }), call(2, -300, { calls: 2, urgent: 1 }), anAlert({ id: 3, priority: 'yellow', began_at: at(-9000) })]
    expect(queue(board({ alerts })).map((alert) => alert.id)).toEqual([2, 1, 3])
  })

  test('technical faults of one rule are one group, the largest first', () => {
    const silent = (id: number) => anAlert({ id, priority: 'grey', rule: 'technical:gateway_silent', patient: null, gateway: `g${id}` })
    const groups = faults(board({ alerts: [anAlert({ id: 9, priority: 'grey', rule: 'technical:sensor_off' }), silent(1), silent(2)] }))
    expect(groups.map((group) => [group.rule, group.alerts.length])).toEqual([
      ['technical:gateway_silent', 2],
      ['technical:sensor_off', 1],
    ])
  })

  test('the tab counts what waits, not what somebody has', () => {
    const alerts = [anAlert({ id: 1 }), anAlert({ id: 2, state: 'acknowledged' }), anAlert({ id: 3, priority: 'yellow', state: 'cleared' })]
    expect(waiting(board({ alerts }))).toEqual({ red: 1, yellow: 1 })
    expect(tab({ red: 1, yellow: 1 }, 'Vakttavle', nb)).toEqual({ title: '(2) Rød – Hjemvakt – Vakttavle', icon: '/icons/red-1.svg' })
    expect(tab({ red: 0, yellow: 40 }, 'Vakttavle', nb).icon).toBe('/icons/yellow-10.svg')
    expect(tab({ red: 0, yellow: 0 }, 'Vakttavle', nb)).toEqual({ title: 'Hjemvakt – Vakttavle', icon: '/icons/icon.svg' })
  })
})

describe('rows', () => {
  const only = (change: Parameters<typeof aBoard>[0], now = NOON) => rows(board(change), now)[0]

  test('fresh, inside and heard from is green', () => {
    expect(only({})).toMatchObject({ tone: 'green', unease: null })
  })

  test.each([
    ['a value outside the red limit, though nobody alerts', { vitals: [aVital({ latest: aReading({ value: 84, level: -2 }) })] }, {}, 'red', 'outside'],
    ['a value outside the yellow limit', { vitals: [aVital({ latest: aReading({ value: 89, level: -1 }) })] }, {}, 'yellow', 'outside'],
    ['a stale value', { vitals: [aVital({ latest: aReading({ taken_at: at(-301) }) })] }, {}, 'technical', 'stale'],
    ['a stale value outside: it is not known to be so', { vitals: [aVital({ latest: aReading({ level: -2, taken_at: at(-301) }) })] }, {}, 'technical', 'stale'],
    ['a sensor that is off', { sensors_off: ['C0:11:00:00:00:01'] }, {}, 'technical', 'sensor_off'],
    ['a silent gateway', {}, { state: 'silent' as const }, 'technical', 'gateway'],
    ['a gateway that was never heard', {}, { state: 'never' as const }, 'technical', 'gateway'],
    ['no reading at all', { vitals: [] }, {}, 'technical', 'nothing'],
  ])('%s is not green', (_what, patient, gateway, tone, unease) => {
    expect(only({ patients: [aPatient(patient)], gateways: [aGateway(gateway)] })).toMatchObject({ tone, unease })
  })

  test('exactly as old as a value may be is not stale yet', () => {
    expect(only({ patients: [aPatient({ vitals: [aVital({ latest: aReading({ taken_at: at(-300) }) })] })] })?.tone).toBe('green')
  })

  test('an interval is as old as its end, and the next one may take as long', () => {
    const five = (taken: number) => only({ patients: [aPatient({ vitals: [aVital({ latest: aReading({ taken_at: at(taken), span_s: 299 }) })] })] })?.tone
    expect(five(-300 - 2 * 299)).toBe('green')
    expect(five(-301 - 2 * 299)).toBe('technical')
  })

  test('somebody with a safety alarm has no readings and is green while the gateway is heard', () => {
    const patients = [aPatient({ pathway: 'safety', vitals: [] })]
    expect(only({ patients })?.tone).toBe('green')
    expect(only({ patients: [aPatient({ pathway: 'safety', vitals: [], gateways: [] })], gateways: [] })?.tone).toBe('technical')
  })

  test('an alert colours its patient, a home alarm everybody who lives there, with its owner', () => {
    const patients = [aPatient({ id: 1 }), aPatient({ id: 2, name: 'Odd' }), aPatient({ id: 3, name: 'Per', home: 2 })]
    const alerts = [anAlert({ patient: null, home: 1, lives_there: [1, 2], rule: 'call:smoke', state: 'acknowledged', owner: ida })]
    const found = rows(board({ patients, alerts }), NOON)
    expect(found.map((row) => [row.patient.id, row.tone, row.owner?.name])).toEqual([
      [1, 'red', ida.name],
      [2, 'red', ida.name],
      [3, 'green', undefined],
    ])
  })

  test("a gateway's fault is about those who live where it stands", () => {
    const alerts = [anAlert({ priority: 'grey', rule: 'technical:gateway_silent', patient: null, gateway: 'demo-bjorkeveien' })]
    expect(only({ alerts })?.tone).toBe('technical')
  })

  test('the order is by colour, by who waits, by age, by name; a new reading moves nobody', () => {
    const patients = ['Ås', 'Berit', 'Anne', 'Cato'].map((name, index) => aPatient({ id: index + 1, name }))
    const alerts = [anAlert({ id: 1, patient: 4, began_at: at(-10) }), anAlert({ id: 2, patient: 1, began_at: at(-90) })]
    const state = board({ patients, alerts })
    const order = (of: State) => rows(of, NOON).map((row) => row.patient.name)
    expect(order(state)).toEqual(['Ås', 'Cato', 'Anne', 'Berit'])
    expect(order(reduce(state, { type: 'readings', values: [aReading({ patient: 3, taken_at: at(0) })] }))).toEqual(order(state))
  })

  test('a reading makes one row anew, and the others stay the very same', () => {
    const state = board({ patients: [1, 2, 3].map((id) => aPatient({ id })), alerts: [anAlert({ patient: 2 })] })
    const before = new Map(rows(state, NOON).map((each) => [each.patient.id, each]))
    const told = reduce(state, { type: 'readings', values: [aReading({ patient: 3, taken_at: at(5), value: 91 })] })
    const after = rows(told, NOON)
    expect(after.filter((each) => each === before.get(each.patient.id)).map((each) => each.patient.id)).toEqual([2, 1])
    expect(after.find((each) => each.patient.id === 3)?.vitals[0]?.latest.value).toBe(91)
  })

  test('no row outlives an alert, a gateway that falls silent or the time after which a value is old', () => {
    const shown = board({ patients: [aPatient({ id: 1 })], gateways: [aGateway()] })
    const tone = (state: State, now = NOON) => rows(state, now)[0]?.tone
    expect(tone(shown)).toBe('green')
    expect(tone(reduce(shown, { type: 'answered', alert: anAlert({ patient: 1 }) }))).toBe('red')
    expect(tone(shown)).toBe('green')
    expect(tone({ ...shown, gateways: new Map([[aGateway().id, aGateway({ state: 'silent' })]]) })).toBe('technical')
    expect(tone(shown)).toBe('green')
    expect(tone(shown, NOON + 24 * 3600 * 1000)).toBe('technical')
  })

  test('every patient is counted once', () => {
    const patients = [1, 2, 3].map((id) => aPatient({ id }))
    expect(counts(rows(board({ patients, alerts: [anAlert({ patient: 2 })] }), NOON))).toEqual({ red: 1, yellow: 0, technical: 0, green: 2 })
  })

  test('a search takes parts of the name in any order and case', () => {
    const patients = [aPatient({ id: 1, name: 'Åse-Karin Østensjøvik' }), aPatient({ id: 2, name: 'Ole Testmo' })]
    const all = rows(board({ patients }), NOON)
    expect(matching(all, 'øst ÅSE').map((row) => row.patient.id)).toEqual([1])
    expect(matching(all, '  ')).toHaveLength(2)
  })
})

test('the kinds of a pathway come first, and one heart is shown once', () => {
  expect(mainKinds('kols', ['battery', 'body_temperature', 'pulse_rate', 'heart_rate', 'spo2'])).toEqual(['spo2', 'heart_rate', 'body_temperature'])
  expect(mainKinds('kols', ['pulse_rate', 'spo2'])).toEqual(['spo2', 'pulse_rate'])
})

test('after a new board, what was raised or raised again meanwhile is heard', () => {
  const before = board({ alerts: [anAlert({ id: 1 }), anAlert({ id: 2 }), anAlert({ id: 3 })] })
  const alerts = [
    anAlert({ id: 1 }),
    anAlert({ id: 2, count: 2, rev: 2 }),
    anAlert({ id: 3, rev: 2, raised_at: at(-1) }),
    anAlert({ id: 4 }),
    anAlert({ id: 5, state: 'acknowledged' }),
  ]
  expect(raisedBetween(before, board({ alerts })).map((alert) => alert.id)).toEqual([2, 3, 4])
})

describe('what a patient wears', () => {
  test('shows the weakest battery and signal of her own devices, and nothing that nobody said', () => {
    const gateway = aGateway({ battery: { 'C0:11:00:00:00:01': 71, 'the-neighbour': 3 }, signal: { 'C0:11:00:00:00:01': -80, 'the-neighbour': -99 } })
    expect(rows(board({ gateways: [gateway] }), NOON)[0]?.kit).toEqual({ battery: 71, signal: -80 })
    expect(rows(board({ gateways: [aGateway()] }), NOON)[0]?.kit).toEqual({ battery: null, signal: null })
  })
})

describe('the time until an alert goes on', () => {
  const called = [{ step: 1, at: at(-60), name: 'Kari', staff: 1 }]

  test('is a share of the time since somebody was called', () => {
    expect(leftOf(anAlert({ raised_at: at(-300), next_at: at(60), called }), NOON)).toEqual({ ms: 60_000, share: 0.5 })
    expect(leftOf(anAlert({ raised_at: at(-60), next_at: at(180), called: [] }), NOON)).toEqual({ ms: 180_000, share: 0.75 })
  })

  test('is up when the server is late, and none when nothing is awaited or somebody has it', () => {
    expect(leftOf(anAlert({ next_at: at(-5), called }), NOON)).toEqual({ ms: 0, share: 0 })
    expect(leftOf(anAlert({ next_at: null }), NOON)).toBeNull()
    expect(leftOf(anAlert({ state: 'acknowledged', next_at: at(60) }), NOON)).toBeNull()
  })
})

describe('the filter', () => {
  const patients = [
    aPatient({ id: 1, municipality: 'Øvelsesvik' }),
    aPatient({ id: 2, municipality: 'Eksempeldal', name: 'Odd Øvingsrud' }),
    aPatient({ id: 3, municipality: null }),
  ]
  const all = rows(board({ patients }), NOON)

  test('of the municipality leaves out whoever is of another one, or of none that is known', () => {
    expect(municipalities(all)).toEqual(['Eksempeldal', 'Øvelsesvik'])
    expect(filtered(all, { ...NO_FILTER, municipality: 'Øvelsesvik' }).map((row) => row.patient.id)).toEqual([1])
    expect(filtered(all, NO_FILTER)).toHaveLength(3)
  })

  test('of the name is one with the others', () => {
    expect(filtered(all, { ...NO_FILTER, municipality: 'Øvelsesvik', sought: 'odd' })).toEqual([])
  })
})
