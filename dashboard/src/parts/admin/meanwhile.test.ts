// Two people decide the same for a team: what the second one saves undoes nothing of the first one's unseen.
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/svelte'
import type { Component } from 'svelte'
import { afterEach, describe, expect, test } from 'vitest'
import type { ChainStep, EffectiveLimits, EffectivePlans, EffectiveRules, ServiceHours, TeamChains, TeamHours } from '../../api_admin'
import { aDesk, LONG, server, type Sent } from '../../desk_fakes'
import { aMe, at, ola } from '../../examples'
import { nb as own } from '../../words/admin.nb'
import { nb } from '../../words/nb'
import ChainsOf from './ChainsOf.svelte'
import type { TableOf } from './decision.svelte'
import HoursOf from './HoursOf.svelte'
import LimitTable from './LimitTable.svelte'
import PlanTable from './PlanTable.svelte'
import RuleTable from './RuleTable.svelte'

const team = { id: 1, name: 'øst', role: 'coordinator' } as const
const desk = aDesk(aMe({ staff: ola, teams: [team] }))
const member = { staff: ola, role: 'coordinator', answers: true, rev: 'a' } as const
const decided = { source: 'team', by: ola, since: at(0), reason: '', references: [] } as const

afterEach(cleanup)

/** A server at which somebody else was first. */
function overtaken(path: string, before: object, now: object): Sent[] {
  const states = [before, now]
  return server((each) => (each.endsWith(path) ? (states.length > 1 ? states.shift() : now) : { decisions: [] }), [409, {}], [200, now])
}

async function opened(called: RegExp): Promise<HTMLElement> {
  await fireEvent.click((await screen.findAllByRole('button', { name: called }, LONG))[0]!)
  return screen.getByRole('form', { name: /\S/ })
}

async function typed(label: string, value: string, where: HTMLElement): Promise<void> {
  await fireEvent.input(within(where).getByLabelText(label, { exact: false }), { target: { value } })
}

/** Sent, refused, sent again; and what was told of what both changed. */
async function savedTwice(form: HTMLElement, sent: Sent[], shows: () => void): Promise<Sent['body']> {
  await typed(own.reason, 'avtalt', form)
  await fireEvent.submit(form)
  await screen.findByText(own.sent.moved, {}, LONG)
  await waitFor(shows, LONG)
  await fireEvent.submit(form)
  await waitFor(() => expect(sent).toHaveLength(2), LONG)
  expect(sent[1]!.body).toMatchObject({ rev: 'second' })
  return sent[1]!.body
}

const told = () => screen.queryAllByRole('alert').flatMap((each) => within(each).getAllByRole('listitem').map(({ textContent }) => textContent))
const tells = (...lines: string[]) => () => expect(told()).toEqual(lines)

