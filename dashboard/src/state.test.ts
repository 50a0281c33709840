import { describe, expect, test } from 'vitest'
import { aBoard, aGateway, anAlert, aPatient, aReading, at, aVital } from './examples'
import type { Alert, ServerMessage } from './protocol'
import { EMPTY, order, reduce, type Message, type State } from './state'

const start = reduce(EMPTY, { type: 'board', board: aBoard() })

function event(seq: number, alert: Alert = anAlert()): Extract<ServerMessage, { type: 'alert' }> {
  return { type: 'alert', team: 1, seq, ring: true, alert }
}

function after(state: State, ...messages: Message[]): State {
  return messages.reduce(reduce, state)
}

describe('events', () => {
  test('the next event moves the cursor and is taken in', () => {
    const state = after(start, event(11))
    expect(state.cursors).toEqual({ 1: 11 })
    expect(state.alerts.get(1)).toEqual(anAlert())
  })

  test('an event applied twice changes nothing the second time', () => {
    const once = after(start, event(11))
    expect(after(once, event(11))).toBe(once)
  })

  test('an event after a gap changes nothing: the socket must come back first', () => {
    expect(after(start, event(12))).toBe(start)
    expect(order(start.cursors, event(12))).toBe('gap')
  })

  test('events of a team that the board does not know are a gap', () => {
    expect(order(start.cursors, { ...event(1), team: 2 })).toBe('gap')
  })

  test('events out of order end in the same state as in order', () => {
    const first = event(11, anAlert())
    const second = event(12, anAlert({ rev: 2, state: 'acknowledged' }))
    const mixed = after(start, second, first, second)
    expect(mixed).toEqual(after(start, first, second))
  })

  test('a gateway that changes is replaced, with its cursor', () => {
    const silent = aGateway({ state: 'silent' })
    const state = after(start, { type: 'gateway', team: 1, seq: 11, gateway: silent })
    expect(state.gateways.get(silent.id)).toEqual(silent)
    expect(state.cursors).toEqual({ 1: 11 })
  })

  test('an event that is no longer ours to see moves the cursor alone', () => {
    expect(after(start, { type: 'passed', team: 1, seq: 11 })).toEqual({ ...start, cursors: { 1: 11 } })
  })

  test('what the reducer got is never changed in place', () => {
    const frozen = structuredClone(start)
    after(start, event(11), { type: 'readings', values: [aReading({ taken_at: at(0) })] })
    expect(structuredClone(start)).toEqual(frozen)
  })
})

describe('revisions', () => {
  const taken = anAlert({ rev: 2, state: 'acknowledged' })

  test('the answer to a press and the event about it, in either order, end alike', () => {
    const raised = after(start, event(11))
    const answerFirst = after(raised, { type: 'answered', alert: taken }, event(12, taken))
    const eventFirst = after(raised, event(12, taken), { type: 'answered', alert: taken })
    expect(answerFirst).toEqual(eventFirst)
  })

  test('an older revision that comes late does not undo a newer one', () => {
    const state = after(start, { type: 'answered', alert: taken }, event(11, anAlert()))
    expect(state.alerts.get(1)?.state).toBe('acknowledged')
    expect(state.cursors).toEqual({ 1: 11 })
  })

  test('a closed alert is not opened again by an older event', () => {
    const handled = anAlert({ rev: 3, state: 'handled' })
    const state = after(start, { type: 'answered', alert: handled }, event(11, taken))
    expect(state.alerts.get(1)?.state).toBe('handled')
  })

  test('closed alerts are kept to a bound, open ones for ever', () => {
    let state = after(start, { type: 'answered', alert: anAlert({ id: 1 }) })
    for (let id = 2; id < 400; id++) state = after(state, { type: 'answered', alert: anAlert({ id, state: 'handled' }) })
    expect(state.alerts.size).toBe(201)
    expect(state.alerts.has(1)).toBe(true)
    expect(state.alerts.has(399)).toBe(true)
  })

  test('how many screens have shown an alert follows the last word', () => {
    const state = after(start, event(11), { type: 'seen_on', alert: 1, seen_on: 3 })
    expect(state.alerts.get(1)?.seen_on).toBe(3)
    expect(after(state, { type: 'seen_on', alert: 99, seen_on: 1 })).toBe(state)
  })
})

