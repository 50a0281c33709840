import type { Box, Dot, Sparkline } from './sparkline'

export interface Ink {
  readonly band: string
  readonly limit: string
  readonly line: string
  readonly yellow: string
  readonly red: string
}

const MISSED_PX = 2.5

export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  return {
    band: colour('--chart-band'),
    limit: colour('--chart-limit'),
    line: colour('--chart-line'),
    yellow: colour('--chart-yellow'),
    red: colour('--chart-red'),
  }
}

export function draw(context: CanvasRenderingContext2D, chart: Sparkline, box: Box, ink: Ink, density: number): void {
  context.setTransform(density, 0, 0, density, 0, 0)
  context.clearRect(0, 0, box.width, box.height)
  limits(context, chart, box, ink)
  context.lineWidth = 1.5
  context.lineJoin = 'round'
  context.strokeStyle = ink.line
  for (const line of chart.lines) stroke(context, line)
  for (const x of chart.missed) cross(context, x, box.height - MISSED_PX - 1, ink.yellow)
  for (const dot of chart.dots) disc(context, dot, 2, colourOf(dot, ink))
  if (chart.last) disc(context, chart.last, 3.5, colourOf(chart.last, ink))
}

function limits(context: CanvasRenderingContext2D, chart: Sparkline, box: Box, ink: Ink): void {
  if (chart.band) {
    context.fillStyle = ink.band
    context.fillRect(0, chart.band.top, box.width, chart.band.bottom - chart.band.top)
  }
  context.strokeStyle = ink.limit
  context.lineWidth = 1
  context.setLineDash([3, 3])
  for (const y of chart.red) {
    context.beginPath()
    context.moveTo(0, y)
    context.lineTo(box.width, y)
    context.stroke()
  }
  context.setLineDash([])
}

function stroke(context: CanvasRenderingContext2D, line: readonly Dot[]): void {
  context.beginPath()
  line.forEach(({ x, y }, index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)))
  context.stroke()
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, colour: string): void {
  context.strokeStyle = colour
  context.lineWidth = 1.5
  context.beginPath()
  context.moveTo(x - MISSED_PX, y - MISSED_PX)
  context.lineTo(x + MISSED_PX, y + MISSED_PX)
  context.moveTo(x + MISSED_PX, y - MISSED_PX)
  context.lineTo(x - MISSED_PX, y + MISSED_PX)
  context.stroke()
}

function disc(context: CanvasRenderingContext2D, { x, y }: Dot, radius: number, colour: string): void {
  context.fillStyle = colour
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}

function colourOf(dot: Dot, ink: Ink): string {
  const beyond = Math.abs(dot.level)
  return beyond >= 2 ? ink.red : beyond === 1 ? ink.yellow : ink.line
}
