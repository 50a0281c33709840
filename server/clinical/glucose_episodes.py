"""Episodes of low and high glucose by the consensus definitions.

An episode begins with the first of at least 15 consecutive minutes beyond the level's threshold, and ends with the
first of at least 15 consecutive minutes back in range. A level 2 episode, too, is over only in range, not at level 1;
iglu and cgmguru end it at 3.0 and at 13.9: which of the two the statement means is open.
Between two readings at most 45 minutes apart the values in between are taken from the straight line; what is further
apart is not connected, and nobody knows how an episode went on there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from server.clinical.glucose import Floats, Ints, Series, tenths
from server.clinical.references import ATTD_CGM_2017, CGM_TRIALS_2023, END_OF_LEVEL_2, Reference

Bools = NDArray[np.bool_]
Direction = Literal["low", "high"]

MINUTE_MS: Final = 60_000
BEGINS_AFTER_MS: Final = 15 * MINUTE_MS
ENDS_AFTER_MS: Final = 15 * MINUTE_MS
LONGEST_BRIDGED_MS: Final = 45 * MINUTE_MS
PROLONGED_LOW_MS: Final = 120 * MINUTE_MS  # unbroken below 3.9, for longer
PROLONGED_HIGH_MS: Final = 90 * MINUTE_MS  # above 13.9, within
PROLONGED_HIGH_WINDOW_MS: Final = 120 * MINUTE_MS
MISSING_FROM: Final = 1.5  # cadences between two readings: one is missing between them
EARLY: Final = 0.25  # cadences: readings come a little early and late, three of five minutes are still 15 minutes
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
REFERENCES: Final[tuple[Reference, ...]] = (ATTD_CGM_2017, CGM_TRIALS_2023, END_OF_LEVEL_2)


class EpisodeLevel(IntEnum):
    """Level 1 episodes include what is level 2."""

    ONE = 1
    TWO = 2


# The first tenth of mmol/L that is beyond: <3.9, <3.0, >10.0, >13.9.
BEYOND_TENTHS: Final[dict[tuple[Direction, EpisodeLevel], int]] = {
    ("low", EpisodeLevel.ONE): 38,
    ("low", EpisodeLevel.TWO): 29,
    ("high", EpisodeLevel.ONE): 101,
    ("high", EpisodeLevel.TWO): 140,
}
PROLONGED: Final = frozenset({("low", EpisodeLevel.ONE), ("high", EpisodeLevel.TWO)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Episode:
    """`recovered` False: the data end, or a gap begins, before 15 minutes in range were seen; `ended` is then how far
    it is known to have lasted. `extreme_mmol_per_l`: the lowest of a low one, the highest of a high one.
    `prolonged` as the statement of 2023 has it: a low one of level 1, below 3.9 for more than 120 unbroken minutes; a
    high one of level 2, above 13.9 for 90 of 120 minutes."""

    direction: Direction
    level: EpisodeLevel
    began: datetime
    ended: datetime
    recovered: bool
    extreme_mmol_per_l: float
    prolonged: bool

    @property
    def lasted(self) -> timedelta:
        return self.ended - self.began


@dataclass(frozen=True, kw_only=True, slots=True)
class _Points:
    """Readings and what was drawn between them. Each stands until the next one of its strip, the last for a cadence."""

    taken_ms: Ints
    until_ms: Ints
    mmol_per_l: Floats
    tenths: Ints
    strip: Ints
    early_ms: float


def episodes(readings: Series) -> list[Episode]:
    """In the order in which they began; at one instant level 1 first."""
    if not len(readings):
        return []
    points = _connected(readings)
    found = [each for direction, level in BEYOND_TENTHS for each in _episodes(points, direction, level)]
    return sorted(found, key=lambda each: (each.began, each.level))


def _connected(readings: Series) -> _Points:
    cadence_ms = readings.cadence_ms
    apart_ms = np.diff(readings.taken_ms)
    bridged = (apart_ms > MISSING_FROM * cadence_ms) & (apart_ms <= LONGEST_BRIDGED_MS)
    steps = np.append(np.where(bridged, np.rint(apart_ms / cadence_ms).astype(np.int64), 1), 1)
    of = np.repeat(np.arange(len(readings)), steps)
    share = (np.arange(len(of)) - (np.cumsum(steps) - steps)[of]) / steps[of]
    then = np.minimum(of + 1, len(readings) - 1)
    later_ms = np.rint((readings.taken_ms[then] - readings.taken_ms[of]) * share).astype(np.int64)
    taken_ms = readings.taken_ms[of] + later_ms
    mmol_per_l = readings.mmol_per_l[of] + (readings.mmol_per_l[then] - readings.mmol_per_l[of]) * share
    sign = np.where(share == 0, readings.sign[of], 0).astype(np.int8)
    strip = np.append(0, np.cumsum(apart_ms > LONGEST_BRIDGED_MS))[of]
    ends_strip = np.append(np.diff(strip) > 0, True)
    return _Points(
        taken_ms=taken_ms,
        until_ms=np.where(ends_strip, taken_ms + cadence_ms, np.append(taken_ms[1:], 0)),
        mmol_per_l=mmol_per_l,
        tenths=tenths(mmol_per_l, sign),
        strip=strip,
        early_ms=EARLY * cadence_ms,
    )


def _episodes(points: _Points, direction: Direction, level: EpisodeLevel) -> Iterator[Episode]:
    beyond = _beyond(points, direction, level)
    out_of_range = _beyond(points, direction, EpisodeLevel.ONE)
    begins = _runs(points, beyond, BEGINS_AFTER_MS)
    recoveries = _runs(points, ~out_of_range, ENDS_AFTER_MS)
    over = 0  # the point at which the last episode ended
    for first in begins.tolist():
        if first < over:
            continue
        strip_end = int(np.searchsorted(points.strip, points.strip[first], side="right"))
        later = recoveries[np.searchsorted(recoveries, first) :]
        recovered = later.size > 0 and int(later[0]) < strip_end
        over = int(later[0]) if recovered else first + int(np.flatnonzero(out_of_range[first:strip_end])[-1]) + 1
        yield _episode(points, direction, level, slice(first, over), beyond, recovered)


def _episode(
    points: _Points, direction: Direction, level: EpisodeLevel, part: slice, beyond: Bools, recovered: bool
) -> Episode:
    values = points.mmol_per_l[part]
    return Episode(
        direction=direction,
        level=level,
        began=_at(points.taken_ms[part][0]),
        ended=_at(points.until_ms[part][-1]),
        recovered=recovered,
        extreme_mmol_per_l=float(values.min() if direction == "low" else values.max()),
        prolonged=(direction, level) in PROLONGED and _prolonged(points, direction, part, beyond),
    )


def _prolonged(points: _Points, direction: Direction, part: slice, beyond: Bools) -> bool:
    taken_ms, until_ms = points.taken_ms[part], points.until_ms[part]
    if direction == "low":
        first, end = _edges(beyond[part], points.strip[part])
        return bool((until_ms[end - 1] - taken_ms[first] > PROLONGED_LOW_MS + points.early_ms).any())
    beyond_ms = np.append(0, np.cumsum((until_ms - taken_ms) * beyond[part]))
    window_end = np.searchsorted(until_ms, taken_ms + PROLONGED_HIGH_WINDOW_MS + points.early_ms, side="right")
    in_window_ms = beyond_ms[window_end] - beyond_ms[:-1]
    return bool((in_window_ms >= PROLONGED_HIGH_MS - points.early_ms).any())


def _beyond(points: _Points, direction: Direction, level: EpisodeLevel) -> Bools:
    edge = BEYOND_TENTHS[direction, level]
    beyond: Bools = points.tenths <= edge if direction == "low" else points.tenths >= edge
    return beyond


def _runs(points: _Points, there: Bools, at_least_ms: int) -> Ints:
    """The first point of each unbroken run that is long enough."""
    first, end = _edges(there, points.strip)
    long = points.until_ms[end - 1] - points.taken_ms[first] >= at_least_ms - points.early_ms
    begins: Ints = first[long]
    return begins


def _edges(there: Bools, strip: Ints) -> tuple[Ints, Ints]:
    new_strip = np.append(True, np.diff(strip) > 0)
    before = np.append(False, there[:-1]) & ~new_strip
    after = np.append(there[1:] & ~new_strip[1:], False)
    return np.flatnonzero(there & ~before), np.flatnonzero(there & ~after) + 1


def _at(ms: np.int64) -> datetime:
    return EPOCH + timedelta(milliseconds=int(ms))
