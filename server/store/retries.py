"""Messages that were set aside, tried again because an administrator asks for it: the asking, and the answer.

As staff ask, everything goes through row-level security: call `sessions.identify` first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.errors import CareError
from server.store import queries

SQL: Final = queries.load("retries")
SHOWN: Final = 5  # of a message, the newest
BEGUN_MAX: Final = 3  # a message that ends whoever tries it is not tried for ever
UNKNOWN: Final = "unknown"
WHY_NOT: Final = MappingProxyType(
    {
        UNKNOWN: "No message that was set aside has this number, or it is another team's.",
        "waits": "This message waits to be tried already.",
        "full": "A hundred messages wait to be tried: try again when some of them are done.",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """`tried_at` None: it waits. `stored`: readings that were new; `events`: what devices said happened, and was new;
    `refused`: rows, because of `why`."""

    id: int
    message: int
    asked_by: int
    asked_at: datetime
    reason: str
    tried_at: datetime | None
    stored: int
    events: int
    refused: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    stored: int = 0
    events: int = 0
    refused: int = 0
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """`begun`: how often, this time included. `payload` None: the message is not kept any more."""

    id: int
    begun: int
    topic: str | None
    payload: bytes | None
    came_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    id: int
    at: datetime
    gateway: str | None
    reason: str
    size: int
    tries: int


def ask(conn: Connection, message: int, now: datetime, reason: str) -> str | None:
    """In the name of whoever is identified. None: it will be tried; else a key of WHY_NOT."""
    row = conn.execute(SQL["ask"], {"message": message, "now": now, "reason": reason}).fetchone()
    assert row is not None, "a function always answers"
    return None if row[0] is None else str(row[0])


def of(conn: Connection, messages: Collection[int]) -> dict[int, list[Try]]:
    """Those that there are of each, the newest first."""
    found: dict[int, list[Try]] = {}
    with conn.cursor(row_factory=class_row(Try)) as cursor:
        for each in cursor.execute(SQL["of"], {"messages": list(messages), "most": SHOWN}):
            found.setdefault(each.message, []).append(each)
    return found


# ---- for whoever runs the server


def staff(conn: Connection, login: str) -> int:
    row = conn.execute(SQL["staff"], {"login": login}).fetchone()
    if row is None:
        raise CareError(f"Nobody who works here has the login {login}: say with --by who asks.")
    return int(row[0])


def listed(conn: Connection, most: int) -> list[Listed]:
    with conn.cursor(row_factory=class_row(Listed)) as cursor:
        return cursor.execute(SQL["listed"], {"most": most}).fetchall()


def answer(conn: Connection, message: int) -> Try | None:
    """What became of the newest try."""
    with conn.cursor(row_factory=class_row(Try)) as cursor:
        return cursor.execute(SQL["answer"], {"message": message}).fetchone()


# ---- the monitor's


def begin(conn: Connection, monitor: str | None = None) -> Waiting | None:
    """The next one, in a transaction of its own: that it was begun stays, whatever becomes of it. `monitor`: of those
    in its buckets."""
    row = conn.execute(SQL["begin"], {"most": BEGUN_MAX, "monitor": monitor}).fetchone()
    if row is None:
        return None
    id_, begun, topic, payload, came_at = row
    return Waiting(id=id_, begun=begun, topic=topic, payload=payload, came_at=came_at)


def hold(conn: Connection, id_: int) -> bool:
    """Until commit. False: another monitor has it, or it is done."""
    return conn.execute(SQL["hold"], {"id": id_}).fetchone() is not None


def answered(conn: Connection, id_: int, outcome: Outcome, now: datetime) -> None:
    given = {"stored": outcome.stored, "events": outcome.events, "refused": outcome.refused, "why": outcome.why[:500]}
    conn.execute(SQL["answered"], {**given, "id": id_, "now": now})
