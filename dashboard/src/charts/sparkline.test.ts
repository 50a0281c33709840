import { cleanup, render, screen } from '@testing-library/svelte'
import { flushSync } from 'svelte'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { NOON, at, aVital } from '../examples'
import { aWindow, scrollTo } from '../view_fakes'
import { nb } from '../words/nb'
import { levelOf, sparkline } from './sparkline'
import Sparkline from './Sparkline.svelte'

const box = { width: 108, height: 48 } // 100 x 40 inside the 4 px margin
const limits = { red_low: 88, yellow_low: 90, yellow_high: null, red_high: null }
const line = { gap_s: 60, limits: null, latest: { decimals: 0 } }

function points(...pairs: [seconds: number, value: number][]) {
  return pairs.map(([s, value]) => ({ at: at(s), value }))
}

test('a planned reading that did not come is a cross at its time, and the chart begins no later; crosses that would touch are one', () => {
  const hours = (ago: number) => NOON - ago * 3_600_000
  const series = { spark: [{ at: new Date(hours(24)).toISOString(), value: 92 }], limits: null, gap_s: 0, latest: { decimals: 0 } }
  const chart = sparkline(series, NOON, { width: 108, height: 36 }, [hours(100), hours(50), hours(49), hours(0)])
  expect(chart.from).toBe(hours(100))
  expect(chart.missed).toEqual([4, 54, 104])
  expect(sparkline(series, NOON, { width: 108, height: 36 }).missed).toEqual([])
})

describe('joining', () => {
  test('readings within the gap are one line, and none stands alone', () => {
    const chart = sparkline({ ...line, spark: points([-120, 90], [-60, 91], [0, 92]) }, NOON, box)
    expect(chart.lines.map((each) => each.length)).toEqual([3])
    expect(chart.dots).toEqual([])
  })

  test('a line is never drawn across a gap', () => {
    const chart = sparkline({ ...line, spark: points([-500, 90], [-450, 91], [-100, 92], [-50, 93]) }, NOON, box)
    expect(chart.lines.map((each) => each.length)).toEqual([2, 2])
  })

  test('exactly the gap still joins, a second more does not', () => {
    expect(sparkline({ ...line, spark: points([-60, 1], [0, 2]) }, NOON, box).lines).toHaveLength(1)
    expect(sparkline({ ...line, spark: points([-61, 1], [0, 2]) }, NOON, box).lines).toHaveLength(0)
  })

  test('a reading between two gaps is a point', () => {
    const chart = sparkline({ ...line, spark: points([-500, 90], [-250, 91], [-50, 92], [0, 93]) }, NOON, box)
    expect(chart.dots).toHaveLength(2)
  })

  test('spot readings are points, however close', () => {
    const chart = sparkline({ ...line, gap_s: 0, spark: points([-2, 5], [-1, 6], [0, 7]) }, NOON, box)
    expect(chart.lines).toEqual([])
    expect(chart.dots).toHaveLength(3)
  })

  test('readings that come out of order are drawn in order of time', () => {
    const chart = sparkline({ ...line, spark: points([0, 92], [-60, 91]) }, NOON, box)
    const xs = chart.lines[0]?.map((dot) => dot.x) ?? []
    expect(xs[0]).toBeLessThan(xs[1] ?? 0)
  })
})

describe('scale', () => {
  test('the lowest value stands at the bottom margin, the highest at the top', () => {
    const chart = sparkline({ ...line, spark: points([-60, 80], [0, 100]) }, NOON, box)
    expect(chart.lines[0]?.map((dot) => dot.y)).toEqual([44, 4])
  })

  test('the right edge is now: a reading ten minutes old in twenty stands in the middle', () => {
    const chart = sparkline({ ...line, spark: points([-1200, 90], [-600, 90]) }, NOON, box)
    expect(chart.last?.x).toBeCloseTo(54)
  })

  test('a few fresh readings are not stretched over the whole width', () => {
    const chart = sparkline({ ...line, spark: points([-60, 90], [0, 91]) }, NOON, box)
    expect(chart.lines[0]?.[0]?.x).toBeCloseTo(94) // 9 of the 10 minutes that are shown at least
  })

  test('equal values and no values make no NaN', () => {
    const flat = sparkline({ ...line, spark: points([-60, 90], [0, 90]) }, NOON, box)
    expect(flat.lines[0]?.every((dot) => Number.isFinite(dot.y))).toBe(true)
    const empty = sparkline({ ...line, spark: [] }, NOON, box)
    expect(empty.last).toBeNull()
    expect(empty.band).toBeNull()
  })
})

