// One panel in uPlot, which owns the canvas, the axes and the dragging; what is drawn in it comes from panel.ts.
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Ink } from './draw'
import type { Panel, Point, Span } from './panel'
import { AXIS_PX, RIGHT_PX } from './uplot-panel-size'

export interface AlertMark {
  readonly at: number
  readonly priority: 'red' | 'yellow' | 'grey'
}

export interface Shown {
  readonly panel: Panel
  readonly window: Span
  readonly marks: readonly AlertMark[]
  readonly ink: Ink & { readonly soft: string; readonly grid: string; readonly hatch: string }
  /** Ticks of the time axis, with their words. */
  readonly ticks: readonly number[]
  readonly tickWord: (at: number) => string
  readonly valueWord: (value: number) => string
  readonly noData: string
  /** Between two words of the value axis: no finer than the values are. */
  readonly steps: number[]
}

export interface Callbacks {
  /** Dragged over: from when to when. */
  zoom(window: Span): void
  /** The reading beside the pointer; null: the pointer has left. */
  point(point: Point | null): void
}

const TIME_AXIS_PX = 24
const DOT_PX = 3
const CROSS_PX = 4
const HATCH_PX = 7
const LEAST_DRAG_PX = 8

export class PanelPlot {
  readonly #plot: uPlot
  #shown: Shown
  #points: Point[] = []

  constructor(root: HTMLElement, shown: Shown, size: { width: number; height: number }, sync: string, on: Callbacks) {
    this.#shown = shown
    this.#plot = new uPlot(this.#options(size, sync, on), this.#data(), root)
  }

  show(shown: Shown): void {
    this.#shown = shown
    this.#plot.setData(this.#data(), true)
  }

  resize(size: { width: number; height: number }): void {
    this.#plot.setSize(size)
  }

  destroy(): void {
    this.#plot.destroy()
  }

