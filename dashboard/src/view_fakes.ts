// A window of which a test says what is in it.
import { vi } from 'vitest'

const watched = new Map<Element, Set<FakeObserver>>()

class FakeObserver {
  constructor(readonly tell: (entries: { target: Element; isIntersecting: boolean }[]) => void) {}
  observe(element: Element): void {
    watched.set(element, (watched.get(element) ?? new Set()).add(this))
  }
  unobserve(element: Element): void {
    watched.get(element)?.delete(this)
  }
}

/** Before anything is drawn: nothing is in the window yet. */
export function aWindow(): void {
  vi.stubGlobal('IntersectionObserver', FakeObserver)
}

export function scrollTo(element: Element): void {
  for (const observer of watched.get(element) ?? []) observer.tell([{ target: element, isIntersecting: true }])
}
