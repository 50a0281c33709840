import { beforeEach, describe, expect, test } from 'vitest'
import { aBoard, anAlert, at } from './examples'
import { backoff, GREETING_MS, HEARTBEAT_MS, Live, PONG_MS, SILENCE_MS, type Link } from './live'
import { FakeSocket, FakeTime, settled } from './live_fakes'
import type { ServerMessage } from './protocol'
import { EMPTY, reduce, type State } from './state'

let time: FakeTime
let sockets: FakeSocket[]
let links: Link[]
let state: State
let delivered: ServerMessage[]
let refused: number
let boards: number
let boardFails: boolean
let boardNow: ReturnType<typeof aBoard>
let live: Live

const last = () => sockets.at(-1) as FakeSocket
const link = () => links.at(-1)
const event = (seq: number, id = seq): ServerMessage => ({ type: 'alert', team: 1, seq, ring: true, alert: anAlert({ id }) })
const beat = (head: number): ServerMessage => ({ type: 'heartbeat', at: at(0), cursors: { 1: head } })
const resumed: ServerMessage = { type: 'resumed', epoch: 'e1', cursors: { 1: 10 } }

beforeEach(() => {
  time = new FakeTime()
  sockets = []
  links = []
  delivered = []
  refused = boards = 0
  boardFails = false
  boardNow = aBoard()
  state = EMPTY
  live = new Live({
    screen: '0123456789abcdef',
    timers: time,
    chance: () => 0.5,
    open: (events) => {
      const socket = new FakeSocket(events)
      sockets.push(socket)
      return socket
    },
    known: () => state,
    refetch: async () => {
      boards++
      if (boardFails) throw new Error('no answer')
      state = reduce(state, { type: 'board', board: boardNow })
    },
    message: (message) => {
      delivered.push(message)
      state = reduce(state, message)
    },
    link: (now) => links.push(now),
    refused: () => void refused++,
  })
})

async function connected(): Promise<FakeSocket> {
  live.start()
  await settled()
  last().events.opened()
  last().says(resumed)
  return last()
}

describe('greeting', () => {
  test('the board is fetched first, then hello says what it contains', async () => {
    const socket = await connected()
    expect(boards).toBe(1)
    expect(socket.sent).toEqual([{ type: 'hello', epoch: 'e1', cursors: { 1: 10 }, screen: '0123456789abcdef' }])
    expect(link()).toEqual({ state: 'live' })
  })

  test('a board that cannot be fetched is tried again, more and more slowly, and no socket is opened', async () => {
    boardFails = true
    live.start()
    await time.pass(60_000)
    expect(sockets).toHaveLength(0)
    expect(boards).toBeGreaterThan(3)
    expect(boards).toBeLessThan(12)
    expect(link()).toEqual({ state: 'lost', since: null })
    boardFails = false
    await time.pass(15_000)
    expect(sockets).toHaveLength(1)
  })

  test('a server that takes the socket and says nothing is left after a bounded wait', async () => {
    live.start()
    await settled()
    last().events.opened()
    await time.pass(GREETING_MS)
    expect(last().closedByUs).toBe(true)
    expect(refused).toBe(1)
  })

  test('a closed door is reported, so that somebody can ask whether the session is over', async () => {
    live.start()
    await settled()
    last().events.closed()
    expect(refused).toBe(1)
  })

  test('stopped while the door was closed, it stays away', async () => {
    live.start()
    await settled()
    live.stop()
    last().events.closed()
    await time.pass(60_000)
    expect(sockets).toHaveLength(1)
  })
})

