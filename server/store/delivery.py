"""What is committed of each gateway's outbox, what will never come, and what could not be filed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
import psycopg

from devices.wire.messages import Lane
from server.store import queries

SQL: Final = queries.load("delivery")


class LaneKey(NamedTuple):
    gateway_id: int
    outbox: str
    lane: Lane


@dataclass(frozen=True, kw_only=True, slots=True)
class Aside:
    """Something that could not be filed, whole. `gateway`: None when not even that is known."""

    gateway: str | None
    topic: str
    reason: str
    payload: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class LostRange:
    key: LaneKey
    first: int
    last: int
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OtherOutbox:
    """Another outbox that spoke under the same gateway's name."""

    outbox: str
    first_heard_at: datetime
    last_heard_at: datetime


def epoch(conn: psycopg.Connection) -> str:
    row = conn.execute(SQL["epoch"]).fetchone()
    assert row is not None
    return str(row[0])


def hold_lanes(conn: psycopg.Connection, keys: Iterable[LaneKey], at: datetime) -> dict[LaneKey, int]:
    """The mark of each lane, locked until commit; a lane that is new stands at 0."""
    wanted = sorted(set(keys))
    parameters = _columns(wanted)
    found = conn.execute(SQL["hold_lanes"], parameters).fetchall()
    if len(found) < len(wanted):
        conn.execute(SQL["meet_lanes"], {**parameters, "at": at})
        found = conn.execute(SQL["hold_lanes"], parameters).fetchall()
    return {LaneKey(gateway, outbox, Lane(lane)): seq for gateway, outbox, lane, seq in found}


def move_lanes(conn: psycopg.Connection, marks: Mapping[LaneKey, int], at: datetime) -> None:
    keys = sorted(marks)
    if keys:
        seqs = np.array([marks[key] for key in keys], np.int64)
        conn.execute(SQL["move_lanes"], {**_columns(keys), "seqs": seqs, "at": at})


def marks(conn: psycopg.Connection, gateway_id: int, outbox: str) -> dict[Lane, int]:
    """What of each lane of an outbox is committed; a lane that never sent is not in the answer."""
    found = conn.execute(SQL["marks"], {"gateway": gateway_id, "outbox": outbox}).fetchall()
    return {Lane(lane): seq for lane, seq in found}


def declare_lost(conn: psycopg.Connection, ranges: Sequence[LostRange], at: datetime) -> list[LostRange]:
    """Which of them are news."""
    if not ranges:
        return []
    parameters = _columns([each.key for each in ranges]) | {
        "firsts": np.array([each.first for each in ranges], np.int64),
        "lasts": np.array([each.last for each in ranges], np.int64),
        "whys": [each.why for each in ranges],
        "at": at,
    }
    return [
        LostRange(key=LaneKey(gateway, outbox, Lane(lane)), first=first, last=last, why=why)
        for gateway, outbox, lane, first, last, why in conn.execute(SQL["declare_lost"], parameters)
    ]


def set_aside(conn: psycopg.Connection, asides: Sequence[Aside], at: datetime) -> None:
    if asides:
        parameters = {
            "at": at,
            "gateways": [aside.gateway for aside in asides],
            "topics": [aside.topic for aside in asides],
            "reasons": [aside.reason.replace("\0", "?") for aside in asides],
            "payloads": [aside.payload for aside in asides],
        }
        conn.execute(SQL["set_aside"], parameters)


def prune_set_aside(conn: psycopg.Connection, keep: int) -> int:
    return conn.execute(SQL["prune_set_aside"], {"keep": keep}).rowcount


def sight_outbox(
    conn: psycopg.Connection, gateway_id: int, outbox: str, at: datetime, since: datetime
) -> OtherOutbox | None:
    """Note from which outbox a gateway speaks; the answer is another one that spoke since the given instant."""
    parameters = {"gateway": gateway_id, "outbox": outbox, "at": at, "since": since}
    row = conn.execute(SQL["sight_outbox"], parameters).fetchone()
    if row is None:
        return None
    return OtherOutbox(outbox=row[0], first_heard_at=row[1], last_heard_at=row[2])


def _columns(keys: Sequence[LaneKey]) -> dict[str, object]:
    return {
        "gateways": np.array([key.gateway_id for key in keys], np.int32),
        "outboxes": [key.outbox for key in keys],
        "lanes": [str(key.lane) for key in keys],
    }
