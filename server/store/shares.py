"""Which monitor has which buckets, when several share the load: rows that each of its transactions holds.

A monitor that is at work says so every few seconds; what is its nobody else takes. Whoever has too many lets some go
once nothing of them is under way, whoever has too few takes what is nobody's or a dead one's. That no reading is filed
twice does not hang on this: watermarks and the state of streams stand in the database and are compared there. So a
patient whom a gateway of another bucket hears, on a visit, needs no second way in.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
import psycopg

from devices.wire.topics import BUCKETS
from server.store import queries

SQL: Final = queries.load("shares")
LASTS: Final = timedelta(seconds=8)  # three beats, and a little
FORGOTTEN: Final = timedelta(days=1)


class NotOursError(Exception):
    """Somebody else files what these buckets say."""

    def __init__(self, buckets: Collection[int]) -> None:
        super().__init__(f"the buckets {sorted(buckets)} are another monitor's")
        self.buckets = frozenset(buckets)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """`serve`: to go on with. `leave`: ours, to be let go as soon as nothing of them is under way."""

    serve: frozenset[int]
    leave: frozenset[int]
    take: frozenset[int]


def plan(holders: Mapping[int, str | None], living: Collection[str], me: str) -> Plan:
    """As many for each as for everybody else; the first by name have one more."""
    everybody = sorted({*living, me})
    least, over = divmod(len(holders), len(everybody))
    most = least + (everybody.index(me) < over)
    ours = sorted(bucket for bucket, holder in holders.items() if holder == me)
    free = sorted(bucket for bucket, holder in holders.items() if holder not in everybody)
    return Plan(
        serve=frozenset(ours[:most]),
        leave=frozenset(ours[most:]),
        take=frozenset(free[: max(0, most - len(ours))]),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """After a look. `serve`: what is ours from now on. `all_are_heard`: every bucket is somebody's who hears. `since`:
    the first of those at work was started then."""

    serve: frozenset[int]
    has_more: bool
    all_are_heard: bool
    monitors: int
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One monitor of several. `name`: of this process, and no other ever."""

    name: str
    host: str
    started: datetime

    def look(self, conn: psycopg.Connection, *, hears: bool, rests: Callable[[int], bool]) -> Shares:
        """Say that we are at work, take and let go. `rests`: nothing of a bucket is under way here. `conn` is in
        autocommit mode: each step stands by itself."""
        holders = self._holders(conn)
        self._beat(conn, hears=hears)
        living = {name: (does, since) for name, does, since in conn.execute(SQL["living"], {"lasts": LASTS})}
        living.setdefault(self.name, (False, self.started))  # a database that hung has let our own word grow old
        planned = plan(holders, living, self.name)
        if planned.take:
            self._beat(conn, hears=False)  # not those, not yet
        taken = self._take(conn, planned.take)
        self._give(conn, [bucket for bucket in planned.leave if rests(bucket)])
        conn.execute(SQL["forget"], {"after": FORGOTTEN})
        heard = {name for name, (does, _) in living.items() if does}
        return Shares(
            serve=planned.serve | taken,
            has_more=bool(taken),
            all_are_heard=set(holders.values()) <= heard,
            monitors=len(living),
            since=min(since for _, since in living.values()),
        )

    def leave(self, conn: psycopg.Connection) -> None:
        conn.execute(SQL["leave"], {"name": self.name})

    def hold(self, conn: psycopg.Connection, buckets: Collection[int]) -> None:
        """Within a transaction, before anything else is locked. NotOursError: it must not go on."""
        given = {"buckets": _smallints(buckets), "name": self.name}
        ours = {bucket for (bucket,) in conn.execute(SQL["hold"], given)}
        if lost := set(buckets) - ours:
            raise NotOursError(lost)

    def _beat(self, conn: psycopg.Connection, *, hears: bool) -> None:
        conn.execute(SQL["beat"], {"name": self.name, "host": self.host, "started": self.started, "hears": hears})

    def _holders(self, conn: psycopg.Connection) -> dict[int, str | None]:
        holders: dict[int, str | None] = dict(conn.execute(SQL["holders"]).fetchall())
        if len(holders) < BUCKETS:
            conn.execute(SQL["meet"], {"buckets": BUCKETS})
            holders = dict(conn.execute(SQL["holders"]).fetchall())
        return holders

    def _take(self, conn: psycopg.Connection, buckets: Collection[int]) -> frozenset[int]:
        if not buckets:
            return frozenset()
        given = {"buckets": _smallints(buckets), "name": self.name, "lasts": LASTS}
        return frozenset(bucket for (bucket,) in conn.execute(SQL["take"], given))

    def _give(self, conn: psycopg.Connection, buckets: Sequence[int]) -> None:
        if buckets:
            conn.execute(SQL["give"], {"buckets": _smallints(buckets), "name": self.name})


def told_by_all(conn: psycopg.Connection, now: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """What all monitors together have counted, with what this one has since `before`. In a transaction that then writes
    it: counters that several count never go back."""
    row = conn.execute(SQL["told"]).fetchone()
    total: dict[str, Any] = _sum({} if row is None else row[0], _difference(now, before))
    return total


def _difference(now: Any, before: Any) -> Any:
    match now:
        case dict():
            return {key: _difference(value, (before or {}).get(key)) for key, value in now.items()}
        case list():
            return [_difference(*both) for both in zip(now, before or [0] * len(now), strict=True)]
    return now - (before or 0)


def _sum(total: Any, more: Any) -> Any:
    """Of another edition's, the form may be another one: then it begins anew."""
    match more:
        case dict():
            total = total if isinstance(total, dict) else {}
            return total | {key: _sum(total.get(key), value) for key, value in more.items()}
        case list():
            same = isinstance(total, list) and len(total) == len(more)
            return [_sum(*both) for both in zip(total if same else [0] * len(more), more, strict=True)]
    return (total if isinstance(total, int | float) else 0) + more


def _smallints(buckets: Collection[int]) -> "np.ndarray[Any, np.dtype[np.int16]]":
    return np.array(sorted(buckets), np.int16)
