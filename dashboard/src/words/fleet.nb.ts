// Hjemmesentralene som flåte: ordrer og utrullinger.
import type { FleetGateway, Given, Order, Rollout } from '../api_fleet'

type Target = NonNullable<FleetGateway['target']>['state']

export interface FleetWords {
  orders: string
  order: Record<Order, string>
  given: Record<string, string>
  tooOld: string
  none: string
  server: string
  state: Record<Given['state'], string>
  by: (who: string, time: string) => string
  diagnosis: string
  diagnosisOf: (time: string) => string
  target: Record<Target, (version: string) => string>
  everySeconds: (seconds: string) => string
  rollouts: string
  rolloutsWhy: string
  noRollouts: string
  begin: string
  what: string
  heartbeat: string
  seconds: string
  secondsHelp: string
  secondsWrong: string
  version: string
  versionHelp: string
  versionWrong: string
  rings: string
  ringsHelp: string
  ringsWrong: string
  teams: string
  noTeam: string
  title: (what: string) => string
  rolloutState: Record<Rollout['state'], string>
  ring: (now: string, all: string) => string
  reached: (done: string, all: string) => string
  begun: (who: string, time: string) => string
  gateways: (count: string) => string
  ringOf: (ring: string) => string
  memberState: Record<Target, string>
  stop: string
  goOn: string
  end: string
  decideWhy: string
}

export const nb: FleetWords = {
  orders: 'Ordrer',
  order: { scan: 'Lytt på nytt', restart: 'Start programmet på nytt', diagnose: 'Hent feilsøkingsdata', renew: 'Forny sertifikatet' },
  given: {
    scan: 'Lytt på nytt',
    restart: 'Start programmet på nytt',
    diagnose: 'Hent feilsøkingsdata',
    renew: 'Forny sertifikatet',
    upgrade: 'Ny programversjon',
    listen: 'Lytt etter sensorer',
    prove: 'Prøv alarmveien',
    acknowledged: 'Alarmen er sett',
  },
  tooOld: 'Den er aldri hørt, eller programmet er for gammelt til å ta imot ordrer.',
  none: 'Ingen ordrer er gitt.',
  server: 'serveren',
  state: { waits: 'venter på svar', done: 'utført', refused: 'avvist', expired: 'ikke besvart i tide' },
  by: (who, time) => `${who}, ${time}`,
  diagnosis: 'Vis feilsøkingsdata',
  diagnosisOf: (time) => `Feilsøkingsdata fra ${time}. De inneholder ingenting om pasienter.`,
  target: {
    waits: (version) => `skal ha ${version}`,
    asked: (version) => `får ${version} nå`,
    there: (version) => `har fått ${version}, følges med på`,
    done: () => '',
    failed: (version) => `fikk ikke ${version}`,
  },
  everySeconds: (seconds) => `livstegn hvert ${seconds}. sekund`,
  rollouts: 'Utrulling av programversjoner',
  rolloutsWhy: 'Nye versjoner kommer i ringer. Neste ring begynner når den forrige har vært i orden i et kvarter. Kommer en hjemmesentral ikke tilbake, stanser alt av seg selv.',
  noRollouts: 'Ingenting er rullet ut ennå.',
  begin: 'Begynn utrulling',
  what: 'Hva som rulles ut',
  heartbeat: 'Hvor ofte hjemmesentralen gir livstegn',
  seconds: 'Sekunder mellom livstegn',
  secondsHelp: '5 til 300. Færre sekunder merker et brudd tidligere og bruker mer data.',
  secondsWrong: 'Skriv et helt antall sekunder, 5 til 300.',
  version: 'Programversjon',
  versionHelp: 'Slik pakken hjemvakt-gateway heter i arkivet, for eksempel 0.2.0.',
  versionWrong: 'Skriv en versjon, for eksempel 0.2.0.',
  rings: 'Hvor mange i hver ring',
  ringsHelp: 'Tall med komma mellom. Etter den siste kommer alle de andre.',
  ringsWrong: 'Skriv hele tall med komma mellom, for eksempel 1, 10.',
  teams: 'Team',
  noTeam: 'Velg minst ett team.',
  title: (what) => `Versjon ${what}`,
  rolloutState: { running: 'pågår', stopped: 'stanset', done: 'ferdig', ended: 'avsluttet' },
  ring: (now, all) => `ring ${now} av ${all}`,
  reached: (done, all) => `${done} av ${all} har den`,
  begun: (who, time) => `Begynt av ${who}, ${time}`,
  gateways: (count) => `${count} hjemmesentraler`,
  ringOf: (ring) => `ring ${ring}`,
  memberState: { waits: 'venter', asked: 'spurt', there: 'har den, følges med på', done: 'ferdig', failed: 'mislyktes' },
  stop: 'Stans',
  goOn: 'Fortsett',
  end: 'Avslutt for godt',
  decideWhy: 'Hvorfor',
}
