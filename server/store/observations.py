"""Readings into the database: each exactly once, in order of key."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import psycopg

from server.store import arrays, hours, queries
from server.store.arrays import Column
from server.store.rows import Rows, by_device_key, by_patient_key, newest_per_stream

SQL: Final = queries.load("observations")
DAYS_THAT_STAY: Final = 29  # shorter than any retention
_COLUMNS: Final = (
    "patient_id",
    "kind",
    "taken_at",
    "span_s",
    "device_id",
    "slot",
    "value",
    "low",
    "high",
    "n",
    "quality",
    "sign",
    "clock",
    "mode",
    "received_at",
)
_NULLABLE: Final = ("value", "low", "high")
_KEY: Final = ("patient_id", "kind", "taken_at", "span_s", "device_id", "slot")


class Days:
    """Which daily partitions are known to be there, so that a batch asks for new ones only. Not the old ones, which
    the clock may have dropped meanwhile.

    Making one locks the whole table for a moment: it is done in a transaction of its own, before the batch's."""

    def __init__(self) -> None:
        self._known: set[int] = set()

    def ensure(self, conn: psycopg.Connection, instants: Column) -> None:
        days = set(np.unique(instants.astype("datetime64[D]").astype(np.int64)).tolist()) - self._known
        if days:
            make_days(conn, np.array(sorted(days), "datetime64[D]").astype("datetime64[us]"))
            known = self._known | days
            self._known = {day for day in known if day > max(known) - DAYS_THAT_STAY}


def make_days(conn: psycopg.Connection, instants: Column) -> None:
    with conn.transaction():
        conn.execute(SQL["make_days"], {"instants": instants})


@dataclass(frozen=True, kw_only=True, slots=True)
class NewBatch:
    """`sealed_until`: hours before it have been counted. `thinned_until`: readings before it may be thinned, NaT: none
    are. Both stay where they are until this transaction ends."""

    number: int
    sealed_until: np.datetime64
    thinned_until: np.datetime64


def next_batch(conn: psycopg.Connection) -> int:
    row = conn.execute(SQL["next_batch"]).fetchone()
    assert row is not None
    return int(row[0])


def begin_batch(conn: psycopg.Connection) -> NewBatch:
    """For `file_readings`, in the same transaction."""
    row = conn.execute(SQL["begin_batch"]).fetchone()
    assert row is not None
    number, sealed, thinned = row
    return NewBatch(number=number, sealed_until=_instant(sealed), thinned_until=_instant(thinned))


def _instant(at: datetime | None) -> np.datetime64:
    return np.datetime64("NaT", "us") if at is None else np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def file_readings(conn: psycopg.Connection, rows: Rows, batch: NewBatch) -> Rows:
    """Store patients' readings and move `latest`; the answer is the rows that were new, in order of key."""
    fresh = _file(conn, by_patient_key(_not_thinned(conn, rows, batch.thinned_until)))
    late = fresh.taken_at < batch.sealed_until
    if late.any():
        hours.touch(conn, fresh.where(late))
    newest = newest_per_stream(fresh)
    if len(newest):
        conn.execute(SQL["move_latest"], {**newest.parameters(), "batch": batch.number})
    return fresh


def file_device_readings(conn: psycopg.Connection, rows: Rows) -> int:
    """Store readings that are no patient's; how many were new."""
    if not len(rows):
        return 0
    return conn.execute(SQL["file_device_readings"], by_device_key(rows).parameters()).rowcount


def _not_thinned(conn: psycopg.Connection, rows: Rows, until: np.datetime64) -> Rows:
    """Without those that were stored, and thinned since: they count in their hours."""
    old = np.flatnonzero(rows.taken_at < until)
    if not len(old):
        return rows
    (places,) = conn.execute(SQL["among_thinned"], rows.where(old).parameters()).fetchone() or (None,)
    new = np.ones(len(rows), np.bool_)
    new[old[np.array(places or [], np.int64) - 1]] = False
    return rows.where(new)


def _file(conn: psycopg.Connection, rows: Rows) -> Rows:
    """Nearly always all of them are new, and can be copied for less than half of what it costs to insert them."""
    if not len(rows):
        return rows
    try:
        with conn.transaction(), conn.cursor() as cursor, cursor.copy(SQL["copy_readings"]) as copy:
            copy.write(arrays.to_copy({name: getattr(rows, name) for name in _COLUMNS}, nullable=_NULLABLE))
    except psycopg.errors.UniqueViolation:
        return _file_some(conn, rows)
    return rows


def _file_some(conn: psycopg.Connection, rows: Rows) -> Rows:
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        answer = cursor.execute(SQL["file_readings"], rows.parameters()).fetchone()
    if answer is None:
        return rows.where(np.zeros(len(rows), np.bool_))
    return rows.where(_among(rows, list(answer)))


def _among(rows: Rows, keys: list[Column]) -> "np.ndarray[Any, np.dtype[np.bool_]]":
    """Which rows have one of these keys. Only batches with repeats come here, so a set will do."""
    new = set(zip(*(key.tolist() for key in keys), strict=True))
    ours = zip(*(getattr(rows, name).tolist() for name in _KEY), strict=True)
    return np.fromiter((key in new for key in ours), np.bool_, len(rows))
