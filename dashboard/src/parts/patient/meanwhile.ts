// A form that is open while somebody else changes the same. Pure.

/** What was typed here stays; elsewhere it says what the server says by now. `shown`: what the server had said before. */
export function caughtUp<T extends object>(typed: T, shown: T, now: T): T {
  const own = Object.entries(typed).filter(([name, value]) => value !== shown[name as keyof T])
  return { ...now, ...Object.fromEntries(own) }
}
