"""Who works in a team: what its administrators decide, and what they decided. After `sessions.identify`."""

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import MAY, Deed, Role
from server.errors import CareError
from server.store import queries

SQL: Final = queries.load("members")
CHANGES_MAX: Final = 100
WHY_NOT: Final = MappingProxyType(
    {
        "oneself": "Nobody decides about themselves: ask another administrator.",
        "nobody": "Nobody of this team, and nobody with a login in force, has this number.",
        "busy": "This person is on duty or has open alerts: they go off duty and hand over first.",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberChange:
    """`role` None: left the team."""

    staff: int
    role: str | None
    by: int
    at: datetime
    reason: str


def find(conn: Connection, login: str) -> int:
    row = conn.execute(SQL["find"], {"login": login}).fetchone()
    if row is None or row[0] is None:
        raise CareError(f"Nobody has the login {login}: whoever runs the server adds new ones.")
    return int(row[0])


def decide(conn: Connection, team: int, staff: int, role: Role | None, *, now: datetime, reason: str) -> None:
    """`role` None: works there no longer. In the name of whoever is identified."""
    given = {"team": team, "staff": staff, "role": role, "now": now, "reason": reason}
    answers = role is not None and Deed.HANDLE_ALERTS in MAY[role]
    row = conn.execute(SQL["set"], {**given, "answers": answers}).fetchone()
    assert row is not None, "a function always answers"
    if row[0] is not None:
        raise CareError(WHY_NOT[row[0]])


def changes(conn: Connection, team: int) -> list[MemberChange]:
    with conn.cursor(row_factory=class_row(MemberChange)) as cursor:
        return cursor.execute(SQL["changes"], {"team": team, "most": CHANGES_MAX}).fetchall()
