import { expect, test } from 'vitest'
import { en as alertEn } from './alert.en'
import { nb as alertNb } from './alert.nb'
import { en } from './en'
import { en as meEn } from './me.en'
import { nb as meNb } from './me.nb'
import { nb } from './nb'
import { entries } from './promises'

/** Words whose argument is an age, not something to be said as it is. */
const TAKES_AGE = ['age', 'span', 'technical.heard']

const given = (place: number, path: string) => (TAKES_AGE.includes(path) ? { amount: 7, unit: 'hours' } : `given${place}`)

/** The screens have words of their own beside the common ones. */
const norwegian = [...entries(nb, '', given), ...entries(alertNb, 'alert', given), ...entries(meNb, 'me', given)]
const english = [...entries(en, '', given), ...entries(alertEn, 'alert', given), ...entries(meEn, 'me', given)]

test('every word of one language is there in the other', () => {
  expect(english.map(([path]) => path).sort()).toEqual(norwegian.map(([path]) => path).sort())
})

test('no word is empty or left unfinished', () => {
  for (const [path, text] of [...norwegian, ...english]) {
    expect(text.trim(), path).not.toBe('')
    expect(text, path).not.toMatch(/undefined|\[object|NaN|TODO/)
  }
})

test('a word that takes something says it', () => {
  const bySide = ['unusual(5)', 'unusualShort(2)', 'drift(4)', 'driftShort(2)', 'average(5)', 'shift(5)', 'alsoDrift(2)'].map((word) => `told.${word}`)
  const counts = ['toneFilter(2)', 'why.limit(4)', 'why.beyondRange(2)', ...bySide]
  for (const [path, text] of [...norwegian, ...english]) {
    if (!path.endsWith(')') || counts.includes(path)) continue
    if (TAKES_AGE.some((word) => path.startsWith(`${word}(`))) {
      expect(text, path).toContain('7')
      continue
    }
    const arity = Number(path.match(/\((\d)\)$/)?.[1])
    for (let index = 0; index < arity; index++) expect(text, path).toContain(`given${index}`)
  }
})

test('one English word is the Norwegian one only where both languages say so', () => {
  const same = norwegian.filter(([path, text]) => english.some(([other, said]) => other === path && said === text)).map(([path]) => path)
  expect(same).toEqual([
    'why.at(2)',
    'told.and(2)',
    'told.longerThan(2)',
    'news2.spo2',
    'product',
    'alerts.device(1)',
    'answer.minutes(1)',
    'pathway.diabetes',
    'kind.spo2',
    'kind.peak_flow',
    'kind.fev1',
    'kind.fvc',
    'duty.who(2)',
    'me.role.administrator',
    'me.demand.by(3)',
  ])
})
