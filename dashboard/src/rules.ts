// The names that rules and events have on the server. A contract test compares them; a name without words does not compile.

/** Rules that look at more than the newest reading: `evidence.rules`, the leading one first. */
export const FOUND_BY = [
  'deviation',
  'trend',
  'ewma',
  'cusum',
  'very_low_soon',
  'low_soon',
  'falling_fast',
  'weight_gain',
  'weight_loss_month',
  'weight_loss_half_year',
  'home_pressure',
  'irregular_pulse',
  'news2',
  'exacerbation',
] as const
export type FoundBy = (typeof FOUND_BY)[number]

/** "home:inactive" and so on. */
export const OF_THE_HOME = ['inactive', 'wandering', 'door_open', 'out', 'bed_empty'] as const
export type OfTheHome = (typeof OF_THE_HOME)[number]

/** "call:fall" and so on. */
export const CALLS = ['fall', 'sos', 'smoke', 'water', 'co', 'gas'] as const

/** "technical:sensor_off" and so on. */
export const TECHNICAL = [
  'sensor_off',
  'sensor_silent',
  'battery_low',
  'clock_wrong',
  'gateway_silent',
  'outage',
  'rows_lost',
  'set_aside',
  'identity_conflict',
  'monitor_was_down',
  'config_not_taken',
  'not_assessed',
  'not_reached',
  'nobody_on_duty',
  'proof_missing',
] as const

/** Rules of one name. */
export const SINGLE = ['night:door', 'dose:missed'] as const

export type Named = (typeof CALLS)[number] | (typeof TECHNICAL)[number] | (typeof SINGLE)[number]

export const NEWS2_PARAMETERS = ['respiration', 'spo2', 'oxygen', 'systolic', 'pulse', 'consciousness', 'temperature'] as const
export type News2Parameter = (typeof NEWS2_PARAMETERS)[number]

export const SYMPTOMS = ['dyspnoea', 'sputum_volume', 'sputum_purulence', 'cold', 'fever', 'wheeze', 'cough', 'faster'] as const
export type Symptom = (typeof SYMPTOMS)[number]

/** Alerts that look back on days: nothing has happened this minute. */
const OVER_DAYS = ['change', 'weight_gain', 'weight_loss', 'home_pressure', 'exacerbation']

export function family(rule: string): string {
  return rule.split(':')[0] ?? rule
}

export function isOverDays(rule: string): boolean {
  return OVER_DAYS.includes(family(rule))
}

export function isFoundBy(name: string | undefined): name is FoundBy {
  return FOUND_BY.some((each) => each === name)
}

export function isOfTheHome(name: string | undefined): name is OfTheHome {
  return OF_THE_HOME.some((each) => each === name)
}