  #data(): uPlot.AlignedData {
    const { runs, dots } = this.#shown.panel
    this.#points = [...runs.flat(), ...dots].sort((a, b) => a.at - b.at)
    const { from, to } = this.#shown.window
    // The ends are there so that an empty panel has its axes, too.
    return [
      [from, ...this.#points.map((point) => point.at), to],
      [null, ...this.#points.map((point) => point.value), null],
    ]
  }

  #options(size: { width: number; height: number }, sync: string, on: Callbacks): uPlot.Options {
    const axis = { stroke: () => this.#shown.ink.soft, font: '11px system-ui, sans-serif', ticks: { show: false } }
    const grid = { stroke: () => this.#shown.ink.grid, width: 1 }
    return {
      ...size,
      legend: { show: false },
      padding: [6, RIGHT_PX, 0, 0],
      cursor: { sync: { key: sync }, y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
      scales: {
        x: { time: false, range: () => [this.#shown.window.from, this.#shown.window.to] },
        y: { range: () => [...this.#shown.panel.range] as [number, number] },
      },
      axes: [
        {
          ...axis,
          grid,
          size: TIME_AXIS_PX,
          splits: () => [...this.#shown.ticks],
          values: (_, splits) => splits.map((at) => this.#shown.tickWord(at)),
        },
        { ...axis, grid, size: AXIS_PX, space: 24, incrs: this.#shown.steps, values: (_, splits) => splits.map((value) => this.#shown.valueWord(value)) },
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      hooks: {
        drawClear: [(plot) => this.#below(plot)],
        draw: [(plot) => this.#above(plot)],
        setSelect: [(plot) => this.#selected(plot, on)],
        setCursor: [(plot) => on.point(this.#near(plot))],
      },
    }
  }

  #selected(plot: uPlot, on: Callbacks): void {
    const { left, width } = plot.select
    if (width >= LEAST_DRAG_PX) on.zoom({ from: plot.posToVal(left, 'x'), to: plot.posToVal(left + width, 'x') })
    if (width > 0) plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false)
  }

  #near(plot: uPlot): Point | null {
    const { idx, left } = plot.cursor
    if (idx == null || left == null || left < 0) return null
    const at = plot.posToVal(left, 'x')
    const beside = [idx - 2, idx - 1, idx].flatMap((place) => this.#points[place] ?? [])
    if (beside.length === 0) return null
    const nearest = beside.reduce((best, each) => (Math.abs(each.at - at) < Math.abs(best.at - at) ? each : best))
    return Math.abs(plot.valToPos(nearest.at, 'x') - left) < 40 ? nearest : null
  }

  #below(plot: uPlot): void {
    const { panel, ink } = this.#shown
    inside(plot, (context) => {
      const { left, top, width, height } = plot.bbox
      const { limits } = panel
      const low = limits?.yellow_low ?? limits?.red_low ?? null
      const high = limits?.yellow_high ?? limits?.red_high ?? null
      if (low !== null || high !== null) {
        const over = high === null ? top : Math.max(top, plot.valToPos(high, 'y', true))
        const under = low === null ? top + height : Math.min(top + height, plot.valToPos(low, 'y', true))
        context.fillStyle = ink.band
        context.fillRect(left, over, width, Math.max(0, under - over))
      }
      context.strokeStyle = ink.limit
      context.lineWidth = px(1)
      context.setLineDash([px(4), px(3)])
      for (const edge of [limits?.red_low ?? null, limits?.red_high ?? null])
        if (edge !== null) line(context, left, plot.valToPos(edge, 'y', true), left + width, plot.valToPos(edge, 'y', true))
      context.setLineDash([])
      for (const gap of panel.gaps) this.#hatch(plot, context, gap)
    })
  }

  #hatch(plot: uPlot, context: CanvasRenderingContext2D, gap: Span): void {
    const { top, height } = plot.bbox
    const [from, to] = [plot.valToPos(gap.from, 'x', true), plot.valToPos(gap.to, 'x', true)]
    if (to - from < px(1)) return
    context.save()
    context.beginPath()
    context.rect(from, top, to - from, height)
    context.clip()
    context.strokeStyle = this.#shown.ink.hatch
    context.lineWidth = px(1)
    for (let x = from - height; x < to; x += px(HATCH_PX)) line(context, x, top + height, x + height, top)
    context.restore()
    if (to - from < px(64)) return
    context.fillStyle = this.#shown.ink.soft
    context.font = `${px(11)}px system-ui, sans-serif`
    context.textAlign = 'left'
    context.textBaseline = 'top'
    context.fillText(this.#shown.noData, from + px(4), top + px(3))
  }

  #above(plot: uPlot): void {
    const { panel, ink, marks } = this.#shown
    inside(plot, (context) => {
      for (const mark of marks) this.#mark(plot, context, mark)
      context.lineJoin = 'round'
      for (const run of panel.runs) this.#run(plot, context, run)
      for (const dot of panel.dots) this.#dot(plot, context, dot)
      context.strokeStyle = ink.soft
      context.lineWidth = px(1.5)
      const y = plot.bbox.top + plot.bbox.height - px(9)
      for (const at of panel.missed) cross(context, plot.valToPos(at, 'x', true), y, px(CROSS_PX))
    })
  }

  #run(plot: uPlot, context: CanvasRenderingContext2D, run: readonly Point[]): void {
    const { ink } = this.#shown
    const x = (at: number) => plot.valToPos(at, 'x', true)
    const y = (value: number) => plot.valToPos(value, 'y', true)
    context.strokeStyle = ink.line
    context.globalAlpha = 0.35
    context.lineWidth = px(2)
    for (const point of run) if (point.high > point.low) line(context, x(point.at), y(point.low), x(point.at), y(point.high))
    context.globalAlpha = 1
    context.lineWidth = px(1.5)
    context.beginPath()
    run.forEach((point, place) => (place === 0 ? context.moveTo(x(point.at), y(point.value)) : context.lineTo(x(point.at), y(point.value))))
    context.stroke()
    for (const point of run) {
      if (point.level === 0) continue
      context.fillStyle = colourOf(point, ink)
      disc(context, x(point.at), y(outermost(point)), px(2))
    }
  }

  #dot(plot: uPlot, context: CanvasRenderingContext2D, point: Point): void {
    const { ink } = this.#shown
    const [x, y] = [plot.valToPos(point.at, 'x', true), plot.valToPos(point.value, 'y', true)]
    context.strokeStyle = context.fillStyle = colourOf(point, ink)
    context.lineWidth = px(1.5)
    if (point.high > point.low) line(context, x, plot.valToPos(point.low, 'y', true), x, plot.valToPos(point.high, 'y', true))
    // Shape, and not only colour, says that it lies outside.
    if (point.level === 0) disc(context, x, y, px(DOT_PX))
    else if (Math.abs(point.level) === 1) diamond(context, x, y, px(DOT_PX + 1.5))
    else context.fillRect(x - px(DOT_PX), y - px(DOT_PX), px(2 * DOT_PX), px(2 * DOT_PX))
  }

  #mark(plot: uPlot, context: CanvasRenderingContext2D, mark: AlertMark): void {
    const { ink } = this.#shown
    const x = plot.valToPos(mark.at, 'x', true)
    const { left, width, top, height } = plot.bbox
    if (x < left || x > left + width) return
    context.strokeStyle = context.fillStyle = mark.priority === 'red' ? ink.red : mark.priority === 'yellow' ? ink.yellow : ink.soft
    context.lineWidth = px(1.25)
    line(context, x, top, x, top + height)
    if (mark.priority === 'red') context.fillRect(x - px(4), top, px(8), px(8))
    else diamond(context, x, top + px(5), px(5))
  }
}

function inside(plot: uPlot, draw: (context: CanvasRenderingContext2D) => void): void {
  const { left, top, width, height } = plot.bbox
  plot.ctx.save()
  plot.ctx.beginPath()
  plot.ctx.rect(left, top, width, height)
  plot.ctx.clip()
  draw(plot.ctx)
  plot.ctx.restore()
}

function px(css: number): number {
  return css * (window.devicePixelRatio || 1)
}

function outermost(point: Point): number {
  return point.level < 0 ? point.low : point.high
}

function colourOf(point: Point, ink: Ink): string {
  const beyond = Math.abs(point.level)
  return beyond >= 2 ? ink.red : beyond === 1 ? ink.yellow : ink.line
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath()
  context.moveTo(x1, y1)
  context.lineTo(x2, y2)
  context.stroke()
}

function disc(context: CanvasRenderingContext2D, x: number, y: number, radius: number): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

function diamond(context: CanvasRenderingContext2D, x: number, y: number, reach: number): void {
  context.beginPath()
  context.moveTo(x, y - reach)
  context.lineTo(x + reach, y)
  context.lineTo(x, y + reach)
  context.lineTo(x - reach, y)
  context.fill()
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, reach: number): void {
  line(context, x - reach, y - reach, x + reach, y + reach)
  line(context, x - reach, y + reach, x + reach, y - reach)
}
