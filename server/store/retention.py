"""How long readings are kept: for ever, unless the controller has decided otherwise, by name and with a reason.

The clock deletes only what the newest decision says, a few days of readings at a time, and notes what it deleted: a
decision that was a mistake, or a clock that went wrong, has done little when somebody sees it. Events, alerts and
their history stay.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

import psycopg

from server.errors import RetentionError
from server.store import queries

SQL: Final = queries.load("retention")
SHORTEST_DAYS: Final = 30  # the replay of a limit looks back so far
DAYS_AT_ONCE: Final = 2  # every hour
ROWS_AT_ONCE: Final = 50_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """`keep_days` None: everything is kept."""

    id: int
    keep_days: int | None
    by: str
    at: datetime
    reason: str


def decide(conn: psycopg.Connection, *, keep_days: int | None, by: str, reason: str, now: datetime) -> None:
    if not by.strip() or not reason.strip():
        raise RetentionError("Say who decides it and why: it stays on record.")
    if keep_days is not None and keep_days < SHORTEST_DAYS:
        raise RetentionError(f"Readings are kept for at least {SHORTEST_DAYS} days.")
    conn.execute(SQL["decide"], {"keep_days": keep_days, "by": by, "reason": reason, "now": now})


def standing(conn: psycopg.Connection) -> Decision | None:
    row = conn.execute(SQL["standing"]).fetchone()
    if row is None:
        return None
    id_, keep_days, by, at, reason = row
    return Decision(id=id_, keep_days=keep_days, by=by, at=at, reason=reason)


def deleted(conn: psycopg.Connection) -> list[tuple[Any, ...]]:
    """(decision, what, rows, taken before) of all that was deleted."""
    return conn.execute(SQL["deleted"]).fetchall()


def carry_out(conn: psycopg.Connection, now: datetime) -> int:
    """A piece of what the decision says; how many days of patients' readings went. `conn` is in autocommit mode."""
    decision = standing(conn)
    before = _before(decision, now)
    if decision is None or before is None:
        return 0
    due = conn.execute(SQL["parts"], {"before": before, "most": DAYS_AT_ONCE}).fetchall()
    try:
        for from_at, to_at in due:
            name = f"observation_{from_at.astimezone(UTC):%Y%m%d}"
            _delete(conn, now, decision, name, partial(_drop, conn, from_at, to_at))
        for table, statement in (("device_observation", "delete_apart"), ("latest", "delete_latest")):
            _delete(conn, now, decision, table, partial(_delete_older, conn, statement, before))
    except psycopg.errors.LockNotAvailable:
        log.info("retention: the readings are in use; the next time will do")
    return len(due)


def _delete(conn: psycopg.Connection, now: datetime, by: Decision, what: str, delete: Callable[[], int]) -> None:
    """In a transaction of its own, and only if the decision still stands."""
    with conn.transaction():
        conn.execute(SQL["be_brief"])
        conn.execute(SQL["hold"])
        if standing(conn) != by:
            return
        rows = delete()
        if rows or what.startswith("observation_"):
            told = {"decision": by.id, "now": now, "what": what, "before": _before(by, now), "rows": rows}
            conn.execute(SQL["note"], told)
            log.warning("retention: %d rows of %s deleted, as %s decided on %s", rows, what, by.by, f"{by.at:%Y-%m-%d}")


def _delete_older(conn: psycopg.Connection, statement: str, before: datetime) -> int:
    return conn.execute(SQL[statement], {"before": before, "most": ROWS_AT_ONCE}).rowcount


def _drop(conn: psycopg.Connection, from_at: datetime, to_at: datetime) -> int:
    row = conn.execute(SQL["drop"], {"from": from_at, "to": to_at}).fetchone()
    assert row is not None
    return int(row[0])


def _before(decision: Decision | None, now: datetime) -> datetime | None:
    """The midnight (UTC) before which readings go; None: nothing goes."""
    if decision is None or decision.keep_days is None:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=decision.keep_days)
