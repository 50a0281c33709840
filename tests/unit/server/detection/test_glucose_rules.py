"""A low that is coming, by hand: straight falls, five minutes between two points, told before it is there."""

import numpy as np
import pytest

from devices.limits import Level
from devices.vocabulary import KINDS, Kind
from server.detection.glucose_rate import points_of
from server.detection.glucose_rules import evaluate
from server.detection.rules import FALLING_FAST, GLUCOSE_RULES, LOW_SOON, VERY_LOW_SOON, GlucoseRule

NOW = 1_795_284_000_000
MINUTE = 60_000
NUMBER = KINDS[Kind.GLUCOSE_ISF].number


def found(rules: tuple[GlucoseRule, ...], *streams: list[float], late_min: float = 0):
    """Each stream ends now; `late_min`: how late the newest point of each arrived."""
    number = np.concatenate([np.full(len(each), place) for place, each in enumerate(streams)])
    ago = np.concatenate([np.arange(len(each))[::-1] * 5 for each in streams])
    taken = NOW - ago * MINUTE
    arrived = np.where(ago == 0, taken + int(late_min * MINUTE), taken)
    points = points_of(number, taken, arrived, np.concatenate([np.array(each) for each in streams]), len(streams))
    keys = (np.arange(len(streams), dtype=np.int64) << 16) | NUMBER
    return evaluate(rules, keys, points, NOW)


def fall(to: float, per_min: float, count: int = 6) -> list[float]:
    return [round(to + per_min * 5 * back, 6) for back in range(count - 1, -1, -1)]


def test_a_straight_fall_is_told_before_it_is_low_with_what_it_rests_on():
    (finding,) = found((LOW_SOON,), fall(5.0, 0.05))  # in 30 minutes 3.5
    assert finding.rule == "low_soon:glucose_isf:low"
    assert finding.level == Level.YELLOW_LOW
    assert dict(finding.grounds.numbers) == {
        "value": 5.0,
        "per_min": pytest.approx(-0.05),
        "predicted": 3.5,
        "within_min": 30,
        "below": 3.9,
    }
    assert finding.grounds.readings == 4
    assert (finding.grounds.to_at - finding.grounds.from_at).total_seconds() == 15 * 60
    assert "Harvey" in finding.grounds.reference


@pytest.mark.parametrize(("to", "expected"), [(5.09, True), (5.11, False)])
def test_both_sides_of_a_low_in_thirty_minutes(to, expected):
    # Five minutes ago it was 0.25 more, and 1.5 less in 30 minutes: 3.84 is shown as 3.8, but 3.86 as 3.9.
    assert bool(found((LOW_SOON,), fall(to, 0.05))) is expected


@pytest.mark.parametrize(("to", "expected"), [(4.64, True), (4.66, False)])
def test_both_sides_of_very_low_in_twenty_minutes(to, expected):
    # 55 mg/dL or less is 3.1. Five minutes ago it was 0.5 more, and 2 less in 20 minutes: 3.14 or 3.16.
    findings = found((VERY_LOW_SOON,), fall(to, 0.1))
    assert bool(findings) is expected
    if expected:
        assert findings[0].level == Level.RED_LOW


def test_who_is_low_already_is_the_limits_matter():
    assert found((LOW_SOON,), fall(3.9, 0.05))
    assert not found((LOW_SOON,), fall(3.8, 0.05))


def test_one_point_alone_foretells_nothing():
    steady_then_drop = [6.0, 6.0, 6.0, 6.0, 6.0, 4.5]
    assert not found((LOW_SOON,), steady_then_drop)
    assert found((LOW_SOON,), [*steady_then_drop[1:], 3.9])


def test_a_steady_or_a_rising_glucose_foretells_no_low():
    assert not found(GLUCOSE_RULES, [4.0] * 6, fall(4.0, -0.05))


def test_what_has_not_arrived_has_not_warned():
    fell = [6.0, 6.0, 6.0, 6.0, 4.6, 3.9]
    assert found((LOW_SOON,), fell)
    assert not found((LOW_SOON,), fell, late_min=1)


@pytest.mark.parametrize(("per_min", "expected"), [(0.169, False), (0.17, True)])
def test_both_sides_of_falling_fast(per_min, expected):
    assert bool(found((FALLING_FAST,), fall(9.9, per_min))) is expected


def test_a_fast_fall_far_above_the_target_is_what_insulin_is_for():
    assert found((FALLING_FAST,), fall(10.0, 0.2))
    assert not found((FALLING_FAST,), fall(10.1, 0.2))


def test_of_one_stream_only_the_worst_is_told():
    plunge, slide, drop = fall(5.0, 0.2), fall(5.0, 0.05), fall(9.9, 0.18)
    findings = found(GLUCOSE_RULES, plunge, [6.0] * 6, slide, drop)
    assert [(each.patient, each.name) for each in findings] == [
        (0, "very_low_soon"),
        (2, "low_soon"),
        (3, "falling_fast"),
    ]


def test_no_streams_are_no_findings():
    assert found(GLUCOSE_RULES, []) == []
