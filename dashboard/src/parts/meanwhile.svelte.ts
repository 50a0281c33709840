// A form that is open while somebody else changes the same.
import { untrack } from 'svelte'
import { merged, plain, same, typedFrom, type Clash, type Typed } from './merging'

/** What is typed into such a form, made as its component is. `said`: what the server says by now, as the form shows it. */
export class Meanwhile<T extends object> {
  typed: Typed<T>
  /** What was changed here and elsewhere, until the form is closed. */
  clashes = $state.raw<readonly Clash[]>([])

  readonly #said: () => T
  #shown: Typed<T>

  constructor(said: () => T) {
    this.#said = said
    this.#shown = untrack(() => typedFrom(said()))
    this.typed = $state(this.#shown)
    $effect(() => {
      const now = said()
      if (same(now, this.#shown)) return
      untrack(() => {
        const met = merged<T>($state.snapshot(this.typed) as Typed<T>, this.#shown, now)
        this.typed = met.typed
        this.clashes = [...this.clashes.filter((old) => !met.clashes.some((each) => isAbout(each, old))), ...met.clashes]
        this.#shown = met.shown
      })
    })
  }

  /** The form is opened: what is typed is what the server says by now. */
  begin(): void {
    this.#shown = untrack(() => typedFrom(this.#said()))
    this.typed = this.#shown
    this.clashes = []
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
