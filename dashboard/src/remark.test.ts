import { expect, test } from 'vitest'
import { anAlert, at } from './examples'
import { done, remarkOn } from './remark'

const lost = new Map([[1, { what: 'not_sent', detail: '', done: done(anAlert()) } as const]])

test('what was not sent is said as long as nothing was done, also when the value goes on changing', () => {
  expect(remarkOn(anAlert({ rev: 7, count: 3, last_at: at(-1), state: 'cleared' }), lost)?.what).toBe('not_sent')
})

test.each([{ owner: { id: 1, name: 'Kari', initials: 'K' }, acknowledged_at: at(-5) }, { on_way_at: at(-5) }, { snoozed_until: at(600) }, { handled_at: at(-5) }])(
  'what was not sent is not said any more beside what was done after all: %o',
  (change) => {
    expect(remarkOn(anAlert({ rev: 2, ...change }), lost)).toBeNull()
  },
)

test('that somebody was first stays, whatever they do next', () => {
  const taken = new Map([[1, { what: 'taken', detail: 'Ola' } as const]])
  expect(remarkOn(anAlert({ on_way_at: at(-5) }), taken)?.what).toBe('taken')
})
