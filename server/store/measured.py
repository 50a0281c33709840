"""The clock's part of new measurements that somebody asked for: each one comes, or its absence is told, once."""

from datetime import datetime
from typing import Any, Final

import numpy as np
import psycopg

from devices.vocabulary import KIND_BY_NUMBER
from server.alerts import answering
from server.detection.expected import SETTLES
from server.store import alerts, queries

SQL: Final = queries.load("asks")
AT_ONCE: Final = 200


def watch(conn: psycopg.Connection, now: datetime) -> int:
    """One transaction; how many questions are settled."""
    found = _settled(conn, now)
    if not found:
        return 0
    with conn.transaction():
        alerts.hold_ids(conn, {subject for _, _, subject, _, _ in found})
        held = _settled(conn, now, np.array([id_ for id_, *_ in found], np.int64))
        standing = {alert.id: alert for alert in alerts.of_ids(conn, {alert for _, alert, *_ in held})}
        changes = []
        for id_, alert, _, number, measured_at in held:
            change = answering.measured(standing[alert], KIND_BY_NUMBER[number], measured_at, now)
            standing[alert] = change.alert
            changes.append(change)
            conn.execute(SQL["settle"], {"id": id_, "measured": measured_at, "missed": None if measured_at else now})
        alerts.apply(conn, changes, now)
    return len(held)


def _settled(conn: psycopg.Connection, now: datetime, ids: Any = None) -> list[tuple[Any, ...]]:
    """(its id, its alert, the alert's subject, the number of the kind, when the answer was taken)."""
    return conn.execute(SQL["settled"], {"until": now - SETTLES, "ids": ids, "most": AT_ONCE}).fetchall()
