"""The thinning rule: what of a continuous stream goes to the server value by value, and what as an interval.

1. A device's values of one slot are cut into windows of `every_s` seconds of our own running clock. All streams with
   the same `every_s` have the same windows, so that a home with twenty sensors writes to its disk once per window.
2. Of each kind, the values of a window become one interval: their median (of an even number the lower of the two in
   the middle, so that it was really measured), the smallest, the largest, how many, and the seconds from the first to
   the last. A single value stays as it is. `every_s` 0: every value goes at once.
3. Every value that was heard is in exactly one row. Rows of a kind never overlap and leave in order of time. All kinds
   of a slot leave together: what is newer than the newest row on the disk is missing of all of them, or of none.
4. A window is held back for a third of its length, 5 s at most, after it is over. A value beyond a red limit, one that
   the device itself calls below or above its range, or an event (`stir`) sends everything held as it was heard, so
   these seconds before it are always raw, and so is all that comes in the 30 s after the last of them.
5. An interval has one quality and one kind of time; where that changes, the next row begins. No reading (NaN) and a
   value below or above the range go as they are: neither has a median.
6. A silence (Gap), contact lost or found, and a step of our clock of more than a second end the interval at once: an
   interval never reaches over what nobody heard. The first value of all, and the first after a silence, go at once:
   the board shows that the sensor is back, and no value on the disk is as old as the gap's end without being there.
7. Beat-to-beat times: every half hour 140 beats go raw, for an irregular pulse is sought in unbroken beats. A strip
   that breaks (silence, contact, doubt) is begun again, so that there are three at most in that half hour.
8. A reading with a number in the device's memory, and a spot reading, go at once, as they are: they may come again."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from statistics import median_low
from typing import Final

from devices.limits import Level
from devices.vocabulary import ClockTrust, Event, EventType, Gap, Item, Kind, Mode, Observation, Quality, Sign
from edge.core.shift import shifted

LEAD_S: Final = 5.0
LEAD_SHARE: Final = 1 / 3
AFTER_S: Final = 30.0
STEP_S: Final = 1.0
WALKED_OFF: Final = 0.2  # of the time that passes: our clock walks small errors off, which is no step
MOST_HELD: Final = 2_000  # values of one slot; then the interval ends early
STRIP_BEATS: Final = 140
STRIP_EVERY_S: Final = 1800.0
STRIPS: Final = 3

RED: Final = frozenset({Level.RED_LOW, Level.RED_HIGH})
_TAKEN_AT: Final = attrgetter("taken_at")
CONTACT: Final = frozenset({EventType.SENSOR_ON, EventType.SENSOR_OFF})


@dataclass(frozen=True, kw_only=True, slots=True)
class _Held:
    value: Observation
    at_s: float
    is_raw: bool


@dataclass(slots=True)
class _Strip:
    """Beats that are still to go raw. `begun`: how many strips this half hour has seen."""

    left: int = 0
    next_s: float = -math.inf
    begun: int = 0

    def takes(self, beat: Observation, now_s: float) -> bool:
        if beat.quality is not Quality.GOOD:
            self.breaks()
            return False
        if not self.left and now_s >= self.next_s:
            self.left, self.next_s, self.begun = STRIP_BEATS, now_s + STRIP_EVERY_S, 1
        if not self.left:
            return False
        self.left -= 1
        return True

    def breaks(self) -> None:
        if 0 < self.left < STRIP_BEATS:
            again = self.begun < STRIPS
            self.left, self.begun = (STRIP_BEATS, self.begun + 1) if again else (0, self.begun)


@dataclass(slots=True)
class _Slot:
    held: list[_Held] = field(default_factory=list)
    raw_until_s: float = -math.inf
    strip: _Strip = field(default_factory=_Strip)


class Thin:
    """One device."""

    def __init__(self, every_s: float) -> None:
        self.every_s = every_s
        self._lead_s = min(LEAD_S, every_s * LEAD_SHARE)
        self._slots: dict[int, _Slot] = {}

    def take(self, item: Item, level: Level, now_s: float) -> list[Item]:
        """What goes to the outbox now that this was heard."""
        match item:
            case Observation(mode=Mode.CONTINUOUS, record=None):
                return self._value(item, level, now_s)
            case Gap():
                return [*self._break(self._slot(item.slot), now_s), item]
            case Event() if item.type in CONTACT:
                return [*self._break(self._slot(item.slot), now_s), item]
            case Event():
                return [*self.stir(now_s), item]
        return [item]

    def stir(self, now_s: float) -> list[Item]:
        """Something happened at home that these values may explain."""
        rows: list[Item] = []
        for slot in self._slots.values():
            slot.raw_until_s = now_s + AFTER_S
            rows += _all_raw(slot)
        return rows

    def settle(self, now_s: float) -> list[Item]:
        """Windows that are over, and were held back for long enough."""
        return [row for slot in self._slots.values() for row in self._over(slot, now_s)]

    def due_s(self) -> float | None:
        """When `settle` will have something to say."""
        return min((self._due_s(slot) for slot in self._slots.values() if slot.held), default=None)

    def end(self) -> list[Item]:
        """Everything, as if all windows were over: the agent stops, or the device is configured anew."""
        return [row for slot in self._slots.values() for row in self._fold_all(slot)]

    def held(self) -> Iterator[Observation]:
        return (each.value for slot in self._slots.values() for each in slot.held)

    def jumped(self, by: timedelta, since: datetime) -> None:
        """Our own clock was wrong by so much, since then: what is held and carries its time moves with it."""
        for slot in self._slots.values():
            for i, each in enumerate(slot.held):
                value = shifted(each.value, by, since)
                assert isinstance(value, Observation)
                slot.held[i] = replace(each, value=value)

    def _slot(self, number: int) -> _Slot:
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = _Slot()
        return slot

    def _value(self, value: Observation, level: Level, now_s: float) -> list[Item]:
        if not self.every_s:
            return [value]
        slot = self._slots.get(value.slot)
        if slot is None:
            slot = self._slots[value.slot] = _Slot(raw_until_s=now_s)
        rows = self._end_run(slot) if slot.held and _is_step(slot.held[-1], value, now_s) else []
        is_beat = value.kind is Kind.RR_INTERVAL and slot.strip.takes(value, now_s)
        if level in RED or value.sign is not Sign.EXACT:
            slot.raw_until_s = now_s + AFTER_S
            rows += _all_raw(slot)
        if now_s <= slot.raw_until_s:
            return [*rows, value]
        rows += self._over(slot, now_s)
        slot.held.append(_Held(value=value, at_s=now_s, is_raw=is_beat or value.value is None))
        return rows + self._fold_all(slot) if len(slot.held) >= MOST_HELD else rows

    def _break(self, slot: _Slot, now_s: float) -> list[Item]:
        slot.raw_until_s = max(slot.raw_until_s, now_s)
        return self._end_run(slot)

    def _end_run(self, slot: _Slot) -> list[Item]:
        slot.strip.breaks()
        return self._fold_all(slot)

    def _window(self, at_s: float) -> int:
        return math.floor(at_s / self.every_s)

    def _due_s(self, slot: _Slot) -> float:
        return (self._window(slot.held[0].at_s) + 1) * self.every_s + self._lead_s

    def _over(self, slot: _Slot, now_s: float) -> list[Item]:
        rows: list[Item] = []
        while slot.held and now_s >= self._due_s(slot):
            window = self._window(slot.held[0].at_s)
            count = next((i for i, each in enumerate(slot.held) if self._window(each.at_s) != window), len(slot.held))
            rows += _folded(slot.held[:count])
            del slot.held[:count]
        return rows

    def _fold_all(self, slot: _Slot) -> list[Item]:
        rows: list[Item] = []
        for _, window in groupby(slot.held, key=lambda each: self._window(each.at_s)):
            rows += _folded(list(window))
        slot.held.clear()
        return rows


def fold(values: Iterable[Observation]) -> list[Observation]:
    """One window's values, in order of time, as rows."""
    return _folded([_Held(value=value, at_s=0.0, is_raw=value.value is None) for value in values])


