"""One device's visits: the order of the steps, stored records, and what happens when something fails."""

from dataclasses import replace

from devices.profiles import heart_rate, oximeter
from edge.core.session import SILENT_STREAM_S, Session
from edge.core.session_words import (
    Connect,
    Disconnect,
    Event,
    Heard,
    Pause,
    Read,
    State,
    Subscribe,
)
from tests.unit.edge.session_rig import BATTERY, admitted, plain, walk


def test_a_stream_is_connected_subscribed_and_listened_to() -> None:
    session = Session(plain("heart_rate"))
    done = walk(session, admitted(session))
    assert done == [Connect(), Subscribe(heart_rate.MEASUREMENT), Read(BATTERY)]
    assert session.state is State.LISTENING


def test_a_stream_that_says_nothing_for_long_is_connected_anew() -> None:
    session = Session(plain("heart_rate"))
    walk(session, admitted(session))
    session.on(Heard(None), 100)
    assert session.on(Event.TICK, 100 + SILENT_STREAM_S - 1) == []
    assert session.on(Event.TICK, 100 + SILENT_STREAM_S) == [Disconnect()]


def test_a_device_is_only_wanted_when_it_is_heard() -> None:
    session = Session(plain("heart_rate"))
    assert session.on(Event.ADMITTED, 0) == []
    session.on(Event.SEEN, 1)
    assert session.state is State.WANTED


def test_a_characteristic_that_is_missing_is_passed_over_but_not_all_of_them() -> None:
    session = Session(plain("oximeter"))
    walk(session, admitted(session), missing=oximeter.SPOT)
    assert session.state is State.LISTENING
    wrong = Session(plain("heart_rate"))
    assert walk(wrong, admitted(wrong), missing=heart_rate.MEASUREMENT)[-1] == Disconnect(forget=True)


def test_a_spot_device_is_left_when_it_has_been_quiet() -> None:
    session = Session(plain("thermometer"))
    walk(session, admitted(session))
    session.on(Heard(None), 3)
    assert session.on(Event.TICK, 7.9) == []
    assert session.on(Event.TICK, 8) == [Disconnect()]


def test_every_failure_ends_disconnected_and_waits_longer_each_time() -> None:
    session = Session(plain("heart_rate"))
    waits = []
    now_s = 0.0
    for _ in range(9):
        began_s = now_s
        while session.state is not State.WANTED:
            session.on(Event.SEEN, now_s)
            now_s += 0.5
        waits.append(now_s - began_s)
        session.on(Event.ADMITTED, now_s)
        assert session.on(Event.FAILED, now_s) == [Disconnect()]
        session.on(Event.LEFT, now_s, jitter=1.0)
    assert waits == sorted(waits)
    assert waits[-1] > 50
    assert max(waits) <= 61


def test_a_stream_that_dropped_after_it_worked_is_connected_again_at_once() -> None:
    session = Session(plain("heart_rate"))
    walk(session, admitted(session))
    assert session.on(Event.DROPPED, 100) == [Disconnect()]
    session.on(Event.LEFT, 100, jitter=1.0)
    session.on(Event.SEEN, 101)
    assert session.state is State.WANTED


def test_a_drop_while_leaving_is_not_a_second_disconnect() -> None:
    session = Session(plain("heart_rate"))
    walk(session, admitted(session))
    session.on(Event.DROPPED, 1)
    assert session.on(Event.DROPPED, 1) == []


def test_a_device_that_needs_time_after_connecting_gets_it() -> None:
    session = Session(replace(plain("heart_rate"), settle_s=0.1))
    assert walk(session, admitted(session))[1] == Pause(0.1)


def test_what_the_rest_is_understood_by_is_read_before_anything_is_subscribed() -> None:
    session = Session(replace(plain("heart_rate"), read_first=("first",)))
    done = walk(session, admitted(session))
    assert done == [Connect(), Read("first", is_needed=True), Subscribe(heart_rate.MEASUREMENT), Read(BATTERY)]


