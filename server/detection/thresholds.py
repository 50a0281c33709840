"""Crossings with hysteresis and persistence, for many streams at once.

A stream stands at a level. From there it can go to the levels next to it or beyond, and each of these has a clock: it
starts with the first reading there, runs while readings are there or further, and when it has run long enough the
stream has crossed. Every crossing starts all clocks anew. Work is per crossing, not per reading: for each clock the
next crossing from any reading is computed beforehand, and streams hop from one to the next.

A questionable reading supports what good ones began: alone it never starts the clock to red, never ends a condition,
and never stops a clock, because a sensor that loses its signal during a desaturation must not hide it. It does start
the clock to yellow: a patient whose every reading is questionable and low is looked at, later."""

from collections.abc import Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from server.clinical.limits import PERSISTENCE
from server.detection.levels import Levels
from server.detection.panel import NEVER, Streams
from server.detection.rows import Bools, Ints

# The levels that a stream at this level can go to; a farther one comes after the nearer on its way.
# To reach the other side a stream goes by way of 0; the reading that took it there is judged again from there.
CLOCKS: Final = MappingProxyType({-2: (-1, 0), -1: (0, -2), 0: (-1, -2, 1, 2), 1: (0, 2), 2: (1, 0)})


@dataclass(frozen=True, kw_only=True, slots=True)
class Readings:
    """Usable readings sorted by stream, then time, none older than what its stream has seen.

    `low` and `high` say how far outside the limits a reading is (0, 1, 2), `low_eased` and `high_eased` how far outside
    the limits moved inwards by the hysteresis. `ended_ms`: how far those before it reach; NEVER: there are none. `gap`:
    the silence since then was too long for any clock. `at_once`: it needs no second one beside it."""

    stream: Ints
    taken_ms: Ints
    end_ms: Ints
    ended_ms: Ints
    low: Levels
    high: Levels
    low_eased: Levels
    high_eased: Levels
    good: Bools
    spot: Bools
    at_once: Bools
    gap: Bools

    def __len__(self) -> int:
        return len(self.stream)


@dataclass(frozen=True, kw_only=True, slots=True)
class Crossings:
    """In the order in which each stream made them. `reading`: the one that made it certain; `since_ms`: the first."""

    reading: Ints
    stream: Ints
    before: Levels
    level: Levels
    since_ms: Ints


@dataclass(frozen=True, kw_only=True, slots=True)
class Clock:
    """`x[i]` is the first such reading at or after i, or the number of readings: none."""

    start: Ints
    counts: Ints
    counts_at_once: Ints
    segment: Ints  # a reading before which, or by which, the clock is stopped
    ripe: Ints  # crosses, if nothing but these readings is known
    stopped: Bools  # this reading, or the silence before it, stops a clock that an earlier batch started
    segment_of: Ints  # where the segment of a reading begins
    wait_ms: int


def cross(readings: Readings, streams: Streams) -> tuple[Crossings, Streams]:
    """`streams[i]` is the one that `readings.stream` calls i; each has at least one reading. They come back moved."""
    return _Walk(readings, streams).run()


