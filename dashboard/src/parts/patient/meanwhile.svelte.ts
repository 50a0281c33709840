// A form that is open while somebody else changes the same.
import { untrack } from 'svelte'

/** What was typed here stays; elsewhere it says what the server says by now. `shown`: what the server had said before. */
export function caughtUp<T extends object>(typed: T, shown: T, now: T): T {
  const own = Object.entries(typed).filter(([name, value]) => value !== shown[name as keyof T])
  return { ...now, ...Object.fromEntries(own) }
}

/** The fields of such a form, made as its component is. `said`: what the server says by now, as the fields show it. */
export class Meanwhile<T extends object> {
  typed: T

  constructor(said: () => T) {
    let shown = untrack(said)
    this.typed = $state(shown)
    $effect(() => {
      const now = said()
      this.typed = untrack(() => caughtUp(this.typed, shown, now))
      shown = now
    })
  }
}
