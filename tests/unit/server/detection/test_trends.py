"""Slope and significance against scipy, pymannkendall and hand computation, with gaps and ties."""

import warnings

import numpy as np
import pytest
from scipy.stats import rankdata, theilslopes

from server.detection.rules import TREND
from server.detection.trends import (
    day_to_day,
    fading,
    least_scores,
    mann_kendall,
    p_value,
    scores,
    theil_sen,
    variance_factor,
)

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


@pytest.mark.parametrize("z", [1.959964, TREND.z])
@pytest.mark.parametrize("steps", [2, 3, 5, 14])
def test_no_drift_is_significant_with_a_smaller_score_than_the_least_whatever_the_ties(z, steps):
    chance = np.random.default_rng(41)
    values = np.sort(chance.integers(0, steps, (20_000, 14)).astype(float), axis=1)  # as certain as they can be
    values[::2] = chance.permuted(values[::2], axis=1)
    swapped = chance.integers(0, 14, (10_000, 2))
    rows = np.arange(1, 20_000, 2)
    values[rows, swapped[:, 0]], values[rows, swapped[:, 1]] = values[rows, swapped[:, 1]], values[rows, swapped[:, 0]]
    values[chance.random(values.shape) < 0.2] = NAN
    found = mann_kendall(values)
    significant = np.abs(found.z) > z
    assert significant.any() or steps == 2
    assert (np.abs(scores(values)) >= least_scores(14, z)[found.count])[significant].all()


def test_the_least_score_without_ties_by_hand():
    # Five readings: variance 5*4*15/18 = 16.67, all ten pairs rise: z = 9/4.08 = 2.2.
    assert least_scores(5, 1.959964)[[0, 1, 2, 3, 5]].tolist() == [1, 1, 2, 4, 9]  # one tie: (9-1)/sqrt(282/18) = 2.02
    assert least_scores(5, TREND.z)[5] == 11  # more than there are pairs: never


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


def lingering(chance: np.random.Generator, streams: int, share: float) -> np.ndarray:
    """Steady streams in which each day takes so much of the one before with it: mean 0, variance 1."""
    days = chance.normal(0, 1, (streams, 14))
    for day in range(1, 14):
        days[:, day] = share * days[:, day - 1] + np.sqrt(1 - share**2) * days[:, day]
    return days


def certain(values: np.ndarray, z: float) -> float:
    """The share of streams that are taken to drift."""
    slope = theil_sen(values, DAYS)
    factor = variance_factor(fading(day_to_day(values, slope), 14))
    return float(np.mean(np.abs(mann_kendall(values).z) / np.sqrt(factor) > z))


def test_the_factor_for_alike_days_is_that_of_pymannkendall():
    for row in lingering(np.random.default_rng(29), 200, 0.5):
        oracle = pymannkendall.hamed_rao_modification_test(row, alpha=1)  # at 1 no lag is left out
        ranks = rankdata(row - oracle.slope * (DAYS + 1)) - 7.5
        alike = np.correlate(ranks, ranks, "full")[14:] / (ranks @ ranks)
        plain = pymannkendall.original_test(row)
        assert variance_factor(alike[None])[0] == pytest.approx(oracle.var_s / plain.var_s)


def test_days_that_are_not_alike_leave_the_variance_as_it_was():
    assert variance_factor(fading(np.zeros(1), 14)).tolist() == [1]


def test_neighbours_are_compared_without_the_slope_by_hand():
    # 1 -1 1 -1 ... beside a slope of 2: neighbours are as unlike as can be, and count as not alike at all.
    # Seven times 1, seven times -1: of 13 products 12 are 1, one is -1: 11/13, and (14 * 11/13 + 1)/10 is beyond 0.95.
    # Two by two, + + - - + +: a mean beside 0, worked out below.
    up_and_down = np.tile([1.0, -1.0], 7)
    steps = np.repeat([1.0, -1.0], 7)
    pairs = np.array([1.0, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1])
    found = day_to_day(np.stack([up_and_down + 2 * DAYS, steps]), np.array([2.0, 0.0]))
    assert found.tolist() == [0, 0.95]
    mean = pairs.mean()
    away = pairs - mean
    by_hand = (away[1:] @ away[:-1] / 13) / (away @ away / 14)
    assert day_to_day(pairs[None], np.zeros(1))[0] == pytest.approx((14 * by_hand + 1) / 10)


@pytest.mark.parametrize("share", [0.4, 0.6])
def test_how_alike_neighbours_are_is_found_again_on_average_also_with_days_missing(share):
    values = lingering(np.random.default_rng(31), 20_000, share)
    values[np.random.default_rng(32).random(values.shape) < 0.15] = NAN
    raw_error = (1 + 4 * share) / 14  # what Kendall's correction puts back
    found = day_to_day(values, np.zeros(len(values)))
    assert abs(float(found.mean()) - share) < raw_error / 2


@pytest.mark.parametrize(
    ("share", "before", "after", "asked_for"),
    # The share of 20,000 steady streams that Mann-Kendall alone takes to drift at p < 0.05, at most what is left of
    # them when days are alike, and at most what is left at the p of the rule.
    [(0.0, 0.04, 0.05, 0.01), (0.2, 0.075, 0.065, 0.015), (0.4, 0.13, 0.09, 0.03), (0.6, 0.22, 0.13, 0.05)],
)
@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_a_steady_stream_whose_days_are_alike_is_rarely_taken_to_drift(share, before, after, asked_for, missing):
    chance = np.random.default_rng(37)
    values = lingering(chance, 20_000, share)
    values[chance.random(values.shape) < missing] = NAN
    assert float(np.mean(np.abs(mann_kendall(values).z) > 1.959964)) > before * (1 - missing)
    assert certain(values, 1.959964) < after
    assert certain(values, TREND.z) < asked_for


def test_a_missed_day_does_not_hide_a_drift():
    values = np.tile(95 - 0.4 * DAYS, (14, 1)) + np.tile([0.3, -0.2, 0.1, -0.4], 4)[:14]
    values[np.arange(13), np.arange(13)] = NAN
    assert certain(values, TREND.z) == 1
