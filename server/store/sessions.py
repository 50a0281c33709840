"""Sessions of staff, and in whose name a transaction runs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection

from server.access import Deed, Role, teams_where
from server.store import queries

SQL: Final = queries.load("session")
SESSION_CLOSED: Final = "hjemvakt_session"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: a staff member with an open session, and the role in each of the teams."""

    staff: int
    token_hash: bytes
    expires_at: datetime
    roles: Mapping[int, Role]

    def teams(self, deed: Deed) -> frozenset[int]:
        return teams_where(self.roles, deed)


def identify(conn: Connection, staff: int) -> None:
    """For the rest of this transaction, row-level security lets through what `staff` may see."""
    conn.execute(SQL["identify"], {"staff": str(staff)})


def find(conn: Connection, token_hash: bytes, now: datetime) -> Caller | None:
    return standing(conn, [token_hash], now).get(token_hash)


def standing(conn: Connection, token_hashes: Collection[bytes], now: datetime) -> dict[bytes, Caller]:
    """Those of the sessions that are still open."""
    rows = conn.execute(SQL["standing"], {"token_hashes": list(token_hashes), "now": now})
    return {
        token_hash: Caller(
            staff=staff,
            token_hash=token_hash,
            expires_at=expires_at,
            roles={int(team): Role(role) for team, role in roles.items()},
        )
        for token_hash, staff, expires_at, roles in rows
    }


def password_of(conn: Connection, login: str) -> tuple[int, str] | None:
    """Staff id and password hash of an active login."""
    return conn.execute(SQL["staff_by_login"], {"login": login}).fetchone()


def open_session(conn: Connection, *, staff: int, token_hash: bytes, now: datetime, expires_at: datetime) -> None:
    conn.execute(SQL["forget_expired"], {"now": now})
    row = {"staff": staff, "token_hash": token_hash, "now": now, "expires_at": expires_at}
    conn.execute(SQL["open_session"], row)


def close(conn: Connection, token_hash: bytes) -> None:
    conn.execute(SQL["close_session"], {"token_hash": token_hash})


def whoami(conn: Connection, staff: int) -> tuple[tuple[int, str, str], list[tuple[int, str]]]:
    """(id, name, initials) and (team id, team name) each; after `identify`."""
    person = conn.execute(SQL["me"], {"staff": staff}).fetchone()
    assert person is not None, "a session's staff exists"
    return person, conn.execute(SQL["my_team_names"]).fetchall()
