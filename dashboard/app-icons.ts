// The program's icons as the telephone wants them: the house of the tab's icon, drawn point by point, for no tool is at hand that
// draws. PNG, second edition (W3C 2003): signature, IHDR, IDAT, IEND.
import { deflateSync } from 'node:zlib'

type Point = readonly [number, number]
type Rgba = readonly [number, number, number, number]

/** On a field of 32 by 32, as in tab-icons.ts. */
const HOUSE: readonly Point[] = [[4, 15], [16, 5], [28, 15], [28, 27], [4, 27]] // prettier-ignore
const BEAT: readonly Point[] = [[8, 20], [12, 20], [14, 15], [18, 23], [20, 20], [24, 20]] // prettier-ignore
const BEAT_WIDE = 2.4
const BRAND: Rgba = [11, 74, 92, 255]
const WHITE: Rgba = [255, 255, 255, 255]
const NOTHING: Rgba = [0, 0, 0, 0]
const FINER = 4

interface Look {
  readonly size: number
  /** How much of the width the house takes: a round mask leaves the middle 80 %. */
  readonly share: number
  readonly ground: Rgba
  readonly house: Rgba
  readonly beat: Rgba
}

export const LOOKS: Readonly<Record<string, Look>> = {
  'app-192.png': { size: 192, share: 0.92, ground: NOTHING, house: BRAND, beat: WHITE },
  'app-512.png': { size: 512, share: 0.92, ground: NOTHING, house: BRAND, beat: WHITE },
  'app-round-512.png': { size: 512, share: 0.62, ground: BRAND, house: WHITE, beat: BRAND },
  'app-apple-180.png': { size: 180, share: 0.74, ground: BRAND, house: WHITE, beat: BRAND },
  'badge-96.png': { size: 96, share: 1, ground: NOTHING, house: WHITE, beat: NOTHING },
}

export function png(look: Look): Buffer {
  const { size } = look
  const rows = Buffer.alloc(size * (size * 4 + 1))
  let over = corners(look, 0)
  for (let y = 0; y < size; y++) {
    const under = corners(look, y + 1)
    for (let x = 0; x < size; x++) {
      const flat = [over[x + 1], under[x], under[x + 1]].every((each) => each === over[x])
      rows.set(flat ? over[x]! : mixed(look, x, y), y * (size * 4 + 1) + 1 + x * 4)
    }
    over = under
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(size, 0)
  head.writeUInt32BE(size, 4)
  head.set([8, 6, 0, 0, 0], 8) // 8 bits, with alpha, deflated, filtered, not interlaced
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))])
}

function corners(look: Look, y: number): Rgba[] {
  return Array.from({ length: look.size + 1 }, (_, x) => colour(look, [x, y]))
}

/** A point on an edge is the mean of sixteen: edges are smooth. */
function mixed(look: Look, x: number, y: number): readonly number[] {
  const sum = [0, 0, 0, 0]
  for (let part = 0; part < FINER * FINER; part++) {
    const [red, green, blue, alpha] = colour(look, [x + ((part % FINER) + 0.5) / FINER, y + (Math.floor(part / FINER) + 0.5) / FINER])
    for (const [place, value] of [red * alpha, green * alpha, blue * alpha, alpha].entries()) sum[place]! += value
  }
  const alpha = sum[3]!
  return [...sum.slice(0, 3).map((value) => (alpha === 0 ? 0 : Math.round(value / alpha))), Math.round(alpha / (FINER * FINER))]
}

function colour({ size, share, ground, house, beat }: Look, [x, y]: Point): Rgba {
  const scale = 24 / (size * share)
  const at: Point = [16 + (x - size / 2) * scale, 16 + (y - size / 2) * scale]
  if (!inside(HOUSE, at)) return ground
  return near(BEAT, at, BEAT_WIDE / 2) ? beat : house
}

function inside(shape: readonly Point[], [x, y]: Point): boolean {
  let is = false
  shape.forEach(([ax, ay], place) => {
    const [bx, by] = shape[(place + 1) % shape.length]!
    if (ay > y !== by > y && x < ax + ((bx - ax) * (y - ay)) / (by - ay)) is = !is
  })
  return is
}

function near(line: readonly Point[], [x, y]: Point, within: number): boolean {
  return line.slice(1).some(([bx, by], place) => {
    const [ax, ay] = line[place]!
    const along = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)))
    return Math.hypot(x - ax - along * (bx - ax), y - ay - along * (by - ay)) <= within
  })
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc(body))
  return Buffer.concat([length, body, sum])
}

function crc(bytes: Buffer): number {
  let sum = 0xffffffff
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return (sum ^ 0xffffffff) >>> 0
}
