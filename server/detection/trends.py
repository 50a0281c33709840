"""Whether values drift, and how fast: Mann-Kendall significance and Theil-Sen slope, for many streams at once.

Rows are streams, columns readings, the oldest first; NaN: no reading there. The work is done in pieces that stay in the
cache."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import erfc, isqrt, sqrt
from typing import Final

import numpy as np

from server.detection.baseline import medians
from server.detection.daily import counted
from server.detection.rows import Floats, Ints

VALUES_AT_ONCE: Final = 1 << 15
SLOPES_AT_ONCE: Final = 1 << 18
HIGHEST_CORRELATION: Final = 0.95  # beyond it so few days say nothing at all


@dataclass(frozen=True, kw_only=True, slots=True)
class MannKendall:
    """One of each per stream. `score`: pairs that rise less pairs that fall. `z` 0: no direction, or no two readings.

    `variance` is corrected for ties; `z` is the normal approximation with the correction for continuity, meant for
    8 to 10 readings and more. It presumes that one day says nothing about the next: see `variance_factor`."""

    count: Ints
    score: Ints
    variance: Floats
    z: Floats


def mann_kendall(values: Floats) -> MannKendall:
    count, score, ties = counted(values), scores(values), _pieces(_ties, values)
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18
    deviation = np.sqrt(np.where(variance > 0, variance, 1.0))
    z = np.where(variance > 0, (score - np.sign(score)) / deviation, 0.0)
    return MannKendall(count=count, score=score, variance=variance, z=z)


def scores(values: Floats) -> Ints:
    """The score alone: less than half of the work."""
    return _pieces(_net, values)


@lru_cache(maxsize=64)
def least_scores(readings: int, z: float) -> Ints:
    """By count, up to so many readings: no |z| is beyond this one with a smaller score, whatever the ties.

    Ties make the variance smaller. They are pairs that the score cannot have: of T such pairs no group is larger than
    the one that T pairs make, t (t - 1)/2 <= T, and what the groups take off is at most 2 T (2 t + 5)."""
    return np.array([_least_score(count, z) for count in range(readings + 1)])


def _least_score(count: int, z: float) -> int:
    pairs = count * (count - 1) // 2
    for score in range(1, pairs + 1):
        tied = pairs - score
        group = (1 + isqrt(1 + 8 * tied)) // 2
        variance = (2 * pairs * (2 * count + 5) - 2 * tied * (2 * group + 5)) / 18
        if (score - 1) ** 2 >= z**2 * variance:
            return score
    return pairs + 1


def p_value(z: float) -> float:
    """Two-sided."""
    return erfc(abs(z) / sqrt(2))


def day_to_day(values: Floats, per_day: Floats) -> Floats:
    """How much of a day is in the next one: the correlation of neighbours, without the slope `per_day`; 0 to
    HIGHEST_CORRELATION. A missing day has no neighbours.

    Few values make it come out too low, by (1 + 4r)/n (Kendall 1954), which is put back: uncorrected it leaves most of
    the false trends."""
    days = np.arange(float(values.shape[1]))
    rest = values - per_day[:, None] * days
    count = counted(rest)
    rest -= (np.nansum(rest, axis=1) / np.maximum(count, 1))[:, None]
    pairs = rest[:, 1:] * rest[:, :-1]
    together = np.nansum(pairs, axis=1) / np.maximum(counted(pairs), 1)
    alone = np.nansum(rest * rest, axis=1) / np.maximum(count, 1)
    found = np.divide(together, alone, out=np.zeros(len(values)), where=alone > 0)
    unbiased = (count * found + 1) / np.maximum(count - 4, 1)
    correlation: Floats = np.clip(unbiased, 0.0, HIGHEST_CORRELATION)
    return correlation


def variance_factor(correlations: Floats) -> Floats:
    """How many times larger the variance of the score is when the ranks of days so far apart are so alike (Hamed and
    Rao 1998). Columns: one day apart, two, up to one less than there are days."""
    days = correlations.shape[1] + 1
    apart = np.arange(1, days)
    weight = (days - apart) * (days - apart - 1) * (days - apart - 2)
    summed = (correlations * weight).sum(axis=1)  # not @, whose last bits depend on how many streams there are
    factor: Floats = 1 + 2 / (days * (days - 1) * (days - 2)) * summed
    return factor


def fading(correlation: Floats, days: int) -> Floats:
    """Of the ranks of days 1 to `days` - 1 apart, when each day takes `correlation` of the one before it with it."""
    powers: Floats = correlation[:, None] ** np.arange(1, days)
    of_ranks: Floats = 6 / np.pi * np.arcsin(powers / 2)  # of normal values
    return of_ranks


def theil_sen(values: Floats, at: Floats) -> Floats:
    """The median of the slopes of all pairs, in the kind's unit per unit of `at`. NaN: fewer than two readings.

    `at` ascends strictly: one row for all streams, or one for each."""
    slopes = np.full(len(values), np.nan)
    first, second = _pairs(values.shape[1])
    count = counted(values)
    many = max(1, SLOPES_AT_ONCE // max(len(first), 1))
    for begin in range(0, len(values), many):
        piece = slice(begin, begin + many)
        when = at if at.ndim == 1 else at[piece]  # the same days for all: their distances once
        rises = values[piece].take(second, axis=1)
        rises -= values[piece].take(first, axis=1)
        rises /= when.take(second, axis=-1) - when.take(first, axis=-1)
        slopes[piece] = medians(rises, count[piece] * (count[piece] - 1) // 2)
    return slopes


def _pieces(of: Callable[[Floats], Ints], values: Floats) -> Ints:
    """With a column per stream: comparisons then run along the memory."""
    found = np.zeros(len(values), np.int64)
    many = max(1, VALUES_AT_ONCE // max(values.shape[1], 1))
    for begin in range(0, len(values), many):
        found[begin : begin + many] = of(np.ascontiguousarray(values[begin : begin + many].T))
    return found


def _net(values: Floats) -> Ints:
    """Pairs that rise less those that fall. NaN is neither above nor below anything."""
    net = np.zeros(values.shape, np.int8 if len(values) < 100 else np.int32)  # of the pairs that end with this one
    for lag in range(1, len(values)):
        net[lag:] += (values[lag:] > values[:-lag]).view(np.int8)
        net[lag:] -= (values[lag:] < values[:-lag]).view(np.int8)
    score: Ints = np.add.reduce(net, axis=0, dtype=np.int64)
    return score


def _ties(values: Floats) -> Ints:
    """What ties take off 18 times the variance: of each group of t alike t (t - 1)(2 t + 5)."""
    alike = np.ones(values.shape, np.int64)  # how many have the same value as this one
    for lag in range(1, len(values)):
        same = values[lag:] == values[:-lag]
        alike[lag:] += same
        alike[:-lag] += same
    ties: Ints = ((alike - 1) * (2 * alike + 5)).sum(axis=0)  # NaN is like nothing, and alone
    return ties


@lru_cache(maxsize=64)
def _pairs(size: int) -> tuple[Ints, Ints]:
    first, second = np.triu_indices(size, 1)
    return first, second
