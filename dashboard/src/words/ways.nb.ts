// The words of the page on which one says how one is reached.
import type { MyWay } from '../api_ways'
import type { Here } from '../installed'

type State = NonNullable<MyWay['last']>['state']

export const nb = {
  intro: 'Hit sendes varsler når du er på vakt og ingen ser dem på en skjerm. Meldingen sier aldri hvem det gjelder.',
  none: 'Du kan ikke nås utenom skjermen ennå.',
  way: { push: 'Push', sms: 'SMS', email: 'E-post' } satisfies Record<MyWay['way'], string>,
  mine: 'Slik nås du',
  order: 'I denne rekkefølgen, én etter en.',
  off: 'Slått av',
  unconfirmed: 'Ikke bekreftet: det sendes ingenting hit ennå',
  ready: 'Klar',
  broken: (since: string, why: string) => `Virker ikke siden ${since}: ${why}`,
  last: (what: string, at: string) => `Sist ${at}: ${what}`,
  state: {
    waiting: 'venter på å bli sendt',
    sent: 'sendt',
    delivered: 'levert',
    seen: 'sett',
    over: 'trengtes ikke lenger',
    failed: 'kom ikke fram, prøves igjen',
    dead: 'kom ikke fram',
  } satisfies Record<State, string>,
  code: 'Kode fra meldingen',
  confirm: 'Bekreft',
  again: 'Send ny kode',
  test: 'Send en prøve',
  turnOn: 'Slå på',
  turnOff: 'Slå av',
  remove: 'Fjern',
  removeSure: 'Fjern for godt?',
  keep: 'Behold',
  language: 'Språk i meldingen',
  norwegian: 'Norsk',
  english: 'Engelsk',
  add: 'Legg til',
  nothingOffered: 'Ingen veier er satt opp på denne serveren. Si fra til den som drifter Hjemvakt.',
  pushHere: {
    can: 'Slå på push på denne enheten',
    on: 'Push er på på denne enheten',
    denied: 'Varsler er sperret for denne siden. Tillat dem i nettleserens innstillinger.',
    cannot: 'Denne nettleseren tar ikke imot push. På iPhone: legg Hjemvakt på Hjem-skjermen og åpne den derfra.',
  } satisfies Record<Here, string>,
  pushRefused: 'Nettleseren ga ikke lov, eller fikk ikke kontakt med pushtjenesten sin.',
  phone: 'Mobilnummer',
  mail: 'E-postadresse',
  addSms: 'Legg til SMS',
  addMail: 'Legg til e-post',
  failed: 'Ikke lagret: ingen kontakt med serveren. Prøv igjen.',
  refused: (why: string) => `Ikke lagret: ${why}`,
  notFetched: 'Ingen kontakt med serveren.',
  tested: 'Prøven er sendt av gårde. Hva det ble av den, står her om litt.',
  look: 'Se etter',
}

export type WaysWords = typeof nb
