"""The two charts against the published examples of NIST (EWMA) and of Montgomery and Runger (CUSUM)."""

import numpy as np
import pytest

from server.detection.control import cusum, ewma, ewma_half_width

NAN = np.nan
# NIST/SEMATECH e-Handbook 6.3.2.4: target 50, s = 2.0539, weight 0.3; the statistic starts with the target.
NIST_DATA = [52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5]
NIST_DATA += [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]
NIST_EWMA = [50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33]
NIST_EWMA += [50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99]
# Montgomery and Runger, table 16-8: target 99, K = 1.
RUNGER_DATA = [102.0, 94.8, 98.3, 98.4, 102.0, 98.5, 99.0, 97.7, 100.0, 98.1]
RUNGER_DATA += [101.3, 98.7, 101.1, 98.4, 97.0, 96.7, 100.3, 101.4, 97.2, 101.0]
RUNGER_UPPER = [2.0, 0, 0, 0, 2.0, 0.5, 0, 0, 0, 0, 1.3, 0, 1.1, 0, 0, 0, 0.3, 1.7, 0, 1.0]
RUNGER_LOWER = [0, 3.2, 2.9, 2.5, 0, 0, 0, 0.3, 0, 0, 0, 0, 0, 0, 1.0, 2.3, 0, 0, 0.8, 0]


def test_the_weighted_average_is_that_of_the_handbook():
    found = ewma(np.array([NIST_DATA]), np.array([50.0]), 0.3)
    assert np.round(found[0], 2).tolist() == pytest.approx(NIST_EWMA, abs=0.011)  # the handbook rounds at every step


def test_its_limits_are_those_of_the_handbook():
    width = ewma_half_width(np.array([2.0539]), 0.3, 3.0, np.array([10_000]))
    assert 50 + width[0] == pytest.approx(52.5884, abs=5e-5)
    assert 50 - width[0] == pytest.approx(47.4115, abs=1.5e-4)


def test_the_first_readings_have_narrower_limits():
    # By hand, with 0.3 and sigma 1: after one reading 0.3, after two sqrt(0.3^2 + (0.7 * 0.3)^2), three times each.
    width = ewma_half_width(np.ones(3), 0.3, 3.0, np.array([0, 1, 2]))
    assert width.tolist() == pytest.approx([0, 0.9, 3 * np.hypot(0.3, 0.21)])


def test_the_cumulative_sums_are_those_of_the_textbook():
    high, low = cusum(np.array([RUNGER_DATA]), np.array([99.0]), np.array([1.0]))
    assert high[0].tolist() == pytest.approx(RUNGER_UPPER, abs=1e-9)
    assert low[0].tolist() == pytest.approx(RUNGER_LOWER, abs=1e-9)


def test_a_day_without_a_value_leaves_both_charts_as_they_were():
    gaps = np.array([[92.0, NAN, 90, NAN, NAN, 89], [NAN, NAN, 92, 90, 89, NAN]])
    without = np.array([[92.0, 90, 89]])
    target, slack = np.array([92.0, 92.0]), np.array([0.5, 0.5])
    assert ewma(gaps, target, 0.2)[:, -1].tolist() == pytest.approx(ewma(without, target[:1], 0.2)[0, [-1, -1]])
    assert ewma(gaps, target, 0.2)[1, :2].tolist() == [92, 92]
    high, low = cusum(gaps, target, slack)
    assert low[:, -1].tolist() == pytest.approx([1.5 + 2.5] * 2)
    assert high[:, -1].tolist() == [0, 0]


def test_many_streams_at_once_are_what_each_is_alone():
    chance = np.random.default_rng(5)
    values = chance.normal(50, 2, (50, 14))
    values[chance.random(values.shape) < 0.2] = NAN
    target, slack = chance.normal(50, 1, 50), chance.uniform(0.3, 2, 50)
    together, sums = ewma(values, target, 0.2), cusum(values, target, slack)
    for row in range(50):
        one = slice(row, row + 1)
        assert together[row].tolist() == ewma(values[one], target[one], 0.2)[0].tolist()
        alone = cusum(values[one], target[one], slack[one])
        assert [sums[0][row].tolist(), sums[1][row].tolist()] == [alone[0][0].tolist(), alone[1][0].tolist()]


def test_in_control_the_chart_is_silent_about_as_long_as_the_textbook_says():
    # k = 0.5, h = 4: one false signal in 168 readings on average (two-sided; Montgomery). 3,000 runs: +-6 %.
    chance = np.random.default_rng(11)
    values = chance.normal(0, 1, (3_000, 1_500))
    high, low = cusum(values, np.zeros(3_000), np.full(3_000, 0.5))
    out = (high > 4) | (low > 4)
    lengths = np.where(out.any(axis=1), out.argmax(axis=1) + 1, 1_500)
    assert lengths.mean() == pytest.approx(168, rel=0.06)
