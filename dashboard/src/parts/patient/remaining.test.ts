// What somebody must still do for a patient of whom nothing was measured.
import { cleanup, render, screen } from '@testing-library/svelte'
import { afterEach, expect, test } from 'vitest'
import type { EffectiveLimits, PatientDevice, Records } from '../../api_patient'
import { aDesk } from '../../desk_fakes'
import { aBoard, aGateway, aPatient } from '../../examples'
import type { Pathway } from '../../protocol'
import { EMPTY, reduce } from '../../state'
import { nb } from '../../words/registering.nb'
import { Case } from './case.svelte'
import Remaining from './Remaining.svelte'

const own = nb.remains
const LIMITS = { rev: 'a', limits: [{ kind: 'spo2', source: 'shipped', limits: { red_low: 88 } }] } as unknown as EffectiveLimits
const DOOR = { device: 'C0:00:00:00:00:01', profile: 'bthome_door', of_home: true } as PatientDevice
const NOTHING: Records = { patient: 1, rev: 'a', type: 'self_treatment', red_zone_first: null, versions: [] }
const WRITTEN = { ...NOTHING, versions: [{ record: { type: 'self_treatment' } }] } as unknown as Records
const CALLED = { ...NOTHING, versions: [{ record: { type: 'contacts', contacts: [{ name: 'Kari' }] } }] } as unknown as Records

afterEach(cleanup)

function shown(pathway: Pathway, devices: PatientDevice[], contacts = NOTHING, plan = NOTHING): string[] {
  const desk = aDesk()
  desk.state = reduce(EMPTY, { type: 'board', board: aBoard({ patients: [aPatient({ pathway, vitals: [] })], gateways: [aGateway()] }) })
  const patient = new Case(desk, 1)
  patient.limits.put(LIMITS)
  patient.devices.put(devices)
  patient.contacts.put(contacts)
  patient.selfTreatment.put(plan)
  render(Remaining, { patient, desk })
  return screen.queryAllByRole('listitem').map((each) => (each.textContent ?? '').replaceAll(/\s+/g, ' ').trim())
}

test('sensors of which nothing was measured are not the end of an installation', () => {
  expect(shown('kols', [DOOR])[0]).toBe(`${own.installThere('1')} ${own.missing}`)
})

test('a home that watches by its sensors alone is installed without a reading', () => {
  expect(shown('safety', [DOOR]).slice(0, 2)).toEqual([`${own.installed('1')} ${own.ready}`, `${own.contacts} ${own.missing}`])
})

test('a home without a sensor watches over nobody', () => {
  expect(shown('safety', [])[0]).toBe(`${own.install} ${own.missing}`)
})

test('where nothing remains, nothing is said', () => {
  expect(shown('safety', [DOOR], CALLED, WRITTEN)).toEqual([])
})
