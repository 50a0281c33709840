"""Who a patient is, and what is kept of a patient as whole versions. Everything goes through row-level security: call
`sessions.identify` first. What is sealed is opened here for who asked, and nowhere else."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import msgspec
import psycopg
from psycopg import Connection
from psycopg.types.json import Jsonb

from server.clinical.here import HERE
from server.clinical.national_number import NationalNumber, must_fit, read
from server.clinical.person import RECORDS, Record, must_be_recordable
from server.errors import CareError
from server.store import queries
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("persons")
VERSIONS_SHOWN: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """What staff may change of who a patient is. `lives_alone` None: nobody has said."""

    name: str
    phone: str | None
    municipality: str | None
    lives_alone: bool | None
    coordinator: int | None
    protection: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """`references`: those of duplicates that were merged into this one."""

    id: int
    reference: str
    born_on: date
    pathway: str
    team: int
    home: int | None
    municipality_name: str | None
    details: Details
    virtual: bool
    active: bool
    ended_at: datetime | None
    ended_why: str | None
    merged_into: int | None
    references: Sequence[str]
    has_number: bool


class Version(NamedTuple):
    """`content` None: it is of a newer server, and cannot be understood."""

    id: int
    content: Record | None
    by: int | None
    at: datetime
    reason: str


class PatientChange(NamedTuple):
    id: int
    what: str
    at: datetime
    by: int | None
    reason: str
    detail: dict[str, Any]


def person(conn: Connection, patient: int) -> Person | None:
    row = conn.execute(SQL["person"], {"patient": patient}).fetchone()
    if row is None:
        return None
    id_, reference, name, born_on, pathway, team, home, municipality, municipality_name, *rest = row
    phone, lives_alone, coordinator, protection, virtual, active, ended_at, ended_why, merged_into, *last = rest
    details = Details(
        name=name,
        phone=phone,
        municipality=municipality,
        lives_alone=lives_alone,
        coordinator=coordinator,
        protection=protection,
    )
    return Person(
        id=id_,
        reference=reference,
        born_on=born_on,
        pathway=pathway,
        team=team,
        home=home,
        municipality_name=municipality_name,
        details=details,
        virtual=virtual,
        active=active,
        ended_at=ended_at,
        ended_why=ended_why,
        merged_into=merged_into,
        references=last[0],
        has_number=last[1],
    )


def find(conn: Connection, reference: str) -> int | None:
    row = conn.execute(SQL["find"], {"reference": reference}).fetchone()
    return None if row is None else int(row[0])


def set_details(
    conn: Connection, before: Person, wanted: Details, *, by: int, now: datetime, reason: str
) -> dict[str, Any]:
    """What differs: name -> [before, after]."""
    _check_details(conn, before, wanted)
    was, is_ = asdict(before.details), asdict(wanted)
    changed = {name: [was[name], is_[name]] for name in was if was[name] != is_[name]}
    if changed:
        conn.execute(SQL["set_details"], {"patient": before.id, **is_})
        remember(conn, before.id, "details", by=by, now=now, reason=reason, detail=changed)
    return changed


def remember(
    conn: Connection, patient: int, what: str, *, by: int | None, now: datetime, reason: str, detail: dict[str, Any]
) -> None:
    given = {"patient": patient, "what": what, "by": by, "now": now, "reason": reason, "detail": Jsonb(detail)}
    conn.execute(SQL["change"], given)


def changes(conn: Connection, patient: int) -> list[PatientChange]:
    given = {"patient": patient, "most": VERSIONS_SHOWN}
    return [PatientChange._make(row) for row in conn.execute(SQL["changes"], given)]


def municipalities(conn: Connection) -> list[tuple[str, str, list[int]]]:
    return conn.execute(SQL["municipalities"]).fetchall()


def teams(conn: Connection) -> list[tuple[int, str]]:
    """Every team of the installation: whoever hands a patient over need not work in the other one."""
    return conn.execute(SQL["teams"]).fetchall()


def is_municipality(conn: Connection, number: str) -> bool:
    return conn.execute(SQL["municipality"], {"number": number}).fetchone() is not None


def _check_details(conn: Connection, before: Person, wanted: Details) -> None:
    number, coordinator = wanted.municipality, wanted.coordinator
    if number is not None and not is_municipality(conn, number):
        raise CareError(f"There is no municipality {number} here: it comes with an import.")
    if coordinator is not None and coordinator != before.details.coordinator:
        given = {"staff": coordinator, "team": before.team}
        if conn.execute(SQL["of_team"], given).fetchone() != (True,):
            raise CareError("The coordinator must be of the patient's team: choose somebody of it.")


# ---- national identity numbers


def number(conn: Connection, seals: Seals, patient: int) -> str | None:
    row = conn.execute(SQL["number"], {"patient": patient}).fetchone()
    return None if row is None else seals.open(row[0], row[1], Purpose.NUMBERS)


def checked_number(text: str, born_on: date, *, virtual: bool, now: datetime) -> NationalNumber:
    """CareError: why it cannot be the number of who was born that day."""
    found = read(text, now.astimezone(HERE).date())
    if found.synthetic and not virtual:
        raise CareError("This is a number for tests: only a virtual patient can have it.")
    must_fit(found, born_on)
    return found


def set_number(
    conn: Connection, seals: Seals, whose: Person, text: str, *, by: int, now: datetime, reason: str
) -> None:
    """CareError: why it cannot be this patient's."""
    found = checked_number(text, whose.born_on, virtual=whose.virtual, now=now)
    lookup = seals.lookup(found.digits)
    sealed = seals.seal(found.digits, lookup, Purpose.NUMBERS)
    given = {"patient": whose.id, "lookup": lookup, "sealed": sealed, "by": by, "now": now}
    try:
        with conn.transaction():
            conn.execute(SQL["set_number"], given)
    except psycopg.errors.UniqueViolation:
        raise CareError("Somebody here has this number already: look whether this patient is a duplicate.") from None
    remember(conn, whose.id, "number", by=by, now=now, reason=reason, detail={"type": str(found.type)})


