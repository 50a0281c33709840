// The event lane: alerts, calls and the home, medicine, notes, each on its row. Pure.
import type { Story } from '../../api_patient'
import type { Words } from '../../words/nb'
import type { PatientWords } from '../../words/patient'
import { why } from '../../why'
import { deedInWords } from './told'

export type Row = 'alert' | 'help' | 'dose' | 'note'
export const ROWS: readonly Row[] = ['alert', 'help', 'dose', 'note']

export interface Happened {
  readonly at: number
  readonly row: Row
  readonly what: string
  /** What stands under it: what staff did. */
  readonly more: readonly string[]
  readonly tone: 'red' | 'yellow' | 'technical' | 'plain'
  readonly alert: number | null
}

const TONE = { red: 'red', yellow: 'yellow', grey: 'technical' } as const
const URGENT = ['fall', 'sos', 'smoke', 'water', 'co', 'gas', 'dose_missed']

export function happened(story: Story, now: number, words: Words, own: PatientWords): Happened[] {
  const alerts = story.alerts.flatMap(({ alert, deeds }): Happened[] => [
    {
      at: Date.parse(alert.began_at),
      row: 'alert',
      what: why(alert, now, words),
      more: deeds.map((deed) => deedInWords(deed, words, own)),
      tone: TONE[alert.priority],
      alert: alert.id,
    },
    ...deeds
      .filter((deed) => deed.note)
      .map((deed): Happened => ({ at: Date.parse(deed.at), row: 'note', what: deedInWords(deed, words, own), more: [], tone: 'plain', alert: alert.id })),
  ])
  const events = story.events.map((event): Happened => {
    const place = event.place ? ` – ${(words.place[event.place] ?? event.place).toLocaleLowerCase(words.locale)}` : ''
    const row = event.type.startsWith('dose') ? 'dose' : 'help'
    return { at: Date.parse(event.at), row, what: own.event[event.type] + place, more: [], tone: URGENT.includes(event.type) ? 'yellow' : 'plain', alert: null }
  })
  return [...alerts, ...events].sort((a, b) => a.at - b.at)
}
