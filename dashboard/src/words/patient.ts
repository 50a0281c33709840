import type { Language } from '../desk.svelte'
import { patientEn } from './patient.en'
import { patientNb, type PatientWords } from './patient.nb'

export type { Edge, PatientWords, Tab } from './patient.nb'
export type { Range } from './timeline.nb'
export const PATIENT_WORDS: Readonly<Record<Language, PatientWords>> = { nb: patientNb, en: patientEn }
