"""numpy and the gateway's scalar rule say the same of every value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Limit, shown
from devices.vocabulary import Sign
from server.detection.levels import severities, shown_values, usable

# Values as devices say them: with decimals of their own, and converted from mg/dL or degrees Fahrenheit.
tenths = st.integers(0, 4000).map(lambda n: n / 10)
hundredths = st.integers(0, 40_000).map(lambda n: n / 100)
converted = st.integers(1, 700).map(lambda n: n / 18.0182)
anything = st.floats(min_value=0, max_value=1000, allow_nan=False)
values = st.one_of(tenths, hundredths, converted, anything)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    edges = sorted(draw(st.lists(hundredths, min_size=4, max_size=4)))
    kept = [edge if draw(st.booleans()) else None for edge in edges]
    return Limit(red_low=kept[0], yellow_low=kept[1], yellow_high=kept[2], red_high=kept[3])


def edges_of(limit: Limit) -> list[float]:
    edges = (limit.red_low, limit.yellow_low, limit.yellow_high, limit.red_high)
    return [np.nan if edge is None else edge for edge in edges]


def level_of(limit: Limit, value: float, sign: Sign, decimals: int) -> int:
    number = shown_values(np.array([value]), np.array([decimals], np.int8))
    low, high = severities(number, np.array([sign], np.int8), np.array([edges_of(limit)]))
    return int(high[0]) - int(low[0])


@given(values, st.sampled_from([0, 1, 2]))
def test_a_value_is_rounded_as_the_screen_shows_it(value: float, decimals: int) -> None:
    assert shown_values(np.array([value]), np.array([decimals], np.int8))[0] == shown(value, decimals)


@given(limits(), values, st.sampled_from(Sign), st.sampled_from([0, 1, 2]))
def test_a_level_is_the_one_that_the_scalar_rule_gives(limit: Limit, value: float, sign: Sign, decimals: int) -> None:
    assert level_of(limit, value, sign, decimals) == limit.level_of(value, sign, decimals=decimals)


@given(limits(), st.data())
def test_a_value_on_a_limit_and_one_step_beside_it_have_the_scalar_rules_level(
    limit: Limit, data: st.DataObject
) -> None:
    edges = [edge for edge in edges_of(limit) if not np.isnan(edge)]
    if not edges:
        return
    value = data.draw(st.sampled_from(edges)) + data.draw(st.sampled_from([-0.1, -0.05, -0.01, 0, 0.01, 0.05, 0.1]))
    decimals = data.draw(st.sampled_from([0, 1, 2]))
    assert level_of(limit, abs(value), Sign.EXACT, decimals) == limit.level_of(abs(value), decimals=decimals)


@pytest.mark.parametrize(
    ("value", "decimals", "screen"),
    [
        (38.05, 1, 38.1),
        (38.04, 1, 38.0),
        (3.885, 1, 3.9),
        (3.85, 1, 3.9),
        (2.95, 1, 3.0),
        (89.5, 0, 90.0),
        (2.675, 2, 2.68),
        (1.005, 2, 1.01),
    ],
)
def test_a_half_is_rounded_up_in_decimal_whatever_its_double_says(value: float, decimals: int, screen: float) -> None:
    assert shown_values(np.array([value]), np.array([decimals], np.int8))[0] == screen


def test_many_values_are_rounded_each_with_its_own_decimals() -> None:
    numbers = shown_values(np.array([89.5, 38.05, 2.675, np.nan]), np.array([0, 1, 2, 0], np.int8))
    assert numbers.tolist()[:3] == [90.0, 38.1, 2.68]
    assert np.isnan(numbers[3])


def test_no_reading_and_demonstrations_are_not_judged() -> None:
    value = np.array([97.0, 97.0, 97.0, 97.0, np.nan])
    quality = np.array([0, 1, 2, 3, 0], np.int8)  # good, questionable, no reading, demonstration; NaN is never judged
    assert usable(value, quality).tolist() == [True, True, False, False, False]
