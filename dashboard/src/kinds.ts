import type { Kind, Pathway } from './protocol'

interface Facts {
  /** What stands behind the number; the wire says it in UCUM. */
  readonly unit: string
  readonly decimals: number
}

export const KINDS: Readonly<Record<Kind, Facts>> = {
  heart_rate: { unit: '/min', decimals: 0 },
  pulse_rate: { unit: '/min', decimals: 0 },
  spo2: { unit: '%', decimals: 0 },
  glucose: { unit: 'mmol/l', decimals: 1 },
  body_temperature: { unit: '°C', decimals: 1 },
  battery: { unit: '%', decimals: 0 },
  systolic: { unit: 'mmHg', decimals: 0 },
  diastolic: { unit: 'mmHg', decimals: 0 },
  mean_arterial: { unit: 'mmHg', decimals: 0 },
  weight: { unit: 'kg', decimals: 1 },
  respiratory_rate: { unit: '/min', decimals: 0 },
  peak_flow: { unit: 'l/min', decimals: 0 },
  fev1: { unit: 'l', decimals: 2 },
  fvc: { unit: 'l', decimals: 2 },
  glucose_isf: { unit: 'mmol/l', decimals: 1 },
  height: { unit: 'cm', decimals: 0 },
  bmi: { unit: 'kg/m²', decimals: 1 },
  body_fat: { unit: '%', decimals: 1 },
  muscle_mass: { unit: 'kg', decimals: 1 },
  body_water: { unit: 'kg', decimals: 1 },
  perfusion_index: { unit: '%', decimals: 1 },
  rr_interval: { unit: 'ms', decimals: 0 },
}

/** What a nurse looks at first on each pathway; the rest follows in the order of KINDS. */
const FIRST: Readonly<Record<Pathway, readonly Kind[]>> = {
  kols: ['spo2', 'respiratory_rate', 'heart_rate', 'pulse_rate', 'fev1', 'peak_flow'],
  diabetes: ['glucose', 'glucose_isf', 'weight', 'systolic'],
  heart_failure: ['weight', 'heart_rate', 'systolic', 'spo2'],
  palliative: ['body_temperature', 'respiratory_rate'],
  safety: ['body_temperature', 'heart_rate'],
}

/** Signals for the detection, not numbers for a nurse. */
const NOT_ON_THE_BOARD: readonly Kind[] = ['battery', 'perfusion_index', 'rr_interval']

export const ALL_KINDS = Object.keys(KINDS) as readonly Kind[]
export const PATHWAYS = Object.keys(FIRST) as readonly Pathway[]

/** The chest strap and the oximeter measure one heart: beside the strap the oximeter's pulse is left out. */
export function mainKinds(pathway: Pathway, present: readonly Kind[]): Kind[] {
  const ranked = [...new Set([...FIRST[pathway], ...ALL_KINDS])]
  const shown = ranked.filter((kind) => present.includes(kind) && !NOT_ON_THE_BOARD.includes(kind))
  return shown.includes('heart_rate') ? shown.filter((kind) => kind !== 'pulse_rate') : shown
}
