"""The small charts of the board: a few points of every stream of a team, read and kept as columns.

A team has some hundred thousand points. The clock role keeps them as the text that the board sends; only what came
since is read from the readings. A board is whole without it."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from devices.vocabulary import KIND_BY_NUMBER, KINDS, Mode
from devices.wire.columns import to_millis
from server.clinical.limits import LONGEST_GAP_OF_KIND_S
from server.store import arrays, queries
from server.store.arrays import Column

SQL: Final = queries.load("sparks")

LIVE_WINDOW: Final = timedelta(minutes=15)
LIVE_BUCKET: Final = timedelta(seconds=15)
SPOT_WINDOW: Final = timedelta(days=14)
POINTS: Final = 60
KEPT_LONGER: Final = timedelta(minutes=1)  # a little more of a stream that runs, instead of new text for each reader
# Continuous streams of which the live window would show a few points only.
SLOW: Final = [KINDS[kind].number for kind in LONGEST_GAP_OF_KIND_S]
# By number of the kind: a mean is told with two decimals more than a reading of the kind has.
SCALE: Final = np.array(
    [
        10.0 ** (KINDS[KIND_BY_NUMBER[n]].decimals + 2) if n in KIND_BY_NUMBER else 1.0
        for n in range(max(KIND_BY_NUMBER) + 1)
    ]
)

Stream: TypeAlias = tuple[int, int]  # patient and the kind's number
Point: TypeAlias = tuple[int, float]  # milliseconds since 1970, value
Columns: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.datetime64], NDArray[np.float64]]


class Spark(NamedTuple):
    """Never without a point. `after_ms` and `value` are the insides of JSON arrays, as `spark.points` holds them:
    to make objects of the points only to write them again costs more than everything else of the board."""

    begins_ms: int
    after_ms: bytes
    value: bytes

    @property
    def packed(self) -> bytes:
        return b"%d;%b;%b" % self

    def and_then(self, points: Iterable[Point]) -> "Spark":
        after_ms, value = [self.after_ms], [self.value]
        for at_ms, each in points:
            after_ms.append(b"%d" % (at_ms - self.begins_ms))
            value.append(b"%a" % each)
        return Spark(self.begins_ms, b",".join(after_ms), b",".join(value))

    def since(self, ms: int) -> "Spark | None":
        """Without the points up to then."""
        after_ms: list[int] = msgspec.json.decode(b"[%b]" % self.after_ms)
        gone = bisect_right(after_ms, ms - self.begins_ms)
        if gone == len(after_ms):
            return None
        left = _inside([each - after_ms[gone] for each in after_ms[gone:]])
        return Spark(self.begins_ms + after_ms[gone], left, self.value.split(b",", gone)[gone])

    def without_last(self, from_ms: int) -> "Spark | None":
        """The last point has grown since, if it is of then or later."""
        before, _, last = self.after_ms.rpartition(b",")
        if self.begins_ms + int(last) < from_ms:
            return self
        return Spark(self.begins_ms, before, self.value.rpartition(b",")[0]) if before else None


class Heard(Protocol):
    """What is known of a stream's newest value."""

    @property
    def patient(self) -> int: ...
    @property
    def kind(self) -> int: ...
    @property
    def mode(self) -> int: ...
    @property
    def taken_at(self) -> datetime: ...
    @property
    def batch(self) -> int: ...


class _Kept(NamedTuple):
    """In the order of the statement."""

    patient: int
    kind: int
    upto: datetime
    batch: int
    points: bytes


Kept: TypeAlias = Mapping[Stream, _Kept]
Sparks: TypeAlias = Mapping[Stream, Spark]


