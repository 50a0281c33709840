"""The roles' own signs of life: the watcher of silence is itself watched.

While the monitor hears nothing, nobody else's silence means anything: deadlines get their whole time again when it is
back, and each team has one technical alert instead of one for every gateway.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from server.alerts import policy
from server.alerts.findings import Finding, monitor_was_down
from server.store import alerts, deadlines, queries
from server.store.deadlines import Deadline, DeadlineType

SQL: Final = queries.load("roles")
MONITOR: Final = "monitor"
CLOCK: Final = "clock"
BEAT_S: Final = 2.0
DEAF_AFTER: Final = timedelta(seconds=15)  # a restart that is quicker than this is not worth an alert
NOTE_STANDS: Final = timedelta(minutes=10)  # after the monitor is back


def last_alive(conn: psycopg.Connection, role: str) -> datetime | None:
    row = conn.execute(SQL["last_alive"], {"role": role}).fetchone()
    return None if row is None else row[0]


def alive(conn: psycopg.Connection, role: str, now: datetime, started: datetime, detail: dict[str, Any]) -> None:
    parameters = {"role": role, "now": now, "started": started, "detail": Jsonb(detail)}
    conn.execute(SQL["alive"], parameters)


def monitor_hears(conn: psycopg.Connection, now: datetime, started: datetime, detail: dict[str, Any]) -> None:
    """The monitor's beat. The first after a long silence moves all deadlines in the same transaction, so that the clock
    never sees a monitor that hears beside deadlines that passed while it did not."""
    deaf_since = monitor_is_deaf(conn, now)
    if deaf_since is not None:
        with conn.transaction():
            note_monitor_down(conn, deaf_since, now, until=now)
    with conn.transaction():
        alive(conn, MONITOR, now, started, detail)
        if deaf_since is not None:
            deadlines.move_all(conn, now)


def monitor_is_deaf(conn: psycopg.Connection, now: datetime) -> datetime | None:
    """Since when nothing can be heard; None: it hears, or there never was a monitor."""
    before = last_alive(conn, MONITOR)
    return before if before is not None and now - before > DEAF_AFTER else None


def note_monitor_down(conn: psycopg.Connection, since: datetime, now: datetime, *, until: datetime | None) -> None:
    """One alert per team, which stands for a while after `until`; None: it is still down."""
    teams = [team for (team,) in conn.execute(SQL["teams"])]
    held = alerts.hold(conn, [alerts.cause_of_team(MONITOR, team) for team in teams])
    end = "now" if until is None else f"{until:%H:%M:%S}"
    cause = f"nothing was received from {since:%Y-%m-%d %H:%M:%S} to {end} (UTC)"
    findings: list[Finding] = [monitor_was_down(subject, since, cause=cause) for subject in held]
    changes = policy.decide(alerts.open_alerts(conn, held.values()), findings, now)
    if until is not None:
        stands = [
            Deadline(subject_id=id_, due_at=until + NOTE_STANDS, every_s=NOTE_STANDS.total_seconds())
            for id_ in sorted(held.values())
        ]
        deadlines.set_deadlines(conn, DeadlineType.MONITOR_BACK, stands)
    alerts.apply(conn, changes, now)
