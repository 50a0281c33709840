"""Both sides of every SpO2 limit that follows from a prescribed range, oxygen and an accepted baseline (CLINICAL 3)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import KINDS, Kind
from server.clinical.pathways import SPO2_PERCENT
from server.clinical.references import BIBLIOGRAPHY
from server.clinical.saturation import Oxygen, PrescribedRange, SaturationBaseline, in_force, saturation_limit

RED_LOW, YELLOW_LOW, INSIDE, YELLOW_HIGH, RED_HIGH = Level
NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
EARLIER = NOW - 30 * DAY
FROM_88_TO_92 = PrescribedRange(by=17, at=EARLIER, low_percent=88, high_percent=92)
ON_2_LITRES = Oxygen(by=17, at=EARLIER, on=True, litres_per_min=2)
ON_AIR = Oxygen(by=17, at=EARLIER, on=False)
LIVES_AT_87 = SaturationBaseline(by=12, at=EARLIER, percent=87)


def limits(*facts, at=NOW, default=SPO2_PERCENT.limit):
    return saturation_limit(
        at,
        ranges=[each for each in facts if isinstance(each, PrescribedRange)],
        oxygen=[each for each in facts if isinstance(each, Oxygen)],
        baselines=[each for each in facts if isinstance(each, SaturationBaseline)],
        default=default,
    )


def level(percent, *facts):
    return limits(*facts).limit.level_of(percent, decimals=KINDS[Kind.SPO2].decimals)


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        (85, RED_LOW),
        (86, YELLOW_LOW),
        (87, YELLOW_LOW),
        (88, INSIDE),
        (92, INSIDE),
        (93, YELLOW_HIGH),
        (96, YELLOW_HIGH),
        (97, RED_HIGH),
        (100, RED_HIGH),
    ],
)
def test_on_oxygen_with_88_to_92_prescribed_too_much_is_dangerous_too(percent, expected):
    assert level(percent, FROM_88_TO_92, ON_2_LITRES) is expected


@pytest.mark.parametrize("oxygen", [(), (ON_AIR,)])
@pytest.mark.parametrize(("percent", "expected"), [(85, RED_LOW), (87, YELLOW_LOW), (88, INSIDE), (100, INSIDE)])
def test_without_oxygen_no_saturation_is_too_high(oxygen, percent, expected):
    assert level(percent, FROM_88_TO_92, *oxygen) is expected


@pytest.mark.parametrize(
    ("percent", "expected"), [(82, RED_LOW), (83, YELLOW_LOW), (84, YELLOW_LOW), (85, INSIDE), (99, INSIDE)]
)
def test_an_accepted_baseline_is_yellow_from_two_and_red_from_four_below(percent, expected):
    assert level(percent, LIVES_AT_87, ON_2_LITRES) is expected


@pytest.mark.parametrize(("percent", "expected"), [(87, RED_LOW), (88, YELLOW_LOW), (89, YELLOW_LOW), (90, INSIDE)])
def test_without_either_the_default_stands(percent, expected):
    assert level(percent, ON_2_LITRES) is expected
    assert limits(ON_2_LITRES).rests_on is None


def test_a_prescribed_range_replaces_the_baseline():
    found = limits(FROM_88_TO_92, LIVES_AT_87)
    assert found.rests_on == FROM_88_TO_92
    assert found.limit == limits(FROM_88_TO_92).limit


def test_a_range_up_to_98_is_yellow_above_and_cannot_be_red():
    wide = replace(FROM_88_TO_92, low_percent=94, high_percent=98)
    assert [level(each, wide, ON_2_LITRES) for each in (98, 99, 100)] == [INSIDE, YELLOW_HIGH, YELLOW_HIGH]


def test_a_fact_counts_from_its_date_on_and_a_reading_is_judged_by_the_facts_of_its_time():
    assert limits(FROM_88_TO_92, at=EARLIER).rests_on == FROM_88_TO_92
    assert limits(FROM_88_TO_92, at=EARLIER - timedelta(seconds=1)).rests_on is None


def test_a_fact_that_is_over_counts_no_more_and_the_one_before_it_does_not_come_back():
    over = SaturationBaseline(by=12, at=NOW - 5 * DAY, until=NOW, percent=91)
    assert in_force([LIVES_AT_87, over], NOW - timedelta(seconds=1)) == over
    assert in_force([LIVES_AT_87, over], NOW) is None
    assert in_force([over, LIVES_AT_87], NOW - 6 * DAY) == LIVES_AT_87


def test_oxygen_that_was_turned_off_takes_the_upper_limits_with_it():
    off = replace(ON_AIR, at=NOW - DAY)
    assert level(98, FROM_88_TO_92, ON_2_LITRES, off) is INSIDE
    assert limits(FROM_88_TO_92, ON_2_LITRES, off).oxygen == off


def test_whether_a_patient_gets_oxygen_is_said_or_not_known():
    assert limits(FROM_88_TO_92).oxygen is None
    assert limits(FROM_88_TO_92, ON_2_LITRES).oxygen.litres_per_min == 2


def test_where_the_pathway_has_no_default_nothing_alerts_until_a_doctor_prescribes():
    assert limits(default=None).limit is None
    assert limits(FROM_88_TO_92, default=None).limit is not None


@pytest.mark.parametrize(("low", "high"), [(92, 88), (90, 90), (88, 101), (0, 92)])
def test_what_is_no_range_of_saturation_is_refused(low, high):
    with pytest.raises(ValueError, match="no range"):
        replace(FROM_88_TO_92, low_percent=low, high_percent=high)


def test_a_fact_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        replace(ON_AIR, at=NOW.replace(tzinfo=None))


def test_every_limit_says_what_it_rests_on():
    assert set(limits(FROM_88_TO_92, ON_2_LITRES).references) <= set(BIBLIOGRAPHY)
    assert limits(LIVES_AT_87).references
