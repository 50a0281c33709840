import { describe, expect, test } from 'vitest'
import { pathOf, permitted, places, routeOf, type Route } from './route'

const ALL: [string, Route][] = [
  ['/', { screen: 'board' }],
  ['/pasient/17', { screen: 'patient', id: 17 }],
  ['/varsel/9007199254740991', { screen: 'alert', id: 9007199254740991 }],
  ['/utstyr', { screen: 'equipment' }],
  ['/montering', { screen: 'install', home: null }],
  ['/montering/17', { screen: 'install', home: 17 }],
  ['/montering/lager', { screen: 'install', home: 'depot' }],
  ['/varslingsveier', { screen: 'ways' }],
  ['/min-innlogging', { screen: 'me' }],
  ['/administrasjon', { screen: 'admin', page: '' }],
  ['/administrasjon/vakt', { screen: 'admin', page: 'vakt' }],
]

describe('an address', () => {
  test.each(ALL)('%s means its screen, and the screen has that address', (path, route) => {
    expect(routeOf(path)).toEqual(route)
    expect(pathOf(route)).toBe(path)
  })

  test('may end with a slash', () => {
    expect(routeOf('/pasient/17/')).toEqual({ screen: 'patient', id: 17 })
  })

  test.each(['/pasient', '/pasient/', '/pasient/0', '/pasient/017', '/pasient/-1', '/pasient/1e3', '/pasient/1/x', '/varsel/9007199254740992', '/administrasjon/../x', '/montering/0', '/montering/x', '/x'])(
    '%s means nothing, and is said to be missing',
    (path) => expect(routeOf(path)).toEqual({ screen: 'missing' }),
  )
})

describe('a role', () => {
  test('opens what is its own, and begins with the first of it', () => {
    expect(places(['nurse'])).toEqual(['board', 'admin'])
    expect(places(['technician'])).toEqual(['equipment', 'install', 'admin'])
    expect(places(['nurse', 'coordinator'])).toEqual(['board', 'equipment', 'admin'])
    expect(places(['auditor'])).toEqual(['admin'])
    expect(places([])).toEqual([])
  })

  test('that asks for a screen of another one gets its own first screen', () => {
    expect(permitted({ screen: 'alert', id: 3 }, ['technician'])).toEqual({ screen: 'equipment' })
    expect(permitted({ screen: 'equipment' }, ['nurse'])).toEqual({ screen: 'board' })
    expect(permitted({ screen: 'install', home: 3 }, ['coordinator'])).toEqual({ screen: 'board' })
    expect(permitted({ screen: 'board' }, ['auditor'])).toEqual({ screen: 'admin', page: '' })
    expect(permitted({ screen: 'alert', id: 3 }, ['nurse'])).toEqual({ screen: 'alert', id: 3 })
    expect(permitted({ screen: 'ways' }, ['technician'])).toEqual({ screen: 'ways' })
    expect(permitted({ screen: 'me' }, ['nurse'])).toEqual({ screen: 'me' })
  })
})
