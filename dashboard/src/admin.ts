// The administration's decisions: which pages somebody has, when nobody was on duty, what a form says. Pure.
import { DAY_MIN, short, TIME } from './measuring'
import type { Chain, ChainStep, Chains, DutyPeriod, Hours, Part, SetChains } from './api_admin'
import type { Me, Role, TechnicalGateway } from './protocol'

type Team = Me['teams'][number]

export const PAGES = ['vakt', 'hjemmesentraler', 'pasientforlop', 'ansatte', 'team', 'ny-pasient', 'innsynslogg'] as const
export type Page = (typeof PAGES)[number]

const CARE: readonly Role[] = ['nurse', 'coordinator', 'doctor']
const REGISTERS: readonly Role[] = ['coordinator', 'administrator']
/** The server decides; this only leaves away what it would refuse. */
const OPEN: Readonly<Record<Page, readonly Role[]>> = {
  vakt: CARE,
  hjemmesentraler: ['coordinator', 'technician', 'administrator'],
  pasientforlop: CARE,
  ansatte: [...CARE, 'administrator', 'auditor'],
  team: REGISTERS,
  'ny-pasient': REGISTERS,
  innsynslogg: ['auditor'],
}

export function pagesFor(roles: readonly Role[]): Page[] {
  return PAGES.filter((page) => roles.some((role) => OPEN[page].includes(role)))
}

export function teamsFor(teams: readonly Team[], page: Page): Team[] {
  return teams.filter((team) => OPEN[page].includes(team.role))
}

export function registers(roles: readonly Role[]): boolean {
  return roles.some((role) => REGISTERS.includes(role))
}

/** Decides for the team: others on duty, chains, hours, pathways. */
export function leads(role: Role): boolean {
  return role === 'coordinator' || role === 'doctor'
}

// ---- when nobody was on duty

export interface Span {
  readonly from: number
  readonly to: number
}

/** In time's order; nothing is said about what lies before `from`. */
export function gaps(periods: readonly DutyPeriod[], from: number, now: number): Span[] {
  const spans = periods.map((each) => spanOf(each, now)).sort((one, other) => one.from - other.from)
  const found: Span[] = []
  let covered = from
  for (const span of spans) {
    if (span.from > covered) found.push({ from: covered, to: Math.min(span.from, now) })
    covered = Math.max(covered, span.to)
  }
  if (covered < now) found.push({ from: covered, to: now })
  return found.filter((gap) => gap.to > gap.from)
}

export function spanOf(period: DutyPeriod, now: number): Span {
  return { from: Date.parse(period.from_at), to: period.to_at === null ? now : Date.parse(period.to_at) }
}

/** What of it lies in the window, in parts of it; null: nothing. */
export function within(span: Span, window: Span): { start: number; width: number } | null {
  const from = Math.max(span.from, window.from)
  const to = Math.min(span.to, window.to)
  if (to <= from) return null
  const whole = window.to - window.from
  return { start: (from - window.from) / whole, width: (to - from) / whole }
}

// ---- hours of the week

const WEEK_MIN = 7 * DAY_MIN

export function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number)
  return hours * 60 + minutes
}

/** Minutes of the week, from Monday's midnight, in which no period holds. The same at both ends: a whole day. */
export function uncovered(periods: readonly Hours[]): Span[] {
  const spans = periods.flatMap((period) => period.weekdays.flatMap((day) => onWeek(day, period)))
  spans.sort((one, other) => one.from - other.from)
  const found: Span[] = []
  let covered = 0
  for (const span of spans) {
    if (span.from > covered) found.push({ from: covered, to: span.from })
    covered = Math.max(covered, span.to)
  }
  if (covered < WEEK_MIN) found.push({ from: covered, to: WEEK_MIN })
  return found
}

/** Over the end of Sunday it goes on on Monday. */
function onWeek(day: number, { from_time: first, to_time: last }: Hours): Span[] {
  const [begin, end] = [minutesOf(first), minutesOf(last)]
  const from = (day - 1) * DAY_MIN + begin
  const to = (day - 1) * DAY_MIN + (end > begin ? end : end + DAY_MIN)
  return to <= WEEK_MIN ? [{ from, to }] : [{ from, to: WEEK_MIN }, { from: 0, to: to - WEEK_MIN }]
}

/** A place in the week: 1 is Monday. */
export function weekPlace(minute: number): { weekday: number; time: string } {
  const two = (count: number) => String(count).padStart(2, '0')
  const [day, rest] = [Math.floor(minute / DAY_MIN), minute % DAY_MIN]
  return { weekday: (day % 7) + 1, time: `${two(Math.floor(rest / 60))}:${two(rest % 60)}` }
}

// ---- what is typed about hours

export interface TypedHours {
  weekdays: number[]
  from: string
  to: string
}

export function typedHours(hours: Hours): TypedHours {
  return { weekdays: [...hours.weekdays], from: short(hours.from_time), to: short(hours.to_time) }
}

export type Fault = 'days' | 'time' | 'seconds' | 'who' | 'phone' | 'phoneNever' | 'name' | 'reason' | 'steps' | 'number' | 'order'
/** By field, "chain.0.step.1.after". */
export type Faults = Readonly<Record<string, Fault>>


export function hoursFaults(typed: TypedHours, at: string): Record<string, Fault> {
  const faults: Record<string, Fault> = {}
  if (typed.weekdays.length === 0) faults[`${at}.days`] = 'days'
  if (!TIME.test(typed.from)) faults[`${at}.from`] = 'time'
  if (!TIME.test(typed.to)) faults[`${at}.to`] = 'time'
  return faults
}

