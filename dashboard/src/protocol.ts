// The wire's words under short names. Everything here comes from the server's own description.
import type { components, webhooks } from './api.gen'

type Schemas = components['schemas']

export type Kind = Schemas['Kind']
export type Alert = Schemas['Alert']
export type AlertConflict = Schemas['AlertConflict']
export type Called = Schemas['Called']
export type AlertDetail = Schemas['AlertDetail']
export type HistoryEntry = Schemas['HistoryEntry']
export type Dispatch = Schemas['Dispatch']
export type DispatchSnapshot = NonNullable<Dispatch['now']>
export type Resident = DispatchSnapshot['residents'][number]
export type Duty = Schemas['Duty']
export type OnDuty = Schemas['OnDuty']
export type Records = Schemas['Records']
export type SentBoard = Schemas['Board']
export type SentPatientRow = Schemas['PatientRow']
export type SentVital = Schemas['Vital']
export type Evidence = Schemas['Evidence']
export type GatewayRow = Schemas['GatewayRow']
export type HomeRow = Schemas['HomeRow']
export type LatestValue = Schemas['LatestValue']
export type Limits = Schemas['Limits']
export type CodeDemands = Schemas['CodeDemands']
export type CodeState = Schemas['CodeState']
export type NewCodes = Schemas['NewCodes']
export type OpenSession = Schemas['OpenSession']
export type Me = Schemas['Me']
export type StaffMember = Schemas['StaffMember']
export type Days = Schemas['Days']
export type Series = Schemas['Series']
export type Technical = Schemas['Technical']
export type TechnicalGateway = Schemas['TechnicalGateway']

/** As the screens hold it: a small chart travels as columns, and is points here. */
export type SparkPoint = { at: string; value: number }
export type Vital = Omit<SentVital, 'spark'> & { spark: SparkPoint[] }
export type PatientRow = Omit<SentPatientRow, 'vitals'> & { vitals: Vital[] }
export type Board = Omit<SentBoard, 'patients'> & { patients: PatientRow[] }

export type Outcome = NonNullable<Alert['outcome']>
export type Pathway = PatientRow['pathway']
export type Priority = Alert['priority']
export type Role = Me['teams'][number]['role']
export type GatewayState = GatewayRow['state']

export type Cursors = Readonly<Record<string, number>>
export type TeamEvent = Schemas['AlertChanged'] | Schemas['GatewayChanged'] | Schemas['DutyChanged'] | Schemas['EmergencyOpened'] | Schemas['Passed']
/** After one of these the board is another one. */
export type Moved = Schemas['PatientLeft'] | Schemas['PatientJoined']
/** Declared as webhooks, for OpenAPI has no word for a socket. */
type Body<T> = T extends { post: { requestBody: { content: { 'application/json': infer Message } } } } ? Message : never
export type ServerMessage = Body<webhooks['server-message']>
export type ClientMessage = Body<webhooks['client-message']>
