"""Both sides of every target of the 2019 consensus for time in ranges."""

import pytest

from server.clinical.glucose import Band, Metrics
from server.clinical.glucose_targets import (
    ABOVE_10_0,
    ABOVE_13_9,
    BELOW_3_0,
    BELOW_3_9,
    IN_RANGE,
    REFERENCE,
    Group,
    missed,
)
from server.clinical.references import BIBLIOGRAPHY

VERY_LOW, LOW, INSIDE, HIGH, VERY_HIGH = Band


def fortnight(sufficient=True, **percent):
    shares = {band: float(percent.get(band.name.lower(), 0)) for band in Band}
    shares[INSIDE] = 100 - sum(shares.values())
    return Metrics(readings=4032, censored=0, days=14, worn_percent=100, sufficient=sufficient, percent=shares)


def missed_bands(group, **percent):
    return [target.bands for target in missed(fortnight(**percent), group)]


@pytest.mark.parametrize(
    ("percent", "bands"),
    [
        ({}, []),
        ({"low": 3.9}, []),
        ({"low": 4}, [BELOW_3_9]),
        ({"low": 3.94}, []),  # shown 3.9
        ({"low": 3.95}, [BELOW_3_9]),  # shown 4.0
        ({"very_low": 0.9, "low": 3.0}, []),
        ({"very_low": 0.9, "low": 3.1}, [BELOW_3_9]),
        ({"very_low": 0.9}, []),
        ({"very_low": 1}, [BELOW_3_0]),
        ({"high": 24.9}, []),
        ({"high": 25}, [ABOVE_10_0]),
        ({"high": 20.1, "very_high": 4.9}, [ABOVE_10_0]),
        ({"very_high": 4.9}, []),
        ({"very_high": 5}, [ABOVE_13_9]),
        ({"low": 3.5, "high": 26.5}, [IN_RANGE, ABOVE_10_0]),  # 70 in range: more than 70 is asked
        ({"low": 3.5, "high": 26.4}, [ABOVE_10_0]),
    ],
)
def test_an_adult_misses_a_target_from_its_border_on(percent, bands):
    assert missed_bands(Group.ADULT, **percent) == bands


@pytest.mark.parametrize(
    ("percent", "bands"),
    [
        ({"high": 49.9}, []),
        ({"high": 50}, [IN_RANGE]),
        ({"low": 0.9}, []),
        ({"low": 1}, [BELOW_3_9]),
        ({"very_low": 0.5, "low": 0.5}, [BELOW_3_9]),
        ({"very_high": 9.9}, []),
        ({"very_high": 10}, [ABOVE_13_9]),
    ],
)
def test_an_older_person_has_more_room_above_and_less_below(percent, bands):
    assert missed_bands(Group.OLDER, **percent) == bands


def test_from_too_little_data_no_target_is_met_or_missed():
    assert missed(fortnight(sufficient=False), Group.ADULT) is None
    nothing = Metrics(readings=0, censored=0, days=14, worn_percent=0, sufficient=False)
    assert missed(nothing, Group.ADULT) is None


def test_the_targets_are_named():
    assert REFERENCE in BIBLIOGRAPHY
