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
REASON_MAX: Final = 500


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


def marks(conn: psycopg.Connection, outboxes: Iterable[tuple[int, str]]) -> dict[LaneKey, int]:
    """What is committed, or will be with this transaction, of every lane of (gateway id, outbox)."""
    wanted = sorted(set(outboxes))
    if not wanted:
        return {}
    parameters = {
        "gateways": np.array([gateway for gateway, _ in wanted], np.int32),
        "outboxes": [outbox for _, outbox in wanted],
    }
    found = conn.execute(SQL["marks"], parameters)
    return {LaneKey(gateway, outbox, Lane(lane)): seq for gateway, outbox, lane, seq in found}


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
            "reasons": [aside.reason.replace("\0", "?")[:REASON_MAX] for aside in asides],
            "payloads": [aside.payload for aside in asides],
        }
        conn.execute(SQL["set_aside"], parameters)


def prune_set_aside(conn: psycopg.Connection, keep: int) -> int:
    return conn.execute(SQL["prune_set_aside"], {"keep": keep}).rowcount


def _columns(keys: Sequence[LaneKey]) -> dict[str, object]:
    return {
        "gateways": np.array([key.gateway_id for key in keys], np.int32),
        "outboxes": [key.outbox for key in keys],
        "lanes": [str(key.lane) for key in keys],
    }
