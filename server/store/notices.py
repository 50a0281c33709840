"""Calls of people outside of the screens, as rows: who is called about what, on which way, and what became of it.

`call` is written with the decision to call, in its transaction; server/notify.py sends what is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import numpy as np
import psycopg
from psycopg.rows import class_row

from server.alerts.model import Action
from server.store import queries, signals

SQL: Final = queries.load("notices")
NEXT_WAY_AFTER: Final = timedelta(seconds=60)  # without a receipt [proposal]
LOST_FOR: Final = timedelta(hours=24)  # a call that was given up concerns the team that long
# What somebody did after a call: then nobody needs it any more.
ANSWERS: Final = (
    Action.ACKNOWLEDGED,
    Action.HANDLED,
    Action.ENDED,
    Action.ASSIGNED,
    Action.ON_WAY,
    Action.THERE,
    Action.CONTACT_MADE,
    Action.SNOOZED,
)
Way = Literal["push", "sms", "email"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """Of one of the staff on all of their ways, or of a number (+4791234567) by SMS. `rev`: the alert's, after the
    change that calls; the same person is called once for each (alert, rev, step)."""

    alert: int
    rev: int
    step: int
    staff: int | None = None
    phone: str | None = None

    def __post_init__(self) -> None:
        assert (self.staff is None) != (self.phone is None), "a call is of one of the staff, or of a number"


def call(conn: psycopg.Connection, calls: Sequence[Call], now: datetime) -> int:
    """In the caller's transaction, before the teams' logs; for any role. How many calls were written."""
    if not calls:
        return 0
    given = {
        "alerts": np.array([each.alert for each in calls], np.int64),
        "revs": np.array([each.rev for each in calls], np.int32),
        "steps": np.array([each.step for each in calls], np.int16),
        "staff": [each.staff for each in calls],
        "phones": [each.phone for each in calls],
        "now": now,
        "wait": NEXT_WAY_AFTER,
    }
    written = conn.execute(SQL["call"], given).rowcount
    if written:
        signals.send(conn, signals.Channel.NOTICE)
    return written


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """One that is to be sent now. `tries`: this one included. `closed`: its way does not hold any more."""

    id: int
    purpose: Literal["alert", "test", "code", "broken"]
    alert_id: int | None
    priority: str | None
    staff_id: int | None
    way_id: int | None
    way: Way
    lane: str
    address: str
    keys: Mapping[str, str] | None
    language: Literal["nb", "en"]
    code: str | None
    tries: int
    closed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """A way that the installation has. `public_key`: of push; `own_hosts`: services beside those of the browsers."""

    way: Way
    public_key: str
    own_hosts: Sequence[str]


def settle(conn: psycopg.Connection, now: datetime) -> None:
    """What is seen, answered, or said by a later call is not sent any more."""
    conn.execute(SQL["settle"], {"now": now, "answers": [str(each) for each in ANSWERS]})
    conn.execute(SQL["cover"], {"now": now})


def lanes(conn: psycopg.Connection, now: datetime) -> list[str]:
    return [lane for (lane,) in conn.execute(SQL["lanes"], {"now": now})]


def claim(conn: psycopg.Connection, lane: str, now: datetime, *, until: datetime, most: int) -> list[Notice]:
    """They are this sender's until then; if it dies, they are sent again."""
    with conn.cursor(row_factory=class_row(Notice)) as cursor:
        return cursor.execute(SQL["claim"], {"lane": lane, "now": now, "until": until, "most": most}).fetchall()


def sent(conn: psycopg.Connection, notice: Notice, provider_id: str | None, now: datetime) -> None:
    conn.execute(SQL["sent"], {"id": notice.id, "provider_id": provider_id, "now": now})


def put_off(conn: psycopg.Connection, notice: Notice, fault: str, next_at: datetime, now: datetime) -> None:
    """The person's next way does not wait for it."""
    conn.execute(SQL["put_off"], {"id": notice.id, "tries": notice.tries, "fault": fault, "next_at": next_at})
    _hurry(conn, notice, now)


def give_up(
    conn: psycopg.Connection, notice: Notice, fault: str, now: datetime, *, state: Literal["failed", "dead"]
) -> bool:
    """False: it is not this sender's any more."""
    given = {"id": notice.id, "fault": fault, "now": now, "state": state}
    _hurry(conn, notice, now)
    return conn.execute(SQL["give_up"], given).rowcount > 0


def withdraw(conn: psycopg.Connection, notice: Notice, now: datetime) -> None:
    conn.execute(SQL["withdraw"], {"id": notice.id, "now": now})
    _hurry(conn, notice, now)


def break_way(conn: psycopg.Connection, notice: Notice, why: str, now: datetime) -> None:
    """And its owner hears of it on the others."""
    if conn.execute(SQL["break_way"], {"way": notice.way_id, "why": why, "now": now}).rowcount:
        conn.execute(SQL["tell_owner"], {"staff": notice.staff_id, "now": now})


def teams_of(conn: psycopg.Connection, notice: Notice) -> list[int]:
    return sorted(team for (team,) in conn.execute(SQL["teams_of"], {"id": notice.id}))


def lost(conn: psycopg.Connection, now: datetime) -> dict[int, int]:
    """Team -> calls that were given up lately, on ways that have not worked since."""
    return dict(conn.execute(SQL["lost"], {"since": now - LOST_FOR}).fetchall())


def told(conn: psycopg.Connection, rule: str) -> list[int]:
    """Teams with a standing alert of this rule."""
    return [team for (team,) in conn.execute(SQL["standing"], {"rule": rule})]


def offer(conn: psycopg.Connection, offers: Mapping[Way, str], own_hosts: Iterable[str]) -> str:
    """Says what this installation has; the key of push that browsers know, "" without one."""
    conn.execute(SQL["withdraw_offers"], {"ways": list(offers)})
    known = ""
    for way, key in offers.items():
        given: dict[str, Any] = {"way": way, "public_key": key, "own_hosts": list(own_hosts)}
        row = conn.execute(SQL["offer"], given).fetchone()
        assert row is not None
        known = row[0] or known
    return known


def offers(conn: psycopg.Connection) -> list[Offer]:
    with conn.cursor(row_factory=class_row(Offer)) as cursor:
        return cursor.execute(SQL["offers"]).fetchall()


def _hurry(conn: psycopg.Connection, notice: Notice, now: datetime) -> None:
    if notice.purpose == "alert" and notice.staff_id is not None:
        conn.execute(SQL["hurry"], {"id": notice.id, "staff": notice.staff_id, "now": now})
