"""Median, spread and robust z against hand computation and scipy."""

from datetime import date

import numpy as np
import pytest
from scipy.stats import median_abs_deviation

from server.detection.baseline import AcceptedBaseline, accepted_columns, accepted_for, baselines, robust_z, usual

NAN = np.nan


def test_the_middle_and_the_spread_of_a_week_computed_by_hand():
    found = baselines(np.array([[91.0, 92, 93, 90, 92, 94, 85], [92, 92, 92, 92, 92, 92, 92]]))
    assert found.center.tolist() == [92, 92]
    assert found.mad.tolist() == [1, 0]  # 1 0 1 2 0 2 7, in order 0 0 1 1 2 2 7
    assert found.days.tolist() == [7, 7]


def test_days_without_a_value_are_not_zeros_and_nothing_at_all_is_no_baseline():
    found = baselines(np.array([[NAN, 70.0, NAN, 80, 76], [NAN, NAN, NAN, NAN, NAN], [NAN, 70, NAN, 80, NAN]]))
    assert found.center[[0, 2]].tolist() == [76, 75]
    assert found.mad[[0, 2]].tolist() == [4, 5]
    assert np.isnan([found.center[1], found.mad[1]]).all()
    assert found.days.tolist() == [3, 0, 2]


def test_every_middle_and_spread_is_what_numpy_and_scipy_say_of_that_row():
    chance = np.random.default_rng(3)
    values = np.round(chance.normal(90, 3, (400, 14)), 1)
    values[chance.random(values.shape) < 0.3] = NAN
    found = baselines(values)
    for row, center, mad in zip(values, found.center, found.mad, strict=True):
        there = row[~np.isnan(row)]
        assert center == pytest.approx(np.median(there))
        assert mad == pytest.approx(median_abs_deviation(there), abs=1e-12)


def test_a_stream_without_any_day_of_history_has_no_baseline():
    found = baselines(np.zeros((2, 0)))
    assert np.isnan(found.center).all()
    assert found.days.tolist() == [0, 0]


def test_robust_z_is_that_of_iglewicz_and_hoaglin():
    found = baselines(np.array([[91.0, 92, 93, 90, 92, 94, 85]]))
    assert robust_z(np.array([85.0]), found, np.array([0.5])).tolist() == [pytest.approx(0.6745 * -7)]


def test_a_week_without_spread_is_measured_by_the_floor_and_not_by_zero():
    found = baselines(np.array([[92.0] * 7, [92.0] * 7]))
    z = robust_z(np.array([90.0, 92.0]), found, np.array([0.5, 0.5]))
    assert z.tolist() == [pytest.approx(0.6745 * -4), 0]


def test_a_wider_spread_than_the_floor_counts_itself():
    found = baselines(np.array([[88.0, 90, 92, 94, 96]]))
    assert robust_z(np.array([80.0]), found, np.array([0.5])).tolist() == [pytest.approx(0.6745 * -12 / 2)]


def test_a_missing_value_has_no_z():
    found = baselines(np.array([[92.0] * 7]))
    assert np.isnan(robust_z(np.array([NAN]), found, np.array([0.5]))).all()


def accepted(**changes: object) -> AcceptedBaseline:
    return AcceptedBaseline(
        **(
            {
                "patient": 2,
                "kind": 3,
                "center": 88.0,
                "mad": 1.0,
                "days": 12,
                "first_day": date(2026, 10, 1),
                "last_day": date(2026, 10, 14),
                "accepted_on": date(2026, 10, 15),
                "accepted_by": 7,
            }
            | changes
        )
    )


def test_what_a_clinician_accepted_replaces_what_was_computed_for_that_stream_alone():
    keys = np.array([(1 << 16) | 3, (2 << 16) | 3, (2 << 16) | 10])
    days = np.array([[92.0] * 5, [91.0] * 5, [70.0] * 5])
    found = usual(accepted_for(keys, accepted_columns([accepted(patient=9), accepted()])), days)
    assert found.center.tolist() == [92, 88, 70]
    assert found.mad.tolist() == [0, 1, 0]
    assert found.days.tolist() == [5, 12, 5]
    assert found.accepted.tolist() == [False, True, False]


def test_the_newest_of_two_accepted_baselines_counts_whatever_their_order():
    keys = np.array([(2 << 16) | 3])
    newer = accepted(center=86.0, last_day=date(2026, 11, 1), accepted_on=date(2026, 11, 2))
    for order in ([accepted(), newer], [newer, accepted()]):
        found = accepted_for(keys, accepted_columns(order))
        assert found.center.tolist() == [86]
        assert found.last_day.tolist() == [date(2026, 11, 1).toordinal()]


def test_with_nothing_accepted_everything_is_as_it_was_computed():
    found = usual(accepted_for(np.array([(2 << 16) | 3]), accepted_columns([])), np.array([[91.0] * 5]))
    assert (found.center.tolist(), found.accepted.tolist()) == ([91], [False])
