// What the parts say about one alert or one value; the whole page is tested in a real browser.
import { cleanup, fireEvent, render, screen } from '@testing-library/svelte'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Desk } from '../desk.svelte'
import { aDesk } from '../desk_fakes'
import { aBoard, aGateway, aMe, anAlert, aPatient, aReading, at, aVital, kari, NOON, ola, someEvidence } from '../examples'
import type { Alert, TechnicalGateway } from '../protocol'
import { done, type Remark } from '../remark'
import { EMPTY, reduce } from '../state'
import { aWindow } from '../view_fakes'
import { nb } from '../words/nb'
import AlertCard from './AlertCard.svelte'
import Closing from './Closing.svelte'
import GatewayFacts from './GatewayFacts.svelte'
import VitalCell from './VitalCell.svelte'
import Week from './Week.svelte'

beforeAll(aWindow)
afterEach(cleanup)

function deskWith(alert: Alert, remark?: Remark): Desk {
  const desk = aDesk(aMe())
  const patients = [aPatient(), aPatient({ id: 2, name: 'Odd Øvingsrud', born_on: '1951-11-02' })]
  desk.state = reduce(EMPTY, { type: 'board', board: aBoard({ patients, alerts: [alert] }) })
  if (remark) desk.deeds.remarks = new Map([[alert.id, remark]])
  return desk
}

function shown(alert: Alert, remark?: Remark): string {
  render(AlertCard, { alert, desk: deskWith(alert, remark), theme: 'light' })
  return (screen.getByRole('article').textContent ?? '').replace(/\s+/g, ' ')
}

describe('an alert', () => {
  test('says who, what, since when and how old it is', () => {
    const text = shown(anAlert({ seen_on: 3 }))
    for (const part of ['Rød', 'Magnhild Prøvestad, 82', 'SpO₂ 84 %', 'under rød grense 88', 'kl. 11:58', 'for 2 min siden', 'Vist på 3 skjermer']) {
      expect(text).toContain(part)
    }
    expect(screen.getByRole('button', { name: 'Kvitter – jeg tar den: Magnhild Prøvestad' })).toBeTruthy()
  })

  test('also shows the value as it is now, once a newer one differs from the one that raised it', () => {
    expect(shown(anAlert())).toContain('SpO₂ 84 % nå 93 %') // the patient's latest, ten seconds old
  })

  test('does not call the value that raised it the one of now', () => {
    expect(shown(anAlert({ last_at: at(-10) }))).not.toContain('nå 9')
  })

  test('that somebody has shows the owner, and no acknowledge', () => {
    const text = shown(anAlert({ state: 'acknowledged', owner: ola, acknowledged_at: at(-30) }))
    expect(text).toContain('Ola Vaktesen har den · kvittert kl. 11:59')
    expect(screen.queryByRole('button', { name: /Kvitter/ })).toBeNull()
  })

  test('of a home says the address and everybody who lives there', () => {
    const text = shown(anAlert({ patient: null, home: 1, lives_there: [1, 2], rule: 'call:smoke', evidence: someEvidence({ event: 'smoke' }) }))
    expect(text).toContain('Bjørkeveien 12, 9999 Øvelsesvik')
    expect(text).toContain('Bor her: Magnhild Prøvestad (82), Odd Øvingsrud (74)')
  })

  test('that is over and unseen says so and can still be acknowledged', () => {
    expect(shown(anAlert({ state: 'cleared', condition_ended_at: at(-10) }))).toContain('over – ikke sett')
    expect(screen.getByRole('button', { name: /Kvitter/ })).toBeTruthy()
  })

  test('out of a backlog stands with its own time', () => {
    expect(shown(anAlert({ late: true, began_at: at(-31_680) }))).toContain('kl. 03:12 – etterslep')
  })

  test('pressed three times says the third time', () => {
    expect(shown(anAlert({ count: 3 }))).toContain('3. gang')
  })

  test.each([
    [{ what: 'taken', detail: 'Ola Vaktesen' } as const, 'Ola Vaktesen tok den'],
    [{ what: 'not_sent', detail: '', done: done(anAlert()) } as const, 'Ikke sendt'],
    [{ what: 'changed', detail: '' } as const, 'endret seg'],
    [{ what: 'refused', detail: 'Not with this role.' } as const, 'Ikke lagret: Not with this role.'],
  ])('says what came of the press: %j', (remark, said) => {
    expect(shown(anAlert(), remark)).toContain(said)
  })

  test('while it is being sent the button cannot be pressed again', () => {
    shown(anAlert(), { what: 'sending', detail: '' })
    expect(screen.getByRole('button', { name: 'Sender …' })).toHaveProperty('disabled', true)
  })

  test('a name with markup in it stays a name', () => {
    const alert = anAlert()
    const desk = deskWith(alert)
    desk.state = reduce(desk.state, { type: 'filled', patients: [aPatient({ name: '<img src=x onerror=alert(1)>' })] })
    render(AlertCard, { alert, desk, theme: 'light' })
    expect(screen.getByRole('article').querySelector('img')).toBeNull()
    expect(screen.getByRole('heading').textContent).toContain('<img src=x')
  })
})

