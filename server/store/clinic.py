"""What is calculated of one patient is read here. Everything goes through row-level security: call `sessions.identify`
first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from psycopg import Connection
from psycopg.rows import class_row

from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind, Sign
from server.clinical import glucose
from server.clinical.news2 import Reading
from server.clinical.news2_trail import FIELD, Measured
from server.clinical.pathways import Pathway
from server.store import arrays, queries

SQL: Final = queries.load("clinic")
NEWS2_KINDS: Final = np.array(sorted(KINDS[kind].number for kind in FIELD), np.int16)
QUARTER_S: Final = 900


@dataclass(frozen=True, kw_only=True, slots=True)
class Followed:
    """`home` None: no enrolment list has said where."""

    team: int
    pathway: Pathway
    home: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class StaffRow:
    id: int
    name: str
    initials: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorReadings:
    """`doubted`: how many the sensor itself did not trust; they are not in `series`."""

    series: glucose.Series
    doubted: int


def patient(conn: Connection, patient: int) -> Followed | None:
    row = conn.execute(SQL["patient"], {"patient": patient}).fetchone()
    return None if row is None else Followed(team=row[0], pathway=Pathway(row[1]), home=row[2])


def residents(conn: Connection, home: int) -> list[int]:
    return [id_ for (id_,) in conn.execute(SQL["residents"], {"home": home})]


def hold(conn: Connection, what: str, id_: int) -> None:
    """Until this transaction ends."""
    conn.execute(SQL["hold"], {"what": what, "id": id_})


def staff(conn: Connection, ids: Iterable[int | None]) -> Mapping[int, StaffRow]:
    wanted = sorted({each for each in ids if each is not None})
    if not wanted:
        return {}
    with conn.cursor(row_factory=class_row(StaffRow)) as cursor:
        return {row.id: row for row in cursor.execute(SQL["staff"], {"ids": wanted})}


def sensor_readings(conn: Connection, patient: int, from_at: datetime, to_at: datetime) -> SensorReadings:
    """Of a continuous glucose sensor, `to_at` not included."""
    number = KINDS[Kind.GLUCOSE_ISF].number
    given = {"patient": patient, "kind": number, "from_at": from_at, "to_at": to_at}
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        row = cursor.execute(SQL["glucose"], given).fetchone()
    assert row is not None, "an aggregate always answers"
    taken_ms, value, sign, doubted = row
    if taken_ms is None:
        nothing = glucose.series(np.empty(0, np.int64), np.empty(0))
        return SensorReadings(series=nothing, doubted=doubted)
    return SensorReadings(series=glucose.series(taken_ms, value, sign.astype(np.int8)), doubted=doubted)


def measured(conn: Connection, patient: int, from_at: datetime, to_at: datetime) -> list[Measured]:
    """For NEWS2: of each kind the last good reading in each quarter of an hour."""
    first = datetime.fromtimestamp(from_at.timestamp() // QUARTER_S * QUARTER_S, from_at.tzinfo)
    given = {"patient": patient, "kinds": NEWS2_KINDS, "from_at": first, "to_at": to_at}
    return _measured(conn.execute(SQL["last_of_quarters"], given).fetchall())


def newest(conn: Connection, patient: int, now: datetime, within: timedelta) -> list[Measured]:
    """For NEWS2: the newest good reading of each kind."""
    given = {"patient": patient, "kinds": NEWS2_KINDS, "from_at": now - within, "to_at": now}
    return _measured(conn.execute(SQL["newest_good"], given).fetchall())


def _measured(rows: Sequence[tuple[int, float, int, datetime]]) -> list[Measured]:
    return [
        Measured(kind=KIND_BY_NUMBER[kind], reading=Reading(value=value, at=at, sign=Sign(sign)))
        for kind, value, sign, at in rows
    ]
