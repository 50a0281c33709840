"""How fast tissue glucose changes, and where it is going: a line of least squares through the last quarter of an hour.

Only points that had arrived by `now` are known. A reading that is late, or sent again after a night without a line,
cannot have warned anybody, and a replay must not pretend that it did."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from devices.vocabulary import Kind
from server.clinical.limits import longest_gap_s
from server.detection.panel import NEVER
from server.detection.rows import Bools, Floats, Ints

WINDOW_MS: Final = 15 * 60_000
LEAST_POINTS: Final = 3
FAR: Final = 2**62  # later than any time
LEAST_SPAN_MS: Final = 8 * 60_000  # a slope from less is the noise of the sensor [proposal]
LONGEST_GAP_MS: Final = int(longest_gap_s(Kind.GLUCOSE_ISF) * 1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Points:
    """A row per stream, ascending by `taken_ms` and filled from the right: `value` NaN: there is no point here.

    Without what the sensor called LO or HI: those are limits, not values."""

    taken_ms: Ints
    arrived_ms: Ints
    value: Floats

    def of(self, which: Ints) -> Self:
        return type(self)(taken_ms=self.taken_ms[which], arrived_ms=self.arrived_ms[which], value=self.value[which])


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """One per stream. `per_min`: mmol/L per minute; NaN: too few points, too old or too far apart to tell.

    `value` is the newest point, taken at `at_ms` (NEVER: none); `level` the line's own value there; `from_ms` the
    first of the `points` that the line goes through."""

    per_min: Floats
    level: Floats
    value: Floats
    from_ms: Ints
    at_ms: Ints
    points: Ints

    def of(self, which: Ints | slice) -> Self:
        return type(self)(
            per_min=self.per_min[which],
            level=self.level[which],
            value=self.value[which],
            from_ms=self.from_ms[which],
            at_ms=self.at_ms[which],
            points=self.points[which],
        )


def points_of(stream: Ints, taken_ms: Ints, arrived_ms: Ints, value: Floats, streams: int) -> Points:
    """`stream`: 0 to `streams` - 1, the row that each point belongs to; points in any order."""
    order = np.lexsort((taken_ms, stream))
    row = stream[order]
    end = np.searchsorted(row, np.arange(streams), side="right")
    widest = int(np.bincount(row, minlength=1).max()) if len(row) else 0
    column = widest - end[row] + np.arange(len(row))
    shape = (streams, widest)
    taken, arrived, values = np.full(shape, NEVER), np.full(shape, NEVER), np.full(shape, np.nan)
    taken[row, column], arrived[row, column], values[row, column] = taken_ms[order], arrived_ms[order], value[order]
    return Points(taken_ms=taken, arrived_ms=arrived, value=values)


def rates(points: Points, now_ms: int) -> Rates:
    known = _known(points, now_ms)
    newest = _newest(points, known)
    fresh = newest >= now_ms - LONGEST_GAP_MS
    return _fitted(points, known, newest, fresh)


def in_a_row(points: Points, now_ms: int, count: int) -> list[Rates]:
    """The newest first: what could be told at each of the last `count` points from that point and older ones.

    A point that came more than a gap before the next is not in a row with it: NaN."""
    known = _known(points, now_ms)
    after, told = np.full(len(known), now_ms), []
    for _ in range(count):
        newest = _newest(points, known)
        told.append(_fitted(points, known, newest, newest >= after - LONGEST_GAP_MS))
        known = known & (points.taken_ms < newest[:, None])
        after = newest
    return told


def predicted(rate: Rates, minutes: float) -> Floats:
    """mmol/L so long after the newest point, if it goes on like this; never below 0."""
    ahead: Floats = np.maximum(rate.level + rate.per_min * minutes, 0)
    return ahead


def _known(points: Points, now_ms: int) -> Bools:
    known: Bools = (points.arrived_ms <= now_ms) & (points.taken_ms <= now_ms) & ~np.isnan(points.value)
    return known


def _newest(points: Points, known: Bools) -> Ints:
    newest: Ints = np.where(known, points.taken_ms, NEVER).max(axis=1, initial=NEVER)
    return newest


def _fitted(points: Points, known: Bools, newest: Ints, in_time: Bools) -> Rates:
    """The line through the known points of the window that ends with the newest."""
    some = newest != NEVER
    used = known & (points.taken_ms >= np.where(some, newest, 0)[:, None] - WINDOW_MS)
    count = np.einsum("ij->i", used, dtype=np.int64, casting="unsafe")
    minutes = np.where(used, (points.taken_ms - np.where(some, newest, 0)[:, None]) / 60_000, 0.0)
    value = np.where(used, points.value, 0.0)
    several = np.maximum(count, 1)
    mean_minute, mean_value = np.einsum("ij->i", minutes) / several, np.einsum("ij->i", value) / several
    away = np.where(used, minutes - mean_minute[:, None], 0.0)
    spread = np.einsum("ij,ij->i", away, away)
    first = np.where(used, points.taken_ms, newest[:, None]).min(axis=1, initial=FAR)
    enough = in_time & some & (count >= LEAST_POINTS) & (newest - first >= LEAST_SPAN_MS)
    slope = np.einsum("ij,ij->i", away, value) / np.where(spread > 0, spread, 1.0)
    per_min = np.where(enough, slope, np.nan)
    last = np.where(used & (points.taken_ms == newest[:, None]), points.value, 0.0).max(axis=1, initial=0)
    return Rates(
        per_min=per_min,
        level=mean_value - per_min * mean_minute,
        value=np.where(some, last, np.nan),
        from_ms=first,
        at_ms=newest,
        points=count,
    )
