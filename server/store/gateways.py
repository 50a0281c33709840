"""What gateways say about themselves: the heartbeat, the last will, and which outbox speaks under which name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from devices.wire.columns import from_millis
from devices.wire.messages import CLOCK_TROUBLE, LinkState, Status
from server.detection.silence import is_clock_off
from server.store import queries
from server.store.teamlog import Entry

SQL: Final = queries.load("gateways")
# Two outboxes within this time are two gateways; later it is one that got a new disk, or the old one back.
TURNS_WITHIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """`started`: the run of the agent that was last heard; None: never. `team_id` None: it stands in nobody's home.
    `clock_was_wrong`: as its last word said; None: that said no time."""

    id: int
    name: str
    bucket: int
    home_id: int | None
    team_id: int | None
    state: str
    state_since: datetime
    started: str | None
    clock_was_wrong: bool | None


def hold(conn: psycopg.Connection, ids: Iterable[int]) -> dict[int, Gateway]:
    found = conn.execute(SQL["hold"], {"ids": np.array(sorted(ids), np.int32), "clock_trouble": CLOCK_TROUBLE})
    return {
        id_: Gateway(
            id=id_,
            name=name,
            bucket=bucket,
            home_id=home_id,
            team_id=team_id,
            state=state,
            state_since=state_since,
            started=started,
            clock_was_wrong=_clock_was_wrong(said_ms, heard_at, is_told=is_told),
        )
        for (
            id_,
            name,
            bucket,
            home_id,
            team_id,
            state,
            state_since,
            started,
            said_ms,
            heard_at,
            is_told,
        ) in found
    }


def clock_is_wrong(status: Status, heard_at: datetime) -> bool | None:
    """None: it says no time."""
    if status.at is None:
        return None
    return CLOCK_TROUBLE in status.troubles or is_clock_off(from_millis(status.at), heard_at)


def _clock_was_wrong(said_ms: int | None, heard_at: datetime | None, *, is_told: bool) -> bool | None:
    if said_ms is None or heard_at is None:
        return None
    return is_told or is_clock_off(from_millis(said_ms), heard_at)


def says_nothing_new(gateway: Gateway, status: Status) -> bool:
    """A last will about a gateway whose silence was already noticed, or about a run before the present one: the broker
    may find an old connection dead after the next run of the agent has said hello."""
    if status.state is not LinkState.LOST:
        return False
    return gateway.state == "silent" or gateway.started not in (None, status.started)


def entry(gateway: Gateway) -> list[Entry]:
    """What its team is told when its state changes; nothing when it is nobody's."""
    if gateway.team_id is None:
        return []
    return [Entry(team_id=gateway.team_id, type="gateway", body={"gateway": gateway.name})]


def hear(conn: psycopg.Connection, gateway_id: int, status: Status, at: datetime) -> None:
    """`at`: when it came. A last will is not a sign of life."""
    parameters = {
        "id": gateway_id,
        "state": str(status.state),
        "at": at,
        "heard": status.state is not LinkState.LOST,
        "status": Jsonb(msgspec.to_builtins(status)),
    }
    conn.execute(SQL["hear"], parameters)


def mark_silent(conn: psycopg.Connection, gateway_id: int, now: datetime) -> datetime | None:
    """The answer is when it was last heard of."""
    row = conn.execute(SQL["silent"], {"id": gateway_id, "now": now}).fetchone()
    return None if row is None else row[0]


def recalled(conn: psycopg.Connection, ids: Iterable[int]) -> frozenset[int]:
    """Whose silence is what one expects."""
    rows = conn.execute(SQL["recalled"], {"ids": np.array(sorted(ids), np.int32)})
    return frozenset(id_ for (id_,) in rows)


def takes_turns(conn: psycopg.Connection, gateway_id: int, outbox: str, at: datetime) -> bool:
    """Note from which outbox a gateway speaks; whether another one has spoken since this one last did."""
    parameters = {"id": gateway_id, "outbox": outbox, "at": at, "since": at - TURNS_WITHIN}
    return conn.execute(SQL["sight_outbox"], parameters).fetchone() is not None


def homes_of(conn: psycopg.Connection, ids: Iterable[int]) -> dict[int, int]:
    return dict(conn.execute(SQL["homes_of"], {"ids": np.array(sorted(ids), np.int32)}).fetchall())


def at_night(conn: psycopg.Connection, doors: Sequence[tuple[int, datetime]]) -> list[bool]:
    """For each (home, instant): whether it lies in that home's night."""
    if not doors:
        return []
    parameters = {
        "homes": np.array([home for home, _ in doors], np.int32),
        "instants": [instant for _, instant in doors],
    }
    nights = {place for (place,) in conn.execute(SQL["nights"], parameters)}
    return [place in nights for place in range(1, len(doors) + 1)]