class _Walk:
    def __init__(self, readings: Readings, streams: Streams) -> None:
        self.readings = readings
        self.was = streams
        self.level: Levels = streams["level"].copy()
        self.since: Ints = streams["since_ms"].copy()
        count = len(streams)
        self.first: Ints = np.searchsorted(readings.stream, np.arange(count))
        self.end: Ints = np.append(self.first[1:], len(readings))
        self.at: Ints = self.first.copy()  # the next reading to judge
        self.moved: Bools = np.zeros(count, np.bool_)
        self.line = _one_line(readings)
        self.clocks: dict[tuple[int, int], Clock] = {}

    def run(self) -> tuple[Crossings, Streams]:
        found = list(self._rounds())
        crossings = Crossings(
            reading=_joined([each.reading for each in found]),
            stream=_joined([each.stream for each in found]),
            before=_joined([each.before for each in found]).astype(np.int8),
            level=_joined([each.level for each in found]).astype(np.int8),
            since_ms=_joined([each.since_ms for each in found]),
        )
        return crossings, self._streams()

    def _rounds(self) -> Iterator[Crossings]:
        going: Ints = np.arange(len(self.was))
        while going.size:
            on = []
            levels = self.level[going]  # as the round begins: each stream crosses once in it
            for level in np.unique(levels).tolist():
                crossing = self._next(level, going[levels == level])
                self._follow(crossing)
                on.append(crossing.stream)
                yield crossing
            going = np.concatenate(on)
            going = going[self.at[going] < self.end[going]]

    def _next(self, level: int, who: Ints) -> Crossings:
        reading = self.end[who].copy()
        to = np.full(len(who), level, np.int8)
        since = np.full(len(who), NEVER)
        for target in CLOCKS[level]:
            ripe, began = self._ripe(level, target, who)
            sooner = (ripe < self.end[who]) & (ripe <= reading)  # of two at once, the farther
            reading[sooner], to[sooner], since[sooner] = ripe[sooner], target, began[sooner]
        some = reading < self.end[who]
        before = np.full(int(some.sum()), level, np.int8)
        return Crossings(reading=reading[some], stream=who[some], before=before, level=to[some], since_ms=since[some])

    def _follow(self, crossing: Crossings) -> None:
        who = crossing.stream
        outside = (self.readings.low | self.readings.high)[crossing.reading] > 0
        again = (crossing.level == 0) & outside  # ended by a reading on the other side
        self.level[who] = crossing.level
        self.since[who] = crossing.since_ms
        self.at[who] = crossing.reading + ~again
        self.moved[who] = True

    def _ripe(self, level: int, target: int, who: Ints) -> tuple[Ints, Ints]:
        """The reading by which each stream crosses, and since when; a reading past its end: none."""
        clock = self._clock(level, target)
        taken = self.readings.taken_ms
        at, end = self.at[who], self.end[who]
        carried = self._carried(target, clock, who)
        running = carried != NEVER
        start = np.where(running, at, clock.start[at])
        known = start < len(taken)
        inside = np.minimum(start, len(taken) - 1)
        began = np.where(running, carried, taken[inside])
        enough = np.searchsorted(self.line, self.line[inside] + began - taken[inside] + clock.wait_ms)
        ripe = np.minimum(clock.counts[np.maximum(enough, start)], clock.counts_at_once[start])
        segment = np.minimum(clock.segment[at + 1], end)
        now = known & (ripe < segment)
        later = np.minimum(clock.ripe[segment], end)
        at_later = np.minimum(later, len(taken) - 1)
        began_later = taken[np.minimum(clock.start[clock.segment_of[at_later]], len(taken) - 1)]
        return np.where(now, ripe, later), np.where(now, began, began_later)

    def _carried(self, target: int, clock: Clock, who: Ints) -> Ints:
        """Since when the clock has been running when these readings came; NEVER: it was not, or the first stops it."""
        was = self.was[who]
        far = np.where(was["level"] == 0, 2 * was["pending_level"], 0)
        since = np.where(was["pending_level"] == target, was["pending_since_ms"], NEVER)
        has_far = (far == target) & (was["pending_far_since_ms"] != NEVER)
        since = np.where(has_far, was["pending_far_since_ms"], since)
        carried: Ints = np.where(self.moved[who] | clock.stopped[self.first[who]], NEVER, since)
        return carried

    def _streams(self) -> Streams:
        moved = self.was.copy()
        moved["level"], moved["since_ms"] = self.level, self.since
        moved["last_ms"] = self.readings.taken_ms[self.end - 1]
        moved["pending_level"] = self.level
        moved["pending_since_ms"] = moved["pending_far_since_ms"] = NEVER
        for level in np.unique(self.level).tolist():
            who = np.flatnonzero(self.level == level)
            for target in CLOCKS[level]:
                running = self._running(level, target, who)
                these = running != NEVER
                if abs(target - level) == 1 or abs(level) == 1:
                    moved["pending_level"][who[these]] = target
                    moved["pending_since_ms"][who[these]] = running[these]
                else:
                    moved["pending_far_since_ms"][who[these]] = running[these]
        return moved

    def _running(self, level: int, target: int, who: Ints) -> Ints:
        """Since when the clock runs after the last reading."""
        clock = self._clock(level, target)
        last = self.end[who] - 1
        begins = clock.segment_of[last]
        start = clock.start[np.maximum(begins, np.minimum(self.at[who], self.end[who]))]
        known = start < self.end[who]
        since = np.where(known, self.readings.taken_ms[np.minimum(start, len(self.readings) - 1)], NEVER)
        carried = self._carried(target, clock, who)
        running: Ints = np.where((carried != NEVER) & (begins == self.first[who]), carried, since)
        return running

    def _clock(self, level: int, target: int) -> Clock:
        if (level, target) not in self.clocks:
            self.clocks[level, target] = _clock(self.readings, self.first, level, target)
        return self.clocks[level, target]


