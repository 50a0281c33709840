// The patient's time axis: which time is shown, what is drawn in it, and what came on the socket since.
import * as api from '../../api_patient'
import type { EffectiveLimits, Story } from '../../api_patient'
import { panel, withLatest, type Panel, type Span } from '../../charts/panel'
import type { Desk } from '../../desk.svelte'
import { ALL_KINDS, KINDS, mainKinds } from '../../kinds'
import type { Kind, Series } from '../../protocol'
import type { Range } from '../../words/patient'
import { Part } from './part.svelte'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
export const SPANS: Readonly<Record<Range, number>> = {
  '6h': 6 * HOUR_MS,
  '24h': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
  '1y': 365 * DAY_MS,
}
export const RANGES = Object.keys(SPANS) as Range[]
const NARROWEST_MS = 10 * 60_000
const WIDEST_MS = 400 * DAY_MS
const POINTS = 500
const MOST_KINDS = 8
/** Where the board does not say how old a stream may be. */
const STALE_MS = 5 * 60_000
/** The axis goes on moving, but not with every second. */
const MOVES_MS = 15_000
/** So that the newest reading stands inside the field. */
const AFTER_NOW = 0.01

export class Timeline {
  range = $state<Range | null>('24h')
  /** Fixed while somebody looks at a piece of it; else it ends now. */
  fixed = $state.raw<Span | null>(null)
  series = $state.raw<ReadonlyMap<Kind, Series>>(new Map())
  readonly story: Part<Story>
  readonly fetching: Part<readonly Series[]>

  readonly id: number
  readonly #desk: Desk
  #asked: Span = { from: 0, to: 0 }

  constructor(desk: Desk, id: number) {
    this.#desk = desk
    this.id = id
    this.story = new Part(desk)
    this.fetching = new Part(desk)
  }

  readonly row = $derived.by(() => this.#desk.state.patients.get(this.id) ?? null)

  get kinds(): Kind[] {
    const row = this.row
    if (row === null) return [...this.series.values()].filter((each) => each.at.length > 0).map((each) => each.kind)
    return mainKinds(row.pathway, row.vitals.map((vital) => vital.kind)).slice(0, MOST_KINDS)
  }

  get window(): Span {
    if (this.fixed) return this.fixed
    const now = Math.ceil(this.#desk.calm / MOVES_MS) * MOVES_MS
    const span = SPANS[this.range ?? '24h']
    return { from: now - span, to: now + span * AFTER_NOW }
  }

  /** Who measures now and then has no curve of a day. */
  begin(): void {
    if (this.row !== null && this.row.pathway !== 'diabetes') this.range = '7d'
    void this.fetch()
  }

  choose(range: Range): void {
    this.range = range
    this.fixed = null
    void this.fetch()
  }

  /** To a piece of it: what does not fit is cut. */
  look(window: Span): void {
    const now = this.#desk.now
    const width = Math.min(WIDEST_MS, Math.max(NARROWEST_MS, window.to - window.from))
    const to = Math.min(Math.round(window.to), now + width / 10)
    this.fixed = { from: Math.round(to - width), to }
    this.range = null
    void this.fetch()
  }

  /** `factor` below 1: nearer. */
  zoom(factor: number): void {
    const { from, to } = this.window
    const [middle, half] = [(from + to) / 2, ((to - from) / 2) * factor]
    this.look({ from: middle - half, to: middle + half })
  }

  move(share: number): void {
    const { from, to } = this.window
    const by = (to - from) * share
    this.look({ from: from + by, to: to + by })
  }

  async fetch(): Promise<void> {
    const window = this.window
    this.#asked = window
    const wanted = this.row === null ? ALL_KINDS.filter((kind) => kind !== 'battery') : this.kinds
    await Promise.all([
      this.fetching.load(async () => {
        const found: Series[] = []
        // Three at a time: a phone on a slow line shows the first panels while the others come.
        for (let place = 0; place < wanted.length; place += 3) {
          const some = await Promise.all(wanted.slice(place, place + 3).map((kind) => api.series(this.id, kind, window, POINTS)))
          if (this.#asked !== window) return found
          found.push(...some)
          this.series = new Map([...this.series, ...some.map((each) => [each.kind, each] as const)])
        }
        return found
      }),
      this.story.load(() => api.story(this.id, window)),
    ])
  }

  /** What the socket has brought since. */
  follow(): void {
    const row = this.row
    if (row === null || this.fixed !== null || this.series.size === 0) return
    let changed = false
    const next = new Map(this.series)
    for (const vital of row.vitals) {
      const held = next.get(vital.kind)
      const grown = held && withLatest(held, vital.latest, Math.max(vital.gap_s * 1000, this.bucketMs * 2))
      if (grown && grown !== held) {
        next.set(vital.kind, grown)
        changed = true
      }
    }
    if (changed) this.series = next
  }

  get bucketMs(): number {
    return (this.#asked.to - this.#asked.from) / POINTS
  }

  panelOf(kind: Kind, limits: EffectiveLimits | null): Panel | null {
    const series = this.series.get(kind)
    if (!series) return null
    const vital = this.row?.vitals.find((each) => each.kind === kind)
    const own = limits?.limits.find((each) => each.kind === kind)
    return panel({
      series,
      limits: own ? own.limits : (vital?.limits ?? null),
      decimals: KINDS[kind].decimals,
      missed: this.story.data?.missed.filter((each) => each.kind === kind).map((each) => Date.parse(each.due)) ?? [],
      window: this.window,
      now: this.#desk.calm,
      staleMs: Math.max(vital ? (vital.stale_after_s + vital.latest.span_s) * 1000 : STALE_MS, this.bucketMs * 2),
    })
  }
}
