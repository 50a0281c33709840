"""Equipment that must be fetched. Through row-level security: call `sessions.identify` first."""

from collections.abc import Collection
from datetime import datetime
from typing import Final, NamedTuple

from psycopg import Connection

from server.store import queries

SQL: Final = queries.load("recalls")
SHOWN: Final = 500


class Recall(NamedTuple):
    id: int
    team: int
    device: str | None
    profile: str | None
    label: str | None
    gateway: str | None
    home: int | None
    address: str | None
    why: str
    since: datetime


def waiting(conn: Connection, teams: Collection[int], now: datetime) -> list[Recall]:
    given = {"teams": list(teams), "now": now, "most": SHOWN}
    return [Recall._make(row) for row in conn.execute(SQL["waiting"], given)]


def begun(conn: Connection, team: int, since: datetime) -> int:
    row = conn.execute(SQL["begun"], {"team": team, "since": since}).fetchone()
    assert row is not None
    return int(row[0])


def fetched(conn: Connection, recall: int, teams: Collection[int], by: int, now: datetime) -> bool:
    """False: it is not there, or somebody has it already."""
    given = {"id": recall, "teams": list(teams), "by": by, "now": now}
    return conn.execute(SQL["fetched"], given).fetchone() is not None
