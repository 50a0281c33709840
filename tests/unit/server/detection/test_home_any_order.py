"""What a home said, in any order and any batches."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from server.detection.home import Memory, awaiting, look, needs_history, take
from server.detection.home_rules import SHIPPED
from tests.unit.server.detection.rooms_rig import (
    BED,
    EVERY,
    FRONT,
    IN,
    MOVE,
    OPEN,
    SENSORS,
    SHUT,
    UP,
    WINDOW,
    after,
    habit,
    said,
)

whole_days = st.lists(
    st.tuples(st.integers(0, 47 * 60 * 6 - 1), st.sampled_from(sorted(EVERY)), st.booleans()), min_size=1, max_size=40
)


def from_parts(parts):
    begin = datetime(2026, 3, 27, 23, 0, tzinfo=UTC)  # two dates on the wall; the clocks go forward in the second night
    unique = {(ten, device): odd for ten, device, odd in parts}
    return [
        said(device, {BED: (IN, UP), FRONT: (OPEN, SHUT), WINDOW: (OPEN, SHUT)}.get(device, (MOVE, MOVE))[odd],
             begin + timedelta(seconds=10 * ten))
        for (ten, device), odd in sorted(unique.items())
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(parts=whole_days, seed=st.integers(0, 2**16))
def test_the_same_events_in_any_order_and_batches_make_the_same_home(parts, seed):
    events = from_parts(parts)
    expected = after(*events).memory
    chance = random.Random(seed)
    coming, memory, known = chance.sample(events, len(events)), Memory(), []
    while coming:
        some = [coming.pop() for _ in range(min(len(coming), chance.randrange(1, 6)))]
        known += some
        since = needs_history(memory, some)
        history = [] if since is None else [event for event in known if event.at > since]
        memory = take(memory, some, SHIPPED, SENSORS, history).memory
    assert replace(memory, told={}) == replace(expected, told={})


def test_weeks_in_any_batches_teach_the_same():
    events = habit(100)
    expected = after(*events).memory
    for seed in range(5):
        chance, memory, place = random.Random(seed), Memory(), 0
        while place < len(events):
            size = chance.randrange(1, 200)
            memory = take(memory, events[place : place + size], SHIPPED, SENSORS).memory
            place += size
        assert memory == expected


@settings(max_examples=60, deadline=None)
@given(parts=whole_days, later_h=st.integers(0, 100))
def test_what_was_told_is_not_told_again_and_everything_due_is(parts, later_h):
    memory = after(*from_parts(parts)).memory
    until = memory.state.until + timedelta(hours=later_h)
    looked = look(memory, SHIPPED, SENSORS, until)
    assert len(looked.findings) == sum(1 for due_at in memory.due.values() if due_at <= until)
    again = look(looked.memory, SHIPPED, SENSORS, until)
    assert all(each.red for each in again.findings)  # only yellow that has become red
    assert all(due_at > until for due_at in awaiting(again.memory, SHIPPED, SENSORS).values())
