import { mount } from 'svelte'
import './app.css'
import App from './App.svelte'
import { Desk } from './desk.svelte'
import { install } from './installed'
import type { Timers, Wire, WireEvents } from './live'
import { follow } from './navigation'
import { routeOf } from './route'

const timers: Timers = {
  now: () => Date.now(),
  after: (ms, action) => {
    const timer = setTimeout(action, ms)
    return () => clearTimeout(timer)
  },
}

function open(events: WireEvents): Wire {
  const url = new URL('/api/v1/live', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url)
  socket.onopen = () => events.opened()
  socket.onmessage = (message) => events.text(String(message.data))
  socket.onclose = () => events.closed()
  return {
    send: (text) => socket.send(text),
    close: () => socket.close(),
  }
}

/** One screen keeps its id through a reload, so that it counts once. */
function screenId(): string {
  const kept = sessionStorage.getItem('screen')
  if (kept && /^[0-9a-f]{16}$/.test(kept)) return kept
  const made = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, '0')).join('')
  sessionStorage.setItem('screen', made)
  return made
}

const desk = new Desk({ screen: screenId(), timers, open, chance: Math.random })
if (localStorage.getItem('language') === 'en') desk.language = 'en'
desk.route = routeOf(location.pathname)
desk.shortcuts = localStorage.getItem('shortcuts') !== 'off'

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') desk.wake()
})
for (const event of ['pageshow', 'online']) addEventListener(event, () => desk.wake())

follow(desk)
install((route) => desk.go(route))

const target = document.getElementById('app')
if (!target) throw new Error('index.html has no #app')
mount(App, { target, props: { desk } })
void desk.start()