describe('events', () => {
  test('events in order are delivered once, whatever is doubled', async () => {
    const socket = await connected()
    socket.says(event(11), event(11), event(12), event(11))
    expect(state.cursors).toEqual({ 1: 12 })
    expect(delivered).toHaveLength(2)
  })

  test('a gap is not delivered; a new socket says hello with what we have', async () => {
    const socket = await connected()
    socket.says(event(11), event(13))
    expect(socket.closedByUs).toBe(true)
    await time.pass(1000)
    last().events.opened()
    expect(last()).not.toBe(socket)
    expect(last().sent[0]).toMatchObject({ type: 'hello', cursors: { 1: 11 } })
    last().says(resumed, event(12), event(13))
    expect(state.cursors).toEqual({ 1: 13 })
  })

  test('a heartbeat that knows of events we never got is a gap', async () => {
    const socket = await connected()
    socket.says(beat(10))
    expect(socket.closedByUs).toBe(false)
    socket.says(beat(11))
    expect(socket.closedByUs).toBe(true)
  })

  test('before the server has resumed, events are not taken', async () => {
    live.start()
    await settled()
    last().events.opened()
    last().says(event(11))
    expect(delivered).toHaveLength(0)
  })

  test('what an abandoned socket still says is not heard', async () => {
    const socket = await connected()
    socket.says(event(13))
    await time.pass(1000)
    last().events.opened()
    last().says(resumed)
    socket.says(event(11))
    expect(delivered).toHaveLength(0)
    last().says(event(11))
    expect(delivered).toHaveLength(1)
  })

  test('words that are no message close the socket and nothing else', async () => {
    const socket = await connected()
    socket.events.text('{')
    expect(socket.closedByUs).toBe(true)
    await time.pass(1000)
    expect(sockets).toHaveLength(2)
  })

  test.each(['left', 'joined'] as const)('when a patient has %s the board is fetched again, and nothing is missed', async (type) => {
    const socket = await connected()
    boardNow = { ...aBoard(), cursors: { 1: 11 } }
    socket.says({ type, team: 1, seq: 11, patient: 7 })
    await settled()
    expect(boards).toBe(2)
    expect(socket.sent.at(-1)).toMatchObject({ type: 'hello', cursors: { 1: 11 } })
    socket.says({ type: 'resumed', epoch: 'e1', cursors: { 1: 11 } })
    socket.says(event(12))
    expect(state.cursors).toEqual({ 1: 12 })
  })

  test('a message of a newer server is passed over', async () => {
    const socket = await connected()
    socket.events.text(JSON.stringify({ type: 'weather' }))
    socket.says(event(11))
    expect(delivered).toHaveLength(1)
  })
})

describe('reset', () => {
  test('the board is fetched again and hello said again on the same socket', async () => {
    const socket = await connected()
    boardNow = aBoard({ epoch: 'e2', cursors: { 1: 3 } })
    socket.says({ type: 'reset', epoch: 'e2', reason: 'unknown_epoch' })
    await settled()
    expect(boards).toBe(2)
    expect(sockets).toHaveLength(1)
    expect(socket.sent.at(-1)).toMatchObject({ type: 'hello', epoch: 'e2', cursors: { 1: 3 } })
    socket.says({ type: 'resumed', epoch: 'e2', cursors: { 1: 3 } }, event(4))
    expect(state.cursors).toEqual({ 1: 4 })
  })

  test('between reset and resumed no event is taken: it belongs to another board', async () => {
    const socket = await connected()
    socket.says({ type: 'reset', epoch: 'e1', reason: 'too_far_behind' }, event(11))
    expect(delivered).toHaveLength(0)
  })

  test('a server that resets for ever is met with the back-off', async () => {
    const socket = await connected()
    for (let round = 0; round < 5; round++) {
      socket.says({ type: 'reset', epoch: 'e1', reason: 'unknown_cursor' })
      await settled()
    }
    expect(socket.closedByUs).toBe(true)
    expect(boards).toBeLessThan(6)
  })

  test('teams that changed ask for a new board', async () => {
    const socket = await connected()
    boardNow = aBoard({ cursors: { 1: 10, 2: 5 } })
    socket.says({ type: 'heartbeat', at: at(0), cursors: { 1: 10, 2: 5 } })
    await time.pass(1000)
    expect(boards).toBe(2)
    last().events.opened()
    expect(last().sent[0]).toMatchObject({ cursors: { 1: 10, 2: 5 } })
  })
})

describe('silence', () => {
  test('two and a half missed heartbeats are a lost connection, since the last sign of life', async () => {
    const socket = await connected()
    await time.pass(HEARTBEAT_MS)
    socket.says(beat(10))
    await time.pass(SILENCE_MS - 1)
    expect(link()).toEqual({ state: 'live' })
    await time.pass(1)
    expect(links).toContainEqual({ state: 'lost', since: HEARTBEAT_MS })
    expect(socket.closedByUs).toBe(true)
    expect(sockets).toHaveLength(2)
  })

  test('readings alone do not stand in for heartbeats: the team log may be dead behind them', async () => {
    const socket = await connected()
    for (let s = 0; s < SILENCE_MS / 1000 + 1; s++) {
      await time.pass(1000)
      if (!socket.closedByUs) socket.says({ type: 'readings', values: [] })
    }
    expect(socket.closedByUs).toBe(true)
  })

  test('a closed socket that comes back at once never says lost', async () => {
    const socket = await connected()
    socket.says(beat(10))
    socket.events.closed()
    expect(link()).toEqual({ state: 'connecting' })
    await time.pass(600)
    last().events.opened()
    last().says(resumed)
    expect(links.some((each) => each.state === 'lost')).toBe(false)
    expect(link()).toEqual({ state: 'live' })
  })

  test('the second failure says lost, and tries go on for ever within the longest wait', async () => {
    const socket = await connected()
    socket.says(beat(10))
    socket.events.closed()
    for (let round = 0; round < 20; round++) {
      await time.pass(15_000)
      last().events.closed()
    }
    expect(link()?.state).toBe('lost')
    expect(sockets.length).toBeGreaterThan(20)
    expect(sockets.length).toBeLessThan(45)
  })

  test('a connection that never lives to a heartbeat is not hammered', async () => {
    await connected()
    for (let round = 0; round < 8; round++) {
      last().events.closed()
      await time.pass(15_000)
      last().events.opened()
      last().says(resumed)
    }
    last().events.closed()
    const before = sockets.length
    await time.pass(7_000)
    expect(sockets).toHaveLength(before)
  })
})

