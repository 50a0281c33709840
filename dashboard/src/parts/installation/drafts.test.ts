import { describe, expect, test } from 'vitest'
import { isFull, KEPT_MS, keptOver, MOST, nextOf, readBack, reduce, TOO_OLD, type Deed, type Draft, type Happening } from './drafts'

const NOON = Date.parse('2026-01-15T11:00:00Z')
const DOOR: Deed = {
  deed: 'bind',
  home: 3,
  body: { device: 'A4:C1:38:00:00:09', slot: 0, profile: 'bthome_door', patient: null, place: 'Gang', label: null, key: null, replaces: null },
}
const SEEN: Deed = { deed: 'prove', home: 3, device: 'A4:C1:38:00:00:09', slot: 0, part: 'power_cycle' }
const BOX: Deed = { deed: 'admit', code: '7K3M-9TQZ-2WXB', enrolment: null, home: 3, team: null }
const none: ReadonlySet<string> = new Set()

function decided(key: string, deed: Deed, at = NOON): Happening {
  return { said: 'decided', key, at, deed }
}

function after(...events: Happening[]): readonly Draft[] {
  return events.reduce(reduce, [] as readonly Draft[])
}

describe('a decision', () => {
  test('waits until the server has answered, and keeps its key however often it is sent', () => {
    let drafts = after(decided('key-0001', DOOR), { said: 'sending', key: 'key-0001' }, { said: 'away', key: 'key-0001' }, { said: 'sending', key: 'key-0001' })
    expect(drafts.map(({ key, state }) => [key, state])).toEqual([['key-0001', 'sending']])
    drafts = reduce(drafts, { said: 'done', key: 'key-0001' })
    expect(drafts).toEqual([])
  })

  test('goes before those that came after it, and each is tried once in a round', () => {
    const drafts = after(decided('key-0001', DOOR), decided('key-0002', SEEN))
    expect(nextOf(drafts, none)?.key).toBe('key-0001')
    expect(nextOf(drafts, new Set(['key-0001']))?.key).toBe('key-0002')
    expect(nextOf(drafts, new Set(['key-0001', 'key-0002']))).toBeNull()
  })

  test('that is made twice is one', () => {
    expect(after(decided('key-0001', DOOR), decided('key-0002', DOOR)).map(({ key }) => key)).toEqual(['key-0001'])
    const found = after(decided('key-0001', BOX), { said: 'found', key: 'key-0001', enrolment: 12 }, decided('key-0002', BOX))
    expect(found.map(({ key, deed }) => [key, deed.deed === 'admit' && deed.enrolment])).toEqual([['key-0001', 12]])
  })

  test('that was refused says why, is not sent again, and is made anew with a new key', () => {
    const drafts = after(decided('key-0001', DOOR), { said: 'refused', key: 'key-0001', why: 'It belongs to somebody.', type: 'urn:hjemvakt:bound-elsewhere' })
    expect(drafts[0]).toMatchObject({ state: 'refused', why: 'It belongs to somebody.', type: 'urn:hjemvakt:bound-elsewhere' })
    expect(nextOf(drafts, none)).toBeNull()
    expect(reduce(drafts, decided('key-0002', DOOR)).map(({ key, state }) => [key, state])).toEqual([['key-0002', 'waits']])
    expect(reduce(drafts, { said: 'dismissed', key: 'key-0001' })).toEqual([])
  })

  test('is not sent when the server may have forgotten its key', () => {
    const drafts = after(decided('key-0001', DOOR), decided('key-0002', SEEN, NOON + 1))
    const later = reduce(drafts, { said: 'time', now: NOON + KEPT_MS + 1 })
    expect(later.map(({ key, state, type }) => [key, state, type])).toEqual([
      ['key-0001', 'refused', TOO_OLD],
      ['key-0002', 'waits', ''],
    ])
  })

  test('finds no place when too many wait', () => {
    let drafts: readonly Draft[] = []
    for (let number = 0; number <= MOST; number++) drafts = reduce(drafts, decided(`key-${number}-x`, { ...SEEN, slot: number }))
    expect(drafts).toHaveLength(MOST)
    expect(isFull(drafts)).toBe(true)
  })
})

describe('the browser', () => {
  test('keeps what waits over a reload, and what was on its way waits again with its key', () => {
    const drafts = after(decided('key-0001', BOX), decided('key-0002', DOOR), decided('key-0003', SEEN), { said: 'sending', key: 'key-0001' })
    expect(readBack(keptOver(drafts)).map(({ key, state, deed }) => [key, state, deed])).toEqual([
      ['key-0001', 'waits', BOX],
      ['key-0002', 'waits', DOOR],
      ['key-0003', 'waits', SEEN],
    ])
  })

  test('keeps no key of a sensor and nothing that somebody wrote', () => {
    const secret = '0123456789abcdef0123456789abcdef'
    const kept = keptOver(
      after(
        decided('key-0001', { ...DOOR, body: { ...DOOR.body, key: secret } }),
        decided('key-0002', { deed: 'prepare', gateway: 'gw-1', body: { device: 'A4:C1:38:00:00:09', profile: 'bthome_door', label: null, key: secret } }),
        decided('key-0003', { deed: 'finish', home: 3, remark: 'She was in hospital.' }),
        decided('key-0004', { deed: 'refuse', enrolment: 1, why: 'Somebody wrote this.' }),
        decided('key-0005', { deed: 'finish', home: 3, remark: null }),
      ),
    )
    expect(readBack(kept).map(({ key }) => key)).toEqual(['key-0005'])
    expect(kept).not.toMatch(/0123456789abcdef|hospital|wrote/)
  })

  test.each([null, '', 'x', '{}', '[1, null, {}]', '[{"key": "key-0001"}]', '[{"key":"key-0001","at":1,"state":"waits","why":"","type":"","deed":{"deed":"erase"}}]'])(
    'that gives back %s gives back nothing',
    (text) => expect(readBack(text)).toEqual([]),
  )

  test('gives back what makes sense beside what does not, and never more than there is room for', () => {
    const good = after(decided('key-0001', SEEN))
    expect(readBack(JSON.stringify([...good, { ...good[0], deed: { deed: 'prove', home: '3' } }]))).toEqual(good)
    const many = Array.from({ length: MOST + 5 }, (_, slot) => ({ ...good[0], key: `key-${slot}-xx` }))
    expect(readBack(JSON.stringify(many))).toHaveLength(MOST)
  })
})
