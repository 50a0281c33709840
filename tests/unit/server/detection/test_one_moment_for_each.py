"""One step over many batches says what a step for each of them says: intervals may overlap, silences may be long."""

from dataclasses import replace
from random import Random

import pytest

from devices.limits import Limit

SEEDS = pytest.mark.parametrize("seed", range(40))
LIMITS = Limit(red_low=88, yellow_low=90)


def overlapping(chance: Random, reading) -> list:
    """Of one stream, as two gateways hear it: an interval may reach beyond those that began after it."""
    story, at_s = [], 0.0
    for _ in range(chance.randint(5, 40)):
        span_s = chance.choice([0, 0, 20, 90, 300])
        story.append(reading(at_s=at_s, value=chance.choice([85, 87, 89, 91, 96]), span_s=span_s))
        at_s += chance.choice([5, 15, 40, 70, 200, 1900])
    return story


def told(findings):
    return [(each.crossing, int(each.level), each.began, each.at, each.late) for each in findings]


@pytest.fixture
def watched(new_ward):
    ward = new_ward()
    ward.watch(LIMITS)
    return ward


@SEEDS
def test_intervals_that_overlap_are_judged_alike_in_any_batches(new_ward, reading, seed):
    chance = Random(seed)
    story = overlapping(chance, reading)
    whole, parts = new_ward(), new_ward()
    for ward in (whole, parts):
        ward.watch(LIMITS)
    cut = chance.randrange(1, len(story))
    in_parts = [*parts.drain(story[:cut], now_s=0), *parts.drain(story[cut:], now_s=0)]
    assert told(whole.drain(story, now_s=0)) == told(in_parts)
    assert whole.states == parts.states


@SEEDS
def test_rows_that_came_each_at_a_moment_of_its_own_can_be_judged_at_once(new_ward, reading, seed):
    """As long as none was late: what is late is told once for all that came with it."""
    story = overlapping(Random(seed), reading)
    whole, parts = new_ward(), new_ward()
    for ward in (whole, parts):
        ward.watch(LIMITS)
    came_s = [each.at_s + each.span_s for each in story]
    one_by_one = [found for each, at_s in zip(story, came_s, strict=True) for found in parts.drain([each], now_s=at_s)]
    assert told(whole.at_once(story, came_s=came_s)) == told(one_by_one)
    assert whole.states == parts.states


def test_a_stream_that_was_silent_outside_says_so_again_when_it_is_back(watched, reading):
    outside = [reading(at_s=at_s, value=85) for at_s in (0, 15, 30)]
    assert watched.hear(outside)
    back = replace(outside[0], at_s=700)
    assert [str(found.crossing) for found in watched.drain([back])] == ["still"]
