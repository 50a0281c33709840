import { expect, test } from 'vitest'
import { planOf, typedPlan } from './measuring'

const typed = { weekdays: [5, 1], times: '20.30, 8:00;08:00', before: '60', after: '0' }

test('times and minutes are read as people write them, in the order of the day', () => {
  expect(planOf(typed)).toEqual({ weekdays: [1, 5], times: ['08:00', '20:30'], before_min: 60, after_min: 0 })
})

test('a plan without times awaits nothing, on whatever days', () => {
  expect(planOf({ ...typed, times: '', weekdays: [] })).toEqual({ weekdays: [], times: [], before_min: 60, after_min: 0 })
})

test.each([
  [{ times: 'kl 8' }, ['times']],
  [{ times: '25:00' }, ['times']],
  [{ before: '1441' }, ['before']],
  [{ after: '' }, ['after']],
  [{ weekdays: [] }, ['weekdays']],
  [{ times: 'x', before: 'en time' }, ['times', 'before']],
])('what is not right yet is pointed at: %o', (change, wrong) => {
  expect(planOf({ ...typed, ...change })).toEqual({ wrong })
})

test('a plan that is opened and saved unchanged is the same plan', () => {
  const held = { weekdays: [1, 3], times: ['08:00:00', '20:30:00'], before_min: 90, after_min: 30 }
  expect(planOf(typedPlan(held))).toEqual({ ...held, times: ['08:00', '20:30'] })
})
