"""Slope and significance against scipy, pymannkendall and hand computation, with gaps and ties."""

import warnings

import numpy as np
import pytest
from scipy.stats import theilslopes

from server.detection.trends import mann_kendall, p_value, theil_sen

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pymannkendall

NAN = np.nan
DAYS = np.arange(14.0)


def ragged(chance: np.random.Generator, streams: int, *, shown: bool) -> np.ndarray:
    """Streams with and without drift, a third of the days missing; shown as whole numbers they have many ties."""
    drift = chance.choice([0.0, 0.1, -0.4], streams)[:, None]
    values = 90 + drift * DAYS + chance.normal(0, 1.5, (streams, 14))
    values[chance.random(values.shape) < 0.33] = NAN
    return np.round(values) if shown else values


def test_four_values_with_a_tie_computed_by_hand():
    # 1 2 2 3: five pairs rise, one is tied. Variance (4*3*13 - 2*1*9)/18 = 138/18; z = 4/sqrt(138/18) = 1.4446.
    found = mann_kendall(np.array([[1.0, 2, 2, 3]]))
    assert (found.count[0], found.score[0]) == (4, 5)
    assert found.variance[0] == pytest.approx(138 / 18)
    assert found.z[0] == pytest.approx(4 / np.sqrt(138 / 18))


@pytest.mark.parametrize("shown", [False, True])
def test_significance_is_that_of_pymannkendall_for_every_stream(shown):
    values = ragged(np.random.default_rng(17), 300, shown=shown)
    found = mann_kendall(values)
    for place, row in enumerate(values):
        there = row[~np.isnan(row)]
        if len(there) < 3:
            continue
        oracle = pymannkendall.original_test(there)
        assert (found.count[place], found.score[place]) == (len(there), oracle.s)
        assert found.variance[place] == pytest.approx(oracle.var_s)
        assert found.z[place] == pytest.approx(oracle.z)
        assert p_value(found.z[place]) == pytest.approx(oracle.p, abs=1e-12)


def test_long_streams_are_counted_right_too():
    values = np.round(np.random.default_rng(2).normal(90, 2, (3, 400)))
    found = mann_kendall(values)
    for place, row in enumerate(values):
        oracle = pymannkendall.original_test(row)
        assert (found.score[place], found.variance[place]) == (oracle.s, pytest.approx(oracle.var_s))


@pytest.mark.parametrize("shown", [False, True])
def test_the_slope_is_that_of_scipy_for_every_stream(shown):
    values = ragged(np.random.default_rng(19), 300, shown=shown)
    slopes = theil_sen(values, DAYS)
    for row, slope in zip(values, slopes, strict=True):
        there = ~np.isnan(row)
        if there.sum() >= 2:
            assert slope == pytest.approx(theilslopes(row[there], DAYS[there]).slope, abs=1e-12)


def test_readings_at_times_of_their_own_have_the_slope_of_scipy():
    chance = np.random.default_rng(23)
    at = np.sort(chance.uniform(0, 30, (200, 20)), axis=1)
    values = 70 + 0.1 * at + chance.normal(0, 1, at.shape)
    values[chance.random(at.shape) < 0.4] = NAN
    slopes = theil_sen(values, at)
    for row, when, slope in zip(values, at, slopes, strict=True):
        there = ~np.isnan(row)
        assert slope == pytest.approx(theilslopes(row[there], when[there]).slope)


def test_one_wild_day_does_not_move_the_slope():
    steady = 90 - 0.5 * DAYS
    wild = steady.copy()
    wild[6] = 20
    assert theil_sen(np.stack([steady, wild]), DAYS).tolist() == [-0.5, pytest.approx(-0.5)]


def test_fewer_than_two_days_have_no_slope_and_a_flat_stream_has_no_significance():
    values = np.full((3, 14), NAN)
    values[1, 5] = 92
    values[2] = 92
    found = mann_kendall(values)
    slopes = theil_sen(values, DAYS)
    assert np.isnan(slopes[:2]).all()
    assert slopes[2] == 0
    assert found.count.tolist() == [0, 1, 14]
    assert found.z.tolist() == [0, 0, 0]
    assert p_value(0.0) == 1


def test_more_streams_than_fit_in_one_piece_of_work_are_all_answered():
    values = np.tile(90 - 0.5 * DAYS, (20_000, 1))
    values[::2] *= -1
    assert theil_sen(values, DAYS).tolist() == [0.5, -0.5] * 10_000
    assert mann_kendall(values).score.tolist() == [91, -91] * 10_000


def test_no_streams_at_all_are_no_slopes():
    assert theil_sen(np.zeros((0, 14)), DAYS).size == 0
    assert mann_kendall(np.zeros((0, 14))).z.size == 0
