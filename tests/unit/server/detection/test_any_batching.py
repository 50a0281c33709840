"""However readings are cut into batches the findings are the same; and they are those of a plain, slow rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

import pytest

from devices.limits import Limit
from devices.vocabulary import Kind, Mode, Quality
from server.detection.findings import Crossing

PULSE = Limit(red_low=41, yellow_low=50, yellow_high=110, red_high=130)
EASED = Limit(red_low=46, yellow_low=55, yellow_high=105, red_high=125)  # 5 bpm further in
WAIT_S = {1: 900, 2: 15}
ENDS_S = 15
GAP_S = 60
SAID_AGAIN_S = 1800


@dataclass
class OneByOne:
    """The rule as a person would write it: one stream, one reading after another."""

    level: int = 0
    since: float = 0
    last: float | None = None
    clocks: dict[int, float] = field(default_factory=dict)

    def hear(self, reading) -> Iterator[tuple[Crossing, int, float]]:
        gap = self.last is not None and reading.at_s - self.last > GAP_S
        before, self.last = self.last, reading.at_s
        crossed = list(self._cross(reading, gap))
        yield from crossed
        if not crossed:
            yield from self._still(reading, before)

    def _cross(self, reading, gap: bool) -> Iterator[tuple[Crossing, int, float]]:
        raw = int(PULSE.level_of(reading.value, decimals=0))
        good = reading.quality is Quality.GOOD
        if gap:
            self.clocks.clear()
        ripe = []
        for target in self._targets():
            there = self._is_there(target, reading.value, raw)
            if not there and (good or (self.level == 0 and raw * target < 0)):
                self.clocks.pop(target, None)
            if there and target not in self.clocks and (good or (self.level == 0 and abs(target) == 1)):
                self.clocks[target] = reading.at_s
            wait_s = WAIT_S[abs(target)] if abs(target) > abs(self.level) else ENDS_S
            ran = target in self.clocks and reading.at_s - self.clocks[target] >= wait_s
            if there and target in self.clocks and (ran or reading.mode is Mode.SPOT):
                ripe.append(target)
        if not ripe:
            return
        to = max(ripe, key=lambda target: abs(target - self.level))
        yield self._move(to)
        if to == 0 and raw != 0:
            yield from self._cross(reading, False)

    def _move(self, to: int) -> tuple[Crossing, int, float]:
        before, self.level, self.since = self.level, to, self.clocks[to]
        self.clocks.clear()
        if to == 0:
            return Crossing.ENDED, to, self.since
        if before == 0:
            return Crossing.BEGAN, to, self.since
        return (Crossing.WORSE if abs(to) > abs(before) else Crossing.EASED), to, self.since

    def _targets(self) -> list[int]:
        if self.level == 0:
            return [-2, -1, 1, 2]
        side = 1 if self.level > 0 else -1
        return [0, 2 * side] if abs(self.level) == 1 else [0, side]

    def _is_there(self, target: int, value: float, raw: int) -> bool:
        if self.level == 0:
            return raw * target > 0 and abs(raw) >= abs(target)
        side = 1 if self.level > 0 else -1
        worst_now = max(raw * side, 0)
        eased = max(int(EASED.level_of(value, decimals=0)) * side, 0)
        seen = max(worst_now, min(eased, abs(self.level)))
        return seen >= abs(target) if abs(target) > abs(self.level) else seen <= abs(target)

    def _still(self, reading, before: float | None) -> Iterator[tuple[Crossing, int, float]]:
        raw = int(PULSE.level_of(reading.value, decimals=0))
        if reading.mode is Mode.SPOT:
            here = raw if reading.quality is Quality.GOOD else max(-1, min(1, raw))
            if here * self.level > 0:
                yield Crossing.STILL, here, self.since
        elif self.level and (reading.at_s - self.since) // SAID_AGAIN_S > (before - self.since) // SAID_AGAIN_S:
            yield Crossing.STILL, self.level, self.since


VALUES = (38, 44, 48, 52, 56, 80, 104, 108, 120, 127, 140)


def story_of(chance: Random, reading) -> list:
    """Three patients' readings in one order of arrival: pieces of a level, now and then doubtful, spot or torn."""
    story = []
    for patient in (1, 2, 3):
        at_s = float(chance.randrange(30))
        for _ in range(chance.randint(1, 12)):
            values = chance.sample(VALUES, chance.choice([1, 1, 2, 3]))
            every_s = chance.choice([1, 4, 7, 15, 60, 61, 900])
            for turn in range(chance.randint(1, 30)):
                quality = chance.choice([Quality.GOOD] * 5 + [Quality.QUESTIONABLE])
                mode = chance.choice([Mode.CONTINUOUS] * 9 + [Mode.SPOT])
                value = values[turn % len(values)]
                story.append(
                    reading(at_s=at_s, value=value, patient=patient, kind=Kind.PULSE_RATE, quality=quality, mode=mode)
                )
                at_s += every_s
    return sorted(story, key=lambda each: each.at_s)


def cut(story: Sequence, chance: Random) -> list[Sequence]:
    inner = sorted(chance.sample(range(1, len(story)), min(len(story) - 1, chance.randint(0, 8))))
    return [story[begin:end] for begin, end in pairwise([0, *inner, len(story)])]


def told(findings):
    return [(each.patient, each.crossing, int(each.level), each.began, each.at) for each in findings]


@pytest.fixture
def watched(new_ward):
    def ward():
        ward = new_ward()
        for patient in (1, 2, 3):
            ward.watch(PULSE, patient=patient, kind=Kind.PULSE_RATE)
        return ward

    return ward


SEEDS = pytest.mark.parametrize("seed", range(60))


@SEEDS
def test_the_same_readings_in_any_batches_give_the_same_findings_and_states(watched, reading, seed):
    chance = Random(seed)
    story = story_of(chance, reading)
    whole, parts = watched(), watched()
    # Before all of them, so that none counts as late: what is late depends on when it comes, as it must.
    at_once = whole.drain(story, now_s=0)
    in_parts = [finding for part in cut(story, chance) for finding in parts.drain(part, now_s=0)]
    assert told(at_once) == told(in_parts)
    assert whole.states == parts.states


@SEEDS
def test_the_findings_are_those_of_the_plain_rule(watched, reading, seconds, seed):
    story = story_of(Random(seed), reading)
    plain = {patient: OneByOne() for patient in (1, 2, 3)}
    expected = [
        (each.patient, crossing, level, since, each.at_s)
        for each in story
        for crossing, level, since in plain[each.patient].hear(each)
    ]
    found = [
        (p, crossing, level, seconds(began), seconds(at))
        for p, crossing, level, began, at in told(watched().drain(story, now_s=0))
    ]
    assert found == expected


@SEEDS
def test_a_panel_that_forgot_its_streams_goes_on_from_their_rows(watched, reading, seed):
    chance = Random(seed)
    story = story_of(chance, reading)
    whole, forgetful = watched(), watched()
    found = []
    for part in cut(story, chance):
        found += forgetful.drain(part, now_s=0)
        for patient in (1, 2, 3):
            forgetful.watch(PULSE, patient=patient, kind=Kind.PULSE_RATE)
    assert told(found) == told(whole.drain(story, now_s=0))


def test_a_step_changes_nothing_until_its_delta_is_applied(watched, reading):
    ward = watched()
    low = [reading(at_s=at_s, value=38, kind=Kind.PULSE_RATE) for at_s in range(16)]
    first, delta = ward.step(low)
    again, _ = ward.step(low)
    assert told(first) == told(again) != []
    ward.panel.apply(delta)
    assert told(ward.drain([replace(low[-1], at_s=16)])) == []
