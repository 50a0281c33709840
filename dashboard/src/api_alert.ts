// What the screen of one alert asks for.
import { ask, client, taken } from './api'
import type { AlertDetail, Dispatch, Records, StaffMember } from './protocol'

export async function alertDetail(alert: number): Promise<AlertDetail> {
  return taken(await ask((init) => client.GET('/api/v1/alerts/{alert}', { params: { path: { alert } }, ...init })))
}

export async function dispatch(alert: number): Promise<Dispatch> {
  return taken(await ask((init) => client.GET('/api/v1/alerts/{alert}/dispatch', { params: { path: { alert } }, ...init })))
}

/** The patient's own steps by zone, the newest version first. */
export async function selfTreatment(patient: number): Promise<Records> {
  const params = { path: { patient, record: 'self_treatment' as const } }
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/records/{record}', { params, ...init })))
}

/** Who may be given this alert. */
export async function colleagues(alert: number): Promise<StaffMember[]> {
  return taken(await ask((init) => client.GET('/api/v1/alerts/{alert}/colleagues', { params: { path: { alert } }, ...init }))).staff
}

/** The code of the key box; null: there is none. Each look is remembered as one at the code. */
export async function accessCode(patient: number): Promise<string | null> {
  return taken(await ask((init) => client.GET('/api/v1/patients/{patient}/access/code', { params: { path: { patient } }, ...init }))).code
}
