// The line is lost while somebody types: a phone in a car. The form stays with what was typed, says so, and goes on.
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Records } from '../api_patient'
import type { Desk } from '../desk.svelte'
import { aDesk, LONG, server } from '../desk_fakes'
import { aMe, anAlert, at, kari, NOON } from '../examples'
import type { Alert } from '../protocol'
import { aWindow } from '../view_fakes'
import { nb as me } from '../words/me.nb'
import { nb } from '../words/nb'
import { PATIENT_WORDS } from '../words/patient'
import AlertCard from './AlertCard.svelte'
import Begin from './me/Begin.svelte'
import { Case } from './patient/case.svelte'
import Individual from './patient/Individual.svelte'

const NO_LINE = [0, null] as const
const own = PATIENT_WORDS.nb

beforeAll(aWindow)
afterEach(cleanup)

function typed(field: HTMLElement, value: string): Promise<boolean> {
  return fireEvent.input(field, { target: { value } })
}

describe('a form of the record', { timeout: 120_000 }, () => {
  async function saved(desk: Desk, form: HTMLElement): Promise<void> {
    await typed(within(form).getByLabelText(own.write.reason), 'avtalt')
    desk.link = { state: 'lost', since: NOON }
    await fireEvent.submit(form)
    await screen.findByText(own.failed, {}, LONG)
    desk.link = { state: 'live' }
    await fireEvent.submit(form)
    await waitFor(() => expect(screen.queryByRole('form')).toBeNull(), LONG)
  }

  test('of goals keeps them', async () => {
    const none: Records = { patient: 1, rev: 'first', type: 'individual_plan', red_zone_first: null, versions: [] }
    const sent = server(() => none, NO_LINE, [200, none])
    const desk = aDesk(aMe())
    render(Individual, { patient: new Case(desk, 1), desk, own })
    await fireEvent.click(await screen.findByRole('button', { name: own.home.individualOf }, LONG))
    await typed(screen.getByLabelText(own.home.goalText), 'til butikken selv')
    await saved(desk, screen.getByRole('form'))
    expect(sent.map(({ body }) => body.record)).toEqual([0, 1].map(() => expect.objectContaining({ goals: [expect.objectContaining({ goal: 'til butikken selv' })] })))
  })
})

test('an alert that is put off keeps the reason until that is stored', { timeout: 120_000 }, async () => {
  const alert = anAlert({ state: 'acknowledged', priority: 'yellow', owner: kari, acknowledged_at: at(-30) })
  const put: Alert = { ...alert, rev: 2, snoozed_until: at(3600) }
  const sent = server(() => [], NO_LINE, [200, put])
  const desk = aDesk(aMe())
  const { rerender } = render(AlertCard, { alert, desk, theme: 'light' })
  const choose = () => fireEvent.click(screen.getByRole('button', { name: nb.answer.say.snooze }))
  const hour = () => fireEvent.click(screen.getByRole('button', { name: nb.answer.hour }))
  await choose()
  await typed(screen.getByLabelText(nb.answer.why), 'datteren kommer')
  await hour()
  await screen.findByText(nb.act.notSent, {}, LONG)
  expect(screen.getByLabelText(nb.answer.why)).toHaveProperty('value', 'datteren kommer')
  await hour()
  await waitFor(() => expect(screen.queryByLabelText(nb.answer.why)).toBeNull(), LONG)
  expect(sent.map(({ body }) => body.reason)).toEqual(['datteren kommer', 'datteren kommer'])
  await rerender({ alert: { ...alert, rev: 3 } })
  await choose()
  expect(screen.getByLabelText(nb.answer.why)).toHaveProperty('value', '')
})

test.each([
  [0, me.trouble.unreachable, '123456'],
  [422, me.trouble.wrong, ''],
])('the first code of an app that is answered with %i: %s It leaves %j in the field', { timeout: 120_000 }, async (status, says, left) => {
  server(() => [], [200, { secret: 'ABCD', uri: 'otpauth://totp/x?secret=ABCD' }], [status, {}])
  render(Begin, { desk: aDesk(aMe()), words: me, done: () => undefined, cancel: null })
  await typed(screen.getByLabelText(me.password), 'hemmelig')
  await fireEvent.submit(screen.getByLabelText(me.password))
  const code = await screen.findByLabelText(me.codes.first, {}, LONG)
  await typed(code, '123456')
  await fireEvent.submit(code)
  await screen.findByText(says, {}, LONG)
  await waitFor(() => expect(code).toHaveProperty('value', left), LONG)
})
