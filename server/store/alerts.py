"""Alerts in the database: one way to write them, for monitor, clock and api.

The order of locks, which makes deadlocks impossible: subject rows by id (`hold`), read, decide, write, team rows by id
(`teamlog.append`). Whoever writes an alert goes through here.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from server.alerts import policy
from server.alerts.escalation import Course
from server.alerts.findings import Finding
from server.alerts.model import Action, Alert, Change, Outcome, Priority, State, Subject, SubjectType, cause_subject
from server.detection.findings import Evidence
from server.store import asks, courses, dispatch, queries, snoozes, teamlog
from server.store.courses import About, Courses

SQL: Final = queries.load("alerts")
# What whoever drives must know is frozen when an alert turns red.
FREEZES: Final = frozenset(
    {Action.RAISED, Action.RAISED_AGAIN, Action.PRESSED_AGAIN, Action.CALLED_AGAIN, Action.WORSE}
)
log = logging.getLogger(__name__)

Held = Mapping[Subject, int]


def hold(conn: psycopg.Connection, subjects: Iterable[Subject]) -> dict[Subject, int]:
    """Lock the rows of these subjects, in order of id, until commit; a subject that is new gets one."""
    met = meet(conn, subjects)
    if met:
        hold_ids(conn, met.values())
    return met


def meet(conn: psycopg.Connection, subjects: Iterable[Subject]) -> dict[Subject, int]:
    """Which rows these subjects are; nothing is locked."""
    wanted = sorted(set(subjects), key=lambda subject: (subject.type, subject.reference))
    if not wanted:
        return {}
    names = {"types": [str(s.type) for s in wanted], "references": [s.reference for s in wanted]}
    found = conn.execute(SQL["subjects"], names).fetchall()
    if len(found) < len(wanted):
        conn.execute(SQL["meet_subjects"], names)
        found = conn.execute(SQL["subjects"], names).fetchall()
    ids = {(kind, reference): id for kind, reference, id in found}
    return {subject: ids[subject.type, subject.reference] for subject in wanted}


def hold_ids(conn: psycopg.Connection, ids: Iterable[int]) -> None:
    conn.execute(SQL["hold_subjects"], {"ids": np.array(sorted(ids), np.int64)})


def open_alerts(conn: psycopg.Connection, subject_ids: Iterable[int]) -> list[Alert]:
    """What stands about held subjects."""
    return [_alert(row) for row in conn.execute(SQL["open_alerts"], {"ids": np.array(sorted(subject_ids), np.int64)})]


def lately_handled(conn: psycopg.Connection, subject_ids: Iterable[int], now: datetime) -> list[Alert]:
    """What somebody closed last of each rule about held subjects, as far back as the policy looks."""
    wanted = {"ids": np.array(sorted(subject_ids), np.int64), "since": now - policy.LOOKS_BACK}
    return [_alert(row) for row in conn.execute(SQL["lately_handled"], wanted)]


def decided(
    conn: psycopg.Connection, held: Mapping[Subject, int], findings: Sequence[Finding], now: datetime
) -> list[Change]:
    """The policy, over what stands about held subjects and what was handled lately."""
    lately = lately_handled(conn, held.values(), now) if policy.looks_back(findings) else ()
    return policy.decide(open_alerts(conn, held.values()), findings, now, lately)


def of_ids(conn: psycopg.Connection, ids: Iterable[int]) -> list[Alert]:
    """About held subjects, whether open or not."""
    return [_alert(row) for row in conn.execute(SQL["alerts"], {"ids": np.array(sorted(ids), np.int64)})]


def whose(conn: psycopg.Connection, alert: Alert) -> About | None:
    """None: no alert that was written."""
    row = conn.execute(SQL["whose"], {"id": alert.id}).fetchone()
    return None if row is None else About(team=row[0], pathway=row[1], municipality=row[2])


def hold_alert(conn: psycopg.Connection, alert_id: int) -> Alert | None:
    """Lock the subject of one alert and read the alert as it stands; None: there is no such alert for this reader."""
    row = conn.execute(SQL["subject_of_alert"], {"id": alert_id}).fetchone()
    if row is None:
        return None
    hold_ids(conn, [row[0]])
    return next(iter(of_ids(conn, [alert_id])), None)


def apply(conn: psycopg.Connection, changes: Sequence[Change], now: datetime) -> None:
    """Write what was decided about held subjects, and tell the teams. The last step before the commit."""
    teamlog.append(conn, write(conn, changes), now)


def write(conn: psycopg.Connection, changes: Sequence[Change]) -> list[teamlog.Entry]:
    """Alerts and their history; what the teams must be told is the answer, for `teamlog.append`."""
    written: dict[tuple[Subject, str], tuple[int, int]] = {}
    entries = []
    ways = Courses(conn)
    for found in changes:
        known = _known(found, written)
        change, course = ways.decide(found, partial(_about, conn, found, known))
        place = _write(conn, change, known)
        if place is not None:
            written[change.alert.key] = place
            _remember(conn, change, place[0], course)
            snoozes.follow(conn, change, place[0])
            asks.follow(conn, change, place[0])
            courses.keep(conn, place[0], change, course)
            entries.append(_entry(change, *place, course))
            if change.alert.priority is Priority.RED and change.action in FREEZES:
                dispatch.freeze(conn, [(place[0], change.alert.subject)], change.at)
    return entries


def cause_of_team(name: str, team_id: int) -> Subject:
    """A cause concerns a team: the same cause is another subject for another team."""
    return cause_subject(f"{name}@{team_id}")


def _known(change: Change, written: Mapping[tuple[Subject, str], tuple[int, int]]) -> int | None:
    """None: it is new, or nobody's."""
    if change.alert.rev == 1 or change.alert.id is not None:
        return change.alert.id
    return written.get(change.alert.key, (None,))[0]