test('closing takes the reason and the note with one press', () => {
  const close = vi.fn()
  render(Closing, { words: nb, sending: false, cancel: () => undefined, close })
  const note = screen.getByLabelText('Notat (valgfritt)') as HTMLTextAreaElement
  note.value = 'Ringte, alt bra'
  note.dispatchEvent(new Event('input', { bubbles: true }))
  screen.getByRole('button', { name: 'Målefeil' }).click()
  expect(close).toHaveBeenCalledExactlyOnceWith('measuring_error', 'Ringte, alt bra')
})

describe('a value', () => {
  function cell(reading: Partial<ReturnType<typeof aReading>>, current = true): HTMLElement {
    const vital = aVital({ latest: aReading(reading) })
    return render(VitalCell, { vital, now: NOON, words: nb, theme: 'light', current }).container
  }

  test('stands with unit and age', () => {
    expect(cell({ taken_at: at(-130) }).textContent?.replace(/\s+/g, ' ')).toMatch(/93 % .*for 2 min siden/)
  })

  test('that is an interval is as old as its end', () => {
    expect(cell({ taken_at: at(-210), span_s: 80 }).textContent?.replace(/\s+/g, ' ')).toMatch(/93 % .*for 2 min siden/)
  })

  test('too old is struck through', () => {
    expect(cell({ taken_at: at(-301) }).querySelector('s')?.textContent).toBe('93 %')
    expect(cell({ taken_at: at(-300) }).querySelector('s')).toBeNull()
  })

  test('is old whatever its age when the line is cut', () => {
    expect(cell({}, false).querySelector('s')).not.toBeNull()
  })

  test('beyond the range of the device is a limit with a word, and no value at all is no zero', () => {
    expect(cell({ value: 70, sign: -1 }).textContent).toContain('< 70')
    expect(cell({ value: 70, sign: -1 }).textContent).toContain('under måleområdet')
    const none = cell({ value: null, quality: 2 })
    expect(none.textContent).toContain('–')
    expect(none.textContent).toContain('ingen verdi')
    expect(none.textContent).not.toContain('0')
  })
})

describe('a gateway for the technician', () => {
  const NINE = Date.parse(at(-3 * 3600)) / 1000 // 09:00 in Oslo
  const config = { version: NINE, made_at: at(-3 * 3600), published_at: at(-3 * 3600), in_use: NINE, taken_at: at(-3599), refused: '', fault: '' }

  const tried = { day: '2025-01-01', asked_at: at(-3 * 3600), server_s: 0.46, screen_s: null }

  function facts(change: Partial<TechnicalGateway>, language: 'nb' | 'en' = 'nb'): string {
    const gateway = { ...aGateway(), version: '0.2.0', config, devices: [], proof: null, clock_ahead_s: 0.1, ...change }
    const desk = deskWith(anAlert())
    desk.language = language
    return render(GatewayFacts, { gateway, desk }).container.textContent?.replace(/\s+/g, ' ') ?? ''
  }

  test.each([
    [{ config: null }, 'har ikke fått noe oppsett herfra'],
    [{}, 'oppsettet fra kl. 09:00 er i bruk'],
    [{ config: { ...config, in_use: 0 } }, 'oppsettet fra kl. 09:00 er ikke tatt i bruk ennå · bruker sin egen fil'],
    [{ config: { ...config, in_use: NINE - 3600 } }, 'er ikke tatt i bruk ennå · bruker oppsettet fra kl. 08:00'],
    [{ config: { ...config, in_use: 0, refused: 'no profile x' } }, 'avviser oppsettet: no profile x'],
    [{ config: { ...config, fault: 'too many devices' } }, 'nytt oppsett kan ikke lages: too many devices'],
    [{ clock_ahead_s: 0.1 }, 'klokken går riktig'],
    [{ clock_ahead_s: 200 }, 'klokken går 3 min for fort'],
    [{ clock_ahead_s: -7300 }, 'klokken går 2 t for sakte'],
    [{ troubles: ['no Bluetooth'] }, 'no Bluetooth'],
    [{ proof: { ...tried, screen_s: 0.84 } }, 'prøvealarm kl. 09:00: hos serveren etter 0,5 s, på en skjerm etter 0,8 s'],
    [{ proof: tried }, 'hos serveren etter 0,5 s, ingen skjerm lyttet'],
    [{ proof: { ...tried, server_s: null } }, 'prøvealarm kl. 09:00: ikke kommet fram'],
  ])('%# says it', (change, says) => {
    expect(facts(change)).toContain(says)
  })

  test('says it in English too', () => {
    expect(facts({ config: { ...config, in_use: 0 }, clock_ahead_s: 200 }, 'en')).toMatch(/clock is 3 min fast.*of 09:00 is not in use yet · uses its own file/)
  })

  test('names each device with what it is', () => {
    const device = { device: 'C0:11:00:00:00:01', state: 'connected', seen_at: at(-60), rssi_dbm: -71, battery_percent: 80, refused: 0, model: 'Nonin 3230' }
    expect(facts({ devices: [device] })).toMatch(/Apparater: 1 .*C0:11:00:00:00:01 Nonin 3230 connected hørt for 1 min siden batteri 80 % signal .71 dBm/)
  })
})

