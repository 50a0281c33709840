import type { GatewayState, Kind, Outcome, Pathway } from '../protocol'
import type { FoundBy, Named, News2Parameter, OfTheHome, Symptom } from '../rules'
import type { Tone, Unease } from '../ward'

/** Ages are in whole units, rounded down: nobody plans by "2 h 13 min". */
export interface Age {
  readonly amount: number
  readonly unit: 'now' | 'seconds' | 'minutes' | 'hours' | 'days'
}

const AGE_UNITS = { now: '', seconds: 's', minutes: 'min', hours: 't', days: 'd' } as const

export const nb = {
  locale: 'nb-NO',
  product: 'Hjemvakt',
  title: 'Vakttavle',
  otherLanguage: 'English',
  practice: 'ØVELSE – virtuelle pasienter',
  skip: 'Hopp til varslene',

  login: {
    heading: 'Logg inn på vakttavlen',
    name: 'Brukernavn',
    password: 'Passord',
    submit: 'Logg inn',
    sending: 'Logger inn …',
    wrong: 'Brukernavn eller passord stemmer ikke.',
    tooMany: 'For mange forsøk. Vent litt og prøv igjen.',
    unreachable: 'Får ikke kontakt med serveren. Prøv igjen.',
    over: 'Økten er over. Logg inn på nytt.',
    notOut: 'Serveren svarte ikke: økten kan fortsatt være åpen der.',
    noBoard: 'Rollen din har ingen vakttavle.',
    out: 'Logg ut',
  },

  link: {
    live: 'Direkte',
    connecting: 'Kobler til …',
    lostSince: (time: string) => `Frakoblet siden ${time} – verdiene er gamle`,
    lost: 'Frakoblet – ingen kontakt med serveren',
  },

  sound: {
    on: 'Lyd på',
    off: 'Lyd av',
    blocked: 'Lyd sperret',
    turnOn: 'Lyden er av. Trykk for å høre varsler.',
    turnOff: 'Lyden er på. Trykk for å slå den av.',
    blockedWhy: 'Nettleseren sperrer lyden. Trykk igjen.',
  },

  tone: { red: 'Rød', yellow: 'Gul', technical: 'Teknisk', green: 'Grønn' } satisfies Record<Tone, string>,
  toneFilter: (tone: string, count: number) => `${tone}: ${count} ${count === 1 ? 'pasient' : 'pasienter'}`,
  statusBar: 'Pasienter etter status. Trykk for å vise bare disse.',
  showAll: 'Vis alle',

  alerts: {
    heading: 'Varsler',
    none: 'Ingen varsler',
    noneWhy: 'Alt som er meldt, er håndtert.',
    count: (times: number) => `${times}. gang`,
    urgent: 'Haster – ringte igjen',
    calledAgain: (calls: string, span: string) => `Haster – ${calls} kall på ${span}`,
    overDays: 'Utvikling',
    overDaysWhy: 'Ser på dager eller uker. Ikke noe som skjedde akkurat nå.',
    late: (time: string) => `${time} – etterslep`,
    lateWhy: 'Kom etter et brudd. Gjaldt da, ikke nødvendigvis nå.',
    limit: (limit: string) => `grense ${limit}`,
    newest: (value: string) => `nå ${value}`,
    over: 'over – ikke sett',
    overSeen: (time: string) => `over siden ${time}`,
    shownOn: (screens: number) => `Vist på ${screens} ${screens === 1 ? 'skjerm' : 'skjermer'}`,
    notShown: 'Ikke vist på noen skjerm ennå',
    livesHere: (people: string) => `Bor her: ${people}`,
    nobodyHere: 'Ingen pasient er registrert her',
    gateway: (name: string) => `Hjemmesentral ${name}`,
    server: 'Serveren',
    device: (address: string) => `sensor ${address}`,
    newRed: (who: string, what: string) => `Rødt varsel: ${who}, ${what}`,
    newYellow: (who: string, what: string) => `Gult varsel: ${who}, ${what}`,
  },

  act: {
    acknowledge: 'Kvitter – jeg tar den',
    acknowledgeShort: 'Kvitter',
    sending: 'Sender …',
    ownerYou: 'Du har den',
    owner: (name: string) => `${name} har den`,
    since: (time: string) => `kvittert ${time}`,
    close: 'Avslutt …',
    closeHeading: 'Hva var det?',
    note: 'Notat (valgfritt)',
    cancel: 'Avbryt',
    tapCloses: 'Ett trykk avslutter varselet.',
    taken: (name: string, time: string) => `${name} tok den ${time}. Varselet er ikke ditt.`,
    closed: (name: string) => `Varselet er alt avsluttet${name && ` – ${name} hadde det`}.`,
    changed: 'Varselet endret seg i mellomtiden. Se på det og trykk igjen.',
    notSent: 'Ikke sendt: ingen kontakt med serveren. Prøv igjen.',
    refused: (why: string) => `Ikke lagret: ${why}`,
  },

  outcome: {
    real_acted: 'Reelt – tiltak',
    real_no_action: 'Reelt – ingen tiltak',
    measuring_error: 'Målefeil',
    technical: 'Teknisk',
    wrong_limit: 'Feil grense',
  } satisfies Record<Outcome, string>,

  faults: {
    heading: 'Teknisk',
    none: 'Ingen tekniske feil',
  },

  technical: {
    heading: 'Teknisk tilstand',
    setAside: 'Meldinger lagt til side',
    unassigned: 'Målinger uten pasient',
    lostRows: 'Tapte målinger',
    refused: 'Uleselige meldinger fra apparater',
    unknownFields: 'Ukjente felt fra nyere hjemmesentraler',
    troubles: 'Hjemmesentraler med plager',
    nothing: 'Ingenting å melde',
    loading: 'Henter …',
    failed: 'Kunne ikke hentes',
    gateways: 'Hjemmesentraler',
    noGateways: 'Ingen hjemmesentraler er registrert',
    heard: (age: Age) => `hørt ${nb.age(age)}`,
    asOf: (time: string) => `hentet ${time}`,
    program: (version: string) => `program ${version}`,
    clockRight: 'klokken går riktig',
    clockAhead: (span: string) => `klokken går ${span} for fort`,
    clockBehind: (span: string) => `klokken går ${span} for sakte`,
    battery: (percent: string) => `batteri ${percent} %`,
    signal: (dbm: string) => `signal ${dbm} dBm`,
    devices: (count: number) => `Apparater: ${count}`,
    localAlarms: 'Varslet hjemme uten linje',
    localAlarm: (time: string, device: string) => `Varslet selv hjemme ${time} mens linjen var nede, på grunn av ${device}`,
    config: {
      none: 'har ikke fått noe oppsett herfra',
      inUse: (time: string) => `oppsettet fra ${time} er i bruk`,
      waits: (time: string) => `oppsettet fra ${time} er ikke tatt i bruk ennå`,
      older: (time: string) => `bruker oppsettet fra ${time}`,
      ownFile: 'bruker sin egen fil',
      refused: (why: string) => `avviser oppsettet: ${why}`,
      fault: (why: string) => `nytt oppsett kan ikke lages: ${why}`,
    },
  },

  patients: {
    heading: 'Pasienter',
    search: 'Søk etter pasient',
    shown: (shown: number, all: number) => (shown === all ? `${all}` : `${shown} av ${all}`),
    noTeam: 'Teamet har ingen pasienter ennå',
    noTeamWhy: 'De dukker opp her når de er meldt inn.',
    noMatch: 'Ingen pasienter passer',
    greenFold: (count: number) => `${count} grønne pasienter`,
    greenShow: 'Vis',
    greenHide: 'Skjul',
    age: (years: number) => `${years} år`,
    owner: 'Ansvarlig',
    noReadings: 'Ingen målinger ennå',
  },

  unease: {
    outside: 'Utenfor grensene, uten åpent varsel',
    stale: 'Siste måling er gammel',
    sensor_off: 'Sensor er tatt av',
    gateway: 'Ingen kontakt med hjemmesentralen',
    nothing: 'Ingen målinger ennå',
  } satisfies Record<Unease, string>,
  allFine: 'Innenfor egne grenser',

  pathway: {
    kols: 'KOLS',
    diabetes: 'Diabetes',
    heart_failure: 'Hjertesvikt',
    palliative: 'Lindrende',
    safety: 'Trygghet',
  } satisfies Record<Pathway, string>,

  gateway: {
    never: 'Hjemmesentral: aldri sett',
    online: 'Hjemmesentral på nett',
    offline: 'Hjemmesentral slått av',
    lost: 'Hjemmesentral mistet linjen',
    silent: 'Hjemmesentral taus',
  } satisfies Record<GatewayState, string>,
  gatewaySince: (state: string, time: string) => `${state} siden ${time}`,
  gatewayWaiting: (count: string) => `${count} målinger på vei`,

  kind: {
    heart_rate: 'Puls',
    pulse_rate: 'Puls',
    spo2: 'SpO₂',
    glucose: 'Blodsukker',
    body_temperature: 'Temperatur',
    battery: 'Batteri',
    systolic: 'Blodtrykk, overtrykk',
    diastolic: 'Blodtrykk, undertrykk',
    mean_arterial: 'Middeltrykk',
    weight: 'Vekt',
    respiratory_rate: 'Pustefrekvens',
    peak_flow: 'PEF',
    fev1: 'FEV1',
    fvc: 'FVC',
    glucose_isf: 'Vevssukker',
    height: 'Høyde',
    bmi: 'KMI',
    body_fat: 'Kroppsfett',
    muscle_mass: 'Muskelmasse',
    body_water: 'Kroppsvann',
    perfusion_index: 'Perfusjonsindeks',
    rr_interval: 'RR-intervall',
  } satisfies Record<Kind, string>,

  noValue: 'ingen verdi',
  questionable: 'usikker',
  below: 'under måleområdet',
  above: 'over måleområdet',
  spark: (kind: string, span: string, low: string, high: string, last: string) =>
    `${kind} siste ${span}: lavest ${low}, høyest ${high}, sist ${last}`,
  sparkEmpty: (kind: string) => `${kind}: ingen utvikling å vise ennå`,

  why: {
    limit: (kind: string, side: 'low' | 'high', colour: 'red' | 'yellow', limit: string) =>
      `${kind} ${side === 'low' ? 'under' : 'over'} ${colour === 'red' ? 'rød' : 'gul'} grense${limit && ` ${limit}`}`,
    beyondRange: (kind: string, side: 'low' | 'high') =>
      `${kind} er ${side === 'low' ? 'lavere' : 'høyere'} enn apparatet kan måle (${side === 'low' ? 'LO' : 'HI'})`,
    since: (why: string, time: string) => `${why} siden ${time}`,
    opened: (place: string) => `${place} åpnet om natten`,
    at: (why: string, place: string) => `${why} – ${place}`,
    interval: (why: string, low: string, high: string, seconds: string) => `${why} (${low} til ${high} på ${seconds} s)`,
  },

  /** By the rule's name, or its last part. A rule that is not here is shown as it is. */
  rule: {
    fall: 'Fall meldt av sensor',
    sos: 'Trygghetsalarm utløst',
    smoke: 'Røyk meldt',
    water: 'Vannlekkasje meldt',
    co: 'Kullos (CO) meldt',
    gas: 'Gass meldt',
    'dose:missed': 'Medisindose ikke tatt',
    'night:door': 'Dør åpnet om natten',
    sensor_off: 'Sensoren er tatt av eller har ikke kontakt med huden',
    sensor_silent: 'Sensoren er taus',
    battery_low: 'Lavt batteri',
    clock_wrong: 'Klokken går feil',
    gateway_silent: 'Hjemmesentralen er taus',
    rows_lost: 'Målinger gikk tapt på veien',
    identity_conflict: 'To hjemmesentraler bruker samme identitet',
    monitor_was_down: 'Overvåkingen sto: varsler kan ha kommet sent',
    config_not_taken: 'Hjemmesentralen tar ikke i bruk oppsettet sitt',
    set_aside: 'Melding lagt til side, kunne ikke leses',
    not_assessed: 'Serveren får ikke vurdert utviklingen hos pasienter',
    not_reached: 'Varsler på push, SMS eller e-post kommer ikke fram',
    nobody_on_duty: 'Ingen er på vakt',
  } satisfies Record<Named, string>,

  /** A rule over many readings, where its numbers are not at hand. */
  foundBy: {
    deviation: 'Avvik fra det vanlige',
    trend: 'Jevn utvikling',
    ewma: 'Snittet har endret seg',
    cusum: 'Mange små avvik samme vei',
    very_low_soon: 'Svært lavt blodsukker på vei',
    low_soon: 'Lavt blodsukker på vei',
    falling_fast: 'Blodsukkeret faller fort',
    weight_gain: 'Rask vektøkning',
    weight_loss_month: 'Vekttap den siste måneden',
    weight_loss_half_year: 'Vekttap det siste halvåret',
    home_pressure: 'Høyt hjemmeblodtrykk',
    irregular_pulse: 'Uregelmessig puls',
    news2: 'Høy NEWS2-skår',
    exacerbation: 'Tegn på KOLS-forverring',
  } satisfies Record<FoundBy, string>,

  home: {
    inactive: 'Ingen bevegelse hjemme',
    wandering: 'Oppe og går om natten',
    door_open: 'Dør står åpen',
    out: 'Ute og ikke kommet tilbake',
    bed_empty: 'Ute av sengen og ikke tilbake',
  } satisfies Record<OfTheHome, string>,

  told: {
    unusual: (kind: string, side: 'low' | 'high', value: string, usual: string, basis: string) =>
      `${kind} ${side === 'low' ? 'lavere' : 'høyere'} enn vanlig: ${value}, vanlig ${usual} (${basis})`,
    unusualShort: (kind: string, side: 'low' | 'high') => `${kind} ${side === 'low' ? 'lavere' : 'høyere'} enn vanlig`,
    drift: (kind: string, side: 'low' | 'high', change: string, span: string) =>
      `${kind} ${side === 'low' ? 'synker' : 'stiger'} jevnt: ${change} på ${span}`,
    driftShort: (kind: string, side: 'low' | 'high') => `${kind} ${side === 'low' ? 'synker' : 'stiger'}`,
    average: (kind: string, side: 'low' | 'high', average: string, usual: string, span: string) =>
      `${kind} i snitt ${side === 'low' ? 'lavere' : 'høyere'} enn vanlig: ${average}, vanlig ${usual} (${span})`,
    shift: (kind: string, side: 'low' | 'high', shift: string, usual: string, span: string) =>
      `${kind} dag etter dag litt ${side === 'low' ? 'lavere' : 'høyere'} enn vanlig: ${shift} fra ${usual} (${span})`,
    agreed: 'avtalt',
    days: (days: string) => `${days} ${days === '1' ? 'dag' : 'dager'}`,
    lowSoon: (kind: string, limit: string, minutes: string, value: string, rate: string) =>
      `${kind} ventes under ${limit} om ca. ${minutes} min: nå ${value}, faller ${rate} per min`,
    fallingFast: (kind: string, value: string, rate: string) => `${kind} faller fort: nå ${value}, ${rate} per min`,
    gained: (kg: string, span: string, from: string, to: string) => `Vekt +${kg} på ${span} (${from} → ${to})`,
    lost: (percent: string, span: string, from: string, to: string) => `Vekt −${percent} på ${span} (${from} → ${to})`,
    month: 'en måned',
    halfYear: 'et halvt år',
    homePressure: (pressure: string, span: string, readings: string) =>
      `Hjemmeblodtrykk ${pressure} i snitt (${span}, ${readings} målinger)`,
    homePressureShort: 'Hjemmeblodtrykk',
    irregular: 'Uregelmessig puls – bekreft med EKG',
    news2: (total: string, scores: string) => `NEWS2 ${total} av 20: ${scores}`,
    outOf: (most: string) => `av ${most}`,
    scale2: 'SpO₂ etter skala 2',
    worsening: (type: string, symptoms: string, span: string) => `KOLS-forverring type ${type}: ${symptoms} (${span})`,
    alsoUsual: (usual: string) => `vanlig ${usual}`,
    alsoDrift: (side: 'low' | 'high', span: string) => `${side === 'low' ? 'synkende' : 'stigende'} over ${span}`,
    alsoFalling: (rate: string) => `faller ${rate} per min`,
    and: (what: string, also: string) => `${what} · ${also}`,
    longerThan: (what: string, limit: string) => `${what} (over ${limit})`,
    sensorsSilent: (silent: string, all: string) => `${silent} av ${all} sensorer er tause`,
    lastSeen: (what: string, place: string) => `${what}, sist: ${place}`,
    wandering: (steps: string, span: string) => `Oppe og går om natten: ${steps} bevegelser på ${span}`,
    stoodOpen: (place: string) => `${place} står åpen`,
    measurement: 'Måling',
    missed: (kind: string, due: string) => `${kind} ikke målt, ventet ${due}`,
    missedRow: (kind: string, times: string, due: string) => `${kind} ikke målt ${times} ganger på rad, sist ventet ${due}`,
    missedShort: (kind: string) => `${kind} ikke målt`,
    battery: (percent: string) => `Lavt batteri: ${percent} %`,
    clockAhead: (span: string) => `Klokken går ${span} for fort`,
    clockBehind: (span: string) => `Klokken går ${span} for sakte`,
    notAssessed: (streams: string) => `Serveren får ikke vurdert utviklingen i ${streams} målerekker`,
    notReached: (calls: string) => `Varsler på push, SMS eller e-post kommer ikke fram (${calls})`,
  },

  grounds: {
    heading: 'Grunnlag',
    found: (names: string) => `Sett som: ${names}`,
    window: (from: string, to: string) => `Tidsrom: ${from} til ${to}`,
    readings: (count: string) => `Bygger på ${count} målinger eller dager`,
    source: (reference: string) => `Kilde: ${reference}`,
  },

  news2: {
    respiration: 'pustefrekvens',
    spo2: 'SpO₂',
    oxygen: 'oksygentilskudd',
    systolic: 'blodtrykk',
    pulse: 'puls',
    consciousness: 'bevissthet',
    temperature: 'temperatur',
  } satisfies Record<News2Parameter, string>,

  symptom: {
    dyspnoea: 'mer tungpust',
    sputum_volume: 'mer slim',
    sputum_purulence: 'farget slim',
    cold: 'forkjølelse',
    fever: 'feber',
    wheeze: 'piping i brystet',
    cough: 'mer hoste',
    faster: 'raskere pust eller puls',
  } satisfies Record<Symptom, string>,

  place: {
    'front door': 'Ytterdør',
    front_door: 'Ytterdør',
    'back door': 'Bakdør',
    window: 'Vindu',
    bed: 'Seng',
    bedroom: 'Soverom',
    bathroom: 'Bad',
    hall: 'Gang',
    kitchen: 'Kjøkken',
    'living room': 'Stue',
  } as Readonly<Record<string, string>>,

  age: ({ amount, unit }: Age) => (unit === 'now' ? 'nå' : `for ${amount} ${AGE_UNITS[unit]} siden`),
  span: ({ amount, unit }: Age) => (unit === 'now' ? 'minutt' : `${amount} ${AGE_UNITS[unit]}`),
  clock: (time: string) => `kl. ${time}`,
  dayClock: (day: string, time: string) => `${day} kl. ${time}`,

  keys: {
    on: 'Hurtigtaster på',
    off: 'Hurtigtaster av',
    list: '↑ ↓ flytter · Skift+K kvitterer varselet i fokus · / søker',
  },
}

export type Words = typeof nb
