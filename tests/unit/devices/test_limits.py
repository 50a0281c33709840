"""Limits: the numbers of the clinical defaults, and rounding where binary and decimal part."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Level, Limit, shown
from devices.vocabulary import Sign

# Proposed defaults for blood sugar, mmol/L: red < 3.0, yellow < 3.9, yellow > 13.9, red > 20.0.
GLUCOSE = Limit(red_low=3.0, yellow_low=3.9, yellow_high=13.9, red_high=20.0)
# "Brady < 50 yellow, <= 40 red; tachy > 100 yellow, >= 131 red": <= 40 is below 41, >= 131 is above 130.
PULSE = Limit(red_low=41, yellow_low=50, yellow_high=100, red_high=130)
# On oxygen with a target of 88-92: "yellow > 92, red >= 97".
OXYGEN = Limit(yellow_high=92, red_high=96)


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (2.9, Level.RED_LOW),
        (2.94, Level.RED_LOW),
        (2.95, Level.YELLOW_LOW),  # shown as 3.0
        (3.0, Level.YELLOW_LOW),
        (3.8, Level.YELLOW_LOW),
        (3.885, Level.INSIDE),  # 70 mg/dL, by consensus in range: shown as 3.9
        (3.9, Level.INSIDE),
        (13.9, Level.INSIDE),
        (13.949, Level.INSIDE),
        (13.95, Level.YELLOW_HIGH),
        (20.0, Level.YELLOW_HIGH),
        (20.1, Level.RED_HIGH),
    ],
)
def test_blood_sugar_stands_in_the_band_of_the_number_that_is_shown(value: float, level: Level) -> None:
    assert GLUCOSE.level_of(value, decimals=1) is level


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (40, Level.RED_LOW),
        (41, Level.YELLOW_LOW),
        (49, Level.YELLOW_LOW),
        (50, Level.INSIDE),
        (100, Level.INSIDE),
        (100.4, Level.INSIDE),
        (100.5, Level.YELLOW_HIGH),
        (130, Level.YELLOW_HIGH),
        (131, Level.RED_HIGH),
    ],
)
def test_pulse_counts_whole_beats(value: float, level: Level) -> None:
    assert PULSE.level_of(value, decimals=0) is level


def test_too_much_oxygen_has_limits_on_one_side_only() -> None:
    assert [OXYGEN.level_of(value, decimals=0) for value in (1, 92, 93, 96, 97)] == [
        Level.INSIDE,
        Level.INSIDE,
        Level.YELLOW_HIGH,
        Level.YELLOW_HIGH,
        Level.RED_HIGH,
    ]


def test_without_limits_nothing_is_outside() -> None:
    assert Limit().level_of(0.1, decimals=1) is Level.INSIDE
    assert Limit().level_of(0.1, Sign.BELOW, decimals=1) is Level.INSIDE
    assert Limit().level_of(50, Sign.ABOVE, decimals=1) is Level.INSIDE


def test_a_meters_lo_is_red_at_once() -> None:
    assert GLUCOSE.level_of(1.1, Sign.BELOW, decimals=1) is Level.RED_LOW
    assert GLUCOSE.level_of(3.5, Sign.BELOW, decimals=1) is Level.RED_LOW
    assert Limit(yellow_low=3.9).level_of(1.1, Sign.BELOW, decimals=1) is Level.RED_LOW
    assert Limit(yellow_high=13.9).level_of(1.1, Sign.BELOW, decimals=1) is Level.INSIDE


def test_a_meters_hi_is_as_red_as_the_high_limits_go() -> None:
    assert GLUCOSE.level_of(27.8, Sign.ABOVE, decimals=1) is Level.RED_HIGH
    assert Limit(yellow_high=13.9).level_of(27.8, Sign.ABOVE, decimals=1) is Level.YELLOW_HIGH
    assert Limit(red_low=3.0).level_of(27.8, Sign.ABOVE, decimals=1) is Level.INSIDE


@pytest.mark.parametrize(
    ("value", "decimals", "seen"),
    [
        (38.05, 1, 38.1),  # the double is 38.0499..., round() says 38.0
        (38.04, 1, 38.0),
        (0.25, 1, 0.3),  # round() says 0.2: half to even
        (2.5, 0, 3.0),
        (3.5, 0, 4.0),
        (92.49999, 0, 92.0),
        (100, 0, 100.0),
        (2.675, 2, 2.68),
    ],
)
def test_rounding_is_half_up_in_decimal(value: float, decimals: int, seen: float) -> None:
    assert shown(value, decimals) == seen


@given(st.integers(0, 10**6), st.integers(0, 2))
def test_rounding_agrees_with_integers(thousandths: int, decimals: int) -> None:
    """The value is a whole number of thousandths, so half up can be said with whole numbers alone."""
    step = 10 ** (3 - decimals)
    expected = (thousandths + step // 2) // step
    assert shown(thousandths / 1000, decimals) == float(Decimal(expected).scaleb(-decimals))


@given(st.floats(0, 1000), st.integers(0, 2))
def test_what_is_shown_is_shown_the_same_again(value: float, decimals: int) -> None:
    once = shown(value, decimals)
    assert shown(once, decimals) == once
    assert abs(Decimal(once) - Decimal(value)) <= Decimal("0.50001").scaleb(-decimals)
    assert Decimal(str(once)) == Decimal(str(once)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)


@pytest.mark.parametrize(
    "numbers",
    [
        {"red_low": 4.0, "yellow_low": 3.9},
        {"yellow_low": 14.0, "yellow_high": 13.9},
        {"red_low": 3.0, "red_high": 2.0},
        {"yellow_high": 21.0, "red_high": 20.0},
        {"red_low": float("nan")},
        {"red_high": float("inf")},
    ],
)
def test_limits_that_do_not_ascend_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"ascend|finite"):
        Limit(**numbers)


def test_red_and_yellow_may_be_the_same_number() -> None:
    """Then there is no yellow band: straight to red."""
    limit = Limit(red_low=88, yellow_low=88)
    assert [limit.level_of(value, decimals=0) for value in (87, 88)] == [Level.RED_LOW, Level.INSIDE]
