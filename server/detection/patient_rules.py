"""What is found about a patient as a whole, from readings of many kinds and from what people saw and said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from devices.vocabulary import KINDS, Kind, Observation
from server.clinical import copd, news2
from server.clinical.copd import Symptom
from server.clinical.here import HERE
from server.clinical.news2 import Consciousness, Observed, Risk, Scale2Choice, Score, Seen
from server.clinical.news2_inputs import PULSES, observed
from server.detection.baseline import AcceptedBaseline
from server.detection.rule_findings import EPOCH, MS, RuleFinding, rule_finding
from server.detection.rules import ExacerbationRule, News2Rule

DAY: Final = timedelta(days=1)
NEWS2_KINDS: Final = PULSES | {Kind.RESPIRATORY_RATE, Kind.SPO2, Kind.SYSTOLIC, Kind.BODY_TEMPERATURE}
# The kind of a finding about all of them: the one that moves first.
NEWS2_KIND: Final = Kind.RESPIRATORY_RATE
EXACERBATION_KIND: Final = Kind.SPO2
COLOURS: Final[Mapping[Risk, str]] = {Risk.HIGH: "red", Risk.MEDIUM: "yellow", Risk.ONE_RED: "yellow"}
SCALE_2: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of one patient beside readings; each in the order of time. `symptoms`: as they were reported."""

    baselines: tuple[AcceptedBaseline, ...] = ()
    oxygen_seen: tuple[Seen[bool], ...] = ()
    consciousness: tuple[Seen[Consciousness], ...] = ()
    scales: tuple[Scale2Choice, ...] = ()
    symptoms: Mapping[date, frozenset[Symptom]] = field(default_factory=dict)


def score_of(readings: Iterable[Observation], known: Known, now: datetime) -> tuple[Score, Observed]:
    """The newest of each parameter, as of `now`."""
    given = observed(
        readings,
        now=now,
        on_oxygen=max((each for each in known.oxygen_seen if each.at <= now), key=_at, default=None),
        consciousness=max((each for each in known.consciousness if each.at <= now), key=_at, default=None),
    )
    spo2 = given.spo2_percent
    chosen = None if spo2 is None else next((each for each in known.scales if each.applies(spo2.at)), None)
    return news2.score(given, chosen), given


def early_warning(rule: News2Rule, patient: int, score: Score, given: Observed) -> RuleFinding | None:
    """None: no total, or one that asks for nothing but measuring again."""
    colour = None if score.risk is None else COLOURS.get(score.risk)
    if colour is None or score.total is None or score.at is None:
        return None
    points = {str(parameter): float(given) for parameter, given in score.points.items() if given is not None}
    scale = SCALE_2 if score.scale_2 is not None else 1
    return rule_finding(
        replace(rule, colour="red" if colour == "red" else "yellow"),
        _key(patient, NEWS2_KIND),
        "high",
        window_ms=(_ms(oldest(given) or score.at), _ms(score.at)),
        readings=len(points),
        total=score.total,
        scale=scale,
        **points,
    )


def oldest(given: Observed) -> datetime | None:
    parameters = (
        given.breaths_per_min,
        given.spo2_percent,
        given.on_oxygen,
        given.systolic_mmhg,
        given.pulse_per_min,
        given.consciousness,
        given.temperature_cel,
    )
    return min((each.at for each in parameters if each is not None), default=None)


def worsening(rule: ExacerbationRule, patient: int, known: Known, now: datetime) -> RuleFinding | None:
    """None: none of the reported days says so, or too few in a row."""
    found = copd.exacerbation(known.symptoms)
    if found is None:
        return None
    return rule_finding(
        rule,
        _key(patient, EXACERBATION_KIND),
        "high",
        window_ms=(_ms(_midnight(found.began)), _ms(reported_until(known, now))),
        readings=sum(1 for day in known.symptoms if found.began <= day <= found.as_of),
        type=found.type,
        days=(found.as_of - found.began).days + 1,
        **{str(symptom): 1.0 for symptom in sorted(found.symptoms)},
    )


def reported_until(known: Known, now: datetime) -> datetime:
    """The end of the newest day with a report, or now."""
    return min(_midnight(max(known.symptoms) + DAY), now)


def _at(seen: Seen[bool] | Seen[Consciousness]) -> datetime:
    return seen.at


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), HERE)


def _ms(at: datetime) -> int:
    return (at - EPOCH) // MS


def _key(patient: int, kind: Kind) -> int:
    return (patient << 16) | KINDS[kind].number
