"""A replay finds what was found when the readings came, and counts what stands as often as it stood."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random

import numpy as np
import pytest

from devices.limits import Level, Limit
from devices.vocabulary import KINDS, Kind, Mode, Quality
from server.alerts import replay
from server.alerts.model import Priority
from server.detection import engine
from server.detection.panel import Panel
from server.detection.rows import Rows
from server.detection.state import StreamSetting

EVENING = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
EVENING_MS = 1_795_284_000_000
SPO2 = Limit(red_low=88, yellow_low=90)
LIMITS = {Kind.SPO2: SPO2, Kind.PULSE_RATE: Limit(red_low=41, yellow_low=50, yellow_high=110, red_high=130)}


@dataclass(frozen=True, kw_only=True)
class Reading:
    at_s: float
    came_s: float
    value: float
    kind: Kind = Kind.SPO2
    mode: Mode = Mode.SPOT
    quality: Quality = Quality.GOOD
    span_s: float = 0


def rows_of(readings: Sequence[Reading]) -> tuple[Rows, np.ndarray]:
    count = len(readings)
    rows = Rows(
        patient=np.ones(count, np.int32),
        kind=np.array([KINDS[each.kind].number for each in readings], np.int16),
        taken_ms=np.array([EVENING_MS + round(each.at_s * 1000) for each in readings], np.int64),
        value=np.array([each.value for each in readings], np.float64),
        sign=np.zeros(count, np.int8),
        quality=np.array([each.quality for each in readings], np.int8),
        mode=np.array([each.mode for each in readings], np.int8),
        span_s=np.array([each.span_s for each in readings], np.float32),
        low=np.full(count, np.nan),
        high=np.full(count, np.nan),
    )
    return rows, np.array([EVENING_MS + round(each.came_s * 1000) for each in readings], np.int64)


def as_it_came(readings: Sequence[Reading]) -> list[tuple[object, int]]:
    """As the monitor does it: a step for each batch, at the moment when it came."""
    panel, found = Panel(), []
    numbers = {kind: KINDS[kind].number for kind in LIMITS}
    panel.hydrate(StreamSetting(patient=1, kind=numbers[kind], limit=limit) for kind, limit in LIMITS.items())
    for came_s, batch in groupby(sorted(readings, key=lambda each: each.came_s), key=lambda each: each.came_s):
        in_order = sorted(batch, key=lambda each: (numbers[each.kind], each.at_s))
        now_ms = EVENING_MS + round(came_s * 1000)
        findings, delta = engine.step(panel, rows_of(in_order)[0], now_ms)
        panel.apply(delta)
        found += [(finding, now_ms) for finding in findings]
    return found


def story_of(chance: Random, *, late: float) -> list[Reading]:
    """Two streams whose readings come minute by minute; some of them, or whole hours, come late or in disorder."""
    story = []
    for kind, values in ((Kind.SPO2, (85, 87, 89, 91, 96)), (Kind.PULSE_RATE, (38, 48, 70, 115, 140))):
        at_s, line_is_back_s = float(chance.randrange(60)), 0.0
        for _ in range(chance.randint(3, 12)):
            value, every_s = chance.choice(values), chance.choice([1, 5, 15, 50, 61, 130, 2000])
            span_s, mode = chance.choice(
                [(0, Mode.CONTINUOUS), (0, Mode.CONTINUOUS), (40, Mode.CONTINUOUS), (0, Mode.SPOT)]
            )
            for _ in range(chance.randint(1, 30)):
                if chance.random() < late / 20:
                    line_is_back_s = at_s + chance.choice([200, 1000, 9000])
                came_s = max(at_s + span_s, line_is_back_s)
                if chance.random() < late / 20:
                    came_s += chance.choice([70, 700, 7000])
                story.append(
                    Reading(
                        at_s=at_s,
                        came_s=60 * (came_s // 60 + 1),
                        value=value,
                        kind=kind,
                        mode=mode,
                        quality=chance.choice([Quality.GOOD] * 9 + [Quality.QUESTIONABLE]),
                        span_s=span_s,
                    )
                )
                at_s += every_s
    return story


def told(found):
    return [(each.kind, each.crossing, each.level, each.began, each.at, each.late, came) for each, came in found]


@pytest.mark.parametrize("late", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", range(12))
def test_a_replay_finds_what_was_found_when_the_readings_came(seed: int, late: float) -> None:
    chance = Random(seed)
    story = story_of(chance, late=late)
    found = list(replay.findings(replay.received(*rows_of(chance.sample(story, len(story)))), LIMITS))
    assert told(found) == told(as_it_came(story))


def test_the_stories_hold_what_is_late_what_is_over_and_what_is_out_of_order() -> None:
    found = [each for seed in range(6) for each, _ in as_it_came(story_of(Random(seed), late=1.0))]
    assert {str(each.crossing) for each in found} == {"began", "worse", "still", "eased", "ended", "has_been"}
    assert {each.late for each in found} == {True, False}


def low(*values: float, from_h: float = 0) -> list[Reading]:
    """A spot reading an hour."""
    hours = [from_h + hour for hour in range(len(values))]
    return [
        Reading(at_s=hour * 3600, came_s=hour * 3600 + 5, value=value)
        for hour, value in zip(hours, values, strict=True)
    ]


def compared(readings: Sequence[Reading], then: Limit, *, from_h: float = 0) -> replay.Comparison:
    span = (EVENING + timedelta(hours=from_h), EVENING + timedelta(days=2))
    return replay.compare(replay.received(*rows_of(readings)), {Kind.SPO2: SPO2}, {Kind.SPO2: then}, *span)


def hour_of(at: datetime) -> float:
    return round((at - EVENING) / timedelta(hours=1), 1)


def test_each_time_something_stands_is_one_alert_at_its_worst() -> None:
    found = compared(low(96, 89, 87, 85, 89, 96, 95, 89, 96), SPO2)
    assert found.now == found.then
    first, second = found.now
    assert (first.level, first.priority, first.value, first.limit) == (Level.RED_LOW, Priority.RED, 87, 88)
    assert (hour_of(first.raised_at), hour_of(first.over_at)) == (1, 5)
    assert (second.level, second.priority, second.value) == (Level.YELLOW_LOW, Priority.YELLOW, 89)
    assert dict(replay.count(found.now)) == {Priority.YELLOW: 1, Priority.RED: 1}


def test_what_the_tried_limit_leaves_out_and_what_it_adds() -> None:
    readings = low(96, 89, 96, 87, 96, 85, 96)
    lower = compared(readings, Limit(red_low=86, yellow_low=88))
    assert [hour_of(each.raised_at) for each in lower.gone] == [1]
    assert lower.new == ()
    assert dict(replay.count(lower.then)) == {Priority.YELLOW: 1, Priority.RED: 1}
    higher = compared(readings, Limit(red_low=88, yellow_low=97))
    assert higher.gone == ()
    assert [hour_of(each.raised_at) for each in higher.new] == []  # one alert that never ends meets them all
    assert [each.over_at for each in higher.then] == [None]


def test_an_alert_that_falls_between_two_others_is_new() -> None:
    found = compared(low(96, 91, 96, 89, 96), Limit(red_low=88, yellow_low=92))
    assert [hour_of(each.raised_at) for each in found.new] == [1]
    assert [hour_of(each.raised_at) for each in found.then] == [1, 3]


def test_what_stood_before_the_first_day_is_not_counted_and_not_raised_anew() -> None:
    readings = low(89, 89, 89, 96, 89)
    assert [hour_of(each.raised_at) for each in compared(readings, SPO2, from_h=2).now] == [4]


def test_a_limit_that_is_no_limit_raises_nothing() -> None:
    found = compared(low(96, 70, 96), Limit())
    assert (len(found.now), found.then, len(found.gone)) == (1, (), 1)
