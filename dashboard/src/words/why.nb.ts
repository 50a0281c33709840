// Why an alert was raised, in words.
import type { FoundBy, Named, News2Parameter, OfTheHome, Symptom } from '../rules'

export const whyNb = {
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
    proof_missing: 'Dagens prøvealarm kom ikke fram: prøv trygghetsalarmen i hjemmet',
    gateway_silent: 'Hjemmesentralen er taus',
    outage: 'Flere hjemmesentraler er tause samtidig',
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
}

export type WhyWords = typeof whyNb
