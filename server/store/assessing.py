"""Streams that the slow rules must look at: marked with the readings, read for the assessor, taken away with what was
found.

Nothing is locked while readings are read and judged. Then the marks that are still as they were are held, and only what
was found about them is written: who was marked meanwhile is looked at again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import psycopg

from devices.vocabulary import KIND_BY_NUMBER, KINDS
from devices.wire.columns import to_millis
from server.detection.marks import LOOKED_AT, Marks
from server.detection.rows import Ints, stream_keys
from server.store import arrays, queries
from server.store.arrays import Column

SQL: Final = queries.load("assessing")
PATIENT: Final = 0  # the kind of a mark that is not about one stream
LOOKED_AT_NUMBERS: Final = np.array(sorted(KINDS[kind].number for kind in LOOKED_AT), np.int16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """`kind` PATIENT: all streams of the patient. `faults`: how often to look at it has failed."""

    patient: int
    kind: int
    since: datetime
    rev: int
    faults: int
    active: bool

    @property
    def key(self) -> int:
        return (self.patient << 16) | self.kind

    @property
    def is_patient(self) -> bool:
        return self.kind == PATIENT

    def __str__(self) -> str:
        return f"patient {self.patient}" if self.is_patient else f"patient {self.patient} {KIND_BY_NUMBER[self.kind]}"


def mark(conn: psycopg.Connection, marks: Marks, *, sooner: bool = True) -> Marks:
    """In the transaction that stores the readings. The answer is when they are due: one may have been so before.
    `sooner`: what was due later is due now; only for the monitor, which remembers until when marks stand."""
    if not len(marks):
        return marks
    given = {"patient": marks.patient, "kind": marks.kind, "due": _instants(marks.due_ms), "sooner": sooner}
    patient, kind, due = columns(conn, "mark", given | {"since": _instants(marks.since_ms)}) or ((), (), ())
    key = stream_keys(np.asarray(patient), np.asarray(kind))
    order = np.argsort(key)
    assert np.array_equal(key[order], marks.key), "each is marked"
    return replace(marks, due_ms=millis(np.asarray(due))[order])


def mark_moved(conn: psycopg.Connection, streams: Iterable[tuple[int, int, datetime, datetime]], now: datetime) -> None:
    """(patient, kind's number, first, last) of readings that moved, in the transaction that moves them: who lost them
    is looked at again like who got them."""
    since: dict[int, datetime] = {}
    for patient, kind, first, _ in streams:
        if kind in LOOKED_AT_NUMBERS:
            key = (patient << 16) | kind
            since[key] = min(first, since.get(key, first))
    keys = sorted(since)
    moved = Marks(
        key=np.array(keys, np.int64),
        due_ms=np.full(len(keys), to_millis(now), np.int64),
        since_ms=np.array([to_millis(since[key]) for key in keys], np.int64),
    )
    mark(conn, moved, sooner=False)


def due(conn: psycopg.Connection, now: datetime, most: int) -> list[Mark]:
    return [
        Mark(patient=patient, kind=kind, since=since, rev=rev, faults=faults, active=bool(active))
        for patient, kind, since, rev, faults, active in conn.execute(SQL["due"], {"now": now, "most": most})
    ]


def hold(conn: psycopg.Connection, marks: Sequence[Mark]) -> set[int]:
    """Those of these patients none of whose marks has moved, until commit."""
    given = {**_keys(marks), "rev": np.array([each.rev for each in marks], np.int64)}
    held = {(patient << 16) | kind for patient, kind in conn.execute(SQL["hold"], given)}
    return {each.patient for each in marks} - {each.patient for each in marks if each.key not in held}


def done(conn: psycopg.Connection, marks: Sequence[Mark]) -> None:
    """Held."""
    if marks:
        conn.execute(SQL["done"], _keys(marks))


def put_off(conn: psycopg.Connection, marks: Sequence[Mark], due_at: datetime, *, since: datetime) -> None:
    """Held."""
    if marks:
        conn.execute(SQL["put_off"], {**_keys(marks), "due": due_at, "since": since})


def failed(conn: psycopg.Connection, failing: Mark, due_at: datetime) -> int | None:
    """Its team; None: there is no such patient, or mark."""
    given = {"patient": failing.patient, "kind": failing.kind, "due": due_at}
    row = conn.execute(SQL["failed"], given).fetchone()
    return None if row is None else int(row[0])


def failing(conn: psycopg.Connection, patients: Collection[int]) -> dict[int, int]:
    """Of each of their teams: how many streams cannot be looked at."""
    return dict(conn.execute(SQL["failing"], {"patients": _ids(patients)}).fetchall())


def streams_of(conn: psycopg.Connection, patients: Collection[int]) -> list[tuple[int, int]]:
    given = {"patients": _ids(patients), "kinds": LOOKED_AT_NUMBERS}
    return conn.execute(SQL["streams_of"], given).fetchall() if patients else []


def standing(conn: psycopg.Connection, patients: Collection[int]) -> dict[int, set[str]]:
    """The rules of their open alerts, read without a lock."""
    rules: dict[int, set[str]] = {}
    for patient, rule in conn.execute(SQL["standing"], {"references": [str(each) for each in sorted(patients)]}):
        rules.setdefault(patient, set()).add(rule)
    return rules


def plan_anew(conn: psycopg.Connection) -> None:
    """Each statement of this connection, at each use: only the days between its bounds are opened."""
    conn.prepare_threshold = 0
    conn.execute(SQL["plan_anew"])


def columns(conn: psycopg.Connection, name: str, given: Mapping[str, Any]) -> tuple[Column, ...] | None:
    """The one row of a statement that answers columns; None: it found nothing."""
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        return cursor.execute(SQL[name], given).fetchone()


def millis(instants: Column) -> Ints:
    return instants.astype("datetime64[us]").view(np.int64) // 1000


def _instants(ms: Ints) -> Column:
    return (ms * 1000).view("datetime64[us]")


def _keys(marks: Sequence[Mark]) -> dict[str, Any]:
    return {
        "patient": np.array([each.patient for each in marks], np.int32),
        "kind": np.array([each.kind for each in marks], np.int16),
    }


def _ids(patients: Iterable[int]) -> Column:
    return np.array(sorted(patients), np.int32)
