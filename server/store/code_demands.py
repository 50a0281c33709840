"""Of which roles the installation demands a code beside the password: nobody's, until an administrator decides."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import Role
from server.store import queries

SQL: Final = queries.load("code_demands")
SHOWN_MAX: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Demand:
    roles: list[str]
    set_by: int
    set_at: datetime
    reason: str


def decided(conn: Connection) -> list[Demand]:
    """The newest first: that counts. Empty: nothing was ever demanded."""
    with conn.cursor(row_factory=class_row(Demand)) as cursor:
        return cursor.execute(SQL["decided"], {"most": SHOWN_MAX}).fetchall()


def decide(conn: Connection, roles: Collection[Role], *, by: int, now: datetime, reason: str) -> None:
    given = {"roles": sorted(role.value for role in roles), "by": by, "now": now, "reason": reason}
    conn.execute(SQL["decide"], given)
