// The words of the page of one's own login.
import type { Trouble } from '../api_me'
import type { Role } from '../protocol'

const role: Readonly<Record<Role, string>> = {
  nurse: 'Sykepleier',
  coordinator: 'Koordinator',
  doctor: 'Lege',
  technician: 'Tekniker',
  administrator: 'Administrator',
  auditor: 'Innsynsansvarlig',
}

const trouble: Readonly<Record<Trouble, string>> = {
  wrong: 'Det stemmer ikke. Se over det du skrev.',
  tooMany: 'For mange forsøk. Vent litt og prøv igjen.',
  changed: 'Noen andre endret det samtidig. Se på nytt, og bestem deg igjen.',
  unreachable: 'Får ikke kontakt med serveren. Prøv igjen.',
}

/** By what the server calls it. A word that is not here is shown as it is. */
const way: Readonly<Record<string, string>> = {
  password: 'passord',
  'password and code': 'passord og kode',
  oidc: 'felles innlogging',
}

export const nb = {
  role,
  trouble,
  way,
  password: 'Passord',
  code: 'Kode',
  sending: 'Sender …',
  cancel: 'Avbryt',
  codes: {
    heading: 'Kode i tillegg til passordet',
    why: 'En app på telefonen viser en ny kode hvert halve minutt. Da holder det ikke at noen har fått tak i passordet ditt.',
    awaited: 'Rollen din må ha kode i tillegg til passordet. Slå den på her, så kommer du videre.',
    impossible: 'Denne installasjonen mangler nøkkelen som koder oppbevares med. Si fra til den som drifter Hjemvakt.',
    off: 'Koder er av.',
    on: (since: string) => `Koder er på siden ${since}.`,
    left: (codes: number) => (codes === 1 ? 'Én papirkode er igjen.' : `${codes} papirkoder er igjen.`),
    begin: 'Slå på koder',
    beginHelp: 'Skriv passordet ditt, så ingen andre slår dem på for deg.',
    next: 'Videre',
    scan: 'Åpne en kodeapp på telefonen (for eksempel Google Authenticator, Microsoft Authenticator eller Aegis), og skann dette.',
    picture: 'QR-kode for appen',
    byHand: 'Kan du ikke skanne? Skriv denne nøkkelen i appen:',
    first: 'Koden som appen viser nå',
    confirm: 'Bekreft',
    paperHeading: 'Skriv ned papirkodene',
    paper: 'Hver av dem slipper deg inn én gang når telefonen er borte. De vises bare nå: skriv dem ned, og legg dem et trygt sted.',
    kept: 'Jeg har skrevet dem ned',
    end: 'Slå av koder',
    endHelp: 'For eksempel når du har fått ny telefon: slå av, og slå på igjen med den nye.',
    endCode: 'Kode fra appen, eller en papirkode',
  },
  sessions: {
    heading: 'Her er du logget inn',
    here: 'denne skjermen',
    opened: (when: string, how: string) => `Innlogget ${when} med ${how}`,
    used: (when: string) => `sist brukt ${when}`,
    end: 'Avslutt',
    endOf: (when: string) => `Avslutt innloggingen fra ${when}`,
    none: 'Du er ikke logget inn andre steder.',
  },
  demand: {
    heading: 'Hvem som må ha kode',
    why: 'Gjelder hele installasjonen. Den som logger inn med bare passord og har en av rollene, må slå på koder før noe annet åpnes. Skjermer som er åpne med bare passord, lukkes. Felles innlogging berøres ikke.',
    roles: 'Roller som må ha kode',
    reason: 'Begrunnelse',
    set: 'Bestem',
    never: 'Ingen har bestemt noe: ingen må ha kode.',
    nobody: 'ingen',
    by: (when: string, who: string, roles: string) => `${when}, ${who}: ${roles}`,
  },
}

export type MeWords = typeof nb
