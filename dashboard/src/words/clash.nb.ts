// What two people changed in one form: a patient's, and the administration's.
export const clashNb = {
  both: 'Dette er endret både av deg og av noen andre:',
  theirs: (what: string, value: string) => `${what}: den andre skrev «${value}». Det du skrev, står i skjemaet.`,
  gone: (what: string) => `${what}: tatt bort av den andre. Det du skrev, står i skjemaet.`,
  back: (what: string) => `${what}: tatt bort av deg, endret av den andre. Står i skjemaet igjen.`,
  order: (names: string) => `Rekkefølgen: den andre satte ${names}. Din står i skjemaet.`,
}

export type ClashWords = typeof clashNb
