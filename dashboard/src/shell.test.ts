import { describe, expect, test } from 'vitest'
import { cacheName, from, pushed } from './shell'

const HERE = 'https://hjemvakt.kommune.example'
const SHELL = ['/', '/assets/main-1a2b.js', '/icons/icon.svg']
const asked = (path: string, mode = 'cors', method = 'GET') => from({ method, mode, url: new URL(path, HERE).href }, HERE, SHELL)

describe('what the worker answers itself', () => {
  test('files of the program, by their whole name', () => {
    expect(asked('/assets/main-1a2b.js')).toBe('shell')
    expect(asked('/assets/main-9999.js')).toBe('network')
    expect(asked('/icons/icon.svg?patient=7')).toBe('network')
  })

  test('every screen is the one page', () => {
    for (const path of ['/', '/pasient/7', '/varsel/3?from=push', '/administrasjon/ansatte']) expect(asked(path, 'navigate')).toBe('page')
  })

  test.each(['/api/v1/board', '/api/v1/patients/7/series', '/api/v1/me', '/api', '/api/v1/oidc/begin'])('never %s, however it is asked for', (path) => {
    for (const mode of ['cors', 'same-origin', 'navigate']) expect(asked(path, mode)).toBe('network')
  })

  test('nothing that changes something, and nothing of another house', () => {
    expect(asked('/', 'navigate', 'POST')).toBe('network')
    expect(asked('https://elsewhere.example/assets/main-1a2b.js')).toBe('network')
  })
})

test('another list of files is another cache', () => {
  expect(cacheName(SHELL)).toBe(cacheName([...SHELL]))
  expect(cacheName(SHELL)).not.toBe(cacheName(['/', '/assets/main-1a2c.js', '/icons/icon.svg']))
})

describe('what is pushed', () => {
  test('leads to the alert', () => {
    const told = { id: 'hjemvakt-9', text: 'Rødt varsel i Hjemvakt. Åpne tavlen.', link: `${HERE}/varsel/3` }
    expect(pushed(told, HERE)).toEqual({ id: 'hjemvakt-9', text: 'Rødt varsel i Hjemvakt. Åpne tavlen.', path: '/varsel/3' })
  })

  test('without a link, or with one to elsewhere, it leads to the board', () => {
    for (const link of [null, 7, 'https://elsewhere.example/varsel/3', 'javascript:alert(1)', 'http://[']) {
      expect(pushed({ id: 'x', text: 'y', link }, HERE).path).toBe('/')
    }
  })

  test('words that cannot be read are told all the same: a browser that hears nothing takes the permission away', () => {
    for (const data of [null, undefined, 'text', 4, {}]) expect(pushed(data, HERE)).toEqual({ id: 'hjemvakt', text: 'Hjemvakt', path: '/' })
  })
})
