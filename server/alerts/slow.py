"""From what the slow rules found to what a person is told: one worsening is one concern.

Four rules look at the same days of a stream, and two sensors at the same heart; who opens the door has one patient."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from math import isfinite
from types import MappingProxyType
from typing import Final

from devices.limits import Level
from devices.vocabulary import KINDS, Kind
from server.alerts.findings import Concern, ConcernOver, Finding
from server.alerts.model import Priority, patient_subject
from server.clinical.change import CHANGES
from server.detection.findings import Direction, Evidence
from server.detection.rule_findings import Looked, RuleFinding

SIDES: Final[tuple[Direction, Direction]] = ("low", "high")
# Who is told of one is told of both.
SAME_THING: Final[Mapping[Kind, Kind]] = MappingProxyType(
    {
        Kind.PULSE_RATE: Kind.HEART_RATE,
        Kind.DIASTOLIC: Kind.SYSTOLIC,
        Kind.MEAN_ARTERIAL: Kind.SYSTOLIC,
        Kind.GLUCOSE_ISF: Kind.GLUCOSE,
    }
)
# The one that leads is told in full: what a nurse can check against the newest value first, sums of small steps last.
CHANGE: Final = ("deviation", "trend", "ewma", "cusum")
LOW_SOON: Final = ("very_low_soon", "low_soon", "falling_fast")
WEIGHT_LOSS: Final = ("weight_loss_month", "weight_loss_half_year")
OF_THE_PATIENT: Final = frozenset({"news2", "exacerbation"})  # of many kinds, or of none
SAID_BETTER: Final = MappingProxyType({"change:weight:high": "weight_gain", "change:weight:low": "weight_loss"})
LEADS: Final = MappingProxyType({name: place for place, name in enumerate((*CHANGE, *LOW_SOON, *WEIGHT_LOSS))})
# Older than this, what was found then is no longer now [proposal]. A rule about days is told by its newest one.
LATE_AFTER: Final = MappingProxyType(
    {"low_soon": timedelta(minutes=15), "news2": timedelta(hours=2), "irregular_pulse": timedelta(hours=2)}
)
LOOKS_AT_DAYS: Final = timedelta(days=1)

# How much more is worse again, so that it is told again [proposal].
WEIGHT_STEP_KG: Final = 1.0
WEIGHT_LOSS_STEP_SHARE: Final = 0.025
SYSTOLIC_STEP_MMHG, DIASTOLIC_STEP_MMHG = 10.0, 5.0
NEWS2_STEP_POINTS: Final = 2.0
LEAST_GRAVE_TYPE: Final = 3  # Anthonisen's 1 is the worst


def concerns(
    found: Sequence[RuleFinding], looked_at: Sequence[Looked], open_rules: Mapping[int, Collection[str]], now: datetime
) -> list[Finding]:
    """`open_rules`: of the alerts that stand about these patients. What was looked at, stands and is not found again is
    over, and what nobody could look at never is."""
    told = _told(found, now)
    still = {(each.patient, alert_rule(each)) for each in found}
    over = [each for each in _over(looked_at, open_rules) if (each.subject.patient, each.rule) not in still]
    return [*told, *over]


def is_slow(rule: str) -> bool:
    """An alert that looks back on hours, days or weeks: nothing has happened this minute."""
    return not rule.startswith("low_soon:") and _family(rule) in STEPS


def alert_rule(finding: RuleFinding) -> str:
    """The identity of the alert that it leads to."""
    return alert_rule_of(finding.name, finding.kind, finding.direction)


def alert_rule_of(name: str, kind: Kind | None, direction: Direction) -> str:
    if kind is not None and name in CHANGE:
        return f"change:{_thing(kind)}:{direction}"
    if kind is not None and name in LOW_SOON:
        return f"low_soon:{kind}"
    return "weight_loss" if name in WEIGHT_LOSS else name


# ---- what was found


def _told(found: Sequence[RuleFinding], now: datetime) -> list[Concern]:
    """A weight that the two rules about weight tell of is not told a second time as a change."""
    ordered = sorted(found, key=_place)
    groups = [list(group) for _, group in groupby(ordered, key=lambda each: (each.patient, alert_rule(each)))]
    rules = {(each.patient, alert_rule(each)) for each in found}
    return [
        _concern(group, now)
        for group in groups
        if (group[0].patient, SAID_BETTER.get(alert_rule(group[0]))) not in rules
    ]


def _place(finding: RuleFinding) -> tuple[int, str, int, int]:
    kind = 0 if finding.kind is None else KINDS[finding.kind].number
    return finding.patient, alert_rule(finding), LEADS.get(finding.name, 0), kind


def _concern(group: Sequence[RuleFinding], now: datetime) -> Concern:
    """`group`: of one patient and alert rule, the leading one first."""
    lead, rule = group[0], alert_rule(group[0])
    red = any(abs(each.level) == abs(Level.RED_LOW) for each in group)
    at = max(each.at for each in group)
    return Concern(
        subject=patient_subject(lead.patient),
        rule=rule,
        priority=Priority.RED if red else Priority.YELLOW,
        at=at,
        began=min(each.at for each in group),
        evidence=_evidence(group),
        late=now - at > LATE_AFTER.get(_family(rule), LOOKS_AT_DAYS),
        steps=_steps(group),
        joins=_joins(rule),
    )


def _evidence(group: Sequence[RuleFinding]) -> Evidence:
    """The leading rule's numbers by their own names, those of the others with the rule's name before them."""
    lead = group[0]
    numbers = {f"{each.name}_{name}": number for each in group[1:] for name, number in each.grounds.numbers.items()}
    numbers |= lead.grounds.numbers
    references = dict.fromkeys(str(each) for finding in group for each in finding.grounds.references)
    return Evidence(
        kind=None if lead.name in OF_THE_PATIENT else lead.kind,
        value=lead.grounds.numbers.get("value"),
        level=lead.level,
        direction=lead.direction,
        since=lead.grounds.to_at,
        reference="; ".join(references),
        rules=tuple(dict.fromkeys(each.name for each in group)),
        numbers={name: number for name, number in numbers.items() if isfinite(number)},
        from_at=lead.grounds.from_at,
        readings=lead.grounds.readings,
    )


def _joins(rule: str) -> tuple[str, ...]:
    """A change on the side of a limit that is crossed already, or a low that is feared where it is low already."""
    family, *rest = rule.split(":")
    if family == "change":
        thing, direction = rest
        limits = tuple(f"limit:{kind}:{direction}" for kind in _kinds_of(Kind(thing)))
        return (SAID_BETTER[rule], *limits) if rule in SAID_BETTER else limits
    if family == "low_soon":
        return tuple(f"limit:{kind}:low" for kind in _kinds_of(Kind.GLUCOSE))
    return ()


# ---- how bad it is


def _steps(group: Sequence[RuleFinding]) -> float | None:
    measure = STEPS.get(_family(alert_rule(group[0])))
    measured = [] if measure is None else [measure(each) for each in group]
    return max((steps for steps in measured if steps is not None), default=None)


def _change_steps(finding: RuleFinding) -> float | None:
    change = None if finding.kind is None else CHANGES.get(finding.kind)
    return None if change is None else abs(_away(finding.name, finding.grounds.numbers)) / change.smallest


def _away(name: str, numbers: Mapping[str, float]) -> float:
    match name:
        case "deviation":
            return numbers["value"] - numbers["usual"]
        case "trend":
            return numbers["change"]
        case "ewma":
            return numbers["average"] - numbers["usual"]
        case _:
            return numbers["shift"]


def _pressure_steps(finding: RuleFinding) -> float:
    numbers = finding.grounds.numbers
    return max(numbers["systolic"] / SYSTOLIC_STEP_MMHG, numbers["diastolic"] / DIASTOLIC_STEP_MMHG)


STEPS: Final[Mapping[str, Callable[[RuleFinding], float | None]]] = MappingProxyType(
    {
        "change": _change_steps,
        "weight_gain": lambda finding: finding.grounds.numbers["value"] / WEIGHT_STEP_KG,  # whoever is heavier yet
        "weight_loss": lambda finding: finding.grounds.numbers["lost_share"] / WEIGHT_LOSS_STEP_SHARE,
        "home_pressure": _pressure_steps,
        "irregular_pulse": lambda _: None,
        "news2": lambda finding: finding.grounds.numbers["total"] / NEWS2_STEP_POINTS,
        "exacerbation": lambda finding: LEAST_GRAVE_TYPE - finding.grounds.numbers["type"],
    }
)


# ---- what is over


def _over(looked_at: Sequence[Looked], open_rules: Mapping[int, Collection[str]]) -> list[ConcernOver]:
    ends: dict[tuple[int, str], list[Looked]] = {}
    for looked in looked_at:
        standing = open_rules.get(looked.patient, ())
        for rule in dict.fromkeys(_could_tell(looked)):
            if rule in standing:
                ends.setdefault((looked.patient, rule), []).append(looked)
    return [
        ConcernOver(
            subject=patient_subject(patient),
            rule=rule,
            at=max(each.at for each in looks),
            of=tuple((_rests_on(name, each.kind), name) for each in looks for name in sorted(each.rules)),
            unless=_joins(rule),
        )
        for (patient, rule), looks in sorted(ends.items())
    ]


def _could_tell(looked: Looked) -> Iterator[str]:
    """The alerts that what was looked at could have led to."""
    for name in sorted(looked.rules):
        for direction in SIDES if name in CHANGE else SIDES[:1]:
            yield alert_rule_of(name, looked.kind, direction)


def _rests_on(name: str, kind: Kind | None) -> Kind | None:
    """Two sensors of one heart say their own; the mean of a week is of both pressures."""
    return kind if name in CHANGE else None


def _thing(kind: Kind) -> Kind:
    return SAME_THING.get(kind, kind)


def _kinds_of(thing: Kind) -> tuple[Kind, ...]:
    return (thing, *(kind for kind, same in SAME_THING.items() if same is thing))


def _family(rule: str) -> str:
    return rule.split(":")[0]