def kept(conn: Connection, teams: Collection[int]) -> Kept:
    """What the clock role has drawn of these teams' patients. After `sessions.identify`."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(SQL["kept"], {"teams": list(teams)}).fetchall()
    return {row[:2]: _Kept(*row) for row in rows}


def read(conn: Connection, heard: Iterable[Heard], kept: Kept, now: datetime) -> Sparks:
    """Of the streams in `heard`: what is kept of them, and what came since."""
    window = _window(now)
    found: dict[Stream, Spark] = {}
    live: list[tuple[Stream, datetime]] = []
    spot: list[Stream] = []
    live_from_ms, spot_from_ms = to_millis(window["live_from"] - KEPT_LONGER), to_millis(window["spot_from"])
    for each in heard:
        runs = each.mode == Mode.CONTINUOUS and each.kind not in SLOW
        since = window["live_from"] if runs else window["spot_from"]
        if each.taken_at <= since:
            continue
        stream = (each.patient, each.kind)
        before = kept.get(stream)
        if before is None or (before.batch != each.batch and not runs):
            live += [(stream, since)] if runs else []
            spot += [] if runs else [stream]
            continue
        spark = _spark(before, live_from_ms if runs else spot_from_ms)
        if before.batch != each.batch:
            live.append((stream, max(before.upto, since)))
            spark = spark and spark.without_last(to_millis(before.upto))
        if spark is not None:
            found[stream] = spark
    for stream, points in _since(conn, live, spot, window):
        found[stream] = found[stream].and_then(points) if stream in found else _written(points)
    return found


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
        packed = {stream: _written(points).packed for stream, points in _by_stream(parts)}
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


def _spark(kept: _Kept, since_ms: int) -> Spark | None:
    if not kept.points:  # it spoke, and said nothing that can be drawn
        return None
    begins_ms, after_ms, value = kept.points.split(b";")
    spark = Spark(int(begins_ms), after_ms, value)
    return spark if spark.begins_ms > since_ms else spark.since(since_ms)


def _since(
    conn: Connection, live: Sequence[tuple[Stream, datetime]], spot: Sequence[Stream], window: Mapping[str, Any]
) -> Iterator[tuple[Stream, list[Point]]]:
    """What came since charts were kept, and all of those that nobody keeps."""
    parts = []
    if live:
        since = [instant for _, instant in live]
        parts.append(_columns(conn, "live", {**window, **_named([stream for stream, _ in live]), "since": since}))
    if spot:
        parts.append(_columns(conn, "spot", {**window, **_named(spot)}))
    return _by_stream([part for part in parts if part is not None])


def _named(streams: Sequence[Stream]) -> dict[str, Column]:
    patients, kinds = zip(*streams, strict=True)
    return {"patients": np.array(patients, np.int32), "kinds": np.array(kinds, np.int16)}


def _by_stream(parts: Sequence[Columns]) -> Iterator[tuple[Stream, list[Point]]]:
    """Points in order of time, each value with as many decimals as are shown."""
    if not parts:
        return
    patient, kind, at, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((at, kind, patient))
    patient, kind, at_ms = patient[order], kind[order], at[order].astype("datetime64[ms]").astype(np.int64)
    points = list(zip(at_ms.tolist(), (np.rint(value[order] * SCALE[kind]) / SCALE[kind]).tolist(), strict=True))
    for begin, end in _bounds(patient, kind):
        yield (int(patient[begin]), int(kind[begin])), points[begin:end]


def _written(points: Sequence[Point]) -> Spark:
    at_ms, value = zip(*points, strict=True)
    return Spark(at_ms[0], _inside([each - at_ms[0] for each in at_ms]), _inside(value))


def _inside(numbers: Sequence[int] | Sequence[float]) -> bytes:
    """Of a JSON array."""
    return msgspec.json.encode(numbers)[1:-1]


def _bounds(patient: Column, kind: Column) -> Iterator[tuple[int, int]]:
    """Where each stream begins and ends."""
    begins = np.flatnonzero((np.diff(patient, prepend=-1) != 0) | (np.diff(kind, prepend=-1) != 0))
    ends = np.append(begins[1:], len(patient))
    return zip(begins.tolist(), ends.tolist(), strict=True)