describe('what somebody else decided while the form was open', { timeout: 120_000 }, () => {
  const week = { weekdays: [1, 2, 3, 4, 5], from_time: '08:00:00', to_time: '15:00:00' }
  const duty: ChainStep = { part: 'duty', after_s: 0 }
  const backup: ChainStep = { part: 'backup', after_s: 180 }
  const staff: ChainStep = { staff: ola.id, name: ola.name, after_s: 60 }
  const chains = (rev: string, steps: ChainStep[], again_s = 600): TeamChains => ({
    team: 1,
    rev,
    colours: [{ priority: 'red', chains: [{ ...week, steps }], unlogged_s: 900, again_s, source: 'team', proposal: false }],
  })
  const chainsForm = async () => {
    render(ChainsOf, { desk, own, team, members: [member], decides: true })
    return opened(new RegExp(`${own.change}.*${own.colour.red}`))
  }

  test('of a chain: their new step stands beside the seconds that were typed here', async () => {
    const sent = overtaken('/chains', chains('first', [duty, backup]), chains('second', [duty, backup, staff]))
    const form = await chainsForm()
    await fireEvent.input(within(form).getByLabelText(own.chains.seconds, { exact: false }), { target: { value: '90' } })
    const body = await savedTwice(form, sent, () => expect(within(form).getAllByLabelText(own.chains.seconds, { exact: false })).toHaveLength(2))
    expect(body.chains).toEqual([{ weekdays: week.weekdays, from_time: '08:00', to_time: '15:00', steps: [duty, { ...backup, after_s: 90 }, { staff: ola.id, after_s: 60 }] }])
    expect(told()).toEqual([])
  })

  test('of a chain: a step that both changed stays as it was typed, and theirs is told', async () => {
    const sent = overtaken('/chains', chains('first', [duty, backup]), chains('second', [duty, { ...backup, after_s: 300 }], 1200))
    const form = await chainsForm()
    await fireEvent.input(within(form).getByLabelText(own.chains.seconds, { exact: false }), { target: { value: '90' } })
    const after = `${own.partOf.backup} ${own.chains.after(own.seconds.min('5'))}`
    const body = await savedTwice(form, sent, tells(own.clash.theirs(own.partOf.backup, after)))
    expect(body).toMatchObject({ again_s: 1200, chains: [{ steps: [duty, { ...backup, after_s: 90 }] }] })
  })

  test('of hours: their other period stands beside the agreement that was typed here', async () => {
    const row = (periods: ServiceHours['periods'], response: string): ServiceHours =>
      ({ priority: 'yellow', municipality: null, pathway: null, periods, response, source: 'team', proposal: false, by: ola, at: at(0), reason: '' }) as ServiceHours
    const hours = (rev: string, ...each: Parameters<typeof row>): TeamHours => ({ team: 1, rev, hours: [row(...each)] })
    const saturday = { weekdays: [6], from_time: '10:00:00', to_time: '14:00:00' }
    const sent = overtaken('/service-hours', hours('first', [week], ''), hours('second', [week, saturday], 'theirs'))
    render(HoursOf, { desk, own, team, places: [], decides: true })
    const form = await opened(new RegExp(`${own.change}.*${own.colour.yellow}`))
    await typed(own.hours.responseField, 'mine', form)
    const body = await savedTwice(form, sent, tells(own.clash.theirs(own.hours.responseField, 'theirs')))
    expect(body).toMatchObject({ response: 'mine', periods: [{ ...week, from_time: '08:00', to_time: '15:00' }, { ...saturday, from_time: '10:00', to_time: '14:00' }] })
  })

  const table = (part: Component<TableOf>) => render(part, { desk, own, place: { team: 1, pathway: 'kols' }, decides: true, told: () => undefined })

  test('of a limit: their edge stands beside the one that was typed here', async () => {
    const limits = (rev: string, red_low: number, yellow_low: number): EffectiveLimits => {
      const edges = { red_low, yellow_low, yellow_high: null, red_high: null }
      return { rev, limits: [{ kind: 'spo2', unit: '%', decimals: 0, limits: edges, rests_on: '', until: null, ...decided, references: [] }] }
    }
    const sent = overtaken('/limits', limits('first', 88, 90), limits('second', 86, 91))
    table(LimitTable)
    const form = await opened(new RegExp(own.change))
    await typed(own.pathways.edge.yellow_low, '92', form)
    const body = await savedTwice(form, sent, tells(own.clash.theirs(own.pathways.edge.yellow_low, '91')))
    expect(body).toMatchObject({ red_low: 86, yellow_low: 92 })
  })

  test('of a plan: their times stand beside the minutes that were typed here', async () => {
    const plans = (rev: string, time: string, after_min: number): EffectivePlans => {
      return { rev, plan: [{ kind: 'spo2', weekdays: [1, 2], times: [time], before_min: 60, after_min, proposal: false, ...decided, references: [] }] }
    }
    const sent = overtaken('/plan', plans('first', '08:00:00', 60), plans('second', '12:00:00', 90))
    table(PlanTable)
    const form = await opened(new RegExp(own.change))
    await typed(own.planFields.after, '30', form)
    const body = await savedTwice(form, sent, tells(own.clash.theirs(own.planFields.after, '90')))
    expect(body).toMatchObject({ times: ['12:00'], before_min: 60, after_min: 30 })
  })

  test('of a rule: that they turned it off, and their number, stand beside the one that was typed here', async () => {
    const rules = (rev: string, enabled: boolean, days: number, z: number): EffectiveRules => {
      const shipped = { days: 14, z: 3 }
      return { rev, rules: [{ rule: 'trend', version: 1, colour: 'yellow', enabled, numbers: { days, z }, shipped, proposal: false, ...decided, references: [] }] }
    }
    const sent = overtaken('/rules', rules('first', true, 14, 3), rules('second', false, 21, 2.5))
    table(RuleTable)
    const form = await opened(new RegExp(own.change))
    await typed(own.pathways.number.z!, '4', form)
    const body = await savedTwice(form, sent, tells(own.clash.theirs(own.pathways.number.z!, '2,5')))
    expect(body).toMatchObject({ enabled: false, numbers: { days: 21, z: 4 } })
  })

  test('and what was typed before, and left, is not in the form that is opened next', async () => {
    const limits = (yellow_low: number, kind: 'spo2' | 'heart_rate') =>
      ({ kind, unit: '', decimals: 0, limits: { red_low: null, yellow_low, yellow_high: null, red_high: null }, rests_on: '', until: null, ...decided, references: [] }) as const
    const found: EffectiveLimits = { rev: 'first', limits: [limits(90, 'spo2'), limits(50, 'heart_rate')].map((each) => ({ ...each, references: [] })) }
    server(() => found)
    table(LimitTable)
    await typed(own.pathways.edge.yellow_low, '92', await opened(new RegExp(`${own.change}.*${nb.kind.spo2}`)))
    const next = await opened(new RegExp(`${own.change}.*${nb.kind.heart_rate}`))
    expect(within(next).getByLabelText(own.pathways.edge.yellow_low)).toHaveProperty('value', '50')
    expect(told()).toEqual([])
  })
})
