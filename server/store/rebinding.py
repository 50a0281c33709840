"""A binding that was wrong is put right, also for what is stored already: readings and events go to whom they are of.

The bindings change at once, in one short transaction; from then on whatever comes, for the first time or again, finds
its new place. What is stored follows in pieces, each a transaction that holds the device as ingest does, so that an
alarm never waits for long; a piece that was not done is done by the clock. Alerts stay where they were raised, with a
note. Nothing is raised about the past of whoever the readings are of now.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from devices.vocabulary import KIND_BY_NUMBER, Quality
from server.alerts.model import Action, Change
from server.errors import RebindingError
from server.store import alerts, assessing, homes, hours, observations, queries, signals
from server.store.rows import BATTERY

SQL: Final = queries.load("rebinding")
PIECE: Final = timedelta(hours=6)
AHEAD: Final = timedelta(days=1)  # nothing is stored from further in the future

Stream = tuple[int, int]  # a patient and a kind's number


@dataclass(frozen=True, kw_only=True, slots=True)
class Rebinding:
    """From `from_` until `to` (None: from then on) the slot was this patient's or this home's; both None: nobody's."""

    device: str
    slot: int = 0
    from_: datetime
    to: datetime | None = None
    patient: str | None = None
    home: str | None = None
    place: str | None = None
    by: str
    reason: str


class Moved(NamedTuple):
    """`what`: reading, event or gap. `word`: its kind or type. 0 is nobody."""

    what: str
    from_patient: int
    from_home: int
    to_patient: int
    to_home: int
    word: str
    rows: int
    first: datetime
    last: datetime


def rebind(conn: psycopg.Connection, wanted: Rebinding, now: datetime) -> int:
    """Change the bindings; the id of the re-filing that has to follow (`finish`)."""
    _check(wanted)
    with conn.transaction():
        device = _id(conn, "hold_device", f"device {wanted.device}", device=wanted.device)
        period = {"device_id": device, "slot": wanted.slot, "from": wanted.from_, "to": wanted.to or "infinity"}
        whose = _whose(conn, wanted)
        before = _one(conn, "bindings", period)
        _cut(conn, period)
        if wanted.patient is not None or wanted.home is not None:
            conn.execute(SQL["bind"], {**period, **whose})
        id_ = _trace(conn, period, before=before, by=wanted.by, reason=wanted.reason, now=now)
        signals.send(conn, signals.Channel.ENROLMENT)
    return id_


@contextlib.contextmanager
def dated_back(conn: psycopg.Connection, device: str, slot: int, from_: datetime, *, by: str) -> Iterator[None]:
    """Around a new binding in a transaction that holds the device; `finish_all` is for after its commit."""
    id_ = _id(conn, "hold_device", f"device {device}", device=device)
    period = {"device_id": id_, "slot": slot, "from": from_, "to": "infinity"}
    before = _one(conn, "bindings", period)
    yield
    place: dict[str, Any] = {"device": id_, "slot": slot, "from": from_}
    place["patients"] = np.array(_one(conn, "patients", place), np.int32)
    if _one(conn, "oldest", place) is not None:
        now = _one(conn, "now", {})
        _trace(conn, period, before=before, by=by, reason=f"a binding from {from_:%Y-%m-%d %H:%M} on", now=now)


def finish_all(conn: psycopg.Connection) -> None:
    finish(conn, _one(conn, "now", {}))


def _trace(
    conn: psycopg.Connection, period: dict[str, Any], *, before: Any, by: str, reason: str, now: datetime
) -> int:
    """In the transaction that changed the bindings. `period`: device_id, slot, from, to."""
    after = _one(conn, "bindings", period)
    told = {"by": by, "reason": reason, "now": now, "before": Jsonb(before), "after": Jsonb(after)}
    return int(_one(conn, "trace", period | told))


def finish(conn: psycopg.Connection, now: datetime, only: int | None = None) -> None:
    """All re-filings, or one, to the end; what somebody else is at is left to him."""
    for (id_,) in conn.execute(SQL["open"], {"only": only}).fetchall():
        while refile_piece(conn, id_, now):
            pass