describe('limits', () => {
  test('the limit next to the values is in the picture, the band is the inside of the yellow limits', () => {
    const chart = sparkline({ ...line, limits, spark: points([-60, 94], [0, 100]) }, NOON, box)
    expect(chart.band).toEqual({ top: 0, bottom: 44 })
    expect(chart.lines[0]?.map((dot) => dot.y)).toEqual([28, 4])
  })

  test('a crossed limit lies inside the picture, with the value below it', () => {
    const chart = sparkline({ ...line, limits, spark: points([-60, 93], [0, 84]) }, NOON, box)
    expect(chart.red[0]).toBeLessThan(chart.last?.y ?? 0)
    expect(chart.last?.level).toBe(-2)
  })

  test('a limit far away does not flatten the line', () => {
    const glucose = { red_low: 3, yellow_low: 3.9, yellow_high: 13.9, red_high: 20 }
    const chart = sparkline({ ...line, limits: glucose, spark: points([-60, 5], [0, 8]) }, NOON, box)
    expect(chart.red[1]).toBeLessThan(0) // 20 mmol/l lies above the picture
  })

  test('exactly on a limit is inside, as the screen rounds it', () => {
    expect([87.4, 87.5, 88, 89.4, 89.5, 90].map((value) => levelOf(value, limits, 0))).toEqual([-2, -1, -1, -1, 0, 0])
    expect(levelOf(38.05, { red_low: null, yellow_low: null, yellow_high: 38, red_high: null }, 1)).toBe(1)
  })

  test('without limits nothing is outside', () => {
    expect(levelOf(1, null, 0)).toBe(0)
  })
})

describe('its colours', () => {
  const vital = aVital({ limits: null, spark: points([-120, 90], [-60, 91], [0, 92]) })
  const strokes: string[] = []
  /** It knows every way to draw, and keeps the colour of each stroke. */
  const pen = { strokeStyle: '', stroke: () => strokes.push(pen.strokeStyle) }
  const context = new Proxy(pen, { get: (target, name) => Reflect.get(target, name) ?? (() => undefined) })

  beforeAll(aWindow)
  afterEach(() => {
    cleanup()
    vi.restoreAllMocks()
    strokes.length = 0
  })

  function drawn() {
    vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as unknown as WebGL2RenderingContext)
    vi.spyOn(HTMLCanvasElement.prototype, 'clientWidth', 'get').mockReturnValue(box.width)
    vi.spyOn(HTMLCanvasElement.prototype, 'clientHeight', 'get').mockReturnValue(box.height)
    const { rerender } = render(Sparkline, { vital, now: NOON, words: nb, theme: 'light' })
    const canvas = screen.getByRole('img')
    canvas.style.setProperty('--chart-line', 'black')
    scrollTo(canvas)
    flushSync()
    expect(strokes).toEqual(['black'])
    return { canvas, rerender }
  }

  test('are read anew when light turns to dark', async () => {
    const { canvas, rerender } = drawn()
    canvas.style.setProperty('--chart-line', 'white')
    await rerender({ theme: 'dark' })
    expect(strokes).toEqual(['black', 'white'])
  })

  test('are not worked out again for a reading', async () => {
    const { rerender } = drawn()
    const read = vi.spyOn(globalThis, 'getComputedStyle')
    await rerender({ vital: { ...vital, spark: points([-60, 91], [0, 92], [10, 93]) } })
    expect(strokes).toEqual(['black', 'black'])
    expect(read).not.toHaveBeenCalled()
  })
})
