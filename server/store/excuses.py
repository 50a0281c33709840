"""Why nothing is awaited of a patient, or in a home, for a while: said, ended early, in force.

An excuse stops what is about the absence of something a person does: missed measurements, body sensors that are off or
silent, a home without movement. It never stops a call for help, and never smoke, water, CO or gas: those do not ask it.
Nor the silence of a gateway or of a sensor on the wall: an empty house can burn, and its gateway is what hears that.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import psycopg

from server.alerts.findings import SENSOR_OFF, Fault, Finding
from server.detection.expected import Period
from server.errors import CareError
from server.store import queries, signals

SQL: Final = queries.load("excuses")
AHEAD: Final = timedelta(days=92)  # who stays away longer is asked about again [proposal]
SHOWN: Final = 200


class Why(StrEnum):
    HOSPITAL = "hospital"
    SHORT_STAY = "short_stay"
    HOLIDAY = "holiday"
    AWAY = "away"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True, slots=True)
class Excuse:
    """Of a patient or of a home. `said_by` None: it came with an enrolment list."""

    id: int
    patient: int | None
    home: int | None
    why: Why
    from_at: datetime
    to_at: datetime
    said_by: int | None
    said_at: datetime
    reason: str
    ended_at: datetime | None
    ended_by: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    patients: frozenset[int]
    homes: frozenset[int]


def excuse(
    conn: psycopg.Connection,
    *,
    patient: int | None = None,
    home: int | None = None,
    why: Why,
    from_at: datetime,
    to_at: datetime,
    by: int | None,
    now: datetime,
    reason: str = "",
) -> int:
    """About one patient, or about a home and all who live there; the id of what was said."""
    if (patient is None) == (home is None):
        raise CareError("An excuse is about one patient or one home.")
    if not from_at < to_at <= now + AHEAD:
        raise CareError(f"An excuse ends after it begins, and at most {AHEAD.days} days from now.")
    given = {"patient": patient, "home": home, "why": str(why), "from_at": from_at, "to_at": to_at}
    row = conn.execute(SQL["say"], {**given, "by": by, "now": now, "reason": reason}).fetchone()
    assert row is not None
    _tell(conn, patient, home)
    return int(row[0])


def end(conn: psycopg.Connection, id_: int, by: int | None, now: datetime) -> bool:
    """False: there is no such excuse, or it has ended already."""
    ended = conn.execute(SQL["end"], {"id": id_, "by": by, "now": now}).fetchone()
    if ended is not None:
        _tell(conn, *ended)
    return ended is not None


def _tell(conn: psycopg.Connection, patient: int | None, home: int | None) -> None:
    """By the patients it is about, for who hears of none forgets what it knows of everybody."""
    whose = [patient] if home is None else [id_ for (id_,) in conn.execute(SQL["who_lives_there"], {"home": home})]
    for each in whose:
        signals.send(conn, signals.Channel.ENROLMENT, each or "")


def in_force(conn: psycopg.Connection, patients: Iterable[int], homes: Iterable[int], at: datetime) -> InForce:
    """A patient is excused by an own excuse or the home's; a home by its own, or when all who live there are."""
    parameters = {
        "patients": np.array(sorted(patients), np.int32),
        "homes": np.array(sorted(homes), np.int32),
        "at": at,
    }
    found: defaultdict[str, set[int]] = defaultdict(set)
    for what, id_ in conn.execute(SQL["in_force"], parameters):
        found[what].add(id_)
    return InForce(patients=frozenset(found["patient"]), homes=frozenset(found["home"]))


def periods(conn: psycopg.Connection, patients: Iterable[int], since: datetime) -> Mapping[int, tuple[Period, ...]]:
    """Of each patient who has any that end after `since`."""
    found: defaultdict[int, list[Period]] = defaultdict(list)
    given = {"patients": np.array(sorted(patients), np.int32), "since": since}
    for patient, begins, ends in conn.execute(SQL["periods"], given):
        found[patient].append(Period(begins=begins, ends=ends))
    return {patient: tuple(each) for patient, each in found.items()}


def without_excused(conn: psycopg.Connection, findings: Sequence[Finding]) -> list[Finding]:
    """What is left of them to tell: a body sensor that is off while its patient was excused is what one expects."""
    off = [each for each in findings if isinstance(each, Fault) and each.rule == SENSOR_OFF and each.subject.patient]
    if not off:
        return list(findings)
    patients = {each.subject.patient for each in off if each.subject.patient is not None}
    excused = periods(conn, patients, min(each.at for each in off))
    return [each for each in findings if not (each in off and _is_excused(each, excused))]


def _is_excused(finding: Finding, excused: Mapping[int, Sequence[Period]]) -> bool:
    assert isinstance(finding, Fault) and finding.subject.patient is not None
    return any(period.holds(finding.at) for period in excused.get(finding.subject.patient, ()))


def history(conn: psycopg.Connection, *, patient: int | None = None, home: int | None = None) -> list[Excuse]:
    """The newest first; about a patient with those about the patient's home."""
    given = {"patient": patient, "home": home, "limit": SHOWN}
    return [
        Excuse(
            id=id_,
            patient=of_patient,
            home=of_home,
            why=Why(why),
            from_at=from_at,
            to_at=to_at,
            said_by=said_by,
            said_at=said_at,
            reason=reason,
            ended_at=ended_at,
            ended_by=ended_by,
        )
        for (
            id_,
            of_patient,
            of_home,
            why,
            from_at,
            to_at,
            said_by,
            said_at,
            reason,
            ended_at,
            ended_by,
        ) in conn.execute(SQL["history"], given)
    ]
