"""What detection needs to know of a stream, and where it then stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import psycopg

from devices.wire.columns import to_millis
from server.detection.panel import NEVER, Delta
from server.detection.rows import Ints, Stream
from server.detection.rows import Rows as DetectionRows
from server.detection.state import StreamSetting, StreamState
from server.store import queries
from server.store.devices import StaleNamesError
from server.store.rows import Rows
from server.store.settings import limits

SQL: Final = queries.load("streams")
_TIMES: Final = ("last_ms", "end_ms", "since_ms", "pending_since_ms", "pending_far_since_ms")
_LEVELS: Final = ("level", "pending_level")


def settings(conn: psycopg.Connection, streams: Sequence[Stream], now: datetime) -> list[StreamSetting]:
    """The limits are those of `now`: readings of a backlog are judged by what counts when they are filed. When a fact
    begins or ends later, the clock role says so and the panel is made anew (store.turns)."""
    counting = limits(conn, streams, now)
    where = _states(conn, streams)
    return [
        StreamSetting(
            patient=patient, kind=kind, limit=counts.limit, basis=counts.basis, state=where.get((patient, kind))
        )
        for (patient, kind), counts in counting.items()
    ]


def move(conn: psycopg.Connection, delta: Delta, before_ms: Ints) -> None:
    """`before_ms`: the newest of each stream as the panel knew it. StaleNamesError: another monitor knows better."""
    if len(delta):
        parameters: dict[str, Any] = {"patient": delta.patient, "kind": delta.kind}
        parameters |= {name: _instants(delta.column(name)) for name in _TIMES}
        parameters |= {name: delta.column(name).astype(np.int16) for name in _LEVELS}
        parameters["before"] = _instants(before_ms)
        if conn.execute(SQL["move"], parameters).fetchone() != (len(delta),):
            raise StaleNamesError("streams have moved on without this monitor: is another one running?")


def for_detection(rows: Rows) -> DetectionRows:
    return DetectionRows(
        patient=rows.patient_id,
        kind=rows.kind,
        taken_ms=rows.taken_at.view(np.int64) // 1000,
        value=rows.value,
        sign=rows.sign.astype(np.int8),
        quality=rows.quality.astype(np.int8),
        mode=rows.mode.astype(np.int8),
        span_s=rows.span_s,
        low=rows.low,
        high=rows.high,
    )


def _instants(millis: "np.ndarray[Any, np.dtype[np.int64]]") -> "np.ndarray[Any, np.dtype[np.datetime64]]":
    """NEVER becomes "not a time", which PostgreSQL reads as -infinity: both are the smallest 64-bit number."""
    micros = np.where(millis == NEVER, NEVER, millis * 1000)
    return micros.view("datetime64[us]")


def _states(conn: psycopg.Connection, streams: Sequence[Stream]) -> dict[Stream, StreamState]:
    parameters = {
        "patients": np.array([patient for patient, _ in streams], np.int32),
        "kinds": np.array([kind for _, kind in streams], np.int16),
    }
    return {(row[0], row[1]): _state(row) for row in conn.execute(SQL["states"], parameters)}


def _state(row: tuple[Any, ...]) -> StreamState:
    patient, kind, last, end, level, since, pending_level, pending, far = row
    return StreamState(
        patient=patient,
        kind=kind,
        last_ms=to_millis(last),
        level=level,
        since_ms=_millis(since),
        pending_level=pending_level,
        pending_since_ms=_millis(pending),
        pending_far_since_ms=_millis(far),
        end_ms=_millis(end),
    )


def _millis(instant: datetime | None) -> int | None:
    return None if instant is None else to_millis(instant)
