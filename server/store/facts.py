"""What staff, or the patient, said: dated facts that are added to, never changed, and can be taken back.

A fact holds from its `at` on, until its own `until`, the next of its type (and kind), or an end that was said. Whatever
limits, scores and baselines follow from is read from here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import Annotated, Any, Final, NamedTuple, get_args

import msgspec
import numpy as np
import psycopg
from msgspec import Meta

from devices.limits import shown
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind
from server.clinical.change import CHANGES
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness, Scale, Scale2Choice, Seen
from server.clinical.saturation import Oxygen, PrescribedRange, SaturationBaseline
from server.clinical.settings import HERE, SaturationFacts
from server.detection.baseline import AcceptedBaseline
from server.errors import CareError
from server.store import queries, signals

SQL: Final = queries.load("facts")
MOST_OF_A_TYPE: Final = 400  # more than a year of symptoms day by day
MOST_IN_A_HISTORY: Final = 1000
REASON_MAX: Final = 500
CLOCKS_DIFFER: Final = timedelta(minutes=2)
LOWEST_PRESCRIBED_PERCENT: Final = 70  # a lower one is more likely a slip of the pen [proposal]


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


Fact = Baseline | SaturationRange | OxygenAgreed | OxygenSeen | ConsciousnessSeen | News2Scale | Symptoms
Standing = Baseline | SaturationRange | OxygenAgreed | News2Scale  # holds until another one; only staff say it
TYPES: Final[Mapping[str, type[Fact]]] = {each.__struct_config__.tag: each for each in get_args(Fact)}
STANDING: Final = tuple(name for name, each in TYPES.items() if issubclass(each, get_args(Standing)))
MOVE_LIMITS: Final = ("baseline", "saturation_range", "oxygen")
EXPLAINED: Final = (SaturationRange, News2Scale)  # never without who prescribed it, and why


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Of one patient, without what was withdrawn; each tuple the oldest first. `baselines`: the one that stands of each
    kind. What stands at a time, and what holds later, is in the facts' own `at` and `until`."""

    baselines: tuple[AcceptedBaseline, ...] = ()
    saturation_baselines: tuple[SaturationBaseline, ...] = ()
    ranges: tuple[PrescribedRange, ...] = ()
    oxygen: tuple[Oxygen, ...] = ()
    oxygen_seen: tuple[Seen[bool], ...] = ()
    consciousness: tuple[Seen[Consciousness], ...] = ()
    scales: tuple[Scale2Choice, ...] = ()
    symptoms: Mapping[date, frozenset[Symptom]] = field(default_factory=dict)

    @property
    def saturation(self) -> SaturationFacts:
        return SaturationFacts(ranges=self.ranges, oxygen=self.oxygen, baselines=self.saturation_baselines)

    def scale_2(self, at: datetime) -> Scale2Choice | None:
        """None: scale 1."""
        return next((each for each in self.scales if each.applies(at)), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class FactRow:
    """`fact` None: from `at` on nothing of this type (and kind) holds. `by` None: the patient said it."""

    id: int
    type: str
    kind: Kind | None
    fact: Fact | None
    at: datetime
    until: datetime | None
    by: int | None
    by_name: str | None
    said_at: datetime
    reason: str
    withdrawn_at: datetime | None
    withdrawn_by: int | None
    withdrawn_by_name: str | None


class _Row(NamedTuple):
    """`value` None: an end. In the order of the statement."""

    patient: int
    type: str
    kind: int | None
    at: datetime
    until: datetime | None
    value: Any
    by: int | None
    said_at: datetime
    id: int


NOTHING: Final = Facts()


def of_patients(
    conn: psycopg.Connection, ids: Sequence[int], types: Iterable[str] = tuple(TYPES)
) -> Mapping[int, Facts]:
    """Of everybody in `ids`, also of those about whom nothing was said. Of each type the newest MOST_OF_A_TYPE."""
    parameters = {"patients": np.array(ids, np.int32), "types": list(types), "most": MOST_OF_A_TYPE}
    rows = (_Row._make(row) for row in conn.execute(SQL["of_patients"], parameters))
    said = {patient: _facts(list(group)) for patient, group in groupby(rows, key=lambda row: row.patient)}
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
    _check_times(fact, at, until, now)
    _check_speaker(fact, by, reason)
    _check(fact, at)
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
    if type_ not in STANDING:
        raise CareError(f"A {type_!r} has no end. What ends is one of {', '.join(STANDING)}.")
    if (kind is not None) != (type_ == "baseline"):
        raise CareError("Say of which kind the baseline ends, and of nothing but a baseline.")
    _check_reason(reason, needed=True)
    _check_at(at)
    if type_ == "baseline":
        _not_later(at, now, "A baseline ends")
    number = None if kind is None else KINDS[kind].number
    return _insert(conn, patient, type_, number, None, by=by, at=at, until=None, now=now, reason=reason)


def withdraw(conn: psycopg.Connection, id_: int, by: int, now: datetime) -> bool:
    """It was said by mistake and never held. False: there is no such fact, or it was withdrawn before."""
    row = conn.execute(SQL["withdraw"], {"id": id_, "by": by, "now": now}).fetchone()
    if row is not None:
        _tell(conn, *row)
    return row is not None


def history(conn: psycopg.Connection, patient: int, type_: str | None = None) -> list[FactRow]:
    """The newest first, at most MOST_IN_A_HISTORY; also what was withdrawn."""
    parameters = {"patient": patient, "type": type_, "most": MOST_IN_A_HISTORY}
    return [_history_row(row) for row in conn.execute(SQL["history"], parameters)]


def tell_of_turns(conn: psycopg.Connection, told_until: datetime | None, now: datetime) -> datetime:
    """Whoever keeps settings in memory is told when a fact that was said ahead of its time begins, or one ends; and
    once more when the clocks of all hosts have surely passed it. None: nobody has told for a while. Answers until when
    it is told now."""
    if told_until is None or any(
        _turned(conn, told_until - late, now - late) for late in (timedelta(0), CLOCKS_DIFFER)
    ):
        signals.send(conn, signals.Channel.ENROLMENT)
    return now


def _turned(conn: psycopg.Connection, since: datetime, until: datetime) -> bool:
    return conn.execute(SQL["turned"], {"since": since, "until": until}).fetchone() == (True,)


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


def _check_times(fact: Fact, at: datetime, until: datetime | None, now: datetime) -> None:
    _check_at(at)
    if until is not None and (until.tzinfo is None or until <= at):
        raise CareError("The fact ends before it begins: give `until` a time zone, and a time after `at`.")
    if not isinstance(fact, SaturationRange | OxygenAgreed | News2Scale):
        if until is not None:
            raise CareError("Only a range, oxygen or a scale can end at a time that is known ahead: leave out `until`.")
        _not_later(at, now, "It was seen, reported or accepted")


def _check_at(at: datetime) -> None:
    if at.tzinfo is None:
        raise CareError("The time has no time zone: write it as 2026-01-31T12:00:00Z.")


def _not_later(at: datetime, now: datetime, what: str) -> None:
    if at > now + CLOCKS_DIFFER:
        raise CareError(f"{what} at {at:%Y-%m-%d %H:%M}, which is in the future: give the time at which it was.")


def _check_speaker(fact: Fact, by: int | None, reason: str) -> None:
    if by is None and isinstance(fact, Standing):
        raise CareError("Only a member of staff can say this: log in, or ask somebody who may.")
    _check_reason(reason, needed=isinstance(fact, EXPLAINED))


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
        case Symptoms() if fact.day > _day(at):
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
    if fact.last_day > _day(at):
        raise CareError(f"The last day of the baseline, {fact.last_day}, has not come: leave it out of it.")
    first_day = _first_day(fact)
    if (fact.last_day - first_day).days + 1 < fact.days:
        raise CareError(f"There are no {fact.days} days between {first_day} and {fact.last_day}.")


def _check_range(fact: SaturationRange) -> None:
    low, high = fact.low_percent, fact.high_percent
    if not LOWEST_PRESCRIBED_PERCENT <= low < high <= KINDS[Kind.SPO2].highest:
        raise CareError(
            f"{low:g}-{high:g} % cannot be prescribed: the lower number must be at least {LOWEST_PRESCRIBED_PERCENT}, "
            f"the upper one higher, and at most 100."
        )


def _facts(rows: Sequence[_Row]) -> Facts:
    """Of one patient, by `at` and id."""
    of_type = {name: [row for row in rows if row.type == name] for name in {row.type for row in rows}}

    def seen(type_: str) -> Iterable[_Row]:
        return of_type.get(type_, ())

    def held(type_: str) -> Iterable[tuple[_Row, datetime | None]]:
        return periods(of_type.get(type_, ()))

    baselines = [row for row in seen("baseline") if row.kind is not None]
    by_kind = {kind: [row for row in baselines if row.kind == kind] for kind in {row.kind for row in baselines}}
    return Facts(
        baselines=tuple(_accepted(of_kind[-1]) for _, of_kind in sorted(by_kind.items()) if of_kind[-1].value),
        saturation_baselines=tuple(
            SaturationBaseline(by=_staff(row), at=row.at, until=until, percent=shown(row.value["center"], 0))
            for row, until in periods(by_kind.get(KINDS[Kind.SPO2].number, ()))
        ),
        ranges=tuple(
            PrescribedRange(by=_staff(row), at=row.at, until=until, **row.value)
            for row, until in held("saturation_range")
        ),
        oxygen=tuple(Oxygen(by=_staff(row), at=row.at, until=until, **row.value) for row, until in held("oxygen")),
        oxygen_seen=tuple(Seen(value=bool(row.value["on"]), at=row.at) for row in seen("oxygen_seen")),
        consciousness=tuple(Seen(value=Consciousness(row.value["acvpu"]), at=row.at) for row in seen("consciousness")),
        scales=tuple(
            Scale2Choice(by=_staff(row), at=row.at, until=until)
            for row, until in held("news2_scale")
            if row.value["scale"] == Scale.SCALE_2
        ),
        symptoms=_by_day(seen("symptoms")),
    )


def periods(rows: Sequence[_Row]) -> Iterable[tuple[_Row, datetime | None]]:
    """From when until when each held: facts of one type and kind, by `at` and id. What another one began together
    with, or an end, leaves out."""
    for row, following in pairwise((*rows, None)):
        assert row is not None
        ends = (row.until, None if following is None else following.at)
        until = min((each for each in ends if each is not None), default=None)
        if row.value is not None and (until is None or row.at < until):
            yield row, until


def _accepted(row: _Row) -> AcceptedBaseline:
    fact = _fact(row.type, row.kind, row.value)
    assert isinstance(fact, Baseline)
    return AcceptedBaseline(
        patient=row.patient,
        kind=KINDS[fact.kind].number,
        center=fact.center,
        mad=fact.mad,
        days=fact.days,
        first_day=_first_day(fact),
        last_day=fact.last_day,
        accepted_on=_day(row.at),
        accepted_by=_staff(row),
    )


def _by_day(rows: Iterable[_Row]) -> Mapping[date, frozenset[Symptom]]:
    """The last word about a day, whenever it was said to be."""
    reported: dict[date, frozenset[Symptom]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        fact = _fact(row.type, row.kind, row.value)
        assert isinstance(fact, Symptoms)
        reported[fact.day] = frozenset(fact.symptoms)
    return reported


def _staff(row: _Row) -> int:
    assert row.by is not None, "the table refuses it"
    return row.by


def _fact(type_: str, kind: int | None, value: Any) -> Fact:
    named = {} if kind is None else {"kind": KIND_BY_NUMBER[kind]}
    return msgspec.convert({"type": type_, **named, **value}, TYPES[type_])


def _history_row(row: tuple[Any, ...]) -> FactRow:
    id_, type_, kind, at, until, value, by, by_name, said_at, reason, *withdrawn = row
    return FactRow(
        id=id_,
        type=type_,
        kind=None if kind is None else KIND_BY_NUMBER[kind],
        fact=None if value is None else _fact(type_, kind, value),
        at=at,
        until=until,
        by=by,
        by_name=by_name,
        said_at=said_at,
        reason=reason,
        withdrawn_at=withdrawn[0],
        withdrawn_by=withdrawn[1],
        withdrawn_by_name=withdrawn[2],
    )


def _first_day(fact: Baseline) -> date:
    return fact.first_day or fact.last_day - timedelta(days=fact.days - 1)


def _day(at: datetime) -> date:
    return at.astimezone(HERE).date()
