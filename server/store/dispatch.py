"""What whoever drives must know, frozen with an alert in the transaction that makes it red."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from server.alerts.model import Subject, home_subject, patient_subject
from server.clinical.dispatch import Known, Place, Snapshot, WayIn, snapshot
from server.clinical.person import Contact, Contacts
from server.clinical.said import CRITICAL, TYPES, Fact
from server.store import queries

SQL: Final = queries.load("dispatch")
FIELD: Final = {"oxygen": "oxygen", "treatment_limits": "limits", "cave": "cave", "critical": "critical"}
log = logging.getLogger(__name__)


def freeze(conn: psycopg.Connection, alerts: Sequence[tuple[int, Subject]], at: datetime) -> None:
    """Of alerts that were just written; what is frozen stays."""
    if not alerts:
        return
    found = snapshots(conn, [subject for _, subject in alerts], at)
    for alert, subject in alerts:
        if subject in found:
            text = msgspec.json.encode(found[subject]).decode()
            conn.execute(SQL["freeze"], {"alert": alert, "snapshot": text})


@dataclass(frozen=True, kw_only=True, slots=True)
class Dispatched:
    """`frozen` None: the alert was never red. `now` None: it is about nobody and no home."""

    frozen: Snapshot | None
    now: Snapshot | None

    @property
    def changed(self) -> bool:
        """Whether something differs since; not the time alone."""
        if self.frozen is None or self.now is None:
            return self.frozen is not None
        return msgspec.structs.replace(self.now, at=self.frozen.at) != self.frozen


def of_alert(conn: psycopg.Connection, alert: int, now: datetime) -> Dispatched:
    """Of an alert that the caller sees."""
    row = conn.execute(SQL["of_alert"], {"alert": alert}).fetchone()
    assert row is not None, "the caller sees this alert"
    frozen, patient, home = row
    subject = patient_subject(patient, home=home) if patient is not None else home_subject(home or 0)
    return Dispatched(
        frozen=None if frozen is None else msgspec.convert(frozen, Snapshot),
        now=snapshots(conn, [subject], now).get(subject) if patient is not None or home is not None else None,
    )


def snapshots(conn: psycopg.Connection, subjects: Iterable[Subject], at: datetime) -> Mapping[Subject, Snapshot]:
    """Of those that are about a patient or a home. An alert of a home tells of everybody who lives there."""
    wanted = {each for each in subjects if each.patient is not None or each.home is not None}
    if not wanted:
        return {}
    patients = {each.patient for each in wanted if each.patient is not None}
    given: dict[str, Any] = {"patients": _ids(patients), "homes": _ids(each.home for each in wanted if each.home)}
    rows = conn.execute(SQL["homes_of"], given).fetchall()
    home_of = {row[0]: row[1] for row in rows}
    homes = {home for home in home_of.values() if home is not None} | {each.home for each in wanted if each.home}
    people = _people(conn, rows, at)
    places, ways_in = _places(conn, homes), _ways_in(conn, homes)
    found = {}
    for subject in wanted:
        home = home_of.get(subject.patient) if subject.patient is not None else None
        home = home if home is not None else subject.home
        living = [people[id_] for id_ in home_of if _is_meant(subject, id_, home_of[id_])]
        found[subject] = snapshot(living, home, places.get(home or 0, ()), ways_in.get(home or 0), at)
    return found


def _is_meant(subject: Subject, patient: int, home: int | None) -> bool:
    return patient == subject.patient if subject.patient is not None else home == subject.home


def _people(conn: psycopg.Connection, rows: Sequence[tuple[Any, ...]], at: datetime) -> dict[int, Known]:
    ids = _ids(row[0] for row in rows)
    contacts = {
        patient: read
        for patient, content in conn.execute(SQL["contacts"], {"patients": ids})
        if (read := _contacts(patient, content)) is not None
    }
    said = _said(conn, ids, at)
    return {
        id_: Known(
            patient=id_,
            name=name,
            born_on=born_on,
            phone=phone,
            lives_alone=lives_alone,
            protected=protected,
            contacts=contacts.get(id_, ()),
            **said.get(id_, {}),
        )
        for id_, _, name, born_on, phone, lives_alone, protected in rows
    }


def _said(conn: psycopg.Connection, ids: Any, at: datetime) -> dict[int, dict[str, Any]]:
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    given = {"patients": ids, "types": list(CRITICAL), "at": at}
    for patient, type_, value, until in conn.execute(SQL["critical"], given):
        if value is not None and (until is None or at < until) and (fact := _fact(patient, type_, value)) is not None:
            found[patient][FIELD[type_]] = fact
    return found


def _fact(patient: int, type_: str, value: Any) -> Fact | None:
    """What cannot be understood, such as a word of a newer server, must not keep an alert from being raised."""
    try:
        return msgspec.convert({"type": type_, **value}, TYPES[type_])
    except (msgspec.ValidationError, TypeError) as error:
        log.error("the %s of patient %s cannot be used: %s", type_, patient, error)
        return None


def _contacts(patient: int, content: Any) -> tuple[Contact, ...] | None:
    try:
        return msgspec.convert({"type": "contacts", **content}, Contacts).contacts
    except (msgspec.ValidationError, TypeError) as error:
        log.error("the contacts of patient %s cannot be used: %s", patient, error)
        return None


def _places(conn: psycopg.Connection, homes: Iterable[int]) -> Mapping[int, Sequence[Place]]:
    found: defaultdict[int, list[Place]] = defaultdict(list)
    for home, id_, address, doubt, from_at, to_at in conn.execute(SQL["places"], {"homes": _ids(homes)}):
        found[home].append(Place(id=id_, address=address, doubt=doubt, from_at=from_at, to_at=to_at))
    return found


def _ways_in(conn: psycopg.Connection, homes: Iterable[int]) -> Mapping[int, WayIn]:
    return {
        home: WayIn(key_box=key_box, way_in=way_in, has_code=has_code)
        for home, key_box, way_in, has_code in conn.execute(SQL["ways_in"], {"homes": _ids(homes)})
    }


def _ids(ids: Iterable[int]) -> Any:
    return np.array(sorted(set(ids)), np.int32)
