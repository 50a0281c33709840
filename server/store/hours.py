"""Hours and days of every stream, for screens: read after `sessions.identify`, kept by the clock role.

What is read is never behind what is stored: hours that are not kept yet, or were touched by late rows, are counted from
the readings (migration 0007)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import psycopg
from psycopg.rows import class_row

from devices.vocabulary import KINDS, Kind
from server.store import queries
from server.store.board import Bucket
from server.store.rows import Rows

SQL: Final = queries.load("hours")
HOUR: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=5)  # most of an hour's readings are there by then; the others mark it
MARKS_AT_ONCE: Final = 500

# A series is read from hours when its buckets are about as long, and it would take very many readings otherwise.
SHORTEST_BUCKET_S: Final = 1800.0
MANY_READINGS: Final = 5000


@dataclass(frozen=True, kw_only=True, slots=True)
class DayRow:
    """A day in Norway. `n` counts each raw value of an interval, `readings` the rows."""

    day: date
    mean: float
    low: float
    high: float
    readings: int
    n: int


def seal(conn: psycopg.Connection, now: datetime) -> bool:
    """False: readings are being stored just now, so try again later. `conn` is in autocommit mode."""
    try:
        conn.execute(SQL["seal"], {"until": _hour(now - GRACE)})
    except psycopg.errors.LockNotAvailable:
        return False
    return True


def keep(conn: psycopg.Connection) -> int:
    """How much was done, 0 when nothing is left. `conn` is in autocommit mode."""
    row = conn.execute(SQL["keep"], {"most": MARKS_AT_ONCE}).fetchone()
    assert row is not None
    return int(row[0])


def touch(conn: psycopg.Connection, rows: Rows) -> None:
    """In the transaction that stores, moves or deletes these readings."""
    columns = rows.parameters()
    conn.execute(SQL["touched"], {name: columns[name] for name in ("patient_id", "kind", "taken_at")})


def touch_between(conn: psycopg.Connection, streams: Sequence[tuple[int, int, datetime, datetime]]) -> None:
    """(patient, kind's number, first, last) of readings that moved, in the transaction that moves them."""
    if streams:
        patients, kinds, firsts, lasts = zip(*streams, strict=True)
        given = {"patients": np.array(patients, np.int32), "kinds": np.array(kinds, np.int16)}
        conn.execute(SQL["touched_between"], {**given, "firsts": list(firsts), "lasts": list(lasts)})


def series(
    conn: psycopg.Connection, patient: int, kind: Kind, *, from_at: datetime, to_at: datetime, buckets: int
) -> list[Bucket] | None:
    """As `board.series`, of hours; None where readings tell more, or cost no more."""
    bucket_s = (to_at - from_at).total_seconds() / buckets
    if bucket_s < SHORTEST_BUCKET_S:
        return None
    given = {
        "patient": patient,
        "kind": KINDS[kind].number,
        "from_at": from_at,
        "to_at": to_at,
        "first_hour": _hour(from_at + HOUR - timedelta(microseconds=1)),
        "last_hour": _hour(to_at),
        "bucket_s": max(bucket_s, HOUR.total_seconds()),
        "many": MANY_READINGS,
    }
    with conn.cursor(row_factory=class_row(Bucket)) as cursor:
        return cursor.execute(SQL["series"], given).fetchall() or None


def days(conn: psycopg.Connection, patient: int, kind: Kind, *, first: date, last: date) -> list[DayRow]:
    with conn.cursor(row_factory=class_row(DayRow)) as cursor:
        given = {"patient": patient, "kind": KINDS[kind].number, "first": first, "last": last}
        return cursor.execute(SQL["days"], given).fetchall()


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
