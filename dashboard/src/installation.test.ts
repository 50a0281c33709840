import { describe, expect, test } from 'vitest'
import type { Installation, InstalledSensor, NearbySensor } from './api_installation'
import { askable, bars, codeOf, ending, firstOpen, isDone, keyOf, ordered } from './installation'

describe('the code on the box', () => {
  test.each([
    ['7K3M-9TQZ-2WXB', '7K3M-9TQZ-2WXB'],
    ['7k3m 9tqz 2wxb', '7K3M-9TQZ-2WXB'],
    [' 7K3M9TQZ2WXB\n', '7K3M-9TQZ-2WXB'],
    ['OK3M-9TQZ-2WXI', '0K3M-9TQZ-2WX1'],
    ['{"v": 1, "server": "https://h.example", "authority": "00", "code": "7K3M-9TQZ-2WXB"}', '7K3M-9TQZ-2WXB'],
  ])('is read out of %j', (text, code) => expect(codeOf(text)).toBe(code))

  test.each(['', '7K3M-9TQZ-2WX', '7K3M-9TQZ-2WXBB', '7K3M-9TQZ-2WXA', '7U3M-9TQZ-2WXB', 'https://example.org', '{"code": 7}', '{"code": "x"}'])('is not in %j', (text) =>
    expect(codeOf(text)).toBeNull(),
  )
})

test('the key of a sensor is 32 hexadecimal digits, however they are written', () => {
  expect(keyOf('23 1d 39 c1 d7 cc 1a b1 ae e2 24 cd 09 6d b9 32')).toBe('231d39c1d7cc1ab1aee224cd096db932')
  expect(keyOf('231D39C1D7CC1AB1AEE224CD096DB932')).toBe('231d39c1d7cc1ab1aee224cd096db932')
  expect(keyOf('231D39C1D7CC1AB1AEE224CD096DB93')).toBeNull()
  expect(keyOf('x31D39C1D7CC1AB1AEE224CD096DB932')).toBeNull()
})

function heard(device: string, rssi_dbm: number | null): NearbySensor {
  return { device, profiles: ['oximeter'], rssi_dbm, battery_percent: null, heard_at: '2026-01-15T11:00:00Z', encrypted: false, bound: null }
}

describe('what is near', () => {
  test('stands in order, the strongest first and those of unknown strength last', () => {
    const sensors = [heard('AA', null), heard('BB', -80), heard('CC', -48), heard('DD', -66)]
    expect(ordered(sensors).map(({ device }) => device)).toEqual(['CC', 'DD', 'BB', 'AA'])
  })

  test('does not change places when a signal wavers', () => {
    const first = ordered([heard('AA', -50), heard('BB', -53)])
    expect(ordered([heard('AA', -53), heard('BB', -50)]).map(({ device }) => device)).toEqual(first.map(({ device }) => device))
  })

  test('has four bars near and one far away', () => {
    expect([-40, -75, -76, -85, -86, -95, -96, -110].map(bars)).toEqual([4, 4, 3, 3, 2, 2, 1, 1])
  })

  test('is told by the end of its address', () => {
    expect(ending('A4:C1:38:00:4C:19')).toBe('4C19')
  })
})

describe('a step', () => {
  const lacking = (...missing: Installation['missing']) => ({ missing }) as Installation

  test('is done when the server misses nothing of it', () => {
    expect(isDone('person', lacking('coverage'))).toBe(false)
    expect(isDone('person', lacking('test', 'gateway'))).toBe(true)
  })

  test('is where somebody goes on who left a home unfinished', () => {
    expect(firstOpen(lacking('gateway', 'sensor', 'test'))).toBe('gateway')
    expect(firstOpen(lacking('pairing', 'test'))).toBe('person')
    expect(firstOpen(lacking())).toBe('test')
  })
})

describe('the pairing of a sensor', () => {
  const part = (name: string, at: string | null, awaits: string | null) => ({ part: name, at, by: null, awaits, why: '' })
  const sensor = (...parts: unknown[]) => ({ pairing: { parts } }) as InstalledSensor

  test('is asked for by the screen only where no person has to look', () => {
    const cycle = part('power_cycle', null, null)
    expect(askable(sensor(cycle, part('reconnect', null, 'contact'), part('person', null, null), part('clock', null, 'clock')))).toBeNull()
    expect(askable(sensor(cycle, part('reconnect', null, null), part('person', null, null), part('clock', null, null)))).toBe('reconnect')
    expect(askable(sensor(cycle, part('reconnect', '2026-01-15T11:00:00Z', null), part('person', null, null), part('clock', null, null)))).toBe('clock')
  })
})
