import { expect, test } from 'vitest'
import { areaOf, dayLine, lineOf, xOf, yOf } from './agp'

// 1440 minutes on 144 px, 0..20 mmol/l on 100 px: ten minutes a pixel, 5 px for each mmol/l.
const FIELD = { width: 144, height: 100, low: 0, high: 20 }

test('noon is in the middle, and 3.9 and 10.0 lie where they belong', () => {
  expect(xOf(720, FIELD)).toBe(72)
  expect(yOf(10, FIELD)).toBe(50)
  expect(yOf(3.9, FIELD)).toBeCloseTo(80.5)
  expect(yOf(25, FIELD)).toBe(0)
})

test('a line begins anew after a time of day at which nobody measured', () => {
  expect(lineOf([0, 10, 20, 30], [10, 8, null, 6], FIELD)).toBe('M0,50L1,60M3,70')
})

test('the field between two percentiles is closed before a silence and never spans it', () => {
  const area = areaOf([0, 10, 20, 30, 40], [4, 4, null, 4, 4], [8, 8, 9, 8, 8], FIELD)
  expect(area).toBe('M0,60L1,60L1,80L0,80ZM3,60L4,60L4,80L3,80Z')
  expect(areaOf([0], [4], [8], FIELD)).toBe('')
})

test("a day's readings are not joined over a pause of the sensor", () => {
  expect(dayLine([0, 5, 30], [10, 10, 10], 11, FIELD)).toBe('M0,50L0.5,50M3,50')
})
