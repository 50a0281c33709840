"""A patient ends, is handed over to another team, or turns out to be two: what is expected, whose alerts they are, and
what is told. Each in one transaction of the caller's; the order of locks is that of ingest."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import psycopg

from server.alerts import lifecycle
from server.alerts.changes import changed
from server.alerts.lifecycle import Happening, nobodys
from server.alerts.model import Action, Alert, Change, Outcome, Priority, State
from server.errors import CareError
from server.store import alerts, persons, queries, signals, teamlog
from server.store.teamlog import Entry

SQL: Final = queries.load("leaving")
# What is about nothing having come. Whatever else stands is a person's matter until somebody has handled it.
OF_SILENCE: Final = ("measurement:missed:", "technical:")


class Why(StrEnum):
    DEAD = "dead"
    MOVED = "moved"
    SERVICE_OVER = "service_over"


def end(
    conn: psycopg.Connection, patient: int, why: Why, *, ended: datetime, by: int, now: datetime, reason: str
) -> list[int]:
    """Expectations and messages stop, equipment goes onto the recall list. The alerts that still stand, for somebody to
    handle."""
    if ended > now:
        raise CareError("It has not ended yet: say when it did, or excuse the patient until then.")
    given = {"patient": patient, "why": str(why), "ended": ended, "by": by, "now": now, "reason": reason}
    subjects = _one(conn, "end", given)
    if subjects is None:
        raise CareError("This patient has ended before: there is nothing to do.")
    open_ = alerts.open_alerts(conn, subjects)
    note = f"the patient ended: {why.replace('_', ' ')}"
    closing = [change for each in open_ if (change := _closed(each, by, now, note)) is not None]
    _tell(conn, [*alerts.write(conn, closing), _entry(conn, "left", patient)], now)
    closed = {change.alert.id for change in closing}
    return [each.id for each in open_ if each.id is not None and each.id not in closed]


def hand_over(conn: psycopg.Connection, patient: int, team: int, *, by: int, now: datetime, reason: str) -> None:
    """With everything that is known. Open alerts are nobody's of the new team; its screens are told of all of them."""
    if _one(conn, "team_of", {"patient": patient}) == team:
        raise CareError("The patient is in this team already.")
    if team not in {id_ for id_, _ in persons.teams(conn)}:
        raise CareError("There is no such team.")
    for stands in _held(conn, patient):
        if stands.state is State.ACKNOWLEDGED:
            alerts.write(conn, [_given_away(stands, by, now)])
    _one(conn, "hand_over", {"patient": patient, "team": team, "by": by, "now": now, "reason": reason})
    signals.send(conn, signals.Channel.ENROLMENT)


def merge(conn: psycopg.Connection, kept: int, gone: int, *, by: int, now: datetime, reason: str) -> None:
    """Two rows were one person. Readings follow their bindings, moved by the clock; the old reference finds `kept`."""
    if kept == gone:
        raise CareError("These are one patient already.")
    open_before = {each.id for each in _held(conn, gone)}
    left = _entry(conn, "left", gone)
    subjects = _one(conn, "merge", {"kept": kept, "gone": gone, "by": by, "now": now, "reason": reason})
    if subjects is None:
        raise CareError("One of them was merged before: look for whom it became.")
    note = "it was of a duplicate of this patient"
    moved = [
        lifecycle.done(each, Happening.NOTE, Action.NOTE, by, now, note=note)
        for each in alerts.open_alerts(conn, subjects)
        if each.id in open_before
    ]
    _tell(conn, [*alerts.write(conn, moved), left, _entry(conn, "joined", kept)], now)


def _closed(alert: Alert, by: int, now: datetime, note: str) -> Change | None:
    """None: it stands."""
    if not alert.rule.startswith(OF_SILENCE):
        return None
    if alert.priority is Priority.GREY:
        return changed(replace(alert, condition_ended_at=now), Happening.FAULT_OVER, Action.ENDED, now)
    answer = lifecycle.handle(alert, alert.rev, by, Outcome.REAL_NO_ACTION, now, note=note)
    return answer if isinstance(answer, Change) else None


def _given_away(alert: Alert, by: int, now: datetime) -> Change:
    happening = Happening.BACK if alert.condition_ended_at is None else Happening.BACK_OVER
    note = "the patient was handed over to another team"
    return lifecycle.done(nobodys(alert), happening, Action.RELEASED, by, now, rings=True, note=note)


def _held(conn: psycopg.Connection, patient: int) -> list[Alert]:
    """What is open, under the locks of what it is about."""
    subjects = [id_ for (id_,) in conn.execute(SQL["subjects_of"], {"patient": patient})]
    alerts.hold_ids(conn, subjects)
    return alerts.open_alerts(conn, subjects)


def _entry(conn: psycopg.Connection, what: Any, patient: int) -> Entry:
    return Entry(team_id=_one(conn, "team_of", {"patient": patient}), type=what, body={"patient": patient})


def _tell(conn: psycopg.Connection, entries: list[Entry], now: datetime) -> None:
    signals.send(conn, signals.Channel.ENROLMENT)
    teamlog.append(conn, entries, now)


def _one(conn: psycopg.Connection, name: str, given: dict[str, Any]) -> Any:
    row = conn.execute(SQL[name], given).fetchone()
    return None if row is None else row[0]
