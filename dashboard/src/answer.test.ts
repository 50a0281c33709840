import { describe, expect, it } from 'vitest'
import { answers } from './answer'
import { anAlert, at, NOON } from './examples'

const kari = { id: 1, name: 'Kari', initials: 'KA' }
const hers = { state: 'acknowledged', owner: kari, acknowledged_at: at(-60) } as const

describe('what a nurse can say about an alert', () => {
  it('is nothing before somebody has it', () => {
    expect(answers(anAlert(), 1, NOON)).toEqual([])
  })

  it('is that she comes, is there, or gives it away, when she has it', () => {
    expect(answers(anAlert(hers), 1, NOON)).toEqual(['on_my_way', 'there', 'release'])
    expect(answers(anAlert({ ...hers, on_way_at: at(-30) }), 1, NOON)).toEqual(['there', 'release'])
    expect(answers(anAlert({ ...hers, on_way_at: at(-30), there_at: at(-5) }), 1, NOON)).toEqual(['release'])
  })

  it('is nothing about what a colleague has', () => {
    expect(answers(anAlert(hers), 2, NOON)).toEqual([])
  })

  it('is for ten seconds that her finger slipped', () => {
    expect(answers(anAlert({ ...hers, acknowledged_at: at(-9) }), 1, NOON)).toContain('take_back')
    expect(answers(anAlert({ ...hers, acknowledged_at: at(-10) }), 1, NOON)).not.toContain('take_back')
  })

  it('is "later" only of yellow ones, and never of a call for help', () => {
    expect(answers(anAlert({ ...hers, priority: 'yellow' }), 1, NOON)).toContain('snooze')
    expect(answers(anAlert(hers), 1, NOON)).not.toContain('snooze')
    expect(answers(anAlert({ ...hers, priority: 'yellow', rule: 'call:sos' }), 1, NOON)).not.toContain('snooze')
  })

  it('is that it is put off no longer, for everybody', () => {
    const later = anAlert({ ...hers, priority: 'yellow', snoozed_until: at(3600) })
    expect(answers(later, 1, NOON)).toEqual(['end_snooze'])
    expect(answers(later, 2, NOON)).toEqual(['end_snooze'])
  })

  it('is, after a second call for help, that somebody has spoken with her', () => {
    const again = { rule: 'call:sos', contact_needed: true } as const
    expect(answers(anAlert(again), 2, NOON)).toEqual([])
    expect(answers(anAlert({ ...hers, ...again }), 2, NOON)).toEqual(['contact'])
    expect(answers(anAlert({ ...hers, ...again, contact_at: at(-5) }), 1, NOON)).not.toContain('contact')
  })
})