describe('readings', () => {
  const newer = aReading({ value: 91, taken_at: at(0) })

  test('a newer value replaces the latest and continues the line', () => {
    const vital = after(start, { type: 'readings', values: [newer] }).patients.get(1)?.vitals[0]
    expect(vital?.latest.value).toBe(91)
    expect(vital?.spark).toEqual([{ at: at(0), value: 91 }])
  })

  test('the same or an older value changes nothing', () => {
    const state = after(start, { type: 'readings', values: [newer] })
    expect(after(state, { type: 'readings', values: [newer, aReading({ taken_at: at(-300) })] })).toBe(state)
  })

  test('an attempt without a value is the latest word, but no point', () => {
    const vital = after(start, { type: 'readings', values: [aReading({ value: null, quality: 2, taken_at: at(0) })] }).patients.get(1)?.vitals[0]
    expect(vital?.latest.value).toBeNull()
    expect(vital?.spark).toEqual([])
  })

  test('one value a second does not push the past out of the line, and the newest is its end', () => {
    const past = { at: at(-3000), value: 95 }
    let state = after(EMPTY, { type: 'board', board: aBoard({ patients: [aPatient({ vitals: [aVital({ spark: [past] })] })] }) })
    for (let s = 0; s < 1200; s++) state = after(state, { type: 'readings', values: [aReading({ value: 90, taken_at: at(s) })] })
    const spark = state.patients.get(1)?.vitals[0]?.spark ?? []
    expect(spark[0]).toEqual(past)
    expect(spark.at(-1)?.at).toBe(at(1199))
    expect(spark.length).toBeLessThanOrEqual(240)
    expect(spark.length).toBeGreaterThan(60)
  })

  test('a kind that the board has not shown yet asks for another look, and the look answers it', () => {
    const glucose = aReading({ kind: 'glucose', value: 5.5, decimals: 1, unit: 'mmol/L' })
    const wanting = after(start, { type: 'readings', values: [glucose] })
    expect(wanting.wanting).toBe(true)
    const fresh = aPatient({ vitals: [aVital(), aVital({ kind: 'glucose', latest: glucose })] })
    const filled = after(wanting, { type: 'filled', patients: [fresh] })
    expect(filled.wanting).toBe(false)
    expect(filled.patients.get(1)?.vitals).toHaveLength(2)
    expect(filled.cursors).toEqual(wanting.cursors)
  })

  test('another look never takes a newer value back', () => {
    const state = after(start, { type: 'readings', values: [newer] }, { type: 'filled', patients: [aPatient()] })
    expect(state.patients.get(1)?.vitals[0]?.latest).toEqual(newer)
  })

  test('an alert about a sensor taken off asks for another look: only the board says which are off', () => {
    expect(after(start, event(11, anAlert({ rule: 'technical:sensor_off', priority: 'grey' }))).wanting).toBe(true)
    expect(after(start, event(11)).wanting).toBe(false)
  })
})

test('a new board replaces everything', () => {
  const state = after(start, event(11), { type: 'board', board: aBoard({ epoch: 'e2', cursors: { 1: 3 }, patients: [] }) })
  expect(state).toEqual(after(EMPTY, { type: 'board', board: aBoard({ epoch: 'e2', cursors: { 1: 3 }, patients: [] }) }))
})

test('messages about the connection change nothing', () => {
  for (const message of [
    { type: 'heartbeat', at: at(0), cursors: { 1: 99 } },
    { type: 'pong', at: at(0) },
    { type: 'resumed', epoch: 'e1', cursors: { 1: 10 } },
  ] as const) {
    expect(after(start, message)).toBe(start)
  }
})
