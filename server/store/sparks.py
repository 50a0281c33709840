"""The small charts of the board: a few points of every stream of a team, read and kept as columns.

A team has some hundred thousand points: as objects, one each, they cost more than everything else of the board. The
clock role keeps them packed; only what came since is read from the readings. A board is whole without it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from devices.vocabulary import KIND_BY_NUMBER, KINDS
from server.clinical.limits import LONGEST_GAP_OF_KIND_S
from server.store import arrays, queries
from server.store.arrays import Column

SQL: Final = queries.load("sparks")

LIVE_WINDOW: Final = timedelta(minutes=15)
LIVE_BUCKET: Final = timedelta(seconds=15)
SPOT_WINDOW: Final = timedelta(days=14)
POINTS: Final = 60
# Continuous streams of which the live window would show a few points only.
SLOW: Final = [KINDS[kind].number for kind in LONGEST_GAP_OF_KIND_S]
# By number of the kind: a mean is told with two decimals more than a reading of the kind has.
SCALE: Final = np.array(
    [
        10.0 ** (KINDS[KIND_BY_NUMBER[n]].decimals + 2) if n in KIND_BY_NUMBER else 1.0
        for n in range(max(KIND_BY_NUMBER) + 1)
    ]
)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

POINT: Final = np.dtype([("at_ms", "<i8"), ("value", "<f8")])  # as spark.points holds it

Columns: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.datetime64], NDArray[np.float64]]


class Spark(NamedTuple):
    """Never without a point."""

    begins: datetime
    after_ms: list[int]
    value: list[float]


Sparks: TypeAlias = Mapping[tuple[int, int], Spark]  # by patient and the kind's number


def read(conn: Connection, teams: Collection[int], now: datetime) -> Sparks:
    """After `sessions.identify`."""
    given = {"teams": list(teams), **_window(now)}
    kept = _kept(conn, given)
    since = [part for name in ("live", "spot") if (part := _columns(conn, name, given)) is not None]
    parts = ([] if kept is None else [kept]) + ([_in_order(since)] if since else [])
    return dict(_split(*_joined(parts))) if parts else {}


def keep(conn: Connection, now: datetime, *, most: int) -> int:
    """The charts of streams that have spoken since the last time, in one transaction; how many were due."""
    window = _window(now)
    with conn.transaction(), conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        due = cursor.execute(SQL["due"], {**window, "most": most}).fetchone()
        if due is None:
            return 0
        patient, kind, batch, live, upto = due
        parts = [
            part
            for name, chosen in (("points_of_live", live), ("points_of_spot", ~live))
            if chosen.any()
            and (part := _columns(conn, name, {**window, **_streams(patient[chosen], kind[chosen], upto[chosen])}))
        ]
        packed = _packed(parts)
        found = [packed.get(stream, b"") for stream in zip(patient.tolist(), kind.tolist(), strict=True)]
        conn.execute(SQL["keep"], {**_streams(patient, kind, upto), "batch": batch, "packed": found})
    return len(patient)


def _window(now: datetime) -> dict[str, Any]:
    return {
        "now": now,
        "live_from": now - LIVE_WINDOW,
        "bucket": LIVE_BUCKET,
        "spot_from": now - SPOT_WINDOW,
        "points": POINTS,
        "slow": SLOW,
    }


def _streams(patient: Column, kind: Column, upto: Column) -> dict[str, Column]:
    return {"patient_id": patient, "kind": kind, "upto": upto}


def _columns(conn: Connection, name: str, given: Mapping[str, Any]) -> Columns | None:
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        return cursor.execute(SQL[name], given).fetchone()


def _kept(conn: Connection, given: Mapping[str, Any]) -> Columns | None:
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        row = cursor.execute(SQL["kept"], given).fetchone()
    if row is None:
        return None
    patient, kind, live, size, packed = row
    points = np.frombuffer(packed, POINT)
    counts = size // POINT.itemsize
    at = points["at_ms"].astype("datetime64[ms]").astype("datetime64[us]")
    since = np.where(live, _instant(given["live_from"]), _instant(given["spot_from"]))
    inside = at > np.repeat(since, counts)
    of_stream = np.repeat(patient, counts)[inside], np.repeat(kind, counts)[inside]
    return *of_stream, at[inside], points["value"][inside]


def _instant(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


def _packed(parts: Sequence[Columns]) -> dict[tuple[int, int], bytes]:
    if not parts:
        return {}
    patient, kind, at, value = _in_order(parts)
    points = np.empty(len(at), POINT)
    points["at_ms"] = at.astype("datetime64[ms]").astype(np.int64)
    points["value"] = value
    return {
        (int(patient[begin]), int(kind[begin])): points[begin:end].tobytes() for begin, end in _bounds(patient, kind)
    }


def _in_order(parts: Sequence[Columns]) -> Columns:
    """Of patient, kind and time."""
    patient, kind, at, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((at, kind, patient))
    return patient[order], kind[order], at[order], value[order]


def _joined(parts: Sequence[Columns]) -> Columns:
    """The same of parts that are in order already, each older than the next: merged, which costs less than sorting."""
    patient, kind, at, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(patient.astype(np.int64) << 16 | kind, kind="stable")
    return patient[order], kind[order], at[order], value[order]


def _bounds(patient: Column, kind: Column) -> Iterator[tuple[int, int]]:
    """Where each stream begins and ends."""
    begins = np.flatnonzero((np.diff(patient, prepend=-1) != 0) | (np.diff(kind, prepend=-1) != 0))
    ends = np.append(begins[1:], len(patient))
    return zip(begins.tolist(), ends.tolist(), strict=True)


def _split(patient: Column, kind: Column, at: Column, value: Column) -> Iterator[tuple[tuple[int, int], Spark]]:
    bounds = np.array(list(_bounds(patient, kind)))
    first, sizes = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
    millis = at.astype("datetime64[ms]").astype(np.int64)
    after_ms = (millis - np.repeat(millis[first], sizes)).tolist()
    rounded = (np.rint(value * SCALE[kind]) / SCALE[kind]).tolist()
    streams = zip(patient[first].tolist(), kind[first].tolist(), millis[first].tolist(), bounds.tolist(), strict=True)
    for of_patient, of_kind, begins_ms, (begin, end) in streams:
        yield (
            (of_patient, of_kind),
            Spark(
                begins=EPOCH + timedelta(milliseconds=begins_ms),
                after_ms=after_ms[begin:end],
                value=rounded[begin:end],
            ),
        )
