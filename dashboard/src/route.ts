// Which screen an address means, and the address of a screen. Pure.
import { pagesFor } from './admin'
import type { Role } from './protocol'

export type Route =
  | { readonly screen: 'board' | 'equipment' | 'ways' | 'me' | 'missing' }
  | { readonly screen: 'install'; readonly home: number | 'depot' | null }
  | { readonly screen: 'patient' | 'alert'; readonly id: number }
  | { readonly screen: 'admin'; readonly page: string }
export type Screen = Route['screen']
/** Screens that stand in the navigation. */
export type Place = 'board' | 'equipment' | 'install' | 'admin'

const PLAIN = { board: '/', equipment: '/utstyr', ways: '/varslingsveier', me: '/min-innlogging', missing: '/' } as const
const NUMBERED = { patient: '/pasient/', alert: '/varsel/' } as const
const INSTALL = '/montering'
const DEPOT = 'lager'
const ADMIN = '/administrasjon'
const MOST = 2 ** 53

/** Who sees patients, and who sees equipment; the server decides, this only chooses the page. */
const CARE: readonly Role[] = ['nurse', 'coordinator', 'doctor']
const EQUIPMENT: readonly Role[] = ['coordinator', 'technician', 'administrator']
export const INSTALLS: readonly Role[] = ['technician', 'administrator']

export function routeOf(pathname: string): Route {
  const path = pathname.length > 1 ? pathname.replace(/\/$/, '') : pathname
  for (const screen of ['board', 'equipment', 'ways', 'me'] as const) if (path === PLAIN[screen]) return { screen }
  for (const screen of ['patient', 'alert'] as const) {
    const id = path.startsWith(NUMBERED[screen]) ? numbered(path.slice(NUMBERED[screen].length)) : null
    if (id !== null) return { screen, id }
  }
  if (path === INSTALL) return { screen: 'install', home: null }
  if (path === `${INSTALL}/${DEPOT}`) return { screen: 'install', home: 'depot' }
  const home = path.startsWith(`${INSTALL}/`) ? numbered(path.slice(INSTALL.length + 1)) : null
  if (home !== null) return { screen: 'install', home }
  const page = path === ADMIN ? '' : path.startsWith(`${ADMIN}/`) ? path.slice(ADMIN.length + 1) : null
  if (page !== null && /^[a-z-]*$/.test(page)) return { screen: 'admin', page }
  return { screen: 'missing' }
}

export function pathOf(route: Route): string {
  if ('id' in route) return `${NUMBERED[route.screen]}${route.id}`
  if ('home' in route) return route.home === null ? INSTALL : `${INSTALL}/${route.home === 'depot' ? DEPOT : route.home}`
  if ('page' in route) return route.page === '' ? ADMIN : `${ADMIN}/${route.page}`
  return PLAIN[route.screen]
}

function numbered(text: string): number | null {
  const id = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0
  return id > 0 && id < MOST ? id : null
}

export function caresFor(roles: readonly Role[]): boolean {
  return roles.some((role) => CARE.includes(role))
}

/** In the order of the navigation; the first is where one begins. Whoever has none is let in nowhere. */
export function places(roles: readonly Role[]): Place[] {
  const found: Place[] = []
  if (caresFor(roles)) found.push('board')
  if (roles.some((role) => EQUIPMENT.includes(role))) found.push('equipment')
  if (roles.some((role) => INSTALLS.includes(role))) found.push('install')
  if (pagesFor(roles).length > 0) found.push('admin')
  return found
}

/** Where a place begins. */
export function startOf(place: Place): Route {
  if (place === 'admin') return { screen: place, page: '' }
  return place === 'install' ? { screen: place, home: null } : { screen: place }
}

/** The screen that somebody gets who asks for this one: their first, when it is not theirs. */
export function permitted(route: Route, roles: readonly Role[]): Route {
  const open = places(roles)
  const needs: Partial<Record<Screen, Place>> = { board: 'board', patient: 'board', alert: 'board', equipment: 'equipment', install: 'install', admin: 'admin' }
  const place = needs[route.screen]
  return place === undefined || open.includes(place) ? route : startOf(open[0] ?? 'board')
}
