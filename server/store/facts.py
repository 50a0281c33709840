"""What staff, or the patient, said: dated facts that are added to, never changed, and can be taken back.

Whatever limits, scores and baselines follow from is read from here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from devices.vocabulary import KINDS, Kind
from server.clinical.said import (
    CLOCKS_DIFFER,
    MOVE_LIMITS,
    STANDING,
    TYPES,
    Baseline,
    ConsciousnessSeen,
    Fact,
    News2Scale,
    OxygenAgreed,
    OxygenSeen,
    SaturationRange,
    Symptoms,
    must_be_endable,
    must_be_sayable,
)
from server.errors import CareError
from server.store import queries, signals
from server.store.fact_rows import NOTHING, FactRow, Facts, facts_of, history_row, readable

__all__ = [
    "CLOCKS_DIFFER",
    "MOVE_LIMITS",
    "NOTHING",
    "STANDING",
    "TYPES",
    "Baseline",
    "ConsciousnessSeen",
    "Fact",
    "FactRow",
    "Facts",
    "News2Scale",
    "OxygenAgreed",
    "OxygenSeen",
    "SaturationRange",
    "Symptoms",
]

SQL: Final = queries.load("facts")
MOST_OF_A_TYPE: Final = 400  # more than a year of symptoms day by day


def of_patients(
    conn: psycopg.Connection, ids: Sequence[int], types: Iterable[str] = tuple(TYPES)
) -> Mapping[int, Facts]:
    """Of everybody in `ids`, also of those about whom nothing was said. Of each type the newest MOST_OF_A_TYPE."""
    parameters = {"patients": np.array(ids, np.int32), "types": list(types), "most": MOST_OF_A_TYPE}
    rows = readable(conn.execute(SQL["of_patients"], parameters))
    said = {patient: facts_of(list(group)) for patient, group in groupby(rows, key=lambda each: each.patient)}
    return {id_: said.get(id_, NOTHING) for id_ in ids}


def say(
    conn: psycopg.Connection,
    patient: int,
    fact: Fact,
    *,
    by: int | None,
    at: datetime,
    now: datetime,
    reason: str = "",
    until: datetime | None = None,
) -> int:
    """The fact's id. CareError: why it cannot be said; nothing was. `by` None: the patient."""
    must_be_sayable(fact, by=by, at=at, until=until, now=now, reason=reason)
    value = msgspec.to_builtins(fact)
    type_, kind = value.pop("type"), value.pop("kind", None)
    number = None if kind is None else KINDS[Kind(kind)].number
    return _insert(conn, patient, type_, number, value, by=by, at=at, until=until, now=now, reason=reason)


def end(
    conn: psycopg.Connection,
    patient: int,
    type_: str,
    *,
    kind: Kind | None = None,
    by: int,
    at: datetime,
    now: datetime,
    reason: str,
) -> int:
    """From `at` on nothing of this type holds, until it is said again. `kind`: of a baseline."""
    must_be_endable(type_, kind, at=at, now=now, reason=reason)
    number = None if kind is None else KINDS[kind].number
    return _insert(conn, patient, type_, number, None, by=by, at=at, until=None, now=now, reason=reason)


def withdraw(conn: psycopg.Connection, id_: int, by: int, now: datetime) -> bool:
    """It was said by mistake and never held. False: there is no such fact, or it was withdrawn before."""
    row = conn.execute(SQL["withdraw"], {"id": id_, "by": by, "now": now}).fetchone()
    if row is not None:
        _tell(conn, *row)
    return row is not None


def history(conn: psycopg.Connection, patient: int, type_: str | None = None) -> list[FactRow]:
    """The newest first, of each type at most MOST_OF_A_TYPE; also what was withdrawn."""
    parameters = {"patient": patient, "type": type_, "most": MOST_OF_A_TYPE}
    return [history_row(row) for row in conn.execute(SQL["history"], parameters)]


def tell_of_turns(conn: psycopg.Connection, told_until: datetime | None, now: datetime) -> datetime:
    """Whoever keeps settings in memory is told when a fact that was said ahead of its time begins, or one ends; and
    once more when the clocks of all hosts have surely passed it. None: nobody has told for a while. Answers until when
    it is told now."""
    if told_until is None:
        signals.send(conn, signals.Channel.ENROLMENT)
        return now
    whose = {each for late in (timedelta(0), CLOCKS_DIFFER) for each in _turned(conn, told_until - late, now - late)}
    for patient in sorted(whose):
        signals.send(conn, signals.Channel.ENROLMENT, patient)
    return now


def _turned(conn: psycopg.Connection, since: datetime, until: datetime) -> list[int]:
    return [patient for (patient,) in conn.execute(SQL["turned"], {"since": since, "until": until})]


def _insert(
    conn: psycopg.Connection,
    patient: int,
    type_: str,
    kind: int | None,
    value: dict[str, Any] | None,
    *,
    by: int | None,
    at: datetime,
    until: datetime | None,
    now: datetime,
    reason: str,
) -> int:
    parameters: dict[str, Any] = {"patient": patient, "type": type_, "kind": kind, "at": at, "until": until}
    parameters |= {"value": msgspec.json.encode(value).decode(), "by": by, "now": now, "reason": reason.strip()}
    row = conn.execute(SQL["say"], parameters).fetchone()
    if row is None:
        raise CareError(f"There is no patient {patient} of whom you could say it.")
    _tell(conn, patient, type_)
    return int(row[0])


def _tell(conn: psycopg.Connection, patient: int, type_: str) -> None:
    """What was only seen moves no setting: a town that reports its symptoms every morning must not empty the panel."""
    if type_ in STANDING:
        signals.send(conn, signals.Channel.ENROLMENT, patient)