def refile_some(conn: psycopg.Connection, now: datetime) -> None:
    """One piece of the oldest that was left over: for the clock, which has other things to do too."""
    open_ = conn.execute(SQL["open"], {"only": None}).fetchone()
    if open_ is not None:
        refile_piece(conn, open_[0], now)


def told(conn: psycopg.Connection, id_: int) -> list[tuple[Any, ...]]:
    return conn.execute(SQL["told"], {"id": id_}).fetchall()


def refile_piece(conn: psycopg.Connection, id_: int, now: datetime) -> bool:
    """False: there is no more to do, or somebody else is at it."""
    with conn.transaction():
        row = conn.execute(SQL["hold"], {"id": id_, "newest": now + AHEAD}).fetchone()
        if row is None:
            return False
        device, slot, from_at, to_at, next_at = row
        place = {"id": id_, "device": device, "slot": slot, "from": next_at or from_at}
        conn.execute(SQL["hold_device_id"], place)
        place["patients"] = np.array(_one(conn, "patients", place), np.int32)
        begin = next_at or _one(conn, "oldest", place)
        if begin is None or begin >= to_at:
            conn.execute(SQL["done"], {"id": id_, "now": now})
            return False
        place |= {"from": begin, "to": min(begin + PIECE, to_at)}
        _move(conn, place, now)
        conn.execute(SQL["come_to"], {"id": id_, "next": place["to"]})
    return True


def _move(conn: psycopg.Connection, place: dict[str, Any], now: datetime) -> None:
    """In the order of locks that ingest keeps: readings, `latest`, marks of what the slow rules must look at, events,
    what homes remember, subjects."""
    conn.execute(SQL["make_days"], place)
    fixed = {"battery": BATTERY, "demonstration": int(Quality.DEMONSTRATION)}
    moved = _moved(conn, "move_readings", place | fixed)
    _renew_latest(conn, moved)
    hours.touch_between(conn, list(_streams_of(moved)))
    assessing.mark_moved(conn, _streams_of(moved), now)
    moved += _moved(conn, "move_homes", place)
    events = _moved(conn, "move_events", place)
    homes.unsettle(conn, {id_ for each in events for id_ in (each.from_home, each.to_home)} - {0})
    moved += events + _moved(conn, "move_gaps", place)
    for each in moved:
        whose = {name: getattr(each, name) for name in ("from_patient", "from_home", "to_patient", "to_home")}
        counted = {"what": each.what, "rows": each.rows, "first": each.first, "last": each.last}
        conn.execute(SQL["count"], {"id": place["id"]} | whose | counted)
    _note(conn, place, moved, now)


def _moved(conn: psycopg.Connection, name: str, place: dict[str, Any]) -> list[Moved]:
    return [Moved(*row) for row in conn.execute(SQL[name], place).fetchall()]


def _streams_of(moved: Iterable[Moved]) -> Iterator[tuple[int, int, datetime, datetime]]:
    for each in moved:
        for who in (each.from_patient, each.to_patient):
            if who:
                yield who, int(each.word), each.first, each.last


def _renew_latest(conn: psycopg.Connection, moved: Iterable[Moved]) -> None:
    """Where the newest may be another one now. Who got readings has none older than the last of them: the days before
    need not even be planned for. Who only lost some may have the newest anywhere."""
    touched = _last(moved, lambda each: (each.from_patient, each.to_patient))
    got = _last(moved, lambda each: (each.to_patient,))
    rows = conn.execute(SQL["hold_latest"], _columns(sorted(touched))).fetchall()
    held = {(patient, kind): at for patient, kind, at in rows}
    stale = {each for each, last in touched.items() if each not in held or held[each] <= last}
    if not stale:
        return
    batch = observations.next_batch(conn)
    for streams, since in ((stale & set(got), min(got.values(), default=None)), (stale - set(got), "-infinity")):
        if streams:
            conn.execute(SQL["renew_latest"], _columns(sorted(streams)) | {"since": since, "batch": batch})
    signals.send(conn, signals.Channel.READINGS, batch)


