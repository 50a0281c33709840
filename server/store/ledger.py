"""The expectation ledger, round by round: what is awaited anew, and what is due to be looked at. The clock role's part.

Rows are the truth. A notice that plans, bindings or excuses changed only says "look now"; without one everything is
planned again every few minutes.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import psycopg

from server.store import expectations, sensors, signals

PLAN_EVERY: Final = timedelta(minutes=5)
PLAN_FOR_S: Final = 1.0  # in one round, and then
LOOK_FOR_S: Final = 2.0  # the clock has more to do; what is left is due in the next round

Plan = Callable[[psycopg.Connection, int, datetime], int | None]
Look = Callable[[psycopg.Connection, datetime], int]
PLANS: Final[tuple[Plan, ...]] = (expectations.plan, sensors.plan)
LOOKS: Final[tuple[Look, ...]] = (expectations.look, sensors.look)


class Ledger:
    """`conn`: the leader's own, in autocommit mode."""

    def __init__(self, conn: psycopg.Connection) -> None:
        self._conn = conn
        self._to_plan: list[tuple[Plan, int]] = []  # and after which id it goes on
        self._changed = True
        self._plan_at: datetime | None = None
        signals.listen(conn, [signals.Channel.ENROLMENT])
        conn.add_notify_handler(self._hear)

    def _hear(self, _notice: psycopg.Notify) -> None:
        self._changed = True

    def round(self, now: datetime, *, monitor_hears: bool) -> None:
        """While the monitor hears nothing, nobody's silence means anything."""
        self._plan(now)
        if monitor_hears:
            self._look(now)

    def _plan(self, now: datetime) -> None:
        if not self._to_plan and (self._changed or self._plan_at is None or now >= self._plan_at):
            self._changed, self._plan_at = False, now + PLAN_EVERY
            self._to_plan = [(plan, 0) for plan in PLANS]
        until_s = time.monotonic() + PLAN_FOR_S
        while self._to_plan and time.monotonic() < until_s:
            plan, after = self._to_plan.pop(0)
            last = plan(self._conn, after, now)
            if last is not None:
                self._to_plan.insert(0, (plan, last))

    def _look(self, now: datetime) -> None:
        """By turns, so that many of one sort do not keep the other waiting."""
        looks = list(LOOKS)
        until_s = time.monotonic() + LOOK_FOR_S
        while looks and time.monotonic() < until_s:
            looks = [look for look in looks if look(self._conn, now)]
