import { expect, test } from 'vitest'
import { aBoard, aPatient, aVital } from './examples'
import type { SentVital } from './protocol'
import { unfolded } from './unfold'

function sparkOf(spark: SentVital['spark']) {
  const board = unfolded({ ...aBoard(), patients: [{ ...aPatient(), vitals: [{ ...aVital(), spark }] }] })
  return board.patients[0]?.vitals[0]?.spark
}

test('each point of a small chart has its own instant and value', () => {
  expect(sparkOf({ begins: '2026-03-01T23:59:50Z', after_ms: [0, 15_500], value: [95, 94.5] })).toEqual([
    { at: '2026-03-01T23:59:50.000Z', value: 95 },
    { at: '2026-03-02T00:00:05.500Z', value: 94.5 },
  ])
})

test('a kind without a point has an empty chart', () => {
  expect(sparkOf(null)).toEqual([])
})
