"""Members' own ways, and what became of calls, as far as the caller may see. After `sessions.identify`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from server.store import queries, signals
from server.store.notices import Way

SQL: Final = queries.load("ways")
CODE_TRIES: Final = 5
CODE_HOLDS: Final = timedelta(minutes=15)
SHOWN_MAX: Final = 200
Language = Literal["nb", "en"]


@dataclass(frozen=True, kw_only=True, slots=True)
class WayRow:
    id: int
    way: Way
    address: str
    lane: str
    language: Language
    enabled: bool
    added_at: datetime
    confirmed_at: datetime | None
    broken_since: datetime | None
    broken_why: str
    last_state: str | None
    last_at: datetime | None
    last_fault: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CountRow:
    team_id: int
    way: Way
    state: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadRow:
    """`staff` None: a number in a chain."""

    id: int
    team_id: int
    alert_id: int
    staff: str | None
    way: Way
    state: str
    tries: int
    made_at: datetime
    ended_at: datetime
    fault: str


def mine(conn: Connection) -> list[WayRow]:
    with conn.cursor(row_factory=class_row(WayRow)) as cursor:
        return cursor.execute(SQL["mine"]).fetchall()


def add(
    conn: Connection, way: Way, address: str, *, keys: Mapping[str, str] | None, lane: str, language: str, now: datetime
) -> tuple[int, bool]:
    """Its number, and whether it is confirmed: a browser is, by its own keys."""
    given = {
        "way": way,
        "address": address,
        "keys": None if keys is None else Jsonb(dict(keys)),
        "lane": lane,
        "language": language,
        "now": now,
        "confirmed_at": now if way == "push" else None,
    }
    row = conn.execute(SQL["add"], given).fetchone()
    assert row is not None
    return int(row[0]), bool(row[1])


def send_code(conn: Connection, way: int, code: str, hashed: bytes, now: datetime) -> None:
    conn.execute(SQL["set_code"], {"id": way, "hash": hashed, "until": now + CODE_HOLDS})
    _tell(conn, way, "code", code, now)


def send_test(conn: Connection, way: int, now: datetime) -> None:
    _tell(conn, way, "test", None, now)


def code_of(conn: Connection, way: int, now: datetime) -> bytes | None:
    """The hash of the code that is waited for, and one try less; None: too old, or tried too often."""
    row = conn.execute(SQL["try_code"], {"id": way, "now": now, "most": CODE_TRIES}).fetchone()
    return None if row is None else bytes(row[0])


def confirm(conn: Connection, way: int, now: datetime) -> None:
    conn.execute(SQL["confirm"], {"id": way, "now": now})


def change(conn: Connection, way: int, *, enabled: bool | None, language: str | None) -> bool:
    given = {"id": way, "enabled": enabled, "language": language}
    return conn.execute(SQL["change"], given).fetchone() is not None


def remove(conn: Connection, way: int, now: datetime) -> bool:
    return conn.execute(SQL["remove"], {"id": way, "now": now}).fetchone() is not None


def told_since(conn: Connection, since: datetime) -> int:
    row = conn.execute(SQL["told_since"], {"since": since}).fetchone()
    assert row is not None
    return int(row[0])


def counts(conn: Connection, since: datetime) -> list[CountRow]:
    with conn.cursor(row_factory=class_row(CountRow)) as cursor:
        return cursor.execute(SQL["counts"], {"since": since}).fetchall()


def dead_letter(conn: Connection, since: datetime) -> list[DeadRow]:
    with conn.cursor(row_factory=class_row(DeadRow)) as cursor:
        return cursor.execute(SQL["dead_letter"], {"since": since, "most": SHOWN_MAX}).fetchall()


def _tell(conn: Connection, way: int, purpose: str, code: str | None, now: datetime) -> None:
    conn.execute(SQL["tell"], {"id": way, "purpose": purpose, "code": code, "now": now})
    signals.send(conn, signals.Channel.NOTICE)
