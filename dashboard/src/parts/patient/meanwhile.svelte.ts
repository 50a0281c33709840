// A form that is open while somebody else changes the same.
import { untrack } from 'svelte'
import { merged, plain, same, typedFrom, type Clash, type Typed } from './merging'

/** What is typed into such a form, made as its component is. `said`: what the server says by now, as the form shows it. */
export class Meanwhile<T extends object> {
  typed: Typed<T>
  /** What was changed here and elsewhere, until the form is closed. */
  clashes = $state.raw<readonly Clash[]>([])

  constructor(said: () => T) {
    let shown = untrack(() => typedFrom(said()))
    this.typed = $state(shown)
    $effect(() => {
      const now = said()
      if (same(now, shown)) return
      untrack(() => {
        const met = merged<T>($state.snapshot(this.typed) as Typed<T>, shown, now)
        this.typed = met.typed
        this.clashes = [...this.clashes.filter((old) => !met.clashes.some((each) => isAbout(each, old))), ...met.clashes]
        shown = met.shown
      })
    })
  }

  /** As it is sent. */
  get written(): T {
    return plain<T>($state.snapshot(this.typed) as Typed<T>)
  }
}

function isAbout(one: Clash, other: Clash): boolean {
  return one.of === other.of && idOf(one) === idOf(other)
}

/** undefined: a field of the form, or the order of a list. */
function idOf({ mine, theirs }: Clash): unknown {
  const entry = mine ?? theirs
  return entry !== null && typeof entry === 'object' && 'id' in entry ? entry.id : undefined
}
