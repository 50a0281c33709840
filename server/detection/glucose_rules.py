"""A low that is coming: the rules over a glucose sensor's last points, for many sensors at once."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from devices.limits import shown
from devices.vocabulary import KINDS, Kind
from server.detection.glucose_rate import Points, Rates, in_a_row, predicted, rates
from server.detection.levels import shown_values
from server.detection.rows import Bools, Floats, Ints
from server.detection.rule_findings import RuleFinding, rule_finding
from server.detection.rules import FallingRule, GlucoseRule, LowSoonRule

DECIMALS: Final = KINDS[Kind.GLUCOSE_ISF].decimals


def evaluate(rules: Sequence[GlucoseRule], key: Ints, points: Points, now_ms: int) -> list[RuleFinding]:
    """`key` of each row of `points`. Of a stream only the first of `rules` that holds is told: the worst is first."""
    newest = rates(points, now_ms)
    value = _shown(newest.value)
    open_still = np.ones(len(key), np.bool_)
    found: list[RuleFinding] = []
    for rule in rules:
        which = np.flatnonzero(open_still & _concerns(rule, value) & (newest.per_min < 0))
        which = which[_falls(rule, newest.of(which))]
        if which.size:
            told = in_a_row(points.of(which), now_ms, rule.in_a_row)
            which = which[np.logical_and.reduce([_falls(rule, each) for each in told])]
        open_still[which] = False
        found += [_finding(rule, int(key[place]), newest, place) for place in which.tolist()]
    return sorted(found, key=lambda each: (each.patient, each.kind))


def _concerns(rule: GlucoseRule, value: Floats) -> Bools:
    """Who is low already is the limits' matter."""
    match rule:
        case LowSoonRule():
            concerns: Bools = value >= rule.below_mmol_per_l
        case FallingRule():
            concerns = value <= rule.at_most_mmol_per_l
    return concerns


def _falls(rule: GlucoseRule, rate: Rates) -> Bools:
    match rule:
        case LowSoonRule():
            falls: Bools = (_shown(predicted(rate, rule.within_min)) < rule.below_mmol_per_l) & (rate.per_min < 0)
        case FallingRule():
            falls = np.round(-rate.per_min, 9) >= rule.mmol_per_l_per_min  # or 0.17 is a hair less in binary
    return falls


def _finding(rule: GlucoseRule, key: int, newest: Rates, place: int) -> RuleFinding:
    numbers = {"value": newest.value[place], "per_min": newest.per_min[place]}
    match rule:
        case LowSoonRule():
            numbers |= {
                "predicted": shown(float(predicted(newest.of(slice(place, place + 1)), rule.within_min)[0]), DECIMALS),
                "within_min": rule.within_min,
                "below": rule.below_mmol_per_l,
            }
        case FallingRule():
            numbers |= {"at_least_per_min": rule.mmol_per_l_per_min}
    window_ms = int(newest.from_ms[place]), int(newest.at_ms[place])
    return rule_finding(rule, key, "low", window_ms=window_ms, readings=int(newest.points[place]), **numbers)


def _shown(mmol_per_l: Floats) -> Floats:
    """Rounded before it is compared, as every glucose is."""
    return shown_values(mmol_per_l, np.full(len(mmol_per_l), DECIMALS, np.int8))
