"""What a team's figures are made of. Everything goes through row-level security: call `sessions.identify` first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from psycopg import Connection

from devices.vocabulary import KINDS, Kind
from server.store import queries

SQL: Final = queries.load("glance")


class Raised(NamedTuple):
    """`hours_ago` 0: in the hour that ends now."""

    hours_ago: int
    priority: str
    alerts: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """Seconds from the alert, as it was last raised, to the first who took it; None: nobody has. `unreal`: closed as an
    error of measuring, as technical, or as a wrong limit."""

    priority: str
    answered: int
    median_s: float | None
    longest_s: float | None
    closed: int
    unreal: int


def raised_by_hour(conn: Connection, team: int, from_at: datetime, now: datetime) -> Sequence[Raised]:
    given = {"team": team, "from_at": from_at, "now": now}
    return [Raised._make(row) for row in conn.execute(SQL["raised_by_hour"], given)]


def answers(conn: Connection, team: int, from_at: datetime, now: datetime) -> Sequence[Answers]:
    return [
        Answers(priority=priority, answered=answered, median_s=median, longest_s=longest, closed=closed, unreal=unreal)
        for priority, answered, median, longest, closed, unreal in conn.execute(
            SQL["answers"], {"team": team, "from_at": from_at, "now": now}
        )
    ]


def wear_a_sensor(conn: Connection, team: int, from_at: datetime) -> list[int]:
    """Of glucose, continuously."""
    given = {"team": team, "kind": KINDS[Kind.GLUCOSE_ISF].number, "from_at": from_at}
    return [id_ for (id_,) in conn.execute(SQL["wear_a_sensor"], given)]


def patients(conn: Connection, team: int) -> list[int]:
    return [id_ for (id_,) in conn.execute(SQL["patients"], {"team": team})]
