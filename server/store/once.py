"""Changes that are sent again are done once. Call `sessions.identify` first; a key is one staff member's own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from server.store import queries

SQL: Final = queries.load("once")
REMEMBERED: Final = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    request: bytes
    answer: Any


def begin(conn: Connection, key: str, request: bytes, now: datetime) -> Done | None:
    """None: it is new, and done when this transaction is. Waits for another transaction that does the same."""
    conn.execute(SQL["forget_old"], {"before": now - REMEMBERED})
    given = {"key": key, "request": request, "now": now}
    if conn.execute(SQL["begin"], given).fetchone() is not None:
        return None
    row = conn.execute(SQL["done"], {"key": key}).fetchone()
    assert row is not None, "only its owner deletes it, and only when it is old"
    return Done(request=row[0], answer=row[1])


def find(conn: Connection, key: str, now: datetime) -> Done | None:
    """What was done before; begins nothing."""
    row = conn.execute(SQL["found"], {"key": key, "since": now - REMEMBERED}).fetchone()
    return None if row is None else Done(request=row[0], answer=row[1])


def answered(conn: Connection, key: str, answer: Any) -> None:
    conn.execute(SQL["answered"], {"key": key, "answer": Jsonb(answer)})
