"""The roles' own signs of life: the watcher of silence is itself watched.

While the monitor hears nothing, nobody else's silence means anything: deadlines get their whole time again when it is
back, and each team has one technical alert instead of one for every gateway. The clock watches the monitor, and the
monitor the clock: without it no silence is noticed.
"""

from datetime import datetime, timedelta
from types import MappingProxyType
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
MISSED: Final = MappingProxyType({MONITOR: "nothing was received", CLOCK: "no silence was noticed"})
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
    before = last_alive(conn, MONITOR)
    was_away = _is_long_ago(before, now)
    if was_away:
        with conn.transaction():
            _note(conn, MONITOR, before, now, is_back=True)
    with conn.transaction():
        alive(conn, MONITOR, now, started, detail)
        if was_away:
            deadlines.move_all(conn, now)


def clock_leads(conn: psycopg.Connection, now: datetime, started: datetime) -> None:
    """The leader's beat."""
    before = last_alive(conn, CLOCK)
    with conn.transaction():
        alive(conn, CLOCK, now, started, {})
        if _is_long_ago(before, now):
            _note(conn, CLOCK, before, now, is_back=True)


def watch(conn: psycopg.Connection, role: str, now: datetime, *, watched_since: datetime) -> datetime | None:
    """What the other role does about this one: since when it has been down, which is told; None: it is at work.

    One that never was is awaited since somebody watches for it."""
    since = last_alive(conn, role) or watched_since
    if not _is_long_ago(since, now):
        return None
    with conn.transaction():
        _note(conn, role, since, now, is_back=False)
    return since


def _is_long_ago(alive_at: datetime | None, now: datetime) -> bool:
    return alive_at is None or now - alive_at > DEAF_AFTER


def _note(conn: psycopg.Connection, role: str, since: datetime | None, now: datetime, *, is_back: bool) -> None:
    """One alert per team, which stands for a while after the role is back.

    `since` None: it never was at work before; whoever watched may have told that already."""
    teams = [team for (team,) in conn.execute(SQL["teams"])]
    held = alerts.hold(conn, [alerts.cause_of_team(role, team) for team in teams])
    findings: list[Finding] = []
    if since is not None:
        end = f"{now:%H:%M:%S}" if is_back else "now"
        cause = f"{MISSED[role]} from {since:%Y-%m-%d %H:%M:%S} to {end} (UTC)"
        findings = [monitor_was_down(subject, since, cause=cause) for subject in held]
    changes = policy.decide(alerts.open_alerts(conn, held.values()), findings, now)
    if is_back:
        stands = [
            Deadline(subject_id=id_, due_at=now + NOTE_STANDS, every_s=NOTE_STANDS.total_seconds())
            for id_ in sorted(held.values())
        ]
        deadlines.set_deadlines(conn, DeadlineType.MONITOR_BACK, stands)
    alerts.apply(conn, changes, now)
