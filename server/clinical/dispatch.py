"""What whoever drives must know, frozen with the alert as it was when it was raised. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from server.clinical.person import Contact
from server.clinical.said import Cave, Critical, OxygenAgreed, TreatmentLimits

MOVES_WITHIN: Final = 14  # days in which an address that changes is said beside the one in force [proposal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One word about where a home is. `id` None: the enrolment list's."""

    id: int | None
    address: str
    doubt: str
    from_at: datetime | None
    to_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """Of one patient at one time."""

    patient: int
    name: str
    born_on: str
    phone: str | None
    lives_alone: bool | None
    protected: bool
    contacts: Sequence[Contact] = ()
    oxygen: OxygenAgreed | None = None
    limits: TreatmentLimits | None = None
    cave: Cave | None = None
    critical: Critical | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WayIn:
    """Without the code: it is fetched by a look that is logged."""

    key_box: str
    way_in: str
    has_code: bool


class Resident(msgspec.Struct, frozen=True, kw_only=True):
    patient: int
    name: str
    born_on: str
    phone: str | None
    lives_alone: bool | None
    protected: bool
    contacts: tuple[Contact, ...]
    oxygen: bool | None
    litres_per_min: float | None
    no_resuscitation: bool
    no_hospital: bool
    treatment_limits: str
    cave: tuple[str, ...]
    critical: tuple[str, ...]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`address` None: nobody knows. `doubt`: why it may be wrong; empty: it is not doubted. `moved`: it came into force
    lately, or ends soon, and `before` and `after` are the addresses beside it."""

    at: datetime
    home: int | None
    address: str | None
    since: datetime | None
    doubt: str
    moved: bool
    before: str | None
    after: str | None
    key_box: str
    way_in: str
    has_code: bool
    residents: tuple[Resident, ...]


def snapshot(
    people: Sequence[Known], home: int | None, places: Sequence[Place], way_in: WayIn | None, now: datetime
) -> Snapshot:
    """`places`: the oldest word first; of those that hold at a time the newest counts."""
    here = place_at(places, now)
    soon = [each for each in places if each.from_at is not None and now < each.from_at and _days(each.from_at, now)]
    before = _before(places, here)
    lately = here is not None and here.from_at is not None and _days(here.from_at, now) and before is not None
    ends = here is not None and here.to_at is not None and _days(here.to_at, now)
    return Snapshot(
        at=now,
        home=home,
        address=None if here is None else here.address,
        since=None if here is None else here.from_at,
        doubt="" if here is None else here.doubt,
        moved=lately or ends or bool(soon),
        before=before if lately else None,
        after=soon[-1].address if soon else None,
        key_box="" if way_in is None else way_in.key_box,
        way_in="" if way_in is None else way_in.way_in,
        has_code=way_in is not None and way_in.has_code,
        residents=tuple(_resident(each) for each in people),
    )


def place_at(places: Sequence[Place], at: datetime) -> Place | None:
    holding = [each for each in places if _holds(each, at)]
    return holding[-1] if holding else None


def _holds(place: Place, at: datetime) -> bool:
    return (place.from_at is None or place.from_at <= at) and (place.to_at is None or at < place.to_at)


def _before(places: Sequence[Place], here: Place | None) -> str | None:
    if here is None or here.from_at is None:
        return None
    earlier = [each for each in places[: places.index(here)] if each.from_at is None or each.from_at < here.from_at]
    return earlier[-1].address if earlier and earlier[-1].address != here.address else None


def _days(at: datetime, now: datetime) -> bool:
    return abs((at - now).total_seconds()) <= MOVES_WITHIN * 86_400


def _resident(known: Known) -> Resident:
    limits, oxygen = known.limits, known.oxygen
    return Resident(
        patient=known.patient,
        name=known.name,
        born_on=known.born_on,
        phone=known.phone,
        lives_alone=known.lives_alone,
        protected=known.protected,
        contacts=tuple(known.contacts),
        oxygen=None if oxygen is None else oxygen.on,
        litres_per_min=None if oxygen is None else oxygen.litres_per_min,
        no_resuscitation=limits is not None and limits.no_resuscitation,
        no_hospital=limits is not None and limits.no_hospital,
        treatment_limits="" if limits is None else limits.text,
        cave=()
        if known.cave is None
        else tuple(f"{each.to}: {each.how}".rstrip(": ") for each in known.cave.reactions),
        critical=() if known.critical is None else known.critical.lines,
    )


def _reactions(cave: Cave | None) -> tuple[str, ...]:
    if cave is None:
        return ()
    return tuple(f"{each.to}: {each.how}" if each.how else each.to for each in cave.reactions)