def _clock(readings: Readings, first: Ints, level: int, target: int) -> Clock:
    there, other_side = _where(readings, level, target)
    may_start = there if level == 0 and abs(target) == 1 else there & readings.good
    stops = (~there & readings.good) | other_side
    stopped = stops | readings.gap
    segment = stopped.copy()
    segment[first] = True
    places = np.arange(len(readings))
    segment_of = np.maximum.accumulate(np.where(segment, places, 0))
    start = _at_or_after(may_start)
    began = start[segment_of]
    wait_ms = _wait_ms(level, target)
    ran = readings.taken_ms - readings.taken_ms[np.minimum(began, len(readings) - 1)]
    ripe = there & (began <= places) & (readings.at_once | (ran >= wait_ms))
    return Clock(
        start=start,
        counts=_at_or_after(there),
        counts_at_once=_at_or_after(there & readings.at_once),
        segment=_at_or_after(segment),
        ripe=_at_or_after(ripe),
        stopped=stopped,
        segment_of=segment_of,
        wait_ms=wait_ms,
    )


def _where(readings: Readings, level: int, target: int) -> tuple[Bools, Bools]:
    """Which readings are, seen from `level`, at `target` or beyond it; and which are on the other side of the band."""
    if level == 0:
        mine, other = (readings.low, readings.high) if target < 0 else (readings.high, readings.low)
        return mine >= abs(target), other > 0
    raw, eased = (readings.low, readings.low_eased) if level < 0 else (readings.high, readings.high_eased)
    seen = np.maximum(raw, np.minimum(eased, abs(level)))
    nowhere = np.zeros(len(readings), np.bool_)
    return (seen >= abs(target) if abs(target) > abs(level) else seen <= abs(target)), nowhere


def _wait_ms(level: int, target: int) -> int:
    if abs(target) < abs(level):
        return int(PERSISTENCE.ends_s * 1000)
    return int((PERSISTENCE.red_s if abs(target) == 2 else PERSISTENCE.yellow_s) * 1000)


def _at_or_after(mask: Bools) -> Ints:
    count = len(mask)
    places = np.where(mask, np.arange(count), count)
    return np.append(np.minimum.accumulate(places[::-1])[::-1], count)


def _one_line(readings: Readings) -> Ints:
    """A time for each reading on one line, stream after stream, so that one search finds a time in any of them."""
    earliest = readings.taken_ms.min()
    length = readings.taken_ms.max() - earliest + 1
    line: Ints = readings.stream * length + (readings.taken_ms - earliest)
    return line


def _joined(parts: list[NDArray[np.int64]] | list[Levels]) -> Ints:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
