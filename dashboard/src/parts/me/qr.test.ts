import decodeQR from 'qr/decode.js'
import { expect, test } from 'vitest'
import { drawn } from './qr'

const URI = 'otpauth://totp/Hjemvakt:kari.nordmann%40kommune.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Hjemvakt'
const SCALE = 4

/** The path as a camera sees it: dark where a run is, and light elsewhere. */
function photographed(path: string, size: number) {
  const width = size * SCALE
  const data = new Uint8ClampedArray(width * width * 4).fill(255)
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    for (let down = 0; down < SCALE; down++) {
      const from = ((Number(y) * SCALE + down) * width + Number(x) * SCALE) * 4
      for (let at = from; at < from + Number(length) * SCALE * 4; at++) if (at % 4 !== 3) data[at] = 0
    }
  }
  return { width, height: width, data }
}

test('an app that looks at it reads the address with the secret', () => {
  const { path, size } = drawn(URI)
  expect(decodeQR(photographed(path, size))).toBe(URI)
})

test('it has four light modules around it, without which cameras do not find it', () => {
  const { path, size } = drawn(URI)
  for (const [, x, y, length] of path.matchAll(/M(\d+) (\d+)h(\d+)/g)) {
    expect(Math.min(Number(x), Number(y))).toBeGreaterThanOrEqual(4)
    expect(Math.max(Number(x) + Number(length), Number(y) + 1)).toBeLessThanOrEqual(size - 4)
  }
})
