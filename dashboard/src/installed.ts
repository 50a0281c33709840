// What the page has of an installed program: the worker behind it, the number on its icon, the way of pushes to this browser.
import { routeOf, type Route } from './route'

interface Badge {
  setAppBadge?(count: number): Promise<void>
  clearAppBadge?(): Promise<void>
}

/** Without a secure address there is none, and the page does without. */
export function install(go: (route: Route) => void): void {
  const worker = navigator.serviceWorker as ServiceWorkerContainer | undefined
  if (!worker || import.meta.env.DEV) return
  worker.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'object' && data !== null && 'open' in data) go(routeOf(String(data.open)))
  })
  void worker.register('/sw.js').catch((error: unknown) => console.info('no service worker:', error))
}

/** How many wait, on the icon of the program. */
export function badge(count: number): void {
  const { setAppBadge, clearAppBadge } = navigator as Badge
  const told = count > 0 ? setAppBadge?.call(navigator, count) : clearAppBadge?.call(navigator)
  void told?.catch(() => undefined) // a browser may have the word and not the place
}

/** What can be done about pushes here. */
export type Here = 'can' | 'on' | 'denied' | 'cannot'

export async function here(): Promise<Here> {
  if (!('PushManager' in window) || !('Notification' in window)) return 'cannot'
  const registration = await navigator.serviceWorker.getRegistration()
  if (!registration) return 'cannot'
  if (Notification.permission === 'denied') return 'denied'
  return (await registration.pushManager.getSubscription()) === null ? 'can' : 'on'
}

export interface Subscribed {
  readonly endpoint: string
  readonly keys: { readonly p256dh: string; readonly auth: string }
}

/** Asks the person, and then the browser's push service. null: one of them said no. */
export async function subscribe(publicKey: string): Promise<Subscribed | null> {
  if ((await Notification.requestPermission()) !== 'granted') return null
  const { pushManager } = await navigator.serviceWorker.ready
  const wanted = { userVisibleOnly: true, applicationServerKey: publicKey }
  try {
    await (await pushManager.getSubscription())?.unsubscribe() // one to another server's key cannot be used
    return spelt(await pushManager.subscribe(wanted))
  } catch (error) {
    if (error instanceof DOMException) return null
    throw error
  }
}

export async function unsubscribe(): Promise<void> {
  const registration = await navigator.serviceWorker.getRegistration()
  await (await registration?.pushManager.getSubscription())?.unsubscribe()
}

function spelt(subscription: PushSubscription): Subscribed | null {
  const { endpoint, keys } = subscription.toJSON()
  const [p256dh, auth] = [keys?.p256dh, keys?.auth]
  return endpoint && p256dh && auth ? { endpoint, keys: { p256dh, auth } } : null
}
