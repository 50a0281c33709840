// What the browser shows of the whole page: the tab's title and icon, and the number on the icon of the program.
import { cleanup, render } from '@testing-library/svelte'
import { flushSync } from 'svelte'
import { afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import App from './App.svelte'
import type { Desk } from './desk.svelte'
import { aDesk, server } from './desk_fakes'
import { aBoard, aMe, anAlert, aReading, at } from './examples'
import { EMPTY, reduce, type Message } from './state'
import { aWindow } from './view_fakes'

const told: string[] = []
let icon: HTMLLinkElement

beforeAll(aWindow)
beforeEach(() => {
  icon = document.createElement('link')
  icon.id = 'tab-icon'
  document.head.append(icon)
  vi.spyOn(document, 'title', 'set').mockImplementation((title) => void told.push(title))
  vi.spyOn(icon, 'setAttribute').mockImplementation((_, address) => void told.push(address))
  const badge = (count: number) => Promise.resolve(void told.push(`${count} wait`))
  Object.assign(navigator, { setAppBadge: badge, clearAppBadge: () => badge(0) })
})
afterEach(() => {
  cleanup()
  localStorage.clear()
  vi.restoreAllMocks()
  icon.remove()
  Object.assign(navigator, { setAppBadge: undefined, clearAppBadge: undefined })
})

/** What the browser is told because of it. */
function toldBy(happening: () => void): string[] {
  told.length = 0
  happening()
  flushSync()
  return [...told]
}

function opened(): Desk {
  server(() => ({ hours: [], answers: [] }))
  const desk = aDesk(aMe({ teams: [{ id: 1, name: 'øst', role: 'nurse' }] }))
  desk.state = reduce(EMPTY, { type: 'board', board: aBoard() })
  desk.phase = 'in'
  expect(toldBy(() => render(App, { desk }))).toEqual(['Hjemvakt – Vakttavle', '/icons/icon.svg', '0 wait'])
  return desk
}

function arrives(desk: Desk, message: Message): string[] {
  return toldBy(() => (desk.state = reduce(desk.state, message)))
}

test('a reading changes none of it, and the browser is not told again', () => {
  const desk = opened()
  const before = desk.state
  expect(arrives(desk, { type: 'readings', values: [aReading({ value: 91, taken_at: at(0) })] })).toEqual([])
  expect(desk.state).not.toBe(before)
})

test('of an alert the browser is told once, and later only of what another one changes', () => {
  const desk = opened()
  const said = (alert: Parameters<typeof anAlert>[0]) => arrives(desk, { type: 'answered', alert: anAlert(alert) })
  expect(said({})).toEqual(['(1) Rød – Hjemvakt – Vakttavle', '/icons/red-1.svg', '1 wait'])
  expect(said({ rev: 2, count: 2 })).toEqual([])
  expect(said({ id: 2, priority: 'yellow' })).toEqual(['(2) Rød – Hjemvakt – Vakttavle', '2 wait'])
  expect(said({ id: 2, rev: 2, priority: 'red' })).toEqual(['/icons/red-2.svg'])
})

test('another screen is another title, and neither another icon nor another number', () => {
  const desk = opened()
  expect(toldBy(() => (desk.route = { screen: 'missing' }))).toEqual(['Hjemvakt – Siden finnes ikke'])
})
