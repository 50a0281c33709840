"""What can be said of a patient, and what cannot be so.

A fact holds from its `at` on, until its own `until`, the next of its type (and kind), or an end that is said; what was
seen or reported is of its `at` alone."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Final, get_args

import msgspec
from msgspec import Meta

from devices.vocabulary import KINDS, Kind
from server.clinical.change import CHANGES
from server.clinical.copd import Symptom
from server.clinical.here import HERE
from server.clinical.news2 import Consciousness, Scale
from server.errors import CareError

REASON_MAX: Final = 500
CLOCKS_DIFFER: Final = timedelta(minutes=2)  # between hosts
LOWEST_PRESCRIBED_PERCENT: Final = 70  # a lower one is more likely a slip of the pen [proposal]


Text = Annotated[str, Meta(max_length=500)]


class _Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    pass


class Baseline(_Said, frozen=True, kw_only=True, tag="baseline"):
    """What is usual, as a clinician accepted it: median and median absolute deviation of `days` daily values."""

    kind: Kind
    center: float
    mad: Annotated[float, Meta(ge=0)]
    days: Annotated[int, Meta(ge=1)]
    last_day: date
    first_day: date | None = None  # None: the days lie side by side


class SaturationRange(_Said, frozen=True, kw_only=True, tag="saturation_range"):
    low_percent: float
    high_percent: float


class OxygenAgreed(_Said, frozen=True, kw_only=True, tag="oxygen"):
    """What the patient gets at home. `litres_per_min` None: not known, or none."""

    on: bool
    litres_per_min: Annotated[float, Meta(gt=0, le=60)] | None = None


class OxygenSeen(_Said, frozen=True, kw_only=True, tag="oxygen_seen"):
    on: bool


class ConsciousnessSeen(_Said, frozen=True, kw_only=True, tag="consciousness"):
    acvpu: Consciousness


class News2Scale(_Said, frozen=True, kw_only=True, tag="news2_scale"):
    scale: Scale


class Symptoms(_Said, frozen=True, kw_only=True, tag="symptoms"):
    """Of one day, compared with usual ones; the last word about a day counts. None of them: a good day."""

    day: date
    symptoms: tuple[Symptom, ...] = ()


class TreatmentLimits(_Said, frozen=True, kw_only=True, tag="treatment_limits"):
    """What is not done any more, as a doctor has decided it (HLR-: no resuscitation)."""

    no_resuscitation: bool
    no_hospital: bool = False
    text: Text = ""


class Reaction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    to: Annotated[str, Meta(min_length=1, max_length=200)]
    how: Annotated[str, Meta(max_length=200)] = ""


class Cave(_Said, frozen=True, kw_only=True, tag="cave"):
    """All that must not be given: a newer list takes the place of this one."""

    reactions: Annotated[tuple[Reaction, ...], Meta(min_length=1, max_length=30)]


class Critical(_Said, frozen=True, kw_only=True, tag="critical"):
    """What whoever comes must know before they ring the bell: infection, a dog, a pacemaker, who is deaf."""

    lines: Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=200)], ...], Meta(min_length=1, max_length=20)]


Fact = (
    Baseline
    | SaturationRange
    | OxygenAgreed
    | OxygenSeen
    | ConsciousnessSeen
    | News2Scale
    | Symptoms
    | TreatmentLimits
    | Cave
    | Critical
)
# Holds until another one; only staff say it.
Standing = Baseline | SaturationRange | OxygenAgreed | News2Scale | TreatmentLimits | Cave | Critical
TYPES: Final[Mapping[str, type[Fact]]] = MappingProxyType({each.__struct_config__.tag: each for each in get_args(Fact)})
STANDING: Final = tuple(name for name, each in TYPES.items() if issubclass(each, get_args(Standing)))
MOVE_LIMITS: Final = ("baseline", "saturation_range", "oxygen")
ENDING: Final = (SaturationRange, OxygenAgreed, News2Scale, TreatmentLimits, Cave, Critical)
CRITICAL: Final = ("treatment_limits", "cave", "oxygen", "critical")  # goes along with whoever drives
EXPLAINED: Final = (SaturationRange, News2Scale, TreatmentLimits)  # never without who prescribed it, and why


def must_be_sayable(
    fact: Fact, *, by: int | None, at: datetime, until: datetime | None, now: datetime, reason: str
) -> None:
    """CareError: why not. `by` None: the patient."""
    _check_times(fact, at, until, now)
    if by is None and isinstance(fact, Standing):
        raise CareError("Only a member of staff can say this: log in, or ask somebody who may.")
    _check_reason(reason, needed=isinstance(fact, EXPLAINED))
    _check(fact, at)


def must_be_endable(type_: str, kind: Kind | None, *, at: datetime, now: datetime, reason: str) -> None:
    """CareError: why not."""
    if type_ not in STANDING:
        raise CareError(f"A {type_!r} has no end. What ends is one of {', '.join(STANDING)}.")
    if (kind is not None) != (type_ == "baseline"):
        raise CareError("Say of which kind the baseline ends, and of nothing but a baseline.")
    _check_reason(reason, needed=True)
    _check_at(at)
    if type_ == "baseline":
        _not_later(at, now, "A baseline ends")


def first_day_of(fact: Baseline) -> date:
    return fact.first_day or fact.last_day - timedelta(days=fact.days - 1)


def day_of(at: datetime) -> date:
    """By the clock on the wall of the people."""
    return at.astimezone(HERE).date()


def _check_times(fact: Fact, at: datetime, until: datetime | None, now: datetime) -> None:
    _check_at(at)
    if until is not None and (until.tzinfo is None or until <= at):
        raise CareError("The fact ends before it begins: give `until` a time zone, and a time after `at`.")
    if not isinstance(fact, ENDING):
        if until is not None:
            raise CareError("What is seen, reported or usual has no end that is known ahead: leave out `until`.")
        _not_later(at, now, "It was seen, reported or accepted")


def _check_at(at: datetime) -> None:
    if at.tzinfo is None:
        raise CareError("The time has no time zone: write it as 2026-01-31T12:00:00Z.")


def _not_later(at: datetime, now: datetime, what: str) -> None:
    if at > now + CLOCKS_DIFFER:
        raise CareError(f"{what} at {at:%Y-%m-%d %H:%M}, which is in the future: give the time at which it was.")


def _check_reason(reason: str, *, needed: bool) -> None:
    if needed and not reason.strip():
        raise CareError("Say who prescribed or decided it, and why: the reason stays on record.")
    if len(reason) > REASON_MAX:
        raise CareError(f"The reason has {len(reason)} characters: at most {REASON_MAX} are kept.")


def _check(fact: Fact, at: datetime) -> None:
    match fact:
        case Baseline():
            _check_baseline(fact, at)
        case SaturationRange():
            _check_range(fact)
        case OxygenAgreed(on=False, litres_per_min=float() | int()):
            raise CareError("Without oxygen there are no litres per minute: leave them out, or say that it is on.")
        case Symptoms() if fact.day > day_of(at):
            raise CareError(f"The symptoms are of {fact.day}, a day that has not come: give the day that they were on.")
        case _:
            _check_bounds(fact)


def _check_bounds(fact: Fact) -> None:
    """What the type itself says: a struct does not look at its own arguments."""
    try:
        msgspec.convert(msgspec.to_builtins(fact), type(fact))
    except msgspec.ValidationError as error:
        raise CareError(f"This cannot be said as it is: {error}.") from error


def _check_baseline(fact: Baseline, at: datetime) -> None:
    _check_bounds(fact)
    kind, facts = fact.kind, KINDS[fact.kind]
    if kind not in CHANGES:
        raise CareError(f"No rule looks at what is usual for {kind}: choose one of {', '.join(sorted(CHANGES))}.")
    if not facts.lowest <= fact.center <= facts.highest:
        raise CareError(f"{fact.center:g} {facts.ucum} is not possible for {kind}: {facts.lowest:g}-{facts.highest:g}.")
    if not fact.mad <= facts.highest - facts.lowest:
        raise CareError(f"Usual values of {kind} cannot lie {fact.mad:g} {facts.ucum} apart.")
    if fact.last_day > day_of(at):
        raise CareError(f"The last day of the baseline, {fact.last_day}, has not come: leave it out of it.")
    first_day = first_day_of(fact)
    if (fact.last_day - first_day).days + 1 < fact.days:
        raise CareError(f"There are no {fact.days} days between {first_day} and {fact.last_day}.")


def _check_range(fact: SaturationRange) -> None:
    low, high = fact.low_percent, fact.high_percent
    if not LOWEST_PRESCRIBED_PERCENT <= low < high <= KINDS[Kind.SPO2].highest:
        raise CareError(
            f"{low:g}-{high:g} % cannot be prescribed: the lower number must be at least {LOWEST_PRESCRIBED_PERCENT}, "
            f"the upper one higher, and at most 100."
        )
