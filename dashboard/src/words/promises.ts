// What is promised of the words of every screen. For the tests.
import { expect, test } from 'vitest'

const MARKED = (place: number): unknown => `given${place}`

/** "limits.saved(1)" for each word, with functions called on something that can be found again. */
export function entries(value: unknown, path = '', given: (place: number, path: string) => unknown = MARKED): [string, string][] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value === 'function') {
    const marks = Array.from({ length: value.length }, (_, place) => given(place, path))
    return [[`${path}(${value.length})`, String(value(...marks))]]
  }
  return Object.entries(value as object).flatMap(([key, each]) => entries(each, path ? `${path}.${key}` : key, given))
}

/** `same`: the words that both languages have. */
export function areWhole(nb: object, en: object, same: readonly string[]): void {
  const [norwegian, english] = [entries(nb), entries(en)]

  test('every word of one language is there in the other', () => {
    expect(english.map(([path]) => path).sort()).toEqual(norwegian.map(([path]) => path).sort())
  })

  test('no word is empty or left unfinished, and a word that takes something says it', () => {
    for (const [path, text] of [...norwegian, ...english]) {
      expect(text.trim(), path).not.toBe('')
      expect(text, path).not.toMatch(/undefined|\[object|NaN|TODO/)
      const arity = Number(path.match(/\((\d)\)$/)?.[1] ?? 0)
      for (let place = 0; place < arity; place++) expect(text, path).toContain(`given${place}`)
    }
  })

  test('one English word is the Norwegian one only where both languages say so', () => {
    const others = new Map(english)
    const isWord = (text: string) => /\p{L}{3}/u.test(text.replaceAll(/given\d/g, ''))
    expect(norwegian.filter(([path, text]) => others.get(path) === text && isWord(text)).map(([path]) => path)).toEqual(same)
  })
}
