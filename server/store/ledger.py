"""The expectation ledger, round by round: what is awaited anew, and what is due to be looked at. The clock role's part.

Rows are the truth. A notice that plans, bindings or excuses changed only says "look now"; without one everything is
planned again every few minutes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import psycopg

from server.store import expectations, sensors, signals

PLAN_EVERY: Final = timedelta(minutes=5)
PAGES_MAX: Final = 5  # of patients planned in one round
LOOKS_MAX: Final = 20  # in one round; what is left is due in the next one

Look = Callable[[psycopg.Connection, datetime], int]


class Ledger:
    """`conn`: the leader's own, in autocommit mode."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn
        self._after: int | None = 0  # the patient that was planned last; None: all are
        self._changed = False
        self._plan_at: datetime | None = None
        signals.listen(conn, [signals.Channel.ENROLMENT])
        conn.add_notify_handler(self._hear)

    def _hear(self, _notice: psycopg.Notify) -> None:
        self._changed = True

    def round(self, now: datetime, *, monitor_hears: bool) -> None:
        """While the monitor hears nothing, nobody's silence means anything."""
        self._plan(now)
        if monitor_hears:
            for look in (expectations.look, sensors.look):
                self._look(look, now)

    def _plan(self, now: datetime) -> None:
        if self._changed or self._plan_at is None or now >= self._plan_at:
            self._changed, self._after, self._plan_at = False, 0, now + PLAN_EVERY
        for _ in range(PAGES_MAX):
            if self._after is None:
                break
            self._after = expectations.plan(self._conn, self._after, now)
            if self._after is None:
                sensors.plan(self._conn, now)

    def _look(self, look: Look, now: datetime) -> None:
        for _ in range(LOOKS_MAX):
            if not look(self._conn, now):
                break
