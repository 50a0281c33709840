"""Gain in days and loss in months, computed by hand."""

import numpy as np
import pytest

from server.detection.weight import gain_kg, lost_share

NAN = np.nan


def test_a_gain_is_counted_from_the_lightest_of_the_days_before():
    week = np.array([[70.0, 80.0, 81.0, 80.2, 82.3], [80.0, 80.0, 82.1, 82.2, 82.0]])
    assert gain_kg(week, 3).tolist() == [pytest.approx(2.3), pytest.approx(2.0)]


def test_four_days_ago_is_too_long_ago_for_three_days():
    assert gain_kg(np.array([[78.0, 80.0, 80.0, 80.0, 80.5]]), 3).tolist() == [pytest.approx(0.5)]


def test_a_gain_is_rounded_as_it_is_shown():
    assert 64.4 - 62.4 > 2
    assert gain_kg(np.array([[62.4, 62.4, 62.4, 64.4]]), 3).tolist() == [2.0]


@pytest.mark.parametrize("days", [[80.0, 80, 80, NAN], [NAN, NAN, NAN, 82], [NAN, 82]])
def test_without_a_weight_today_or_before_there_is_no_gain(days):
    assert np.isnan(gain_kg(np.array([days]), 3)).all()


def test_missed_days_are_no_zeros():
    assert gain_kg(np.array([[80.0, NAN, NAN, 82.5], [NAN, 80, NAN, 79]]), 3).tolist() == [2.5, -1]


def lost(then: list[float], now: list[float]) -> list[float]:
    return lost_share(np.array([then]), np.array([now])).tolist()


def test_a_loss_compares_the_middle_of_two_weeks():
    then, now = [80.0, 80, 81, 79, 80, 80, 80], [76.0, 76, 77, 75, 76, 76, 76]
    assert lost(then, now) == [pytest.approx(0.05)]


def test_one_wrong_weighing_is_no_loss():
    assert lost([80.0] * 7, [80.0, 80, 80, 80, 80, 80, 55]) == [0]


def test_one_weighing_a_week_is_enough():
    assert lost([NAN, NAN, 90.0, NAN, NAN, NAN, NAN], [NAN, NAN, NAN, NAN, NAN, 81.0, NAN]) == [pytest.approx(0.1)]


def test_a_gain_is_a_negative_loss_and_a_missing_week_is_no_number():
    assert lost([80.0] * 7, [84.0] * 7) == [pytest.approx(-0.05)]
    assert np.isnan([lost([NAN] * 7, [80.0] * 7), lost([80.0] * 7, [NAN] * 7)]).all()


def test_five_percent_is_five_percent_whatever_binary_numbers_make_of_it():
    assert (66 - 62.7) / 66 < 0.05
    assert lost([66.0] * 7, [62.7] * 7) == [0.05]
