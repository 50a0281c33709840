"""What the leading clock does besides deadlines."""

from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from server.store import commands, delivery, observations, proofs, queries, retention

SQL: Final = queries.load("housekeeping")
DAYS_AHEAD: Final = 7
SET_ASIDE_MAX: Final = 10_000
COMMANDS_KEPT: Final = timedelta(days=1)
PROOFS_KEPT: Final = timedelta(days=400)


def chores(conn: psycopg.Connection, now: datetime) -> None:
    today = np.datetime64(now.astimezone(UTC).date())
    days = today + np.arange(-1, DAYS_AHEAD + 1)
    for day in days:  # each in its own short transaction: making one locks the table
        observations.make_days(conn, np.array([day]).astype("datetime64[us]"))
    conn.execute(SQL["prune_sessions"], {"before": now - timedelta(days=1)})
    delivery.prune_set_aside(conn, SET_ASIDE_MAX)
    commands.prune(conn, now - COMMANDS_KEPT)
    proofs.prune(conn, (now - PROOFS_KEPT).date())
    retention.delete_some(conn, now)
