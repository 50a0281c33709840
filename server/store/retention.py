"""How long readings are kept, and how long each of them: for ever, unless the controller has decided otherwise, by name
and with a reason.

Two decisions that know nothing of each other: readings are deleted, or thinned to one for each hour. The clock role
does only what the newest of each says, a few days of readings at a time, and notes what it did: a decision that was a
mistake, or a clock that went wrong, has done little when somebody sees it. Events, alerts and their history stay.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

import numpy as np
import psycopg

from devices.vocabulary import KINDS, Kind
from server.errors import RetentionError
from server.store import queries

SQL: Final = queries.load("retention")
SHORTEST_DAYS: Final = 30  # the replay of a limit looks back so far
DAYS_AT_ONCE: Final = 2  # every hour
ROWS_AT_ONCE: Final = 50_000
BY_HAND: Final = 4  # so many readings in an hour are not a stream: they stay
SPARED: Final = (Kind.GLUCOSE_ISF,)  # times in range are counted from each value, at most 1440 a day

log = logging.getLogger(__name__)


class About(StrEnum):
    DELETION = "deletion"
    THINNING = "thinning"


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """`days` None: nothing is done."""

    id: int
    days: int | None
    by: str
    at: datetime
    reason: str


def decide(
    conn: psycopg.Connection,
    *,
    about: About,
    days: int | None,
    by: str,
    reason: str,
    now: datetime,
) -> None:
    if not by.strip() or not reason.strip():
        raise RetentionError("Say who decides it and why: it stays on record.")
    if days is not None and days < SHORTEST_DAYS:
        raise RetentionError(f"Readings are kept as they came for at least {SHORTEST_DAYS} days.")
    given = {"about": str(about), "keep_days": days, "by": by, "reason": reason, "now": now}
    conn.execute(SQL["decide"], given)


def standing(conn: psycopg.Connection, about: About) -> Decision | None:
    row = conn.execute(SQL["standing"], {"about": str(about)}).fetchone()
    if row is None:
        return None
    id_, days, by, at, reason = row
    return Decision(id=id_, days=days, by=by, at=at, reason=reason)


def gone(conn: psycopg.Connection, about: About) -> int:
    """How many rows were deleted, or thinned away, in all."""
    return _count(conn, "gone", {"about": str(about)})


def thinned_until(conn: psycopg.Connection) -> datetime | None:
    """Before it readings may be means of hours; None: nothing was thinned."""
    row = conn.execute(SQL["thinned_until"]).fetchone()
    assert row is not None
    at: datetime | None = row[0]
    return at


def delete_some(conn: psycopg.Connection, now: datetime) -> int:
    """A piece of what is decided; how many days of patients' readings it was at. `conn` is in autocommit mode."""
    decision = standing(conn, About.DELETION)
    before = _before(decision, now)
    if decision is None or before is None:
        return 0
    due = conn.execute(SQL["parts"], {"before": before, "most": DAYS_AT_ONCE}).fetchall()
    for from_at, to_at in due:
        _do(conn, now, About.DELETION, decision, _part(from_at), partial(_drop, conn, from_at, to_at))
    for table, statement in (("device_observation", "delete_apart"), ("latest", "delete_latest")):
        _do(conn, now, About.DELETION, decision, table, partial(_delete_older, conn, statement, before))
    return len(due)


def thin_some(conn: psycopg.Connection, now: datetime) -> int:
    """The same. It reads what it thins, so it may take long."""
    decision = standing(conn, About.THINNING)
    before = _before(decision, now)
    if decision is None or before is None:
        return 0
    given = {"before": before, "not_before": _before(standing(conn, About.DELETION), now), "most": DAYS_AT_ONCE}
    due = conn.execute(SQL["parts_to_thin"], given).fetchall()
    for from_at, to_at in due:
        _do(conn, now, About.THINNING, decision, _part(from_at), partial(_thin, conn, from_at, to_at))
    return len(due)


def _do(conn: psycopg.Connection, now: datetime, about: About, by: Decision, what: str, act: Callable[[], int]) -> None:
    """In a transaction of its own, and only if the decision still stands."""
    try:
        with conn.transaction():
            conn.execute(SQL["be_brief"])
            conn.execute(SQL["hold"])
            if standing(conn, about) != by:
                return
            rows = act()
            if rows or what.startswith("observation_"):
                told = {"decision": by.id, "now": now, "what": what, "before": _before(by, now), "rows": rows}
                conn.execute(SQL["note"], told)
                said = f"{by.by} decided on {by.at:%Y-%m-%d}"
                log.warning("%s: %d rows of %s are gone, as %s", about, rows, what, said)
    except psycopg.errors.LockNotAvailable:
        log.info("%s: %s is in use; the next time will do", about, what)


def _part(from_at: datetime) -> str:
    return f"observation_{from_at.astimezone(UTC):%Y%m%d}"


def _delete_older(conn: psycopg.Connection, statement: str, before: datetime) -> int:
    return conn.execute(SQL[statement], {"before": before, "most": ROWS_AT_ONCE}).rowcount


def _drop(conn: psycopg.Connection, from_at: datetime, to_at: datetime) -> int:
    given = {"from": from_at, "to": to_at}
    conn.execute(SQL["forget_thinned"], given)
    return _count(conn, "drop", given)


def _thin(conn: psycopg.Connection, from_at: datetime, to_at: datetime) -> int:
    spared = np.array([KINDS[kind].number for kind in SPARED], np.int16)
    return _count(conn, "thin", {"from": from_at, "to": to_at, "spared": spared, "by_hand": BY_HAND})


def _count(conn: psycopg.Connection, statement: str, given: dict[str, Any]) -> int:
    row = conn.execute(SQL[statement], given).fetchone()
    assert row is not None
    return int(row[0])


def _before(decision: Decision | None, now: datetime) -> datetime | None:
    """The midnight (UTC) before which readings go; None: nothing goes."""
    if decision is None or decision.days is None:
        return None
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=decision.days)
