"""A glucose sensor speaks every five minutes: its stream is judged as one, and LO does not wait for a second value."""

import pytest

from devices.limits import Level
from devices.vocabulary import Kind, Mode, Quality, Sign
from server.clinical.pathways import Pathway
from server.clinical.settings import pathway_limit
from server.detection.findings import Crossing

MINUTE_S = 60


@pytest.fixture
def sensor(ward, reading):
    """Readings of (minute, mmol/L), one step each, as they come."""
    ward.watch(pathway_limit(Pathway.DIABETES, Kind.GLUCOSE_ISF).limit, kind=Kind.GLUCOSE_ISF)

    def say(*values, sign=Sign.EXACT, quality=Quality.GOOD, mode=Mode.CONTINUOUS):
        found = []
        for minute, value in values:
            one = reading(
                at_s=minute * MINUTE_S, value=value, kind=Kind.GLUCOSE_ISF, sign=sign, quality=quality, mode=mode
            )
            found += ward.drain([one])
        return [(each.crossing, each.level) for each in found]

    return say


def test_two_values_in_a_row_below_three_are_red(sensor):
    assert sensor((0, 5.1), (5, 2.9)) == []
    assert sensor((10, 2.8)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_one_value_may_be_missing_between_them_but_not_two(sensor):
    assert sensor((0, 2.9), (10, 2.9)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_after_two_missing_values_the_count_begins_again(sensor):
    assert sensor((0, 2.9), (15, 2.9)) == []
    assert sensor((20, 2.9)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_fifteen_minutes_below_three_point_nine_are_yellow(sensor):
    assert sensor((0, 3.8), (5, 3.8), (10, 3.8)) == []
    assert sensor((15, 3.8)) == [(Crossing.BEGAN, Level.YELLOW_LOW)]


def test_lo_is_red_with_the_first_value(sensor):
    assert sensor((0, 2.2), sign=Sign.BELOW) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_lo_is_said_once_and_not_with_every_value(sensor):
    assert sensor(*((minute, 2.2) for minute in range(0, 25, 5)), sign=Sign.BELOW) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_a_doubtful_lo_is_yellow_until_a_good_one_comes(sensor):
    assert sensor((0, 2.2), sign=Sign.BELOW, quality=Quality.QUESTIONABLE) == [(Crossing.BEGAN, Level.YELLOW_LOW)]
    assert sensor((5, 2.2), sign=Sign.BELOW) == [(Crossing.WORSE, Level.RED_LOW)]


def test_hi_waits_for_its_second_value(sensor):
    assert sensor((0, 27.8), sign=Sign.ABOVE) == []
    assert sensor((5, 27.8), sign=Sign.ABOVE) == [(Crossing.BEGAN, Level.RED_HIGH)]


def test_it_is_over_with_two_values_well_inside(sensor):
    sensor((0, 2.2), sign=Sign.BELOW)
    assert sensor((5, 4.1), (10, 4.1)) == [(Crossing.EASED, Level.YELLOW_LOW)]
    assert sensor((15, 4.2), (20, 4.3)) == [(Crossing.ENDED, Level.INSIDE)]
