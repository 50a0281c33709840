// The form of a measuring plan: a patient's own, and a pathway's.
export const planNb = {
  days: 'Ukedager',
  weekday: { 1: 'man.', 2: 'tir.', 3: 'ons.', 4: 'tor.', 5: 'fre.', 6: 'lør.', 7: 'søn.' } as Readonly<Record<number, string>>,
  times: 'Klokkeslett, med komma mellom (tomt: ventes ikke)',
  before: 'Minutter før',
  after: 'Minutter etter',
  wrong: {
    weekdays: 'Velg minst én ukedag.',
    times: 'Skriv klokkeslett som 08:00, med komma mellom.',
    minutes: 'Et helt antall minutter, 0 til 1440.',
  },
}

export type PlanWords = typeof planNb