def _last(moved: Iterable[Moved], of: Callable[[Moved], Iterable[int]]) -> dict[Stream, datetime]:
    """The newest that moved of each stream of these patients."""
    last: dict[Stream, datetime] = {}
    for each in moved:
        for patient in filter(None, of(each)):
            stream = patient, int(each.word)
            last[stream] = max(each.last, last.get(stream, each.last))
    return last


def _columns(streams: Sequence[Stream]) -> dict[str, Any]:
    return {
        "patients": np.array([patient for patient, _ in streams], np.int32),
        "kinds": np.array([kind for _, kind in streams], np.int16),
    }


def _note(conn: psycopg.Connection, place: dict[str, Any], moved: Sequence[Moved], now: datetime) -> None:
    """Whose the readings are now is not said: the alert's team need not be theirs."""
    note = f"what it is about turned out to be of somebody else (re-filing {place['id']})"
    found: set[tuple[int, int]] = set()
    for each in moved:
        word = str(KIND_BY_NUMBER[int(each.word)]) if each.what == "reading" else each.word
        about = {"from_patient": each.from_patient, "from_home": each.from_home, "device": place["device"]}
        about |= {"first": each.first, "last": each.last, "words": [word], "note": note}
        found |= {(subject, alert) for alert, subject in conn.execute(SQL["alerts_about"], about).fetchall()}
    alerts.hold_ids(conn, {subject for subject, _ in found})
    changes = []
    for _, alert_id in sorted(found):
        stands = alerts.hold_alert(conn, alert_id)
        assert stands is not None
        noted = replace(stands, rev=stands.rev + 1)
        changes.append(Change(action=Action.REFILED, alert=noted, at=now, rings=False, note=note))
    alerts.apply(conn, changes, now)


def _cut(conn: psycopg.Connection, period: dict[str, Any]) -> None:
    """Nobody is bound in the period any more; outside it everything stays as it was."""
    spanning = conn.execute(SQL["spanning"], period).fetchone()
    conn.execute(SQL["drop_inside"], period)
    conn.execute(SQL["end_before"], period)
    conn.execute(SQL["begin_after"], period)
    if spanning is not None:
        names = ("patient_id", "home_id", "place", "valid_to")
        conn.execute(SQL["go_on_after"], period | dict(zip(names, spanning, strict=True)))


def _check(wanted: Rebinding) -> None:
    if wanted.patient is not None and wanted.home is not None:
        raise RebindingError("A slot is a patient's or a home's, and not both.")
    if wanted.home is not None and not wanted.place:
        raise RebindingError("Say the place of the device in the home: front door, bed, ...")
    if wanted.from_.tzinfo is None or (wanted.to is not None and wanted.to.tzinfo is None):
        raise RebindingError("Give times with their zone, such as 2026-01-31T12:00:00Z.")
    if wanted.to is not None and wanted.to <= wanted.from_:
        raise RebindingError("The end of the period must come after its beginning.")
    if not wanted.by or not wanted.reason:
        raise RebindingError("Say who changes it and why: it stays in the trace.")


def _whose(conn: psycopg.Connection, wanted: Rebinding) -> dict[str, Any]:
    patient = home = None
    if wanted.patient is not None:
        patient = _id(conn, "patient", f"patient {wanted.patient}", patient=wanted.patient)
    if wanted.home is not None:
        home = _id(conn, "home", f"home {wanted.home}", home=wanted.home)
    return {"patient_id": patient, "home_id": home, "place": wanted.place}


def _id(conn: psycopg.Connection, name: str, what: str, **parameters: str) -> int:
    row = conn.execute(SQL[name], parameters).fetchone()
    if row is None:
        raise RebindingError(f"There is no {what} in the database.")
    return int(row[0])


def _one(conn: psycopg.Connection, name: str, parameters: dict[str, Any]) -> Any:
    row = conn.execute(SQL[name], parameters).fetchone()
    assert row is not None
    return row[0]
