import type { Words } from './nb'

const AGE_UNITS = { now: '', seconds: 's', minutes: 'min', hours: 'h', days: 'd' } as const

export const en: Words = {
  locale: 'en-GB',
  product: 'Hjemvakt',
  title: 'Duty board',
  otherLanguage: 'Norsk',
  practice: 'EXERCISE – virtual patients',
  skip: 'Skip to the alerts',

  login: {
    heading: 'Sign in to the duty board',
    name: 'User name',
    password: 'Password',
    submit: 'Sign in',
    sending: 'Signing in …',
    wrong: 'The user name or the password is not right.',
    tooMany: 'Too many attempts. Wait a little and try again.',
    unreachable: 'No contact with the server. Try again.',
    over: 'The session is over. Sign in again.',
    noBoard: 'Your role has no duty board.',
    out: 'Sign out',
  },

  link: {
    live: 'Live',
    connecting: 'Connecting …',
    lostSince: (time) => `Disconnected since ${time} – the values are old`,
    lost: 'Disconnected – no contact with the server',
  },

  sound: {
    on: 'Sound on',
    off: 'Sound off',
    blocked: 'Sound blocked',
    turnOn: 'The sound is off. Press to hear alerts.',
    turnOff: 'The sound is on. Press to turn it off.',
    blockedWhy: 'The browser blocks the sound. Press again.',
  },

  tone: { red: 'Red', yellow: 'Yellow', technical: 'Technical', green: 'Green' },
  toneFilter: (tone, count) => `${tone}: ${count} ${count === 1 ? 'patient' : 'patients'}`,
  statusBar: 'Patients by status. Press to show only these.',
  showAll: 'Show all',

  alerts: {
    heading: 'Alerts',
    none: 'No alerts',
    noneWhy: 'Everything that was reported has been handled.',
    count: (times) => `${times} times`,
    late: (time) => `${time} – from a backlog`,
    lateWhy: 'Came after an interruption. It was so then, not necessarily now.',
    limit: (limit) => `limit ${limit}`,
    over: 'over – not seen',
    overSeen: (time) => `over since ${time}`,
    shownOn: (screens) => `Shown on ${screens} ${screens === 1 ? 'screen' : 'screens'}`,
    notShown: 'Not shown on any screen yet',
    livesHere: (people) => `Lives here: ${people}`,
    nobodyHere: 'No patient is registered here',
    gateway: (name) => `Gateway ${name}`,
    server: 'The server',
    device: (address) => `sensor ${address}`,
    newRed: (who, what) => `Red alert: ${who}, ${what}`,
    newYellow: (who, what) => `Yellow alert: ${who}, ${what}`,
  },

  act: {
    acknowledge: 'Acknowledge – I take it',
    acknowledgeShort: 'Acknowledge',
    sending: 'Sending …',
    ownerYou: 'You have it',
    owner: (name) => `${name} has it`,
    since: (time) => `acknowledged ${time}`,
    close: 'Close …',
    closeHeading: 'What was it?',
    note: 'Note (optional)',
    cancel: 'Cancel',
    tapCloses: 'One press closes the alert.',
    taken: (name, time) => `${name} took it ${time}. The alert is not yours.`,
    closedBy: (name) => `${name} has closed the alert already.`,
    changed: 'The alert changed in the meantime. Look at it and press again.',
    notSent: 'Not sent: no contact with the server. Try again.',
    refused: (why) => `Not saved: ${why}`,
  },

  outcome: {
    real_acted: 'Real – acted',
    real_no_action: 'Real – no action',
    measuring_error: 'Measuring error',
    technical: 'Technical',
    wrong_limit: 'Wrong limit',
  },

  faults: {
    heading: 'Technical',
    none: 'No technical faults',
  },

  technical: {
    heading: 'Technical state',
    setAside: 'Messages set aside',
    unassigned: 'Readings without a patient',
    lostRows: 'Lost readings',
    troubles: 'Gateways with troubles',
    nothing: 'Nothing to report',
    loading: 'Loading …',
    failed: 'Could not be loaded',
  },

  patients: {
    heading: 'Patients',
    search: 'Search for a patient',
    shown: (shown, all) => (shown === all ? `${all}` : `${shown} of ${all}`),
    noTeam: 'The team has no patients yet',
    noTeamWhy: 'They appear here when they are registered.',
    noMatch: 'No patient fits',
    greenFold: (count) => `${count} green patients`,
    greenShow: 'Show',
    greenHide: 'Hide',
    age: (years) => `${years} years`,
    owner: 'Owner',
    noReadings: 'No readings yet',
  },

  unease: {
    outside: 'Outside the limits, no open alert',
    stale: 'The last reading is old',
    sensor_off: 'A sensor is taken off',
    gateway: 'No contact with the gateway',
    nothing: 'No readings yet',
  },
  allFine: 'Within own limits',

  pathway: {
    kols: 'COPD',
    diabetes: 'Diabetes',
    heart_failure: 'Heart failure',
    palliative: 'Palliative',
    safety: 'Safety',
  },

  gateway: {
    never: 'Gateway: never seen',
    online: 'Gateway online',
    offline: 'Gateway switched off',
    lost: 'Gateway lost its line',
    silent: 'Gateway silent',
  },
  gatewaySince: (state, time) => `${state} since ${time}`,
  gatewayWaiting: (count) => `${count} readings on their way`,

  kind: {
    heart_rate: 'Pulse',
    pulse_rate: 'Pulse',
    spo2: 'SpO₂',
    glucose: 'Glucose',
    body_temperature: 'Temperature',
    battery: 'Battery',
    systolic: 'Blood pressure, systolic',
    diastolic: 'Blood pressure, diastolic',
    mean_arterial: 'Mean arterial pressure',
    weight: 'Weight',
    respiratory_rate: 'Respiratory rate',
    peak_flow: 'PEF',
    fev1: 'FEV1',
    fvc: 'FVC',
  },

  noValue: 'no value',
  questionable: 'uncertain',
  below: 'below the measuring range',
  above: 'above the measuring range',
  spark: (kind, span, low, high, last) => `${kind} last ${span}: lowest ${low}, highest ${high}, latest ${last}`,
  sparkEmpty: (kind) => `${kind}: no trend to show yet`,

  why: {
    limit: (kind, side, colour, limit) => `${kind} ${side === 'low' ? 'below' : 'above'} the ${colour} limit${limit && ` ${limit}`}`,
    beyondRange: (kind, side) =>
      `${kind} is ${side === 'low' ? 'lower' : 'higher'} than the device can measure (${side === 'low' ? 'LO' : 'HI'})`,
    since: (why, time) => `${why} since ${time}`,
    opened: (place) => `${place} opened in the night`,
    at: (why, place) => `${why} – ${place}`,
  },

  rule: {
    fall: 'A sensor reported a fall',
    sos: 'Personal alarm pressed',
    smoke: 'Smoke reported',
    water: 'Water leak reported',
    co: 'Carbon monoxide (CO) reported',
    door: 'Door opened in the night',
    sensor_off: 'The sensor is taken off or has no contact with the skin',
    gateway_silent: 'The gateway is silent',
    gateway_lost: 'The gateway lost its line',
    rows_lost: 'Readings were lost on the way',
    identity_conflict: 'Two gateways use one identity',
    monitor_was_down: 'The monitoring stood still: alerts may have come late',
    set_aside: 'A message was set aside, it could not be read',
    battery: 'Low battery',
    reading_missed: 'A planned reading is missing',
  },

  place: {
    'front door': 'Front door',
    front_door: 'Front door',
    bed: 'Bed',
    bathroom: 'Bathroom',
    kitchen: 'Kitchen',
    'living room': 'Living room',
  },

  age: ({ amount, unit }) => (unit === 'now' ? 'now' : `${amount} ${AGE_UNITS[unit]} ago`),
  span: ({ amount, unit }) => (unit === 'now' ? 'minute' : `${amount} ${AGE_UNITS[unit]}`),
  clock: (time) => `at ${time}`,
  dayClock: (day, time) => `${day} at ${time}`,

  keys: {
    on: 'Shortcuts on',
    off: 'Shortcuts off',
    list: '↑ ↓ move · Shift+K acknowledges the focused alert · / searches',
  },
}
