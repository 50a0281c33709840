import type { Words } from './words/nb'

/** The tab says how many wait, in its title and by its icon: red ones first. */
export function tab(waiting: { red: number; yellow: number }, screen: string, words: Words): { title: string; icon: string } {
  const all = waiting.red + waiting.yellow
  const name = `${words.product} – ${screen}`
  if (all === 0) return { title: name, icon: '/icons/icon.svg' }
  const [colour, count] = waiting.red > 0 ? (['red', waiting.red] as const) : (['yellow', waiting.yellow] as const)
  return { title: `(${all}) ${words.tone[colour]} – ${name}`, icon: `/icons/${colour}-${Math.min(count, 10)}.svg` }
}
