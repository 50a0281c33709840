"""The small charts of the board: a few points of every stream of a team, read and kept as columns.

A team has some hundred thousand points: as objects, one each, they cost more than everything else of the board."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psycopg import Connection

from devices.vocabulary import KIND_BY_NUMBER, KINDS
from server.clinical.limits import LONGEST_GAP_OF_KIND_S
from server.store import arrays, queries

SQL: Final = queries.load("sparks")

LIVE_WINDOW: Final = timedelta(minutes=15)
LIVE_BUCKET: Final = timedelta(seconds=15)
SPOT_WINDOW: Final = timedelta(days=14)
POINTS: Final = 60
# Continuous streams of which the live window would show a few points only.
SLOW: Final = [KINDS[kind].number for kind in LONGEST_GAP_OF_KIND_S]
DECIMALS_OF_A_MEAN: Final = 2  # more than the kind's own

Columns: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int16], NDArray[np.datetime64], NDArray[np.float64]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spark:
    """Never without a point."""

    begins: datetime
    after_ms: list[int]
    value: list[float]


Sparks: TypeAlias = Mapping[tuple[int, int], Spark]  # by patient and the kind's number


def read(conn: Connection, teams: Collection[int], now: datetime) -> Sparks:
    """After `sessions.identify`."""
    given = {
        "teams": list(teams),
        "now": now,
        "live_from": now - LIVE_WINDOW,
        "bucket": LIVE_BUCKET,
        "spot_from": now - SPOT_WINDOW,
        "points": POINTS,
        "slow": SLOW,
    }
    parts = [part for name in ("live", "spot") if (part := _columns(conn, name, given)) is not None]
    return dict(_split(*_joined(parts))) if parts else {}


def _columns(conn: Connection, name: str, given: Mapping[str, Any]) -> Columns | None:
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        return cursor.execute(SQL[name], given).fetchone()


def _joined(parts: Sequence[Columns]) -> Columns:
    """In order of patient, kind and time."""
    patient, kind, at, value = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((at, kind, patient))
    return patient[order], kind[order], at[order], value[order]


def _split(
    patient: NDArray[np.int32], kind: NDArray[np.int16], at: NDArray[np.datetime64], value: NDArray[np.float64]
) -> Iterator[tuple[tuple[int, int], Spark]]:
    begins = np.flatnonzero((np.diff(patient, prepend=-1) != 0) | (np.diff(kind, prepend=-1) != 0))
    ends = np.append(begins[1:], len(patient))
    millis = at.astype("datetime64[ms]").astype(np.int64)
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        number = int(kind[begin])
        decimals = KINDS[KIND_BY_NUMBER[number]].decimals + DECIMALS_OF_A_MEAN
        yield (
            (int(patient[begin]), number),
            Spark(
                begins=datetime.fromtimestamp(int(millis[begin]) / 1000, UTC),
                after_ms=(millis[begin:end] - millis[begin]).tolist(),
                value=np.round(value[begin:end], decimals).tolist(),
            ),
        )
