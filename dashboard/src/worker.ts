// The service worker: the program opens without a line, and a push reaches a screen that is closed. What it decides is in shell.ts.
import { CACHES, cacheName, from, pushed } from './shell'

/** Of the types that a page does not have, what is used here. */
interface Extendable extends Event {
  waitUntil(work: Promise<unknown>): void
}
interface Fetching extends Extendable {
  readonly request: Request
  respondWith(answer: Promise<Response>): void
}
interface Pushing extends Extendable {
  readonly data: { json(): unknown } | null
}
interface Clicked extends Extendable {
  readonly notification: Notification
}
interface Window {
  focus(): Promise<unknown>
  postMessage(message: unknown): void
}
interface Worker extends EventTarget {
  /** Paths of the files of this program, written in front of this file when it is built. */
  readonly SHELL: readonly string[]
  readonly location: Location
  readonly registration: ServiceWorkerRegistration
  readonly navigator: { setAppBadge?(): Promise<void> }
  readonly clients: {
    claim(): Promise<void>
    matchAll(which: { type: 'window'; includeUncontrolled: boolean }): Promise<readonly Window[]>
    openWindow(url: string): Promise<unknown>
  }
}

const worker = self as unknown as Worker
const NAME = cacheName(worker.SHELL)
const PATIENCE_MS = 4_000

function on<E extends Event>(what: string, act: (event: E) => void): void {
  worker.addEventListener(what, (event) => act(event as E))
}

on<Extendable>('install', (event) => event.waitUntil(keep()))
on<Extendable>('activate', (event) => event.waitUntil(tidied().then(() => worker.clients.claim())))

async function keep(): Promise<void> {
  const cache = await caches.open(NAME)
  await cache.addAll(worker.SHELL.map((path) => new Request(path, { cache: 'no-cache', credentials: 'omit' })))
}

/** Only when no page uses the older program any more: until then this one waits. */
async function tidied(): Promise<void> {
  const older = (await caches.keys()).filter((name) => name.startsWith(CACHES) && name !== NAME)
  await Promise.all(older.map((name) => caches.delete(name)))
}

on<Fetching>('fetch', (event) => {
  const { request } = event
  const source = from(request, worker.location.origin, worker.SHELL)
  if (source === 'shell') event.respondWith(kept(new URL(request.url).pathname).then((held) => held ?? fetch(request)))
  else if (source === 'page') event.respondWith(page(request))
})

async function kept(path: string): Promise<Response | undefined> {
  return (await caches.open(NAME)).match(path)
}

/** The server's own, so that it is the newest; the kept one when the line is down, slow, or nobody is behind it. */
async function page(request: Request): Promise<Response> {
  const answer = await Promise.race([fetch(request).catch(() => null), new Promise<null>((over) => setTimeout(over, PATIENCE_MS, null))])
  if (answer !== null && answer.status < 500) return answer
  return (await kept('/')) ?? answer ?? fetch(request)
}

on<Pushing>('push', (event) => event.waitUntil(tell(event.data)))

async function tell(data: Pushing['data']): Promise<void> {
  const { id, text, path } = pushed(read(data), worker.location.origin)
  await worker.navigator.setAppBadge?.().catch(() => undefined) // without a number: only a page knows how many wait
  await worker.registration.showNotification('Hjemvakt', { body: text, tag: id, icon: '/icons/app-192.png', badge: '/icons/badge-96.png', data: path })
}

function read(data: Pushing['data']): unknown {
  try {
    return data?.json()
  } catch {
    return null
  }
}

on<Clicked>('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(open(String(event.notification.data ?? '/')))
})

async function open(path: string): Promise<void> {
  const [screen] = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true })
  if (!screen) return void (await worker.clients.openWindow(path))
  screen.postMessage({ open: path })
  await screen.focus()
}
