// The browser's history, for a page that stays where it is.
import { routeOf, type Route } from './route'

interface Follower {
  go(route: Route): void
  shown(route: Route): void
}

/** The link that a press follows inside this page; null: the browser does what it does with links. */
export function linkOf(event: MouseEvent, origin: string): URL | null {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return null
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.target || link.hasAttribute('download') || !link.getAttribute('href')?.startsWith('/')) return null
  const url = new URL(link.href)
  return url.origin === origin && !url.pathname.startsWith('/api/') ? url : null
}

/** Links stay in this page, and back and forward find the screen as it stood. */
export function follow(desk: Follower): void {
  history.scrollRestoration = 'manual'
  document.addEventListener('click', (event) => {
    const url = linkOf(event, location.origin)
    if (!url) return
    event.preventDefault()
    desk.go(routeOf(url.pathname))
  })
  addEventListener('popstate', () => desk.shown(routeOf(location.pathname)))
}

/** Where the page stood when it was left. */
function heightKept(): number {
  const state: unknown = history.state
  return typeof state === 'object' && state !== null && 'y' in state && typeof state.y === 'number' ? state.y : 0
}

export function leave(path: string): void {
  history.replaceState({ y: scrollY }, '')
  history.pushState(null, '', path)
}

export function replace(path: string): void {
  history.replaceState(null, '', path)
}

const LATE_MS = 3000
let tries = new AbortController()

/** What comes late makes rows taller, and would push the page away from where it stood. Whoever moves it has it. */
export function scrollBack(): void {
  tries.abort()
  const top = heightKept()
  const back = (): void => scrollTo({ top, behavior: 'instant' })
  back()
  if (top === 0) return
  const { signal } = (tries = new AbortController())
  const grown = new ResizeObserver(back)
  grown.observe(document.body)
  signal.addEventListener('abort', () => grown.disconnect())
  const end = tries.abort.bind(tries)
  for (const move of ['wheel', 'touchstart', 'keydown', 'pointerdown']) addEventListener(move, () => end(), { signal })
  setTimeout(() => end(), LATE_MS)
}
