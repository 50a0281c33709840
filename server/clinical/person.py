"""Whole lists that are kept of a patient, each version for ever: whom to call, the individual plan, the self-treatment
plan by zone."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, get_args

import msgspec
from msgspec import Meta

from server.errors import CareError

CONTACTS_MAX: Final = 20
GOALS_MAX: Final = 20
MEASURES_MAX: Final = 20
STEPS_MAX: Final = 15
# With no number as a condition, and no call by the system itself.
RED_ZONE_FIRST: Final = "Får ikke fram setninger, forvirret eller blå: ring 113"

Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Text = Annotated[str, Meta(max_length=1000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Phone = Annotated[str, Meta(pattern=r"^\+?[0-9]{3,15}$")]
_PHONE_BLANKS: Final = str.maketrans("", "", " \u00a0-().")


class Zone(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Contact(_Part, frozen=True, kw_only=True):
    """`has_key`: to the home."""

    name: Line
    relation: Annotated[str, Meta(max_length=100)] = ""
    phone: Phone
    has_key: bool = False
    remark: Annotated[str, Meta(max_length=300)] = ""


class Contacts(_Part, frozen=True, kw_only=True, tag_field="type", tag="contacts"):
    """Next of kin, in the order in which they are called."""

    contacts: Annotated[tuple[Contact, ...], Meta(max_length=CONTACTS_MAX)]


class Measure(_Part, frozen=True, kw_only=True):
    """`due` None: it goes on. `responsible`: who does it, a member of staff or anybody else, by name."""

    what: Line
    responsible: Line
    due: date | None = None
    done: bool = False


class Goal(_Part, frozen=True, kw_only=True):
    """In the patient's own words where they are known."""

    goal: Line
    measures: Annotated[tuple[Measure, ...], Meta(max_length=MEASURES_MAX)] = ()


class IndividualPlan(_Part, frozen=True, kw_only=True, tag_field="type", tag="individual_plan"):
    goals: Annotated[tuple[Goal, ...], Meta(max_length=GOALS_MAX)]
    review_on: date | None = None
    remark: Text = ""


class Step(_Part, frozen=True, kw_only=True):
    """`when`: how the patient feels it; `then`: what to do."""

    when: Annotated[str, Meta(max_length=200)] = ""
    then: Line


class SelfTreatment(_Part, frozen=True, kw_only=True, tag_field="type", tag="self_treatment"):
    """Steps of each zone in their order. The red zone's first line is the same for everybody, and is not among them."""

    green: Annotated[tuple[Step, ...], Meta(max_length=STEPS_MAX)] = ()
    yellow: Annotated[tuple[Step, ...], Meta(max_length=STEPS_MAX)] = ()
    red: Annotated[tuple[Step, ...], Meta(max_length=STEPS_MAX)] = ()


Record = Contacts | IndividualPlan | SelfTreatment
RECORDS: Final[Mapping[str, type[Record]]] = MappingProxyType(
    {each.__struct_config__.tag: each for each in get_args(Record)}
)


def lines(plan: SelfTreatment, zone: Zone) -> Sequence[Step]:
    """As they are shown."""
    if zone is Zone.RED:
        return (Step(then=RED_ZONE_FIRST), *plan.red)
    return plan.green if zone is Zone.GREEN else plan.yellow


def must_be_recordable(record: Record) -> None:
    """CareError: why not."""
    try:
        msgspec.convert(msgspec.to_builtins(record), type(record))
    except msgspec.ValidationError as error:
        raise CareError(f"This cannot be kept as it is: {error}.") from error
    if isinstance(record, SelfTreatment):
        _no_empty_plan(record)


def phone_of(text: str) -> str:
    """Digits, with a + before a country's number. CareError: it is none."""
    digits = text.translate(_PHONE_BLANKS)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if not re.fullmatch(r"\+?[0-9]{3,15}", digits, re.ASCII):
        raise CareError("A phone number has 3 to 15 digits, with + and the country before it where needed.")
    return digits


def _no_empty_plan(plan: SelfTreatment) -> None:
    zones: Iterable[tuple[Step, ...]] = (plan.green, plan.yellow, plan.red)
    if not any(zones):
        raise CareError("The self-treatment plan has no step: say at least one of what to do.")
