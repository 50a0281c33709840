"""Sessions of staff, and in whose name a transaction runs."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import Deed, Role, teams_where
from server.store import queries

SQL: Final = queries.load("session")
SESSION_CLOSED: Final = "hjemvakt_session"
# Nobody asked anything, and no screen was open, for so long [proposal]: whoever finds the machine is not let in. A
# screen that is open counts as somebody: a duty room must not go dark.
IDLE: Final = timedelta(hours=2)
USED_EVERY: Final = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who asks: a staff member with an open session, and the role in each of the teams."""

    staff: int
    token_hash: bytes
    expires_at: datetime
    roles: Mapping[int, Role]
    session: int = 0
    used_at: datetime | None = None
    way: str = "password"
    opened: frozenset[int] = frozenset()
    """Patients of other teams, in an emergency."""
    code_awaited: bool = False
    """A code is demanded of one of the roles, and this person has none yet."""

    def teams(self, deed: Deed) -> frozenset[int]:
        return teams_where(self.roles, deed)

    def may_see(self, patient: int, team: int) -> bool:
        seeing = self.teams(Deed.SEE_PATIENTS)
        return team in seeing or (bool(seeing) and patient in self.opened)


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionRow:
    id: int
    opened_at: datetime
    used_at: datetime
    expires_at: datetime
    way: str


def identify(conn: Connection, staff: int) -> None:
    """For the rest of this transaction, row-level security lets through what `staff` may see."""
    conn.execute(SQL["identify"], {"staff": str(staff)})


def find(conn: Connection, token_hash: bytes, now: datetime, *, beginners: bool = False) -> Caller | None:
    """`beginners`: those, too, who have still to begin with codes."""
    return standing(conn, [token_hash], now, beginners=beginners).get(token_hash)


def standing(
    conn: Connection, token_hashes: Collection[bytes], now: datetime, *, beginners: bool = False
) -> dict[bytes, Caller]:
    """Those of the sessions that are still open."""
    rows = conn.execute(SQL["standing"], {"token_hashes": list(token_hashes), "now": now, "idle": IDLE})
    return {
        token_hash: Caller(
            staff=staff,
            token_hash=token_hash,
            expires_at=expires_at,
            roles={int(team): Role(role) for team, role in roles.items()},
            session=session,
            used_at=used_at,
            way=way,
            opened=frozenset(opened),
            code_awaited=code_awaited,
        )
        for token_hash, session, staff, expires_at, used_at, way, roles, opened, code_awaited in rows
        if beginners or not code_awaited
    }


def used(conn: Connection, callers: Collection[Caller], now: datetime) -> None:
    """Written at most once a minute for each."""
    hashes = [each.token_hash for each in callers if each.used_at is None or now - each.used_at >= USED_EVERY]
    if hashes:
        conn.execute(SQL["used"], {"token_hashes": hashes, "now": now})


def coded(conn: Connection, token_hash: bytes) -> None:
    """The first code was shown in this session, after `identify`."""
    conn.execute(SQL["coded"], {"token_hash": token_hash})


def password_of(conn: Connection, login: str) -> tuple[int, str] | None:
    """Staff id and password hash of an active login."""
    return conn.execute(SQL["staff_by_login"], {"login": login}).fetchone()


def open_session(
    conn: Connection, *, staff: int, token_hash: bytes, now: datetime, expires_at: datetime, way: str = "password"
) -> None:
    row = {"staff": staff, "token_hash": token_hash, "now": now, "expires_at": expires_at, "way": way, "idle": IDLE}
    conn.execute(SQL["open_session"], row)


def close(conn: Connection, token_hash: bytes) -> None:
    conn.execute(SQL["close_session"], {"token_hash": token_hash})


def of_staff(conn: Connection, staff: int, now: datetime) -> list[SessionRow]:
    """Empty for whoever is neither the caller nor in a team that the caller administers."""
    with conn.cursor(row_factory=class_row(SessionRow)) as cursor:
        return cursor.execute(SQL["sessions_of"], {"staff": staff, "now": now, "idle": IDLE}).fetchall()


def is_member(conn: Connection, staff: int, teams: Collection[int]) -> bool:
    return conn.execute(SQL["is_member"], {"staff": staff, "teams": list(teams)}).fetchone() == (True,)


def end(conn: Connection, staff: int, session: int) -> bool:
    """False: there is none that the caller may end."""
    return conn.execute(SQL["end_session"], {"staff": staff, "session": session}).fetchone() == (True,)


def whoami(conn: Connection, staff: int) -> tuple[tuple[int, str, str], list[tuple[int, str]]]:
    """(id, name, initials) and (team id, team name) each; after `identify`."""
    person = conn.execute(SQL["me"], {"staff": staff}).fetchone()
    assert person is not None, "a session's staff exists"
    return person, conn.execute(SQL["my_team_names"]).fetchall()