def test_without_what_should_be_read_first_the_device_is_heard_at_the_fourth_try() -> None:
    session = Session(replace(plain("heart_rate"), read_first=("first",)))
    for visit in range(3):
        walk_to_first = admitted(session, visit * 1000)
        assert session.on(Event.DONE, visit * 1000) == [Read("first", is_needed=True)], walk_to_first
        assert session.on(Event.FAILED, visit * 1000) == [Disconnect()]
        session.on(Event.LEFT, visit * 1000)
    admitted(session, 5000)
    session.on(Event.DONE, 5000)
    assert session.on(Event.FAILED, 5000) == [Subscribe(heart_rate.MEASUREMENT)]


def test_a_level_that_hangs_when_it_is_read_is_not_read_again() -> None:
    session = Session(plain("heart_rate"))
    admitted(session)
    session.on(Event.DONE, 0)
    assert session.on(Event.DONE, 0) == [Read(BATTERY)]
    assert session.on(Event.FAILED, 5) == [Disconnect()]
    session.on(Event.LEFT, 5)
    assert Read(BATTERY) not in walk(session, admitted(session, 100), now_s=100)


def test_a_meter_that_hangs_up_when_it_has_spoken_has_not_failed() -> None:
    session = Session(plain("thermometer"))
    for visit in range(9):
        walk(session, admitted(session, visit * 100.0), now_s=visit * 100.0)
        session.on(Heard(None), visit * 100.0)
        assert session.on(Event.DROPPED, visit * 100.0) == [Disconnect()]
        session.on(Event.LEFT, visit * 100.0)
    assert session.trouble() is None


def test_a_meter_that_was_off_the_air_is_read_at_once_however_often_it_failed_before() -> None:
    session = Session(plain("thermometer"))
    now_s = 0.0
    for _ in range(8):
        session.on(Event.SEEN, now_s)
        session.on(Event.ADMITTED, now_s)
        session.on(Event.FAILED, now_s)
        session.on(Event.LEFT, now_s, jitter=1.0)
        now_s += 31
    session.on(Event.SEEN, now_s)
    session.on(Event.ADMITTED, now_s)
    session.on(Event.FAILED, now_s)
    session.on(Event.LEFT, now_s, jitter=1.0)
    session.on(Event.SEEN, now_s + 1)
    assert session.state is State.AWAY  # still on the air since: it waits
    session.on(Event.SEEN, now_s + 7)
    assert session.state is State.WANTED


def test_one_that_gives_its_place_up_has_not_failed_and_comes_back_at_once() -> None:
    session = Session(plain("heart_rate"))
    admitted(session)
    assert session.on(Event.YIELD, 1) == [Disconnect()]
    session.on(Event.LEFT, 1)
    session.on(Event.SEEN, 1)
    assert session.state is State.WANTED
    assert session.trouble() is None


def test_a_device_with_another_profile_is_told_as_that() -> None:
    session = Session(plain("heart_rate"))
    walk(session, admitted(session), missing=heart_rate.MEASUREMENT)
    trouble = session.trouble()
    assert trouble is not None and "profile right" in trouble


def test_a_meter_is_urgent_when_it_comes_on_the_air_and_not_when_it_is_always_there() -> None:
    session = Session(plain("thermometer"))
    now_s = 100.0
    for _ in range(6):
        session.on(Event.SEEN, now_s)
        urgent = session.is_urgent()
        session.on(Event.ADMITTED, now_s)
        session.on(Event.FAILED, now_s)
        session.on(Event.LEFT, now_s)
        for _ in range(40):
            now_s += 1
            session.on(Event.SEEN, now_s)
    assert not urgent
    session.on(Event.SEEN, now_s + 60)
    assert session.is_urgent()
    assert not Session(plain("heart_rate")).is_urgent()
