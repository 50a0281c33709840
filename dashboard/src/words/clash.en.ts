import type { ClashWords } from './clash.nb'

export const clashEn: ClashWords = {
  both: 'You and somebody else have both changed this:',
  theirs: (what, value) => `${what}: the other wrote “${value}”. What you wrote stands in the form.`,
  gone: (what) => `${what}: taken away by the other. What you wrote stands in the form.`,
  back: (what) => `${what}: taken away by you, changed by the other. It stands in the form again.`,
  order: (names) => `The order: the other put ${names}. Yours stands in the form.`,
}
