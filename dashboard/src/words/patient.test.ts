import { expect, test } from 'vitest'
import { patientEn } from './patient.en'
import { patientNb } from './patient.nb'
import { areWhole } from './promises'

areWhole(patientNb, patientEn, ['team(1)'])

test('the first line of the red zone is the one that is the same for everybody', () => {
  expect(patientNb.zones.redFirst).toBe('Får ikke fram setninger, forvirret eller blå: ring 113')
  expect(patientEn.zones.redFirst).toContain('113')
})
