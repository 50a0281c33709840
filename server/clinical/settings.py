"""Which of several settings counts for a patient: the one that is nearest to the patient.

A limit: the patient's own, else the range a doctor prescribed (SpO2), else what follows from an accepted baseline
(SpO2), else the team's for the pathway, else the one that Hjemvakt ships. Rules and plans: the patient's, else the
team's for the pathway, else the shipped one. Of two in one place the newer one; one that was removed counts no more,
and what stands behind it counts again. In palliative care nothing counts that is not set for this patient."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

from devices.limits import Limit
from devices.vocabulary import Kind
from server.clinical.here import HERE
from server.clinical.pathways import DEFAULTS, Pathway
from server.clinical.references import PERSONAL, Reference
from server.clinical.saturation import Fact, Oxygen, PrescribedRange, SaturationBaseline, saturation_limit

T = TypeVar("T")

# One row of RCP's chart (NEWS2, chart 1): the pulse, felt at the finger or seen on the chest. Whoever has a limit set
# for one is not alerted by another limit when the other sensor is worn.
SAME_LIMIT: Final[Mapping[Kind, Kind]] = MappingProxyType(
    {Kind.PULSE_RATE: Kind.HEART_RATE, Kind.HEART_RATE: Kind.PULSE_RATE}
)
# Comfort and the treatment that was agreed decide: no pathway's limits, rules or plans reach the patient.
PATIENT_ONLY: Final = frozenset({Pathway.PALLIATIVE})


class Source(StrEnum):
    """Where a limit comes from, the nearest to the patient first."""

    PATIENT = "patient"
    RANGE = "prescribed_range"
    BASELINE = "accepted_baseline"
    TEAM = "team"
    SHIPPED = "shipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLimit:
    """What staff set. `by`: staff id; None: the enrolment list. `of`: the kind that it was set for, if another one."""

    limit: Limit
    by: int | None
    at: datetime
    reason: str
    of: Kind | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaturationFacts:
    ranges: tuple[PrescribedRange, ...] = ()
    oxygen: tuple[Oxygen, ...] = ()
    baselines: tuple[SaturationBaseline, ...] = ()

    def next_change(self, at: datetime) -> datetime | None:
        """When the next of them begins or ends, after `at`."""
        facts: tuple[Fact, ...] = (*self.ranges, *self.oxygen, *self.baselines)
        turns = (turn for fact in facts for turn in (fact.at, fact.until) if turn is not None and turn > at)
        return min(turns, default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingLimit:
    """`limit` None: this kind never alerts, and `source` says who wants it so; None: nobody said anything.

    `basis`: what it rests on, one line for a nurse; "" without a limit. `by`, `at`, `reason`: who set or said it, and
    when; None: it is shipped. `until`: when it may be another one, as far as is known now."""

    limit: Limit | None
    source: Source | None
    basis: str = ""
    by: int | None = None
    at: datetime | None = None
    reason: str = ""
    references: tuple[Reference, ...] = ()
    until: datetime | None = None


NO_LIMIT: Final = CountingLimit(limit=None, source=None)
NO_FACTS: Final = SaturationFacts()


def nearest(*settings: T | None) -> T | None:
    """The first that there is, from the patient outwards."""
    return next((each for each in settings if each is not None), None)


def set_in(given: Mapping[Kind, SetLimit], kind: Kind) -> SetLimit | None:
    """What is set in one place. That one of two never alerts says nothing of the other: silence is said of each."""
    twin = SAME_LIMIT.get(kind)
    if kind in given or twin is None or twin not in given or given[twin].limit == Limit():
        return given.get(kind)
    return replace(given[twin], of=twin)


def reached(pathway: Pathway, of_pathway: T) -> T | None:
    """What is set for a pathway, if a pathway may decide at all."""
    return None if pathway in PATIENT_ONLY else of_pathway


def counting_limit(
    pathway: Pathway,
    kind: Kind,
    at: datetime,
    *,
    own: SetLimit | None = None,
    facts: SaturationFacts = NO_FACTS,
    team: SetLimit | None = None,
) -> CountingLimit:
    """As of `at`. `own`, `team`: the newest, unless it was removed."""
    behind = pathway_limit(pathway, kind, team)
    if own is not None:
        return _set(own, Source.PATIENT, PERSONAL.document)
    if kind is not Kind.SPO2 or facts == NO_FACTS:
        return behind
    return _of_facts(pathway, at, facts, behind)


def pathway_limit(pathway: Pathway, kind: Kind, team: SetLimit | None = None) -> CountingLimit:
    """Without anything about one patient."""
    if pathway in PATIENT_ONLY:
        return NO_LIMIT
    if team is not None:
        return _set(team, Source.TEAM, "Limit of the team for this pathway")
    shipped = DEFAULTS[pathway].get(kind)
    if shipped is None:
        return NO_LIMIT
    return CountingLimit(limit=shipped.limit, source=Source.SHIPPED, basis=shipped.basis, references=shipped.references)


def pathway_limits(pathway: Pathway, team: Mapping[Kind, SetLimit]) -> Mapping[Kind, CountingLimit]:
    """Of every kind that has one."""
    found = {kind: pathway_limit(pathway, kind, set_in(team, kind)) for kind in Kind}
    return MappingProxyType({kind: limit for kind, limit in found.items() if limit != NO_LIMIT})


def _of_facts(pathway: Pathway, at: datetime, facts: SaturationFacts, behind: CountingLimit) -> CountingLimit:
    """Accepting what is usual for somebody in palliative care asks for no alerts; prescribing a range does."""
    found = saturation_limit(
        at,
        ranges=facts.ranges,
        oxygen=facts.oxygen,
        baselines=() if pathway in PATIENT_ONLY else facts.baselines,
        default=behind.limit,
    )
    until = facts.next_change(at)
    match found.rests_on:
        case PrescribedRange() as prescribed:
            source = Source.RANGE
            what = f"Prescribed {prescribed.low_percent:g}-{prescribed.high_percent:g} %{_with(found.oxygen)}"
        case SaturationBaseline() as baseline:
            source, what = Source.BASELINE, f"Accepted baseline {baseline.percent:g} %"
        case None:
            return replace(behind, until=until)
    return CountingLimit(
        limit=found.limit,
        source=source,
        basis="; ".join([f"{what}, {_day(found.rests_on.at)}", *map(str, found.references)]),
        by=found.rests_on.by,
        at=found.rests_on.at,
        references=found.references,
        until=until,
    )


def _set(setting: SetLimit, source: Source, what: str) -> CountingLimit:
    limit = None if setting.limit == Limit() else setting.limit
    where = "" if setting.of is None else f" for {setting.of}"
    return CountingLimit(
        limit=limit,
        source=source,
        basis="" if limit is None else f"{what}{where}, set {_day(setting.at)}: {setting.reason}",
        by=setting.by,
        at=setting.at,
        reason=setting.reason,
    )


def _with(oxygen: Oxygen | None) -> str:
    if oxygen is None:
        return ""
    if not oxygen.on:
        return " on air"
    return " on oxygen" if oxygen.litres_per_min is None else f" on oxygen {oxygen.litres_per_min:g} L/min"


def _day(at: datetime) -> str:
    return f"{at.astimezone(HERE):%Y-%m-%d}"
