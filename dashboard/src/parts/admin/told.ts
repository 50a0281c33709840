// Hours, seconds and numbers of the administration, in words. Pure.
import { short } from '../../measuring'
import { hoursOf, type TypedHours, type TypedStep } from '../../admin'
import type { Hours, Member, Part } from '../../api_admin'
import type { Kind } from '../../protocol'
import type { AdminWords } from '../../words/admin.nb'
import type { Words } from '../../words/nb'
import type { Entries } from '../clash'

/** "180 s (3 min)": what is stored, and what it is. */
export function secondsTold(seconds: number, own: AdminWords): string {
  if (seconds === 0) return own.seconds.atOnce
  if (seconds < 60) return own.seconds.s(String(seconds))
  const [whole, rest] = [Math.floor(seconds / 60), seconds % 60]
  const minutes = whole < 60 || whole % 60 !== 0 ? own.seconds.min(String(whole)) : own.seconds.h(String(whole / 60))
  return rest === 0 ? minutes : `${minutes} ${own.seconds.s(String(rest))}`
}

export function daysTold(weekdays: readonly number[], own: AdminWords): string {
  const days = [...weekdays].sort()
  if (days.length === 7) return own.hours.everyDay
  const isRow = days.length > 2 && days.every((day, place) => place === 0 || day === days[place - 1]! + 1)
  if (isRow) return `${own.weekday[days[0]!]}–${own.weekday[days.at(-1)!]}`
  return days.map((day) => own.weekday[day]).join(', ')
}

/** "man.–fre. 08:00–22:00"; the same at both ends: all day. */
export function hoursTold({ weekdays, from_time: from, to_time: to }: Hours, own: AdminWords): string {
  const [begin, end] = [short(from), short(to)]
  if (begin === end && begin === '00:00') return weekdays.length === 7 ? own.hours.always : `${daysTold(weekdays, own)} ${own.hours.allDay}`
  return `${daysTold(weekdays, own)} ${begin}–${end}${end <= begin ? ` ${own.hours.nextDay}` : ''}`
}

/** As many decimals as it has: "0,17", "2,58". */
export function plain(value: number, words: Words): string {
  return new Intl.NumberFormat(words.locale, { maximumFractionDigits: 6 }).format(value)
}

/** Two of them are called the same where only one stands at a time. */
export function kindTold(kind: Kind, words: Words, own: AdminWords): string {
  return own.kindOf[kind] ?? words.kind[kind]
}

/** Of hours, and of the chains that hold then with their steps. */
export function chainEntries(members: readonly Member[], own: AdminWords): Entries {
  const hours = (entry: unknown) => hoursTold(hoursOf(entry as TypedHours), own)
  const who = ({ who, name, phone }: TypedStep) => {
    if (who === 'phone') return own.chains.telephone(name, phone)
    const [what, whom = ''] = who.split(':')
    return what === 'part' ? own.partOf[whom as Part] : (members.find(({ staff }) => staff.id === Number(whom))?.staff.name ?? own.unknown)
  }
  const after = (step: TypedStep) => `${who(step)} ${own.chains.after(secondsTold(Number(step.after), own))}`
  return {
    named: (list, entry) => (list === 'steps' ? who(entry as TypedStep) : hours(entry)),
    told: (list, entry) => (list === 'steps' ? after(entry as TypedStep) : hours(entry)),
  }
}
