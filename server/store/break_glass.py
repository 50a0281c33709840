"""Access to one patient of another team, for a while and with a reason. Call `sessions.identify` first.

Row-level security lets the patient be read until then, and nothing of it be changed.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries

SQL: Final = queries.load("break_glass")
LASTS: Final = timedelta(hours=4)  # [proposal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """`team`: whose patient it was. It is over at `until_at`, or at `ended_at` if somebody ended it before."""

    id: int
    staff_id: int
    staff_name: str
    staff_initials: str
    patient: int
    team: int
    reason: str
    at: datetime
    until_at: datetime
    ended_at: datetime | None


def open_patient(conn: Connection, reference: str, born_on: date, reason: str, now: datetime) -> int | None:
    """The number of the access; it is told to the patient's team. None: no patient of another team is like that."""
    given = {"reference": reference, "born_on": born_on, "reason": reason, "lasts": LASTS, "now": now}
    row = conn.execute(SQL["open"], given).fetchone()
    return None if row is None else row[0]


def of_teams(conn: Connection, teams: Collection[int], *, before: int | None, limit: int) -> list[Opened]:
    """The newest first; the caller's own, too."""
    with conn.cursor(row_factory=class_row(Opened)) as cursor:
        given = {"teams": list(teams), "before": before, "limit": limit}
        return cursor.execute(SQL["of_teams"], given).fetchall()


def by_id(conn: Connection, ids: Collection[int]) -> dict[int, Opened]:
    with conn.cursor(row_factory=class_row(Opened)) as cursor:
        return {row.id: row for row in cursor.execute(SQL["one"], {"ids": list(ids)})}


def end(conn: Connection, opened: int, now: datetime) -> bool:
    """False: it was over, or it is not the caller's to end."""
    return conn.execute(SQL["end"], {"id": opened, "now": now}).rowcount == 1
