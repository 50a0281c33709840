"""Teams: what each has, and what its administrators decide about it. After `sessions.identify`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import MAY, Deed
from server.errors import RegistrationError
from server.store import queries

SQL: Final = queries.load("teams")
CHANGES_SHOWN: Final = 10
ANSWERING: Final = [str(role) for role, deeds in MAY.items() if Deed.HANDLE_ALERTS in deeds]
WHY_NOT: Final = MappingProxyType(
    {
        "name": "Another team is called so: choose another name.",
        "municipality": "A new team works for municipalities of the teams that you administer, and for no others.",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamRow:
    """`answering`: of its members, those who can be on duty."""

    id: int
    name: str
    municipalities: Sequence[str]
    patients: int
    members: int
    answering: int
    on_duty: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TeamChange:
    """`before` None: it was made."""

    team: int
    name: str
    before: str | None
    by: int
    at: datetime
    reason: str


def of(conn: Connection, teams: Collection[int]) -> list[TeamRow]:
    with conn.cursor(row_factory=class_row(TeamRow)) as cursor:
        return cursor.execute(SQL["teams"], {"teams": list(teams), "answering": ANSWERING}).fetchall()


def changes(conn: Connection, teams: Collection[int]) -> list[TeamChange]:
    with conn.cursor(row_factory=class_row(TeamChange)) as cursor:
        return cursor.execute(SQL["changes"], {"teams": list(teams), "most": CHANGES_SHOWN}).fetchall()


def make(conn: Connection, name: str, municipalities: Collection[str], *, now: datetime, reason: str) -> int:
    """Its service hours and chains are the shipped ones until it decides otherwise."""
    given = {"name": name, "municipalities": list(municipalities), "now": now, "reason": reason}
    row = conn.execute(SQL["make"], given).fetchone()
    assert row is not None, "a function always answers"
    if row[0] is None:
        raise RegistrationError(f"team_{row[1]}", WHY_NOT[row[1]])
    return int(row[0])


def rename(conn: Connection, team: int, name: str, *, now: datetime, reason: str) -> None:
    row = conn.execute(SQL["rename"], {"team": team, "name": name, "now": now, "reason": reason}).fetchone()
    assert row is not None, "a function always answers"
    if row[0] is not None:
        raise RegistrationError(f"team_{row[0]}", WHY_NOT[row[0]])
