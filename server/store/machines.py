"""Tokens of other programs: only their hashes are kept, each ends by itself, and each opens what its scopes say."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import ROLE_OF, Role, Scope
from server.errors import ConfigError
from server.store import queries
from server.store.sessions import USED_EVERY, Caller

SQL: Final = queries.load("machines")
WAY: Final = "token"
LOGIN: Final = "machine:"
LONGEST: Final = timedelta(days=400)


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    caller: Caller
    scopes: frozenset[Scope]


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """`team` None: it was taken out of it."""

    name: str
    team: str | None
    scopes: list[str]
    made_at: datetime
    made_by: str
    expires_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def find(conn: Connection, hash_: bytes, now: datetime) -> Machine | None:
    """Remembers at most once a minute that it was used."""
    row = conn.execute(SQL["standing"], {"hash": hash_, "now": now}).fetchone()
    if row is None:
        return None
    staff, scopes, expires_at, used_at, roles = row
    if used_at is None or now - used_at >= USED_EVERY:
        conn.execute(SQL["used"], {"hash": hash_, "now": now})
    caller = Caller(
        staff=staff,
        token_hash=hash_,
        expires_at=expires_at,
        roles={int(team): Role(role) for team, role in roles.items()},
        used_at=used_at,
        way=WAY,
    )
    return Machine(caller=caller, scopes=frozenset(map(Scope, scopes)))


def add(
    conn: Connection,
    name: str,
    team: str,
    scopes: Sequence[Scope],
    hash_: bytes,
    *,
    by: str,
    now: datetime,
    ends: datetime,
) -> None:
    """A new token of the same program ends the old one."""
    roles = {ROLE_OF[scope] for scope in scopes}
    if len(roles) != 1:
        raise ConfigError("These scopes belong to different roles: make a token of its own for each.")
    if not now < ends <= now + LONGEST:
        raise ConfigError(f"A token lasts from one to {LONGEST.days} days.")
    with conn.transaction():
        given = {"login": LOGIN + name, "name": name, "initials": name[:2].upper()}
        row = conn.execute(SQL["put_machine"], given).fetchone()
        assert row is not None, "no person's login begins so"
        given = {"staff": row[0], "team": team, "role": roles.pop().value}
        conn.execute(SQL["leave_teams"], given)
        if conn.execute(SQL["join_team"], given).fetchone() is None:
            raise ConfigError(f"There is no team {team}.")
        revoke(conn, name, now)
        row_of = {"staff": row[0], "hash": hash_, "scopes": list(scopes), "now": now, "by": by, "expires_at": ends}
        conn.execute(SQL["add"], row_of)


def revoke(conn: Connection, name: str, now: datetime) -> bool:
    """False: no token of this name was in force."""
    return conn.execute(SQL["revoke"], {"login": LOGIN + name, "now": now}).fetchone() is not None


def listed(conn: Connection) -> list[Listed]:
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(SQL["all"]).fetchall()