export function hoursOf(typed: TypedHours): Hours {
  return { weekdays: [...typed.weekdays].sort(), from_time: typed.from, to_time: typed.to }
}

// ---- what is typed about chains

/** `who`: "part:duty", "staff:7", or "phone" with a name and a number. */
export interface TypedStep {
  who: string
  name: string
  phone: string
  after: string
}

export interface TypedChain extends TypedHours {
  steps: TypedStep[]
}

export interface TypedChains {
  chains: TypedChain[]
  unlogged: string
  again: string
}

export const EMPTY_STEP: TypedStep = { who: 'part:backup', name: '', phone: '', after: '180' }

export function typedChains(chains: Chains): TypedChains {
  return {
    chains: chains.chains.map((chain) => ({ ...typedHours(chain), steps: chain.steps.map(typedStep) })),
    unlogged: String(chains.unlogged_s),
    again: String(chains.again_s),
  }
}

function typedStep(step: ChainStep): TypedStep {
  const after = String(step.after_s)
  if (step.part) return { who: `part:${step.part}`, name: '', phone: '', after }
  if (step.staff) return { who: `staff:${step.staff}`, name: '', phone: '', after }
  return { who: 'phone', name: step.name ?? '', phone: step.phone ?? '', after }
}

/** Never called by itself; as the server has them. */
const NEVER_CALLED = ['110', '112', '113', '116117', '02800', '911', '1412']

function phoneFault(written: string): Fault | null {
  const bare = written.replace(/[\s()./-]/g, '')
  if (NEVER_CALLED.includes(bare.replace(/^(\+47|0047)/, ''))) return 'phoneNever'
  return /^(\d{8}|(\+|00)[1-9]\d{6,14})$/.test(bare) ? null : 'phone'
}

function wholeFault(typed: string, least: number): Fault | null {
  const value = Number(typed)
  return /^\d{1,5}$/.test(typed.trim()) && value >= least && value <= 86_400 ? null : 'seconds'
}

/** Empty: it can be sent. */
export function chainFaults(typed: TypedChains, reason: string): Faults {
  const faults: Record<string, Fault> = {}
  const put = (at: string, fault: Fault | null) => {
    if (fault !== null) faults[at] = fault
  }
  typed.chains.forEach((chain, number) => {
    const at = `chain.${number}`
    Object.assign(faults, hoursFaults(chain, at))
    put(`${at}.steps`, chain.steps.length === 0 ? 'steps' : null)
    chain.steps.forEach((step, place) => {
      put(`${at}.step.${place}.after`, wholeFault(step.after, 0))
      put(`${at}.step.${place}.who`, step.who === '' ? 'who' : null)
      if (step.who !== 'phone') return
      put(`${at}.step.${place}.phone`, phoneFault(step.phone))
      put(`${at}.step.${place}.name`, step.name.trim() === '' ? 'name' : null)
    })
  })
  put('unlogged', wholeFault(typed.unlogged, 60))
  put('again', wholeFault(typed.again, 30))
  put('reason', reason.trim() === '' ? 'reason' : null)
  return faults
}

/** What has no faults, as the server takes it. */
export function chainsOf(typed: TypedChains, reason: string, rev: string): SetChains {
  return {
    chains: typed.chains.map((chain): Chain => ({ ...hoursOf(chain), steps: chain.steps.map(stepOf) })),
    unlogged_s: Number(typed.unlogged),
    again_s: Number(typed.again),
    reason: reason.trim(),
    rev,
  }
}

function stepOf(step: TypedStep): ChainStep {
  const after_s = Number(step.after)
  if (step.who.startsWith('part:')) return { part: step.who.slice(5) as Part, after_s }
  if (step.who.startsWith('staff:')) return { staff: Number(step.who.slice(6)), after_s }
  return { name: step.name.trim(), phone: step.phone.trim(), after_s }
}

// ---- the fleet

/** What a technician has to do something about. */
export function troubled({ state, troubles, config, proof }: TechnicalGateway): boolean {
  return state !== 'online' || troubles.length > 0 || Boolean(config?.refused || config?.fault) || proof?.server_s === null
}

/** Troubles first, the longest unheard first among them; then by name. */
export function fleet(gateways: readonly TechnicalGateway[]): TechnicalGateway[] {
  const heard = (each: TechnicalGateway) => (each.heard_at === null ? 0 : Date.parse(each.heard_at))
  return [...gateways].sort((one, other) => {
    const [first, second] = [troubled(one), troubled(other)]
    if (first !== second) return first ? -1 : 1
    return (first ? heard(one) - heard(other) : 0) || one.id.localeCompare(other.id)
  })
}

// ---- rules of a pathway

/** What somebody typed, with comma or point; undefined: that is no number. */
export function numberOf(text: string): number | undefined {
  const plain = text.trim().replace(/\s/g, '').replace(',', '.').replace('−', '-')
  return /^-?\d+(\.\d+)?$/.test(plain) ? Number(plain) : undefined
}

/** Those that shall differ from the shipped ones; undefined: one of them is no number. */
export function numbersOf(typed: Readonly<Record<string, string>>, shipped: Readonly<Record<string, number>>): Record<string, number> | undefined {
  const values = Object.entries(typed).map(([name, text]) => [name, numberOf(text)] as const)
  if (values.some(([, value]) => value === undefined)) return undefined
  return Object.fromEntries(values.filter((each): each is readonly [string, number] => each[1] !== shipped[each[0]]))
}

// ---- the access log

/** An empty field asks for everything; undefined: it is no number. */
export function patientAsked(text: string): number | null | undefined {
  if (text.trim() === '') return null
  return /^[1-9]\d{0,8}$/.test(text.trim()) ? Number(text) : undefined
}
