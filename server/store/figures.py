"""What monitoring is told of the installation: counts and ages, never who."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection

from server.store import queries

SQL: Final = queries.load("figures")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """`which`: the words that tell figures of one name apart, such as the lane."""

    name: str
    which: tuple[str, ...]
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneTally:
    """Of one lane of the monitor, since it started. `within`: receipts that took at most so many seconds as the bucket
    of the same place says, without those of the bucket before; one bucket more for all that took longer."""

    lane: str
    counts: dict[str, int]
    within: tuple[int, ...]
    lag_s: float


def installation(conn: Connection, now: datetime) -> list[Figure]:
    rows = conn.execute(SQL["installation"], {"now": now})
    return [Figure(name=name, which=tuple(which), value=value) for name, which, value in rows]


def lanes(conn: Connection) -> list[LaneTally]:
    return [_tally(lane, told) for lane, told in conn.execute(SQL["lanes"])]


def _tally(lane: str, told: dict[str, object]) -> LaneTally:
    """A monitor of the edition before this one says no lag."""
    counts = {name: value for name, value in told.items() if type(value) is int}
    within, lag_s = told.get("within", []), told.get("lag_s", 0.0)
    assert isinstance(within, list) and isinstance(lag_s, (int, float))
    return LaneTally(lane=lane, counts=counts, within=tuple(within), lag_s=float(lag_s))
