import type { PlanWords } from './plan.nb'

export const planEn: PlanWords = {
  days: 'Days of the week',
  weekday: { 1: 'Mon', 2: 'Tue', 3: 'Wed', 4: 'Thu', 5: 'Fri', 6: 'Sat', 7: 'Sun' },
  times: 'Times, with a comma between (empty: not awaited)',
  before: 'Minutes before',
  after: 'Minutes after',
  wrong: {
    weekdays: 'Choose at least one day of the week.',
    times: 'Write times as 08:00, with a comma between.',
    minutes: 'A whole number of minutes, 0 to 1440.',
  },
}
