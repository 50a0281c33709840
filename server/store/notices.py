"""Calls of people outside of the screens, as rows: who is called about what, on which way, and what became of it.

`call` is written with the decision to call, in its transaction; server/notify.py sends what is due.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from server.store import queries, signals

SQL: Final = queries.load("notices")
NEXT_WAY_AFTER: Final = timedelta(seconds=60)  # without a receipt [proposal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Of one of the staff on all of their ways, or of a number (+4791234567) by SMS. `rev`: the alert's, after the
    change that calls; the same person is called once for each (alert, rev, step)."""

    alert: int
    rev: int
    step: int
    staff: int | None = None
    phone: str | None = None

    def __post_init__(self) -> None:
        assert (self.staff is None) != (self.phone is None), "a call is of one of the staff, or of a number"


def call(conn: psycopg.Connection, calls: Sequence[Call], now: datetime) -> int:
    """In the caller's transaction, before the teams' logs; for any role. How many calls were written."""
    if not calls:
        return 0
    given = {
        "alerts": np.array([each.alert for each in calls], np.int64),
        "revs": np.array([each.rev for each in calls], np.int32),
        "steps": np.array([each.step for each in calls], np.int16),
        "staff": [each.staff for each in calls],
        "phones": [each.phone for each in calls],
        "now": now,
        "wait": NEXT_WAY_AFTER,
    }
    written = conn.execute(SQL["call"], given).rowcount
    if written:
        signals.send(conn, signals.Channel.NOTICE)
    return written