def _is_step(before: _Held, value: Observation, now_s: float) -> bool:
    """Our clock was set, or the device's own time does not go on."""
    passed_s = (value.taken_at - before.value.taken_at).total_seconds()
    if value.clock is ClockTrust.ARRIVAL:
        running_s = now_s - before.at_s
        return abs(passed_s - running_s) > STEP_S + WALKED_OFF * running_s
    return passed_s < 0


def _all_raw(slot: _Slot) -> list[Item]:
    rows: list[Item] = sorted((each.value for each in slot.held), key=_TAKEN_AT)
    slot.held.clear()
    return rows


def _folded(window: list[_Held]) -> list[Observation]:
    by_kind: dict[Kind, list[_Held]] = {}
    for each in window:
        by_kind.setdefault(each.value.kind, []).append(each)
    rows = [row for values in by_kind.values() for row in _rows(values)]
    return sorted(rows, key=_TAKEN_AT)


def _rows(values: list[_Held]) -> Iterator[Observation]:
    for (is_raw, *_), run in groupby(values, key=lambda each: (each.is_raw, each.value.quality, each.value.clock)):
        members = [each.value for each in run]
        if is_raw:
            yield from members
        else:
            yield _interval(members)


def _interval(values: list[Observation]) -> Observation:
    if len(values) == 1:
        return values[0]
    numbers = [value.value for value in values if value.value is not None]
    return replace(
        values[0],
        value=median_low(numbers),
        low=min(numbers),
        high=max(numbers),
        n=len(values),
        span_s=(values[-1].taken_at - values[0].taken_at).total_seconds(),
    )
