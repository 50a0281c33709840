"""A limit tried out on what is stored: which alerts it would have raised, beside those of the limits that hold now."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import psycopg

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind
from server.alerts import replay
from server.alerts.replay import Comparison
from server.detection.rows import Rows
from server.errors import TryOutError
from server.store import arrays, queries, retention, settings

SQL: Final = queries.load("replaying")
MOST_DAYS: Final = 92
MOST_READINGS: Final = 2_000_000  # some 200 MB
BEFORE: Final = timedelta(days=1)  # says where the streams stood as the first day began


def patient_of(conn: psycopg.Connection, reference: str) -> int:
    row = conn.execute(SQL["patient"], {"reference": reference}).fetchone()
    if row is None:
        raise TryOutError(f"There is no patient {reference}.")
    return int(row[0])


def limits_now(
    conn: psycopg.Connection, patient: int, kinds: Collection[Kind], now: datetime
) -> dict[Kind, Limit | None]:
    found = settings.limits(conn, [(patient, KINDS[kind].number) for kind in kinds], now)
    return {kind: found[patient, KINDS[kind].number].limit for kind in kinds}


def try_out(
    conn: psycopg.Connection,
    patient: int,
    limits: Mapping[Kind, Limit | None],
    days: int,
    now: datetime,
    *,
    mine: bool = True,
) -> Comparison:
    """The kinds that are not in `limits` are left out. TryOutError is a sentence. `mine`: through what the caller of
    the api may see, after `sessions.identify`; False: the owner of the database asks."""
    if not 1 <= days <= MOST_DAYS:
        raise TryOutError(f"Try it over 1 to {MOST_DAYS} days, not {days}.")
    if not limits:
        raise TryOutError("Say which limit to try.")
    if conn.execute(SQL["is_known"], {"patient": patient}).fetchone() != (True,):
        raise TryOutError("There is no such patient.")
    standing = limits_now(conn, patient, limits, now)
    from_at = now - timedelta(days=days)
    stored = readings(conn, patient, limits, from_at - BEFORE, now, mine=mine)
    thinned = retention.thinned_until(conn)
    found = replay.compare(stored, standing, limits, from_at, now)
    return replace(found, thinned_until=thinned if thinned is not None and thinned > from_at else None)


def readings(
    conn: psycopg.Connection, patient: int, kinds: Collection[Kind], from_at: datetime, to_at: datetime, *, mine: bool
) -> replay.Received:
    given = {
        "patient": patient,
        "kinds": np.array([KINDS[kind].number for kind in kinds], np.int16),
        "from_at": from_at,
        "to_at": to_at,
        "most": MOST_READINGS + 1,
    }
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        columns = cursor.execute(SQL["my_readings" if mine else "readings"], given).fetchone()
    if columns is None:
        raise TryOutError(f"There is no reading of {', '.join(sorted(kinds))} in these days: nothing can be tried.")
    kind, taken_at, span_s, value, sign, quality, mode, device, received_at = columns
    if len(kind) > MOST_READINGS:
        raise TryOutError(f"More than {MOST_READINGS:,} readings are too many at once: try it over fewer days.")
    nothing = np.full(len(kind), np.nan)
    rows = Rows(
        patient=np.full(len(kind), patient, np.int32),
        kind=kind,
        taken_ms=_millis(taken_at),
        value=value,
        sign=sign.astype(np.int8),
        quality=quality.astype(np.int8),
        mode=mode.astype(np.int8),
        span_s=span_s,
        low=nothing,
        high=nothing,
    )
    by_device = np.argsort(device, kind="stable")  # of one moment, they were judged in this order
    return replay.received(replay.taken(rows, by_device), _millis(received_at)[by_device])


def _millis(instants: arrays.Column) -> "np.ndarray[tuple[int, ...], np.dtype[np.int64]]":
    return instants.view(np.int64) // 1000