describe('an alert that somebody answers', () => {
  const mine = { state: 'acknowledged', owner: kari, acknowledged_at: at(-60) } as const

  test('offers who has it to say that she comes, to give it away and, of a yellow one, to put it off', () => {
    shown(anAlert({ ...mine, priority: 'yellow' }))
    for (const name of ['På vei', 'Framme', 'Utsett …', 'Gi fra deg', 'Avslutt …']) {
      expect(screen.getByRole('button', { name })).toBeTruthy()
    }
    expect(screen.queryByRole('button', { name: 'Angre' })).toBeNull()
  })

  test('shows everybody who is coming, since when, and offers the others nothing', () => {
    const text = shown(anAlert({ ...mine, owner: ola, on_way_at: at(-120), there_at: at(-60) }))
    expect(text).toContain('på vei kl. 11:58 · framme kl. 11:59')
    expect(screen.queryByRole('button', { name: 'Gi fra deg' })).toBeNull()
  })

  test('shows until when it is put off, and lets anybody end that', () => {
    expect(shown(anAlert({ ...mine, priority: 'yellow', owner: ola, snoozed_until: at(3600) }))).toContain('utsatt til kl. 13:00')
    expect(screen.getByRole('button', { name: 'Ikke utsett lenger' })).toBeTruthy()
  })

  test('is not closed after a second call before somebody has made contact', () => {
    const again = { ...mine, rule: 'call:sos', contact_needed: true }
    expect(shown(anAlert(again))).toContain('avsluttes først når noen har hatt kontakt')
    expect(screen.queryByRole('button', { name: 'Avslutt …' })).toBeNull()
    expect(screen.getByRole('button', { name: 'Har hatt kontakt' })).toBeTruthy()
  })

  test('that waits for a colleague says for whom', () => {
    expect(shown(anAlert({ owner: ola }))).toContain('Venter på Ola Vaktesen')
  })

  test('is put off only with a reason and for a chosen time', async () => {
    const alert = anAlert({ ...mine, priority: 'yellow' })
    const desk = deskWith(alert)
    const said = vi.spyOn(desk.deeds, 'answer').mockResolvedValue()
    render(AlertCard, { alert, desk, theme: 'light' })
    await fireEvent.click(screen.getByRole('button', { name: 'Utsett …' }))
    const hour = screen.getByRole('button', { name: '1 time' })
    expect(hour).toHaveProperty('disabled', true)
    await fireEvent.input(screen.getByLabelText('Hvorfor'), { target: { value: ' spiser middag ' } })
    await fireEvent.click(hour)
    expect(said).toHaveBeenCalledWith(alert, { answer: 'snooze', minutes: 60, reason: 'spiser middag' })
  })
})

test('days without an alert are green only for somebody of whom anything is known', async () => {
  const { container, rerender } = render(Week, { props: { week: [], known: false, now: NOON, words: nb } })
  const dots = () => [...container.querySelectorAll('g')].map((each) => each.classList.contains('unknown'))
  expect(screen.getByRole('img').getAttribute('aria-label')).toBe(`Varsler siste 7 dager: ${nb.patients.noReadings}`)
  expect(dots()).toEqual(Array(7).fill(true))
  await rerender({ known: true })
  expect(dots()).toEqual(Array(7).fill(false))
})