def _about(conn: psycopg.Connection, change: Change, known: int | None) -> About | None:
    """None: its subject belongs to no team."""
    if known is not None:
        return whose(conn, replace(change.alert, id=known))
    team = _team_of(conn, change.alert.subject, change.at)
    if team is None or change.alert.rev > 1:
        return None
    patient = conn.execute(SQL["patient"], {"id": change.alert.subject.patient}).fetchone()
    pathway, municipality = patient or (None, None)
    return About(team=team, pathway=pathway, municipality=municipality)


def _write(conn: psycopg.Connection, change: Change, known: int | None) -> tuple[int, int] | None:
    """(alert id, team id); None: nobody's alert, because its subject belongs to no team."""
    if change.alert.rev == 1:
        return _raise(conn, change)
    if known is None:
        return None
    row = conn.execute(SQL["change"], {**_columns(change.alert), "id": known}).fetchone()
    assert row is not None, f"alert {known} was changed by somebody who did not hold its subject"
    return int(row[0]), int(row[1])


def _raise(conn: psycopg.Connection, change: Change) -> tuple[int, int] | None:
    subject = change.alert.subject
    team_id = _team_of(conn, subject, change.at)
    if team_id is None:
        log.warning("%s about %s %s concerns no team", change.alert.rule, subject.type, subject.reference)
        return None
    subject_id = conn.execute(
        SQL["subjects"], {"types": [str(subject.type)], "references": [subject.reference]}
    ).fetchone()
    assert subject_id is not None, "a subject is held before an alert about it is raised"
    links = {name: getattr(subject, name) for name in ("patient", "home", "gateway", "device")}
    row = conn.execute(
        SQL["raise"], {**_columns(change.alert), **links, "team": team_id, "subject": subject_id[2]}
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _team_of(conn: psycopg.Connection, subject: Subject, at: datetime) -> int | None:
    if subject.type is SubjectType.CAUSE:
        return int(subject.reference.rpartition("@")[2])
    parameters = {name: getattr(subject, name) for name in ("patient", "home", "gateway", "device")}
    row = conn.execute(SQL["team_of"], {**parameters, "at": at}).fetchone()
    return None if row is None else row[0]


def _remember(conn: psycopg.Connection, change: Change, alert_id: int, course: Course) -> None:
    detail = {"state": change.alert.state, "priority": change.alert.priority, "evidence": _evidence(change.alert)}
    more: dict[str, object] = {
        "note": change.note,
        "to": change.to,
        "until": None if change.until is None else change.until.isoformat(),
        "kind": change.kind,
    }
    if course.calls:
        more |= {"step": course.step, "called": [person.name for person in course.calls]}
    if change.action is Action.HANDLED:
        more["outcome"] = change.alert.outcome
    parameters = {
        "alert": alert_id,
        "rev": change.alert.rev,
        "at": change.at,
        "action": str(change.action),
        "staff": change.staff,
        "detail": Jsonb(detail | {name: value for name, value in more.items() if value}),
    }
    conn.execute(SQL["remember"], parameters)


def _entry(change: Change, alert_id: int, team_id: int, course: Course) -> teamlog.Entry:
    body: dict[str, object] = {"ring": change.rings, "action": str(change.action), "rev": change.alert.rev}
    if course.calls:
        body["called"] = [person.staff for person in course.calls if person.staff is not None]
    return teamlog.Entry(team_id=team_id, type="alert", alert_id=alert_id, body=body)


def _columns(alert: Alert) -> dict[str, object]:
    return {
        "rule": alert.rule,
        "priority": str(alert.priority),
        "state": str(alert.state),
        "began_at": alert.began_at,
        "raised_at": alert.raised_at,
        "last_at": alert.last_at,
        "late": alert.late,
        "count": alert.count,
        "condition_ended_at": alert.condition_ended_at,
        "owner": alert.owner,
        "acknowledged_at": alert.acknowledged_at,
        "handled_at": alert.handled_at,
        "handled_by": alert.handled_by,
        "outcome": None if alert.outcome is None else str(alert.outcome),
        "evidence": Jsonb(_evidence(alert)),
        "rev": alert.rev,
        "step": alert.step,
        "next_at": alert.next_at,
        "on_way_at": alert.on_way_at,
        "there_at": alert.there_at,
        "contact_at": alert.contact_at,
        "contact_needed": alert.contact_needed,
        "quiet": alert.quiet,
        "response": alert.response,
        "snoozed_until": alert.snoozed_until,
    }


def _evidence(alert: Alert) -> object:
    return msgspec.to_builtins(asdict(alert.evidence))


def _alert(row: tuple[Any, ...]) -> Alert:
    id_, kind, reference, patient, home, gateway, device, rule, priority, state, *rest = row
    began, raised, last, late, count, ended, owner, acknowledged, handled, handled_by, outcome, evidence, *more = rest
    rev, step, next_at, on_way, there, contact, contact_needed, quiet, response, snoozed_until = more
    links = {"patient": patient, "home": home, "gateway": gateway, "device": device}
    return Alert(
        id=id_,
        subject=Subject(type=SubjectType(kind), reference=reference, **links),
        rule=rule,
        priority=Priority(priority),
        state=State(state),
        began_at=began,
        raised_at=raised,
        last_at=last,
        late=late,
        count=count,
        condition_ended_at=ended,
        owner=owner,
        acknowledged_at=acknowledged,
        handled_at=handled,
        handled_by=handled_by,
        outcome=None if outcome is None else Outcome(outcome),
        evidence=msgspec.convert(evidence, Evidence),
        rev=rev,
        step=step,
        next_at=next_at,
        on_way_at=on_way,
        there_at=there,
        contact_at=contact,
        contact_needed=contact_needed,
        quiet=quiet,
        response=response,
        snoozed_until=snoozed_until,
    )
