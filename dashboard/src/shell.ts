// What the service worker keeps and what it leaves alone. It keeps the program and nothing that the program shows: no answer of
// the api is ever put away, for what stood there an hour ago must not look like now, and a lost phone holds nobody's values.

/** What became of a request: `network` is left to the browser as if there were no worker. */
export type From = 'network' | 'page' | 'shell'

export interface Asked {
  readonly method: string
  readonly mode: string
  readonly url: string
}

export function from({ method, mode, url }: Asked, origin: string, shell: readonly string[]): From {
  const { origin: of, pathname, search } = new URL(url)
  if (method !== 'GET' || of !== origin || pathname === '/api' || pathname.startsWith('/api/')) return 'network'
  if (mode === 'navigate') return 'page'
  return search === '' && shell.includes(pathname) ? 'shell' : 'network'
}

/** Names end with a hash of what is in the files, so another list is another program. */
export function cacheName(shell: readonly string[]): string {
  let hash = 0
  for (const each of shell.join('\n')) hash = (Math.imul(hash, 31) + each.charCodeAt(0)) | 0
  return `${CACHES}${(hash >>> 0).toString(16)}`
}
export const CACHES = 'shell-'

/** As the server pushes it: that there is something, and where. Never who, or what value. */
export interface Pushed {
  readonly id: string
  readonly text: string
  /** A path of our own. */
  readonly path: string
}

export function pushed(data: unknown, origin: string): Pushed {
  const told = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {}
  const say = (what: unknown, otherwise: string) => (typeof what === 'string' && what !== '' ? what : otherwise)
  return { id: say(told.id, 'hjemvakt'), text: say(told.text, 'Hjemvakt'), path: ownPath(say(told.link, '/'), origin) }
}

/** A link to elsewhere leads to the board. */
function ownPath(link: string, origin: string): string {
  const url = URL.canParse(link, origin) ? new URL(link, origin) : null
  return url?.origin === origin ? url.pathname : '/'
}
