import { expect, test } from 'vitest'
import { move } from './move'

test('what is moved trades places with the one above or below, and nothing is lost', () => {
  const list = ['a', 'b', 'c', 'd']
  move(list, 2, -1)
  expect(list).toEqual(['a', 'c', 'b', 'd'])
  move(list, 2, 1)
  expect(list).toEqual(['a', 'c', 'd', 'b'])
  move(list, 4, -1)
  expect(list).toEqual(['a', 'c', 'd', 'b'])
})
