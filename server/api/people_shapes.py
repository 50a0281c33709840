"""People and what is kept of them, as the public shapes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from server.api import people_schemas as shapes
from server.api.case import rev_of
from server.api.schemas import StaffMember
from server.clinical.dispatch import Place, Snapshot, place_at
from server.clinical.person import RECORDS, RED_ZONE_FIRST, Record, phone_of
from server.store.persons import PatientChange, Person, Version
from server.store.recalls import Recall
from server.store.residence import Access, Address

People = Mapping[int, StaffMember]
NO_REV: Final = ""


def municipalities(
    rows: Sequence[tuple[str, str, list[int]]], teams: Sequence[tuple[int, str]]
) -> shapes.Municipalities:
    return shapes.Municipalities(
        municipalities=[shapes.Municipality(number=number, name=name, teams=of) for number, name, of in rows],
        teams=[shapes.TeamName(id=id_, name=name) for id_, name in teams],
    )


def person(who: Person, changes: Sequence[PatientChange], staff: People) -> shapes.Person:
    details = who.details
    coordinator = None if details.coordinator is None else staff.get(details.coordinator)
    made = shapes.Person.model_validate(
        {
            "patient": who.id,
            "rev": NO_REV,
            "reference": who.reference,
            "references": list(who.references),
            "name": details.name,
            "born_on": who.born_on,
            "pathway": who.pathway,
            "team": who.team,
            "home": who.home,
            "municipality": details.municipality,
            "municipality_name": who.municipality_name,
            "phone": details.phone,
            "lives_alone": details.lives_alone,
            "coordinator": coordinator,
            "protection": details.protection,
            "has_number": who.has_number,
            "virtual": who.virtual,
            "ended_at": who.ended_at,
            "ended_why": who.ended_why,
            "merged_into": who.merged_into,
            "changes": [_change(each, staff) for each in changes],
        }
    )
    return made.model_copy(update={"rev": rev_of(made)})


def _change(row: PatientChange, staff: People) -> shapes.PatientChange:
    """Which fields, and not what stood in them."""
    return shapes.PatientChange.model_validate(
        {
            "what": row.what,
            "at": row.at,
            "by": _who(staff, row.by),
            "reason": row.reason,
            "fields": sorted(row.detail) if row.what == "details" else [],
        }
    )


def address(
    patient: int,
    home: int | None,
    words: Sequence[Address],
    first: str | None,
    now: datetime,
    staff: People,
    *,
    protected: bool,
) -> shapes.HomeAddress:
    """`first`: as the enrolment list said it."""
    known = [Place(id=None, address=first or "", doubt="", from_at=None, to_at=None)] if first else []
    known += [
        Place(id=each.id, address=each.address, doubt=each.doubt, from_at=each.from_at, to_at=each.to_at)
        for each in reversed(words)
    ]
    here = place_at(known, now)
    made = shapes.HomeAddress(
        patient=patient,
        rev=NO_REV,
        home=home,
        address=None if here is None else here.address,
        doubt="" if here is None else here.doubt,
        protected=protected,
        words=[_word(each, staff) for each in words],
    )
    return made.model_copy(update={"rev": rev_of(made)})


def _word(row: Address, staff: People) -> shapes.AddressWord:
    return shapes.AddressWord(
        id=row.id,
        address=row.address,
        doubt=row.doubt,
        from_at=row.from_at,
        to_at=row.to_at,
        said_by=_who(staff, row.by),
        said_at=row.at,
        reason=row.reason,
    )


def access(patient: int, home: int | None, found: Access | None, staff: People) -> shapes.HomeAccess:
    made = shapes.HomeAccess(
        patient=patient,
        rev=NO_REV,
        home=home,
        key_box="" if found is None else found.key_box,
        way_in="" if found is None else found.way_in,
        has_code=found is not None and found.sealed is not None,
        said_by=None if found is None else _who(staff, found.by),
        said_at=None if found is None else found.at,
    )
    return made.model_copy(update={"rev": rev_of(made)})


def records(patient: int, type_: str, versions: Sequence[Version], staff: People) -> shapes.Records:
    made = shapes.Records.model_validate(
        {
            "patient": patient,
            "rev": NO_REV,
            "type": type_,
            "red_zone_first": RED_ZONE_FIRST if type_ == "self_treatment" else None,
            "versions": [
                {
                    "id": each.id,
                    "record": None if each.content is None else msgspec.to_builtins(each.content),
                    "set_by": _who(staff, each.by),
                    "set_at": each.at,
                    "reason": each.reason,
                }
                for each in versions
            ],
        }
    )
    return made.model_copy(update={"rev": rev_of(made)})


def record(given: shapes.Contacts | shapes.IndividualPlan | shapes.SelfTreatment) -> Record:
    """As the store wants it."""
    plain = given.model_dump(mode="json")
    for contact in plain.get("contacts", ()):
        contact["phone"] = phone_of(contact["phone"])
    return msgspec.convert(plain, RECORDS[given.type])


def snapshot(found: Snapshot | None) -> shapes.Snapshot | None:
    return None if found is None else shapes.Snapshot.model_validate(msgspec.to_builtins(found))


def recall(row: Recall) -> shapes.Recall:
    return shapes.Recall.model_validate(row._asdict())


def _who(staff: People, id_: int | None) -> StaffMember | None:
    return None if id_ is None else staff.get(id_)
