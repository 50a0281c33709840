// A QR code as one path of an SVG. Pure; drawn here, because a secret goes to no service that draws.
import encodeQR from 'qr'

/** ISO/IEC 18004, 5.3.8: so many light modules on every side. */
const QUIET = 4

export interface Drawn {
  /** In modules, with the quiet zone. */
  readonly size: number
  readonly path: string
}

export function drawn(text: string): Drawn {
  const rows = encodeQR(text, 'raw', { ecc: 'medium', border: QUIET })
  return { size: rows.length, path: rows.map(line).join('') }
}

/** The dark runs of one row. */
function line(row: readonly boolean[], y: number): string {
  let path = ''
  for (let x = 0; x < row.length; x++) {
    if (!row[x]) continue
    const from = x
    while (row[x]) x++
    path += `M${from} ${y}h${x - from}v1h${from - x}z`
  }
  return path
}
