"""What staff do about the alerts of their team: they look now and then, and do not always do what they should."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Final

import psycopg

from server.alerts import answering, lifecycle, snoozing
from server.alerts.escalation import Part
from server.alerts.model import Action, Alert, Change, Conflict, Outcome, State
from server.alerts.snoozing import NotSo
from server.store import alerts, duty
from tests.sim.week_world import Team

LOOKS_AT: Final = 6  # alerts at a time, where a week has so many findings as one pair of eyes can follow; of more, more
FOLLOWED: Final = 2500
OPEN: Final = """select id from alert where team_id = %s and state in ('raised', 'acknowledged', 'cleared')
                 order by id limit 60"""
LATELY: Final = "select id from alert where team_id = %s and state = 'handled' order by handled_at desc, id limit 1"
Decision = Change | Conflict | NotSo


def eyes(findings: int) -> int:
    """How many alerts staff look at at a time: a team has as many people as its patients need, or what nobody can
    answer is only called about again and again."""
    return max(LOOKS_AT, LOOKS_AT * findings // FOLLOWED)


def look(
    conn: psycopg.Connection, dice: Random, team: Team, on_duty: int, now: datetime, *, most: int
) -> list[tuple[int, Action]]:
    """One visit to the board: what was done about which alert. Each deed is a transaction, as through the api."""
    done = []
    found = [id_ for (id_,) in conn.execute(OPEN, (team.id,))]
    for alert_id in sorted(dice.sample(found, min(len(found), most))):
        done += _do(conn, alert_id, now, lambda alert: _deed(dice, team, on_duty, alert, now))
    if dice.random() < 0.02:
        for (alert_id,) in conn.execute(LATELY, (team.id,)).fetchall():
            done += _do(conn, alert_id, now, lambda alert: _reopened(conn, alert, on_duty, now))
    return done


def _do(
    conn: psycopg.Connection, alert_id: int, now: datetime, decide: Callable[[Alert], Decision | None]
) -> list[tuple[int, Action]]:
    with conn.transaction():
        standing = alerts.hold_alert(conn, alert_id)
        assert standing is not None
        decision = decide(standing)
        if not isinstance(decision, Change):  # nothing, or somebody was first
            return []
        alerts.apply(conn, [decision], now)
    return [(alert_id, decision.action)]


def _deed(dice: Random, team: Team, me: int, alert: Alert, now: datetime) -> Decision | None:
    rev, chance = alert.rev, dice.random()
    outcome, other = dice.choice(list(Outcome)), dice.choice(team.nurses)
    late = now + timedelta(minutes=dice.uniform(5, 600))
    if alert.state is State.ACKNOWLEDGED:
        owner = alert.owner or me
        if alert.contact_needed and alert.contact_at is None and chance < 0.3:
            return answering.contact(alert, rev, owner, now)
        ways: tuple[tuple[float, Callable[[], Decision]], ...] = (
            (0.30, lambda: lifecycle.handle(alert, rev, owner, outcome, now)),
            (0.35, lambda: answering.on_my_way(alert, rev, owner, now)),
            (0.40, lambda: answering.note(alert, rev, owner, now, note="a note")),
            (0.43, lambda: lifecycle.release(alert, rev, owner, now)),
            (0.45, lambda: lifecycle.assign(alert, rev, owner, other, now)),
            (0.47, lambda: snoozing.end_early(alert, rev, me, now)),
        )
    else:
        ways = (
            (0.55, lambda: lifecycle.acknowledge(alert, rev, me, now)),
            (0.65, lambda: lifecycle.handle(alert, rev, me, outcome, now)),
            (0.70, lambda: lifecycle.assign(alert, rev, me, other, now)),
            (0.76, lambda: snoozing.snooze(alert, rev, me, late, "later", now)),
            (0.78, lambda: answering.ask_for_measurement(alert, rev, me, now)),
            (0.79, lambda: lifecycle.acknowledge(alert, rev - 1, me, now)),  # looked a moment ago
        )
    return next((do() for below, do in ways if chance < below), None)


def _reopened(conn: psycopg.Connection, alert: Alert, me: int, now: datetime) -> Decision | None:
    subject = conn.execute("select subject_id from alert where id = %s", (alert.id,)).fetchone()
    assert subject is not None
    return lifecycle.reopen(alert, alert.rev, me, now, standing=alerts.open_alerts(conn, subject))


def change_shift(conn: psycopg.Connection, team: Team, shift: int, now: datetime) -> tuple[int, int]:
    """The next two come on duty, then those before them leave and hand over. Who is on duty, and who is behind."""
    count = len(team.nurses)
    coming = (team.nurses[2 * shift % count], team.nurses[(2 * shift + 1) % count])
    with conn.transaction():
        before = [(each.staff, Part(each.part)) for each in duty.on_duty(conn, [team.id])]
        wanted = {(coming[0], Part.DUTY), (coming[1], Part.BACKUP), (team.coordinator, Part.COORDINATOR)}
        for staff, part in sorted(wanted - set(before)):
            duty.begin(conn, team.id, staff, part, by=team.coordinator, now=now)
    for staff, part in sorted(set(before) - wanted):
        with conn.transaction():
            duty.leave(conn, team.id, staff, part, by=team.coordinator, now=now)
    return coming
