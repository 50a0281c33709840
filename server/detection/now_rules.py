"""The slow rules that look at the last minutes, at a week of pressures, at beats, and at a patient as a whole."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from math import isnan
from typing import Final, TypeVar

import numpy as np

from devices.vocabulary import Kind, Observation
from server.clinical.irregular_pulse import IN_A_ROW, windows
from server.detection import glucose_rules, pulse_rules
from server.detection.glucose_rate import rates
from server.detection.histories import Beats, Histories, Judged, RulesOf
from server.detection.home_pressure import DAYS as PRESSURE_DAYS
from server.detection.home_pressure import home_means, week_of
from server.detection.patient_rules import Known, early_warning, reported_until, score_of, worsening
from server.detection.pressure_rules import high_at_home
from server.detection.rows import stream_of
from server.detection.rule_findings import EPOCH, MS, Looked, RuleFinding
from server.detection.rules import (
    ExacerbationRule,
    FallingRule,
    HomePressureRule,
    IrregularPulseRule,
    LowSoonRule,
    News2Rule,
    Rule,
)

NOBODY: Final = Known()
R = TypeVar("R", bound=Rule)


def judge_now(histories: Histories, rules: RulesOf, known: Mapping[int, Known], now_ms: int) -> Iterator[Judged]:
    yield from _lows_to_come(histories, rules, now_ms)
    yield from _pressures(histories, rules, now_ms)
    for patient, beats in sorted(histories.beats.items()):
        for pulse_rule in _of_type(rules, patient, IrregularPulseRule):
            yield _pulse(pulse_rule, patient, beats)
    now = EPOCH + now_ms * MS
    for patient, readings in sorted(histories.newest.items()):
        for news2_rule in _of_type(rules, patient, News2Rule):
            yield _score(news2_rule, patient, readings, known.get(patient, NOBODY), now)
    for patient in sorted(histories.reported):
        for copd_rule in _of_type(rules, patient, ExacerbationRule):
            yield _symptoms(copd_rule, patient, known.get(patient, NOBODY), now)


def _lows_to_come(histories: Histories, rules: RulesOf, now_ms: int) -> Iterator[Judged]:
    sets: dict[tuple[LowSoonRule | FallingRule, ...], list[int]] = {}
    for place, key in enumerate(histories.sensors.tolist()):
        mine = tuple(each for each in rules.get(key >> 16, ()) if isinstance(each, LowSoonRule | FallingRule))
        sets.setdefault(mine, []).append(place)
    for chosen, places in sets.items():
        if chosen:
            which = np.array(places)
            keys, points = histories.sensors[which], histories.points.of(which)
            newest = rates(points, now_ms)
            names = frozenset(rule.name for rule in chosen)
            yield Judged(
                found=tuple(glucose_rules.evaluate(chosen, keys, points, now_ms)),
                looked=tuple(
                    _looked(stream_of(key)[0], Kind.GLUCOSE_ISF, names, at_ms)
                    for key, at_ms, per_min in zip(
                        keys.tolist(), newest.at_ms.tolist(), newest.per_min.tolist(), strict=True
                    )
                    if not isnan(per_min)
                ),
            )


def _pressures(histories: Histories, rules: RulesOf, now_ms: int) -> Iterator[Judged]:
    given, midnights_ms = histories.pressures, histories.midnights_ms[-PRESSURE_DAYS - 1 :]
    sets: dict[HomePressureRule, list[int]] = {}
    for patient in np.unique(given.patient).tolist():
        for rule in _of_type(rules, patient, HomePressureRule):
            sets.setdefault(rule, []).append(patient)
    for rule, patients in sets.items():
        mine = np.isin(given.patient, patients)
        week = week_of(
            given.patient[mine], given.taken_ms[mine], given.systolic[mine], given.diastolic[mine], midnights_ms
        )
        means = home_means(week)
        enough = (means.days >= rule.least_days) & (means.readings >= rule.least_readings)
        newest = {patient: int(given.taken_ms[given.patient == patient].max()) for patient in patients}
        told = high_at_home(rule, week, midnights_ms, now_ms)
        names = frozenset({rule.name})
        yield Judged(
            found=tuple(as_of(each, newest[each.patient]) for each in told),
            looked=tuple(
                _looked(patient, Kind.SYSTOLIC, names, newest[patient]) for patient in means.patient[enough].tolist()
            ),
        )


def _pulse(rule: IrregularPulseRule, patient: int, beats: Beats) -> Judged:
    told = windows(beats.taken_ms, beats.rr_ms)
    if len(told) < IN_A_ROW:
        return Judged()
    found = pulse_rules.irregular(rule, patient, beats.taken_ms, beats.rr_ms)
    looked = Looked(patient=patient, kind=Kind.RR_INTERVAL, rules=frozenset({rule.name}), at=told[-1].ended)
    return Judged(found=_some(found), looked=(looked,))


def _score(rule: News2Rule, patient: int, readings: Iterable[Observation], known: Known, now: datetime) -> Judged:
    score, given = score_of(readings, known, now)
    if score.at is None or not score.computable:
        return Judged()
    looked = Looked(patient=patient, kind=None, rules=frozenset({rule.name}), at=score.at)
    return Judged(found=_some(early_warning(rule, patient, score, given)), looked=(looked,))


def _symptoms(rule: ExacerbationRule, patient: int, known: Known, now: datetime) -> Judged:
    if not known.symptoms:
        return Judged()
    looked = Looked(patient=patient, kind=None, rules=frozenset({rule.name}), at=reported_until(known, now))
    return Judged(found=_some(worsening(rule, patient, known, now)), looked=(looked,))


def as_of(finding: RuleFinding, newest_ms: int) -> RuleFinding:
    """As of the newest reading that it rests on: whenever it is looked at, the finding is the same."""
    at = EPOCH + newest_ms * MS
    return replace(finding, at=at, grounds=replace(finding.grounds, to_at=at))


def _looked(patient: int, kind: Kind, names: frozenset[str], at_ms: int) -> Looked:
    return Looked(patient=patient, kind=kind, rules=names, at=EPOCH + at_ms * MS)


def _of_type(rules: RulesOf, patient: int, wanted: type[R]) -> Iterator[R]:
    return (each for each in rules.get(patient, ()) if isinstance(each, wanted))


def _some(found: RuleFinding | None) -> tuple[RuleFinding, ...]:
    return () if found is None else (found,)
