"""Hours of streams read back: those that the clock role has kept as they stand; newer ones, and those that late
readings have touched, counted from the readings. That is what observation_hourly is, without a look at every day."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

import numpy as np
import psycopg

from devices.wire.columns import from_millis, to_millis
from server.detection.days import Hours
from server.detection.rows import Bools, stream_keys
from server.store.arrays import Column
from server.store.assessing import SQL, columns, millis

HOUR: Final = np.timedelta64(1, "h")
_HOURS: Final = 1 << 24  # more than there are since 1970


@dataclass(frozen=True, kw_only=True, slots=True)
class _Counted:
    """Rows of the statements that answer hours."""

    patient: Column
    kind: Column
    hour: Column
    mean: Column
    until: Column
    continuous: Column
    readings: Column

    def where(self, which: Bools) -> "_Counted":
        return _Counted(**{each.name: getattr(self, each.name)[which] for each in fields(self)})


def read(conn: psycopg.Connection, patient: Column, kind: Column, since: Column, now: datetime) -> Hours:
    """Of each (patient, kind's number) those since an instant of it. Of an hour with several single readings the
    readings: the middle of a day is one of them."""
    end = _instant(now).astype("datetime64[h]").astype("datetime64[us]") + HOUR
    kept = min(_kept_until(conn), end)
    given = {"patient": patient, "kind": kind, "since": since, "kept": _datetime(kept)}
    standing = _counted(columns(conn, "kept_hours", given))
    found = [standing, _count(conn, patient, kind, np.maximum(since, kept), np.full(len(since), end))]
    touched = columns(conn, "touched", given)
    if touched is not None:
        whose, what, hour = touched
        standing = standing.where(~_among(standing, whose, what, hour))
        found = [standing, *found[1:], _count(conn, whose, what, hour, hour + HOUR)]
    return _joined([part for each in found for part in _apart(conn, each, now)])


def _kept_until(conn: psycopg.Connection) -> np.datetime64:
    row = conn.execute(SQL["kept"]).fetchone()
    assert row is not None
    return _instant(row[0])


def _count(conn: psycopg.Connection, patient: Column, kind: Column, begin: Column, end: Column) -> _Counted:
    some = np.flatnonzero(begin < end)
    if not len(some):
        return _counted(None)
    given = {"patient": patient[some], "kind": kind[some], "begin": begin[some], "end": end[some]}
    return _counted(columns(conn, "counted_hours", given | _bounds(begin[some], end[some])))


def _apart(conn: psycopg.Connection, counted: _Counted, now: datetime) -> list[Hours]:
    several = ~counted.continuous & (counted.readings > 1)
    if not several.any():
        return [_hours(counted)]
    those = counted.where(several)
    given = {"patient": those.patient, "kind": those.kind, "hour": those.hour, "now": now}
    singles = columns(conn, "singles", given | _bounds(those.hour, those.hour + HOUR))
    return [_hours(counted.where(~several)), *([] if singles is None else [_singles(*singles)])]


def _singles(patient: Column, kind: Column, taken: Column, value: Column) -> Hours:
    taken_ms = millis(taken)
    single = np.zeros(len(value), np.bool_)
    return Hours(key=stream_keys(patient, kind), hour_ms=taken_ms, mean=value, until_ms=taken_ms, continuous=single)


def _hours(counted: _Counted) -> Hours:
    return Hours(
        key=stream_keys(counted.patient, counted.kind),
        hour_ms=millis(counted.hour),
        mean=counted.mean,
        until_ms=millis(counted.until),
        continuous=counted.continuous,
    )


def _joined(parts: list[Hours]) -> Hours:
    return Hours(**{each.name: np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Hours)})


def _counted(found: tuple[Column, ...] | None) -> _Counted:
    """None: no row."""
    types = ("i4", "i2", "datetime64[us]", "f8", "datetime64[us]", "?", "i8")
    given = found or tuple(np.empty(0, each) for each in types)
    return _Counted(**dict(zip((each.name for each in fields(_Counted)), given, strict=True)))


def _among(counted: _Counted, patient: Column, kind: Column, hour: Column) -> Bools:
    """Which of them are one of these hours."""
    streams, of = np.unique(stream_keys(patient, kind), return_inverse=True)
    mine = np.minimum(np.searchsorted(streams, stream_keys(counted.patient, counted.kind)), len(streams) - 1)
    theirs = streams[mine] == stream_keys(counted.patient, counted.kind)
    found: Bools = theirs & np.isin(mine * _HOURS + _number(counted.hour), of * _HOURS + _number(hour))
    return found


def _number(hour: Column) -> Column:
    return hour.astype("datetime64[h]").astype(np.int64)


def _bounds(begin: Column, end: Column) -> dict[str, datetime]:
    """What a plan is made for."""
    return {"from_at": _datetime(begin.min()), "to_at": _datetime(end.max())}


def _instant(at: datetime) -> np.datetime64:
    return np.datetime64(to_millis(at) * 1000, "us")


def _datetime(at: np.datetime64) -> datetime:
    return from_millis(int(at.astype("datetime64[ms]").astype(np.int64)))
