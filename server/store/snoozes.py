"""Leases on alerts that were put off. The alert says until when; here stand who, why, and when the clock must look.

Call within the transaction that changes the alert, under its subject's lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.alerts.model import Action, Change, Priority
from server.alerts.snoozing import MOST
from server.store import deadlines, queries
from server.store.deadlines import Deadline, DeadlineType, Due

SQL: Final = queries.load("snoozes")
ENDS: Final = frozenset(
    {
        Action.WORSE,
        Action.RAISED_AGAIN,
        Action.HANDLED,
        Action.RELEASED,
        Action.ASSIGNED,
        Action.HANDED_OVER,
        Action.SNOOZED,
        Action.SNOOZE_ENDED,
        Action.SNOOZE_OVER,
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Snooze:
    """`ended_by` None: the time did, or a turn for the worse; `ended_because`: the action in the alert's history."""

    until_at: datetime
    up_to: str
    said_by: int
    reason: str
    from_at: datetime
    ended_at: datetime | None
    ended_by: int | None
    ended_because: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SnoozeSetting:
    priority: str
    most_min: int
    set_by: int
    set_at: datetime
    reason: str


def follow(conn: Connection, change: Change, alert_id: int) -> None:
    """After a change of an alert was written: the lease begins or ends with it."""
    if change.action in ENDS and change.alert.rev > 1:
        given = {"alert": alert_id, "now": change.at, "by": change.staff, "because": str(change.action)}
        conn.execute(SQL["end"], given)
    if change.action is Action.SNOOZED:
        _begin(conn, change, alert_id)


def forget(conn: Connection, found: Sequence[Due]) -> None:
    """Expired deadlines, whose alerts the policy has looked at."""
    deadlines.cancel(conn, DeadlineType.SNOOZE, [(due.subject_id, due.part) for due in found])


def of_alert(conn: Connection, alert_id: int) -> list[Snooze]:
    """The newest first. Goes through row-level security, as all that follows."""
    with conn.cursor(row_factory=class_row(Snooze)) as cursor:
        return cursor.execute(SQL["of_alert"], {"alert": alert_id}).fetchall()


def most(conn: Connection, team: int) -> dict[Priority, timedelta]:
    """How long this team's alerts can be put off, by colour."""
    own = {Priority(row.priority): timedelta(minutes=row.most_min) for row in settings(conn, team)}
    return {**MOST, **own}


def settings(conn: Connection, team: int) -> list[SnoozeSetting]:
    """What the team decided last about each colour; none: what Hjemvakt ships holds."""
    with conn.cursor(row_factory=class_row(SnoozeSetting)) as cursor:
        return cursor.execute(SQL["settings"], {"team": team}).fetchall()


def set_most(
    conn: Connection, team: int, priority: Priority, most: timedelta, *, by: int, now: datetime, reason: str
) -> None:
    given = {"team": team, "priority": str(priority), "most_min": int(most.total_seconds() // 60), "by": by, "now": now}
    conn.execute(SQL["set_most"], {**given, "reason": reason})


def _begin(conn: Connection, change: Change, alert_id: int) -> None:
    assert change.until is not None and change.staff is not None
    alert = change.alert
    given: Mapping[str, object] = {
        "alert": alert_id,
        "rule": alert.rule,
        "direction": alert.evidence.direction,
        "up_to": str(alert.priority),
        "now": change.at,
        "until": change.until,
        "by": change.staff,
        "reason": change.note,
    }
    row = conn.execute(SQL["begin"], given).fetchone()
    assert row is not None
    (subject_id,) = row
    # `every_s` 0: after an outage it ends as it was agreed, and not so much later.
    deadlines.cancel(conn, DeadlineType.SNOOZE, [(subject_id, str(alert_id))])
    again = Deadline(subject_id=subject_id, due_at=change.until, every_s=0, part=str(alert_id))
    deadlines.set_deadlines(conn, DeadlineType.SNOOZE, [again])