def drop_number(conn: Connection, patient: int, *, by: int, now: datetime, reason: str) -> bool:
    """False: there was none."""
    gone = conn.execute(SQL["drop_number"], {"patient": patient}).rowcount > 0
    if gone:
        remember(conn, patient, "number", by=by, now=now, reason=reason, detail={"type": None})
    return gone


def find_number(conn: Connection, seals: Seals, text: str, now: datetime) -> int | None:
    """CareError: it is no national identity number."""
    lookup = seals.lookup(read(text, now.astimezone(HERE).date()).digits)
    row = conn.execute(SQL["find_number"], {"lookup": lookup}).fetchone()
    return None if row is None else int(row[0])


# ---- whole versions


def records(conn: Connection, patient: int, type_: str, most: int = VERSIONS_SHOWN) -> list[Version]:
    """The newest first: that one counts."""
    given = {"patient": patient, "type": type_, "most": most}
    return [
        Version(id_, _record(type_, content), by, at, reason)
        for id_, content, by, at, reason in conn.execute(SQL["record"], given)
    ]


def set_record(conn: Connection, patient: int, record: Record, *, by: int, now: datetime, reason: str) -> int:
    must_be_recordable(record)
    content = msgspec.to_builtins(record)
    given = {"patient": patient, "type": content.pop("type"), "by": by, "now": now, "reason": reason}
    row = conn.execute(SQL["set_record"], {**given, "content": msgspec.json.encode(content).decode()}).fetchone()
    if row is None:
        raise CareError(f"There is no patient {patient} of whom you could keep it.")
    return int(row[0])


def _record(type_: str, content: Any) -> Record | None:
    try:
        return msgspec.convert({"type": type_, **content}, RECORDS[type_])
    except (msgspec.ValidationError, KeyError, TypeError):
        return None
