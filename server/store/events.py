"""Events and live streams' silences into the database, each once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import psycopg

from devices.vocabulary import ClockTrust, EventType, GapReason
from devices.wire.topics import Topic
from server.store import queries
from server.store.devices import Binding

SQL: Final = queries.load("delivery")


@dataclass(frozen=True, kw_only=True, slots=True)
class FiledEvent:
    """`binding` is whose it was when it happened. `claimed_at`: what the device said, when that cannot be."""

    device_id: int
    slot: int
    type: EventType
    occurred_at: datetime
    claimed_at: datetime | None = None
    received_at: datetime
    clock: ClockTrust
    gateway_id: int
    binding: Binding
    address: str
    topic: Topic


@dataclass(frozen=True, kw_only=True, slots=True)
class FiledGap:
    device_id: int
    slot: int
    from_at: datetime
    to_at: datetime
    why: GapReason
    binding: Binding


def file_events(conn: psycopg.Connection, events: Sequence[FiledEvent]) -> list[FiledEvent]:
    """Store them; the answer is the ones that were new, in the order in which they happened."""
    if not events:
        return []
    parameters = {
        "devices": np.array([event.device_id for event in events], np.int32),
        "slots": np.array([event.slot for event in events], np.int16),
        "types": [str(event.type) for event in events],
        "occurred": [event.occurred_at for event in events],
        "received": [event.received_at for event in events],
        "clocks": np.array([event.clock for event in events], np.int16),
        "patients": np.array([event.binding.patient_id for event in events], np.int32),
        "homes": np.array([event.binding.home_id for event in events], np.int32),
        "gateways": np.array([event.gateway_id for event in events], np.int32),
    }
    new = set(conn.execute(SQL["file_events"], parameters).fetchall())
    fresh = {_key(event): event for event in reversed(events) if _key(event) in new}
    return sorted(fresh.values(), key=lambda event: event.occurred_at)


def file_gaps(conn: psycopg.Connection, gaps: Sequence[FiledGap]) -> None:
    if gaps:
        parameters = {
            "devices": np.array([gap.device_id for gap in gaps], np.int32),
            "slots": np.array([gap.slot for gap in gaps], np.int16),
            "patients": np.array([gap.binding.patient_id for gap in gaps], np.int32),
            "froms": [gap.from_at for gap in gaps],
            "tos": [gap.to_at for gap in gaps],
            "whys": [str(gap.why) for gap in gaps],
        }
        conn.execute(SQL["file_gaps"], parameters)


def _key(event: FiledEvent) -> tuple[int, str, datetime]:
    return event.device_id, str(event.type), event.occurred_at
