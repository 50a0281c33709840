import { describe, expect, test } from 'vitest'
import type { AnswerTimes, TeamFortnight } from './api_glance'
import { answersOf, byPatient } from './glance'

const bands = { very_low: 1, low: 4, in_range: 71, high: 20, very_high: 4 }

function aFortnight(change: Partial<TeamFortnight> = {}): TeamFortnight {
  return { team: 1, first_day: '2026-01-01', last_day: '2026-01-14', in_range: [], missed: [], ...change }
}

test('a patient has both: time in range, and what was missed of each kind', () => {
  const inRange = { patient: 7, worn_percent: 93, sufficient: true, bands }
  const missed = [
    { patient: 7, kind: 'weight' as const, due: ['2026-01-03T07:00:00Z'] },
    { patient: 7, kind: 'spo2' as const, due: ['2026-01-03T07:00:00Z', '2026-01-04T07:00:00Z'] },
    { patient: 8, kind: 'spo2' as const, due: ['2026-01-05T07:00:00Z'] },
  ]
  const found = byPatient(aFortnight({ in_range: [inRange], missed }))
  expect(found.get(7)?.inRange).toBe(inRange)
  expect(found.get(7)?.missed.get('spo2')).toEqual([Date.parse('2026-01-03T07:00:00Z'), Date.parse('2026-01-04T07:00:00Z')])
  expect(found.get(7)?.missed.get('weight')).toHaveLength(1)
  expect(found.get(8)).toEqual({ inRange: null, missed: new Map([['spo2', [Date.parse('2026-01-05T07:00:00Z')]]]) })
  expect(found.get(9)).toBeUndefined()
})

describe('how alerts were answered', () => {
  const hour = (red: number, yellow: number, grey: number) => ({ begins: '2026-01-15T10:00:00Z', red, yellow, grey })
  const answered = { raised: 3, answered: 2, median_s: 72, longest_s: 400, closed: 2, unreal: 1 }
  const day: AnswerTimes = {
    team: 1,
    from_at: '2026-01-14T11:00:00Z',
    to_at: '2026-01-15T11:00:00Z',
    hours: [hour(0, 0, 0), hour(1, 2, 1)],
    answers: [{ priority: 'red', ...answered }, { priority: 'yellow', ...answered, median_s: null }],
  }

  test('the highest bar fills the height, and its parts stand on each other', () => {
    const { bars, raised, red, unreal, closed } = answersOf([day])
    expect(bars.map(({ red, yellow, grey, count }) => [red, yellow, grey, count])).toEqual([
      [0, 0, 0, 0],
      [0.25, 0.75, 1, 4],
    ])
    expect([raised, red?.median_s, closed, unreal]).toEqual([6, 72, 4, 2])
  })

  test('two teams are added hour by hour, and no middle is made of their middles', () => {
    const { bars, red, closed } = answersOf([day, { ...day, team: 2 }])
    expect(bars[1]).toMatchObject({ red: 0.25, count: 8 })
    expect(red).toBeNull()
    expect(closed).toBe(8)
  })

  test('a day without alerts has bars without height', () => {
    expect(answersOf([{ ...day, hours: [hour(0, 0, 0)] }]).bars).toMatchObject([{ red: 0, yellow: 0, grey: 0, count: 0 }])
    expect(answersOf([]).bars).toEqual([])
  })
})
