"""Rows of facts as the clinical rules want them, and as a history that people read."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from devices.limits import shown
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness, Scale, Scale2Choice, Seen
from server.clinical.said import (
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
    day_of,
    first_day_of,
)
from server.clinical.saturation import Oxygen, PrescribedRange, SaturationBaseline
from server.clinical.settings import SaturationFacts
from server.detection.baseline import AcceptedBaseline

T = TypeVar("T")

log = logging.getLogger(__name__)


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


class Said(NamedTuple):
    """`fact` None: an end."""

    id: int
    patient: int
    type: str
    kind: Kind | None
    at: datetime
    until: datetime | None
    fact: Fact | None
    by: int | None


NOTHING: Final = Facts()


def readable(rows: Iterable[tuple[Any, ...]]) -> Iterable[Said]:
    """(id, patient, type, kind, at, until, value, by) of each. One that cannot be understood, such as a word of a newer
    server, hurts itself alone: all others are judged by what was said of them."""
    for id_, patient, type_, kind, at, until, value, by in rows:
        try:
            fact = _fact(type_, kind, value)
            if type_ in STANDING and by is None:
                raise ValueError("nobody said it")
            if isinstance(fact, SaturationRange):
                PrescribedRange(by=0, at=at, low_percent=fact.low_percent, high_percent=fact.high_percent)
        except (ValueError, KeyError, TypeError) as error:  # msgspec.ValidationError is a ValueError
            log.error("fact %s of patient %s cannot be used: %s", id_, patient, error)
        else:
            yield Said(id_, patient, type_, KIND_BY_NUMBER[kind] if kind else None, at, until, fact, by)


def facts_of(said: Sequence[Said]) -> Facts:
    """Of one patient, by `at` and id."""
    return Facts(
        baselines=tuple(_accepted(each) for each in _newest_of_kinds(said) if each.fact is not None),
        saturation_baselines=tuple(
            SaturationBaseline(by=_staff(each), at=each.at, until=until, percent=shown(fact.center, 0))
            for each, fact, until in _held(said, Baseline, Kind.SPO2)
        ),
        ranges=tuple(
            PrescribedRange(
                by=_staff(each), at=each.at, until=until, low_percent=fact.low_percent, high_percent=fact.high_percent
            )
            for each, fact, until in _held(said, SaturationRange)
        ),
        oxygen=tuple(
            Oxygen(by=_staff(each), at=each.at, until=until, on=fact.on, litres_per_min=fact.litres_per_min)
            for each, fact, until in _held(said, OxygenAgreed)
        ),
        oxygen_seen=tuple(Seen(value=each.fact.on, at=each.at) for each in said if isinstance(each.fact, OxygenSeen)),
        consciousness=tuple(
            Seen(value=each.fact.acvpu, at=each.at) for each in said if isinstance(each.fact, ConsciousnessSeen)
        ),
        scales=tuple(
            Scale2Choice(by=_staff(each), at=each.at, until=until)
            for each, fact, until in _held(said, News2Scale)
            if fact.scale is Scale.SCALE_2
        ),
        symptoms=_by_day(said),
    )


def periods(said: Sequence[Said]) -> Iterable[tuple[Said, datetime | None]]:
    """From when until when each held: facts of one type and kind, by `at` and id. What another one began together
    with, or an end, leaves out."""
    for each, following in pairwise((*said, None)):
        assert each is not None
        ends = (each.until, None if following is None else following.at)
        until = min((end for end in ends if end is not None), default=None)
        if each.fact is not None and (until is None or each.at < until):
            yield each, until


def history_row(row: tuple[Any, ...]) -> FactRow:
    id_, type_, kind, at, until, value, by, by_name, said_at, reason, *withdrawn = row
    return FactRow(
        id=id_,
        type=type_,
        kind=None if kind is None else KIND_BY_NUMBER[kind],
        fact=_fact(type_, kind, value),
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


def _held(said: Sequence[Said], type_: type[T], kind: Kind | None = None) -> Iterable[tuple[Said, T, datetime | None]]:
    name = next(name for name, each in TYPES.items() if each is type_)
    for each, until in periods([each for each in said if each.type == name and each.kind is kind]):
        assert isinstance(each.fact, type_)
        yield each, each.fact, until


def _newest_of_kinds(said: Sequence[Said]) -> Iterable[Said]:
    newest = {each.kind: each for each in said if each.type == "baseline" and each.kind is not None}
    return [newest[kind] for kind in sorted(newest, key=lambda kind: KINDS[kind].number)]


def _accepted(said: Said) -> AcceptedBaseline:
    fact = said.fact
    assert isinstance(fact, Baseline)
    return AcceptedBaseline(
        patient=said.patient,
        kind=KINDS[fact.kind].number,
        center=fact.center,
        mad=fact.mad,
        days=fact.days,
        first_day=first_day_of(fact),
        last_day=fact.last_day,
        accepted_on=day_of(said.at),
        accepted_by=_staff(said),
    )


def _by_day(said: Sequence[Said]) -> Mapping[date, frozenset[Symptom]]:
    """The last word about a day, whenever it was said to be."""
    in_order = sorted(said, key=lambda each: each.id)
    return {each.fact.day: frozenset(each.fact.symptoms) for each in in_order if isinstance(each.fact, Symptoms)}


def _staff(said: Said) -> int:
    assert said.by is not None, "`readable` leaves it out"
    return said.by


def _fact(type_: str, kind: int | None, value: Any) -> Fact | None:
    if value is None:
        return None
    named = {} if kind is None else {"kind": KIND_BY_NUMBER[kind]}
    return msgspec.convert({"type": type_, **named, **value}, TYPES[type_])
