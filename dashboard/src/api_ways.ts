// How I am reached when nobody looks at a screen.
import { ask, client, keyed, newKey, once, taken } from './api'
import type { components } from './api.gen'

type Schemas = components['schemas']
export type MyWays = Schemas['MyWays']
export type MyWay = Schemas['MyWay']
export type NewWay = Schemas['AddWay']['way']
export type ChangedWay = Pick<Schemas['ChangeWay'], 'enabled' | 'language'>

const of = (way: number) => keyed({ way }, newKey())

export async function ways(): Promise<MyWays> {
  return taken(await ask((init) => client.GET('/api/v1/ways', init)))
}

export async function add(way: NewWay): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways', { params: once(newKey()), body: { way }, ...init })))
}

export async function sendCode(way: number): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways/{way}/code', { params: of(way), ...init })))
}

export async function confirm(way: number, code: string): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways/{way}/confirm', { params: of(way), body: { code }, ...init })))
}

export async function test(way: number): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways/{way}/test', { params: of(way), ...init })))
}

export async function change(way: number, body: ChangedWay): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways/{way}/change', { params: of(way), body, ...init })))
}

export async function remove(way: number): Promise<MyWays> {
  return taken(await ask((init) => client.POST('/api/v1/ways/{way}/remove', { params: of(way), ...init })))
}
