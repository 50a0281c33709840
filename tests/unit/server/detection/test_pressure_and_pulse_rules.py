"""The week of home blood pressure and the irregular pulse, as findings."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.limits import Level
from server.clinical.irregular_pulse import BEATS, IN_A_ROW
from server.clinical.pathways import Pathway
from server.detection.home_pressure import DAYS, week_of
from server.detection.pressure_rules import high_at_home
from server.detection.pulse_rules import irregular
from server.detection.rules import HOME_PRESSURE, IRREGULAR_PULSE, RULES, RULES_OF

OSLO = ZoneInfo("Europe/Oslo")
FIRST = datetime(2026, 11, 2, tzinfo=OSLO)


def ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


MIDNIGHTS = np.array([ms(FIRST + timedelta(days=day)) for day in range(DAYS + 1)])
NOW_MS = ms(FIRST + timedelta(days=6, hours=22))


def week(
    systolic: float,
    diastolic: float,
    days: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7),
    hours: tuple[float, ...] = (7, 7.1, 20, 20.1),
):
    at = [FIRST + timedelta(days=day - 1, hours=hour) for day in days for hour in hours]
    count = len(at)
    return week_of(
        np.full(count, 9, np.int32),
        np.array([ms(each) for each in at]),
        np.full(count, systolic),
        np.full(count, diastolic),
        MIDNIGHTS,
    )


@pytest.mark.parametrize(
    ("systolic", "diastolic", "rule"),
    [
        (134.4, 84.4, None),
        (134.5, 70, "home_pressure:systolic:high"),  # shown as 135
        (120, 85, "home_pressure:diastolic:high"),
        (150, 95, "home_pressure:systolic:high"),
    ],
)
def test_both_sides_of_135_and_85(systolic, diastolic, rule):
    findings = list(high_at_home(HOME_PRESSURE, week(systolic, diastolic), MIDNIGHTS, NOW_MS))
    assert [each.rule for each in findings] == ([rule] if rule else [])


def test_the_finding_says_both_means_and_how_many_readings_they_rest_on():
    (finding,) = high_at_home(HOME_PRESSURE, week(150, 95), MIDNIGHTS, NOW_MS)
    assert (finding.patient, finding.level) == (9, Level.YELLOW_HIGH)
    assert dict(finding.grounds.numbers) == {"systolic": 150, "diastolic": 95, "days": 6}
    assert finding.grounds.readings == 24
    assert finding.grounds.from_at == FIRST
    assert "7 days" in finding.grounds.reference


@pytest.mark.parametrize(("days", "expected"), [((1, 2, 3), False), ((1, 2, 3, 4), True)])
def test_two_days_besides_the_first_are_too_few(days, expected):
    assert bool(list(high_at_home(HOME_PRESSURE, week(150, 95, days), MIDNIGHTS, NOW_MS))) is expected


@pytest.mark.parametrize(("hours", "expected"), [((7,), False), ((7, 20), True)])
def test_six_readings_are_too_few_and_twelve_are_enough(hours, expected):
    findings = list(high_at_home(HOME_PRESSURE, week(150, 95, hours=hours), MIDNIGHTS, NOW_MS))
    assert bool(findings) is expected  # six days that count, with one or two each


def beats(rr_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 1_795_284_000_000 + np.cumsum(rr_ms).astype(np.int64), rr_ms


def test_an_irregular_pulse_is_yellow_and_nothing_but_a_suspicion():
    taken, rr = beats(np.random.default_rng(31).uniform(350, 1300, BEATS * IN_A_ROW))
    finding = irregular(IRREGULAR_PULSE, 9, taken, rr)
    assert finding is not None
    assert (finding.rule, finding.level) == ("irregular_pulse:rr_interval:high", Level.YELLOW_HIGH)
    assert ms(finding.grounds.from_at) == taken[0]
    assert ms(finding.at) == taken[-1]
    assert finding.grounds.readings == IN_A_ROW
    assert finding.grounds.numbers["highest_entropy"] >= 0.639
    assert "Zhou" in finding.grounds.reference


def test_a_regular_pulse_and_too_few_beats_are_no_finding():
    chance = np.random.default_rng(31)
    assert irregular(IRREGULAR_PULSE, 9, *beats(chance.normal(800, 20, BEATS * IN_A_ROW))) is None
    assert irregular(IRREGULAR_PULSE, 9, *beats(chance.uniform(350, 1300, BEATS * IN_A_ROW - 1))) is None


def test_every_pathway_has_its_rules_and_palliative_care_none():
    assert set(RULES_OF) == set(Pathway)
    assert RULES_OF[Pathway.PALLIATIVE] == ()
    for rules in RULES_OF.values():
        assert set(rules) <= set(RULES)
        assert len(set(rules)) == len(rules)
