"""Silence made durable: what is awaited until when.

Every statement locks these rows in order of type and subject.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from server.store import queries

SQL: Final = queries.load("deadlines")
DUE_MAX: Final = 500  # in one round of the clock


class DeadlineType(StrEnum):
    GATEWAY_SILENT = "gateway_silent"  # met by a heartbeat; expired: an alert
    IDENTITY_CONFLICT = "identity_conflict"  # put off by every new sign of it; expired: it is over
    MONITOR_BACK = "monitor_back"  # expired: the note that a role was down has been there long enough
    HOME = "home"  # what a home waits for (a door to close, somebody to come back); expired: the home looks again
    ESCALATION = "escalation"  # an alert that nobody has taken; server/store/escalations.py makes it go on
    MEASUREMENT = "measurement"  # of a kind, planned for a patient: the ledger looks at it when it is due
    SNOOZE = "snooze"  # `part`: an alert that was put off; expired: it rings again
    SENSOR = "sensor"  # a device's sign of life, battery and clock: the ledger looks at it when it is due
    PROOF = "proof"  # met by a gateway's trial of its alarm path; expired: an alert


# Rows that are never just over: server/store/expectations.py and sensors.py judge them, and they are due again.
LEDGER: Final = frozenset({DeadlineType.MEASUREMENT, DeadlineType.SENSOR})


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadline:
    """`every_s`: from a sign of life until it is due. `part`: which of several of this type about one subject."""

    subject_id: int
    due_at: datetime
    every_s: float
    part: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    id: int
    type: DeadlineType
    subject_id: int
    subject_type: str
    reference: str
    part: str
    detail: Mapping[str, Any]


def set_deadlines(conn: psycopg.Connection, type_: DeadlineType, deadlines: Sequence[Deadline]) -> None:
    """About held subjects. A sign of life older than the newest changes nothing; an expired one waits again."""
    if deadlines:
        parameters = {
            "type": str(type_),
            "subjects": np.array([each.subject_id for each in deadlines], np.int64),
            "dues": [each.due_at for each in deadlines],
            "everies": np.array([each.every_s for each in deadlines], np.float64),
            "parts": [each.part for each in deadlines],
            "details": [Jsonb(dict(each.detail)) for each in deadlines],
        }
        conn.execute(SQL["set"], parameters)


def cancel(conn: psycopg.Connection, type_: DeadlineType, awaited: Iterable[tuple[int, str]]) -> None:
    """Nothing is awaited any more: (subject, part), about held subjects."""
    if keys := sorted(set(awaited)):
        subjects = np.array([subject for subject, _ in keys], np.int64)
        conn.execute(SQL["cancel"], {"type": str(type_), "subjects": subjects, "parts": [part for _, part in keys]})


def expect(conn: psycopg.Connection, type_: DeadlineType, subject_ids: Iterable[int], *, within: timedelta) -> None:
    """A first sign of life about held subjects, of which none was awaited before."""
    subjects = np.array(sorted(subject_ids), np.int64)
    conn.execute(SQL["expect"], {"type": str(type_), "subjects": subjects, "within_s": within.total_seconds()})


def due(conn: psycopg.Connection, now: datetime, types: Iterable[DeadlineType]) -> list[Due]:
    parameters = {"now": now, "types": [str(each) for each in types], "limit": DUE_MAX}
    return [
        Due(
            id=id_,
            type=DeadlineType(type_),
            subject_id=subject,
            subject_type=kind,
            reference=reference,
            part=part,
            detail=detail,
        )
        for id_, type_, subject, kind, reference, part, detail in conn.execute(SQL["due"], parameters)
    ]


def expire(conn: psycopg.Connection, ids: Iterable[int], now: datetime) -> dict[int, tuple[datetime, float]]:
    """Of held subjects: those that nobody met meanwhile, with when they were due and after how many seconds."""
    found: list[tuple[Any, ...]] = conn.execute(
        SQL["expire"], {"ids": np.array(sorted(ids), np.int64), "now": now}
    ).fetchall()
    return {id_: (due_at, every_s) for id_, due_at, every_s in found}


def move_all(conn: psycopg.Connection, now: datetime) -> int:
    return conn.execute(SQL["move"], {"now": now}).rowcount
