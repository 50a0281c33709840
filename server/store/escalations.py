"""The clock's part of escalation: alerts whose time is up go on, each step exactly once.

Under the subject's lock it is read again whether the time is still up; the next time is set in the same transaction, so
a clock that dies, or two of them, change nothing."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import psycopg

from server.alerts import escalation
from server.alerts.lifecycle import OPEN
from server.alerts.model import Alert, Change
from server.store import alerts, deadlines, queries
from server.store.courses import Courses
from server.store.deadlines import DeadlineType

SQL: Final = queries.load("chains")
AT_ONCE: Final = 200


def go_on(conn: psycopg.Connection, now: datetime) -> int:
    """One transaction; how many alerts went on."""
    found = conn.execute(SQL["due"], {"now": now, "limit": AT_ONCE}).fetchall()
    if not found:
        return 0
    with conn.transaction():
        alerts.hold_ids(conn, {subject for subject, _ in found})
        parts = [part for _, part in found]
        due = {part for (part,) in conn.execute(SQL["still_due"], {"now": now, "parts": parts})}
        deadlines.cancel(conn, DeadlineType.ESCALATION, [each for each in found if each[1] in due])
        standing = [alert for alert in alerts.of_ids(conn, map(int, due)) if alert.state in OPEN]
        alerts.apply(conn, _steps(conn, standing, now), now)
    return len(due)


def _steps(conn: psycopg.Connection, standing: Iterable[Alert], now: datetime) -> list[Change]:
    courses = Courses(conn)
    changes = []
    for alert in standing:
        about = alerts.whose(conn, alert)
        assert about is not None, "an alert has a team"
        changes.append(escalation.time_up(alert, courses.around(about, alert), now))
    return changes
