// What somebody else changed that was changed here too, in words. Pure.
import type { ClashWords } from '../words/clash.nb'
import type { Clash } from './merging'

/** What a form's fields are called, and what the server says in each by now. */
export type Fields = Readonly<Record<string, readonly [name: string, value: string]>>

/** How the entries of a form's lists are called, and what is in them. */
export interface Entries {
  named(list: string, entry: unknown): string
  told(list: string, entry: unknown): string
}

export function clashTold({ of, mine, theirs }: Clash, fields: Fields, words: ClashWords, entries: Entries | null = null): string {
  const field = fields[of]
  if (field || entries === null) {
    const [name, value] = field ?? [of, '']
    return value === '' ? words.gone(name) : words.theirs(name, value)
  }
  if (Array.isArray(theirs)) return words.order(theirs.map((each) => entries.named(of, each)).join(', '))
  const name = entries.named(of, mine ?? theirs)
  if (theirs === null) return words.gone(name)
  return mine === null ? words.back(name) : words.theirs(name, entries.told(of, theirs))
}
