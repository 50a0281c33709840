"""One device's visits: its clock is looked at and set."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from devices.profiles import heart_rate
from devices.profiles.base import SetsClock
from edge.core.session import Session
from edge.core.session_words import (
    ClockShown,
    Connect,
    Event,
    ReadClock,
    SetClock,
    Subscribe,
)
from tests.unit.edge.session_rig import admitted, plain, walk

NOON = datetime(2026, 3, 29, 12, 0)  # noqa: DTZ001 - a device knows no zone


def with_clock(sets: SetsClock) -> Session:
    return Session(replace(plain("heart_rate"), clock=sets))


@pytest.mark.parametrize(
    ("sets", "shows", "ours", "is_set"),
    [
        (SetsClock.SETS, NOON - timedelta(hours=1), NOON, True),  # summer time missed
        (SetsClock.SETS, NOON + timedelta(seconds=31), NOON, True),
        (SetsClock.SETS, NOON + timedelta(seconds=30), NOON, False),
        (SetsClock.SETS, None, NOON, True),  # never set
        (SetsClock.SETS, None, None, False),  # we do not know the time ourselves
        (SetsClock.CHECKS, None, NOON, False),
    ],
)
def test_a_clock_that_is_wrong_is_set_if_we_know_the_time(
    sets: SetsClock, shows: datetime | None, ours: datetime | None, is_set: bool
) -> None:
    session = with_clock(sets)
    assert walk(session, admitted(session)) == [Connect(), ReadClock()]
    rest = walk(session, session.on(ClockShown(shows, ours), 0))
    assert (rest[0] == SetClock()) is is_set
    assert Subscribe(heart_rate.MEASUREMENT) in rest[: 1 + is_set]


def test_a_clock_that_is_missing_or_cannot_be_written_is_passed_over() -> None:
    session = with_clock(SetsClock.SETS)
    walk(session, admitted(session))
    assert session.on(Event.MISSING, 0) == [Subscribe(heart_rate.MEASUREMENT)]
    session = with_clock(SetsClock.SETS)
    walk(session, admitted(session))
    session.on(ClockShown(None, NOON), 0)
    assert session.on(Event.MISSING, 0) == [Subscribe(heart_rate.MEASUREMENT)]
