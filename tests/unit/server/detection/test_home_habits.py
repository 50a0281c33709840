"""A home's own habits: how long its silences may be, and what teaches it that."""

from datetime import UTC, date, datetime, timedelta

import pytest

from server.detection import home_usual
from server.detection.home_rules import SHIPPED
from server.detection.home_usual import Line
from tests.unit.server.detection.rooms_rig import (
    BED,
    FRONT,
    HALL,
    IN,
    MOVE,
    NOON,
    OPEN,
    SHUT,
    UP,
    after,
    habit,
    minutes,
    said,
)


def test_before_enough_days_are_known_the_default_holds():
    memory = after(*habit(100, days=14)).memory  # the two newest days are not settled, the first has no morning
    assert len(memory.days) < SHIPPED.inactive.learn_days
    at = memory.state.until + timedelta(hours=4)
    looked = after(said(HALL, MOVE, at), memory=memory)
    assert looked.memory.due["inactive"] == at + minutes(240)


def test_a_home_whose_silences_are_short_is_missed_sooner():
    memory = after(*habit(100)).memory
    assert len(memory.days) >= SHIPPED.inactive.learn_days
    forenoon = memory.state.until.replace(hour=9, minute=0) + timedelta(days=1)
    looked = after(said(HALL, MOVE, forenoon), memory=memory)
    # The silence of 100 (and of 120 until the next half hour) and half an hour more: by hand 120 + 30.
    assert looked.memory.due["inactive"] == forenoon + minutes(150)


def test_a_home_that_is_silent_for_long_is_left_alone_for_longer_at_that_hour_only():
    memory = after(*habit(300)).memory
    forenoon = memory.state.until.replace(hour=9, minute=0) + timedelta(days=1)
    assert after(said(HALL, MOVE, forenoon), memory=memory).memory.due["inactive"] == forenoon + minutes(330)
    evening = forenoon.replace(hour=17)
    due_at = after(said(HALL, MOVE, evening), memory=memory).memory.due["inactive"]
    assert due_at == evening + minutes(SHIPPED.inactive.floor_min)


def lines(*longest):
    return tuple(Line(day=date(2026, 1, n), minutes=(each,) * 24) for n, each in enumerate(longest, 1))


@pytest.mark.parametrize(
    ("longest", "limit_min"),
    [
        ([100] * 14, 130),
        ([100] * 13 + [700], 130),  # one outage, or one fall, teaches nothing
        ([100] * 12 + [700, 690], 720),
        ([10] * 14, 120),  # never under the floor
        ([1400] * 14, 720),  # never over the ceiling
    ],
)
def test_the_limit_is_the_longest_silence_but_one_within_floor_and_ceiling(longest, limit_min):
    assert home_usual.limits_min(lines(*longest), SHIPPED.inactive) == (limit_min,) * 24


def test_thirteen_days_are_too_few_and_fourteen_are_enough():
    assert home_usual.limits_min(lines(*[100] * 13), SHIPPED.inactive) is None
    assert home_usual.limits_min(lines(*[100] * 14), SHIPPED.inactive) is not None


def test_an_hour_learns_from_its_neighbours():
    days = tuple(
        Line(day=date(2026, 1, n), minutes=tuple(200 if hour == 0 else 0 for hour in range(24))) for n in range(1, 15)
    )
    limits = home_usual.limits_min(days, SHIPPED.inactive)
    assert [hour for hour, limit in enumerate(limits) if limit == 230] == [0, 1, 23]


def test_a_silence_is_put_into_every_hour_that_it_lasted_on_the_wall_clock():
    since = datetime(2026, 1, 10, 8, 40, tzinfo=UTC)  # 09:40
    (line,) = home_usual.with_silence((), date(2026, 1, 10), since, since + minutes(100))
    assert {hour: each for hour, each in enumerate(line.minutes) if each} == {9: 20, 10: 80, 11: 100}


def test_bed_and_an_empty_home_teach_nothing():
    asleep = [said(BED, IN, NOON), said(BED, UP, NOON + minutes(200))]
    out = [said(FRONT, OPEN, NOON), said(FRONT, SHUT, NOON + minutes(1)), said(FRONT, OPEN, NOON + minutes(200))]
    up = [said(HALL, MOVE, NOON), said(HALL, MOVE, NOON + minutes(200))]
    assert after(*asleep).memory.state.lines == ()
    assert after(*out).memory.state.lines == ()
    assert [max(line.minutes) for line in after(*up).memory.state.lines] == [200]