test('a heartbeat forgives earlier failures: the next break starts with the short wait', async () => {
  live.start()
  await settled()
  for (let round = 0; round < 6; round++) {
    last().events.closed()
    await time.pass(15_000)
  }
  last().events.opened()
  last().says(resumed, beat(10))
  const before = sockets.length
  last().events.closed()
  expect(link()).toEqual({ state: 'connecting' })
  await time.pass(500)
  expect(sockets).toHaveLength(before + 1)
})

describe('wake', () => {
  test('after sleep the screen says at once that it is old, and opens another socket without waiting for the dead one', async () => {
    const socket = await connected()
    time.sleep(20_000)
    live.wake()
    live.wake() // the page is shown, and the network is back
    expect(link()).toEqual({ state: 'lost', since: 0 })
    expect(socket.closedByUs).toBe(true)
    expect(sockets).toHaveLength(2)
    last().events.opened()
    last().says(resumed, event(11))
    expect(link()).toEqual({ state: 'live' })
    expect(state.cursors).toEqual({ 1: 11 })
  })

  test('a line that died a moment ago is given up after three seconds, not after twelve', async () => {
    const socket = await connected()
    live.wake()
    await time.pass(PONG_MS - 1)
    expect(socket.closedByUs).toBe(false)
    await time.pass(1)
    expect(socket.closedByUs).toBe(true)
    expect(sockets).toHaveLength(2)
  })

  test('a server that answers keeps its socket', async () => {
    const socket = await connected()
    live.wake()
    socket.says({ type: 'pong', at: at(0) })
    await time.pass(PONG_MS)
    expect(socket.closedByUs).toBe(false)
  })

  test('three events of one waking ask once', async () => {
    const socket = await connected()
    live.wake()
    live.wake()
    live.wake()
    expect(socket.sentTypes().filter((type) => type === 'ping')).toHaveLength(1)
  })

  test('while it waits to try again, waking tries now', async () => {
    const socket = await connected()
    socket.events.closed()
    live.wake()
    await settled()
    expect(sockets).toHaveLength(2)
    await time.pass(15_000)
    expect(sockets.length).toBeLessThanOrEqual(4)
  })
})

describe('seen', () => {
  test('each alert is said once, and again after a reconnect', async () => {
    const socket = await connected()
    live.seen([1, 2])
    live.seen([2])
    expect(socket.sent.filter((message) => message.type === 'seen')).toEqual([{ type: 'seen', alerts: [1, 2] }])
    socket.events.closed()
    await time.pass(1000)
    last().events.opened()
    last().says(resumed)
    expect(last().sent.at(-1)).toEqual({ type: 'seen', alerts: [1, 2] })
  })

  test('what is seen before the socket is in is said when it is', async () => {
    live.seen([7])
    const socket = await connected()
    expect(socket.sent.at(-1)).toEqual({ type: 'seen', alerts: [7] })
  })

  test('a trial of the alarm path that gets here is answered, once', async () => {
    const socket = await connected()
    const before = socket.sent.length
    const trial = { type: 'passed', team: 1, seq: 11, proof: 5 } as const
    socket.says(trial)
    socket.says(trial)
    socket.says({ type: 'passed', team: 1, seq: 12, proof: null })
    expect(socket.sent.slice(before)).toEqual([{ type: 'proven', proof: 5 }])
  })

  test('never more than five hundred are kept', async () => {
    const ids = Array.from({ length: 700 }, (_, id) => id)
    live.seen(ids)
    const socket = await connected()
    const seen = socket.sent.at(-1) as { alerts: number[] }
    expect(seen.alerts).toEqual(ids.slice(200))
  })
})

test('the back-off doubles to a bound, and chance spreads it over half of itself', () => {
  expect([0, 1, 2, 3, 4, 5, 6, 50].map((attempt) => backoff(attempt, 1))).toEqual([500, 1000, 2000, 4000, 8000, 15000, 15000, 15000])
  expect(backoff(3, 0)).toBe(2000)
})
