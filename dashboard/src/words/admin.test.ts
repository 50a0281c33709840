import { expect, test } from 'vitest'
import { en } from './admin.en'
import { nb } from './admin.nb'

/** "limits.saved(1)" for each word, with functions called on something that can be found again. */
function entries(value: unknown, path: string): [string, string][] {
  if (typeof value === 'string') return [[path, value]]
  if (typeof value === 'function') {
    const given = Array.from({ length: value.length }, (_, index) => `given${index}`)
    return [[`${path}(${value.length})`, String(value(...given))]]
  }
  return Object.entries(value as object).flatMap(([key, each]) => entries(each, path ? `${path}.${key}` : key))
}

const norwegian = entries(nb, '')
const english = entries(en, '')

test('every word of one language is there in the other', () => {
  expect(english.map(([path]) => path).sort()).toEqual(norwegian.map(([path]) => path).sort())
})

test('no word is empty or left unfinished, and a word that takes something says it', () => {
  for (const [path, text] of [...norwegian, ...english]) {
    expect(text.trim(), path).not.toBe('')
    expect(text, path).not.toMatch(/undefined|\[object|NaN|TODO/)
    const arity = Number(path.match(/\((\d)\)$/)?.[1] ?? 0)
    for (let index = 0; index < arity; index++) expect(text, path).toContain(`given${index}`)
  }
})

test('one English word is the Norwegian one only where both languages say so', () => {
  const others = new Map(english)
  const isWord = (text: string) => /\p{L}{3}/u.test(text.replaceAll(/given\d/g, ''))
  const same = norwegian.filter(([path, text]) => others.get(path) === text && isWord(text)).map(([path]) => path)
  expect(same).toEqual(['team', 'seconds.min(1)', 'way.push', 'role.administrator', 'fleet.version'])
})
