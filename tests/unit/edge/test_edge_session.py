"""One device's visits: the order of the steps, stored records, and what happens when something fails."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from devices.profiles import PROFILES, glucose, heart_rate, oximeter, racp
from devices.profiles.base import Profile, SetsClock
from edge.core.session import CUT_SHORT, SILENT_STREAM_S, Session
from edge.core.session_words import (
    Answered,
    Ask,
    ClockShown,
    Command,
    Connect,
    Disconnect,
    Event,
    Heard,
    Pair,
    Pause,
    Read,
    ReadClock,
    Remember,
    SetClock,
    State,
    Subscribe,
)

BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
RECORDS = "00002a52-0000-1000-8000-00805f9b34fb"


def plain(name: str) -> Profile:
    """The profile without what is added to it for the technician."""
    return replace(PROFILES[name], read=(BATTERY,), read_first=(), clock=SetsClock.NO, bonds=False, settle_s=0.0)


def admitted(session: Session, now_s: float = 0) -> list[Command]:
    session.on(Event.SEEN, now_s)
    return session.on(Event.ADMITTED, now_s)


def walk(session: Session, commands: list[Command], *, missing: str = "", now_s: float = 0) -> list[Command]:
    """Everything succeeds, until the device has to speak."""
    done = []
    while commands:
        command = commands.pop(0)
        done.append(command)
        if isinstance(command, Disconnect):
            break
        is_missing = isinstance(command, Subscribe | Read) and command.uuid == missing
        if isinstance(command, ReadClock):
            break
        commands += session.on(Event.MISSING if is_missing else Event.DONE, now_s)
    return done


def finished(result: racp.Result) -> Answered:
    return Answered(racp.Finished(order=racp.Order.REPORT, result=result))


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


def test_the_first_visit_to_a_meter_asks_for_all_records_and_the_next_for_newer_ones() -> None:
    session = Session(plain("glucose"))
    done = walk(session, admitted(session))
    assert done[-1] == Ask(bytes.fromhex("0101"))  # report stored records, all records
    session.on(Heard(1), 1)
    session.on(Heard(2), 1)
    rest = walk(session, session.on(finished(racp.Result.SUCCESS), 2))
    assert rest == [Remember(2), Read(BATTERY)]
    again = Session(plain("glucose"), last_record=2)
    # report stored records, greater or equal, filter by sequence number, 3
    assert walk(again, admitted(again))[-1] == Ask(bytes.fromhex("0103010300"))


def test_records_are_remembered_only_when_the_report_is_complete() -> None:
    session = Session(plain("glucose"), last_record=2)
    walk(session, admitted(session))
    session.on(Heard(9), 1)
    assert session.on(Event.DROPPED, 1) == [Disconnect()]
    session.on(Event.LEFT, 1)
    assert walk(session, admitted(session, 100), now_s=100)[-1] == Ask(bytes.fromhex("0103010300"))


def test_a_meter_whose_memory_was_emptied_is_asked_for_everything() -> None:
    session = Session(plain("glucose"), last_record=40)
    walk(session, admitted(session))
    assert session.on(finished(racp.Result.NO_RECORDS), 1) == [Ask(bytes.fromhex("0106"))]  # the last record
    session.on(Heard(3), 1)
    assert session.on(finished(racp.Result.SUCCESS), 1) == [Ask(bytes.fromhex("0101"))]
    for record in (1, 2, 3):
        session.on(Heard(record), 2)
    assert Remember(3) in session.on(finished(racp.Result.SUCCESS), 2)


def test_a_meter_with_nothing_new_is_left_in_peace() -> None:
    session = Session(plain("glucose"), last_record=40)
    walk(session, admitted(session))
    session.on(finished(racp.Result.NO_RECORDS), 1)
    session.on(Heard(40), 1)
    walk(session, session.on(finished(racp.Result.SUCCESS), 1), now_s=1)
    assert session.state is State.LISTENING
    due_s = session.due_s()
    assert due_s is not None
    assert session.on(Event.TICK, due_s) == [Disconnect()]


def test_a_meter_that_stops_in_the_middle_of_its_records_is_left_and_tried_again() -> None:
    session = Session(plain("glucose"))
    walk(session, admitted(session))
    session.on(Heard(1), 5)
    due_s = session.due_s()
    assert due_s is not None
    assert session.on(Event.TICK, due_s - 1) == []
    assert session.on(Event.TICK, due_s) == [Disconnect()]
    assert session.state is State.LEAVING


def test_a_meter_without_a_control_point_is_listened_to() -> None:
    session = Session(plain("glucose"))
    done = walk(session, admitted(session), missing=RECORDS)
    assert done == [
        Connect(),
        Subscribe(glucose.MEASUREMENT),
        Subscribe(glucose.CONTEXT),
        Subscribe(RECORDS),
        Read(BATTERY),
    ]
    assert session.state is State.LISTENING


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


# clock

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


# bonds


def bonding() -> Session:
    return Session(replace(plain("glucose"), bonds=True))


def test_what_needs_a_bond_is_paired_before_anything_is_subscribed() -> None:
    session = bonding()
    assert walk(session, admitted(session))[:3] == [Connect(), Pair(), Subscribe(glucose.MEASUREMENT)]


def test_a_bond_that_one_side_lost_is_forgotten_and_made_anew() -> None:
    session = bonding()
    admitted(session)
    session.on(Event.DONE, 0)
    assert session.on(Event.REFUSED, 0) == [Disconnect(forget=True)]
    session.on(Event.LEFT, 0)
    assert walk(session, admitted(session, 100), now_s=100)[1] == Pair()
    assert session.trouble() is None


def test_a_device_that_refuses_each_pairing_is_a_trouble_until_it_is_paired() -> None:
    session = bonding()
    for visit in range(3):
        admitted(session, visit * 100.0)
        session.on(Event.DONE, visit * 100.0)
        assert session.on(Event.REFUSED, visit * 100.0) == [Disconnect(forget=True)]
        session.on(Event.LEFT, visit * 100.0)
    trouble = session.trouble()
    assert trouble is not None and "pairing mode" in trouble
    walk(session, admitted(session, 1000), now_s=1000)
    walk(session, session.on(finished(racp.Result.NO_RECORDS), 1000), now_s=1000)
    assert session.state is State.LISTENING
    assert session.trouble() is None


def test_a_device_that_turns_out_to_need_a_bond_is_paired_at_once() -> None:
    session = Session(plain("glucose"))
    admitted(session)
    session.on(Event.DONE, 0)
    assert session.on(Event.REFUSED, 0) == [Disconnect(forget=False)]
    session.on(Event.LEFT, 0)
    assert walk(session, admitted(session, 0))[1] == Pair()


def test_links_that_end_at_once_mean_a_lost_key_only_when_there_are_many() -> None:
    session = bonding()
    for visit in range(CUT_SHORT):
        admitted(session, visit * 100.0)
        forget = visit == CUT_SHORT - 1
        assert session.on(Event.CUT, visit * 100.0) == [Disconnect(forget=forget)]
        session.on(Event.LEFT, visit * 100.0)


def test_a_device_out_of_reach_keeps_its_bond() -> None:
    session = bonding()
    for visit in range(20):
        admitted(session, visit * 100.0)
        assert session.on(Event.FAILED, visit * 100.0) == [Disconnect(forget=False)]  # no link within the time
        session.on(Event.LEFT, visit * 100.0)
    trouble = session.trouble()
    assert trouble is not None and "bring it nearer" in trouble


# records


def test_a_meter_that_cannot_choose_is_asked_for_everything() -> None:
    session = Session(plain("glucose"), last_record=2)
    walk(session, admitted(session))
    assert session.on(finished(racp.Result.OPERATOR_NOT_SUPPORTED), 1) == [Ask(bytes.fromhex("0101"))]
    session.on(Heard(4), 1)
    assert Remember(4) in session.on(finished(racp.Result.SUCCESS), 2)
    assert session.state is State.SETTING_UP


def test_an_answer_said_twice_is_not_the_answer_to_the_next_request() -> None:
    session = Session(plain("glucose"), last_record=40)
    walk(session, admitted(session))
    session.on(finished(racp.Result.NO_RECORDS), 1)
    session.on(Heard(3), 1)
    assert session.on(finished(racp.Result.SUCCESS), 1) == [Ask(bytes.fromhex("0101"))]
    assert session.on(finished(racp.Result.SUCCESS), 1) == []  # the same once more: no record has come yet
    for record in (1, 2, 3):
        session.on(Heard(record), 1.5)
    assert Remember(3) in session.on(finished(racp.Result.SUCCESS), 2)


def test_success_without_a_record_is_the_end_after_a_moment() -> None:
    session = Session(plain("glucose"))
    walk(session, admitted(session))
    assert session.on(finished(racp.Result.SUCCESS), 1) == []
    due_s = session.due_s()
    assert due_s is not None and due_s < 5
    assert session.on(Event.TICK, due_s) == [Read(BATTERY)]


def test_a_meter_that_trickles_its_records_for_ever_is_left_at_last() -> None:
    session = Session(plain("glucose"))
    walk(session, admitted(session))
    now_s = 0.0
    while session.state is State.FETCHING and now_s < 3600:
        now_s += 10
        session.on(Heard(int(now_s)), now_s)
        session.on(Event.TICK, now_s)
    assert session.state is State.LEAVING
    assert now_s < 1000


def test_a_stream_with_records_notes_each_that_it_says_by_itself() -> None:
    session = Session(replace(plain("heart_rate"), racp=RECORDS), last_record=5)
    walk(session, admitted(session))
    session.on(Heard(6), 1)
    walk(session, session.on(finished(racp.Result.SUCCESS), 1))
    assert session.state is State.LISTENING
    assert session.on(Heard(7), 300) == [Remember(7)]
    assert session.on(Event.NOT_KEPT, 300) == []  # our own disk is no reason to hang up
    session.on(Event.DROPPED, 301)
    session.on(Event.LEFT, 301)
    # report stored records, greater or equal, filter by sequence number, 8
    assert walk(session, admitted(session, 400), now_s=400)[-1] == Ask(bytes.fromhex("0103010800"))


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


def test_a_bond_that_somebody_else_made_counts_as_ours() -> None:
    session = Session(plain("glucose"))
    session.on(Event.SEEN, 0)
    session.has_bond()
    assert walk(session, session.on(Event.ADMITTED, 0))[1] == Pair()


def test_a_lost_key_is_found_out_while_a_meter_is_on_the_air() -> None:
    session = bonding()
    for _ in range(CUT_SHORT):
        session.on(Event.SEEN, 0)
        assert session.state is State.WANTED  # at once, each time
        session.on(Event.ADMITTED, 0)
        last = session.on(Event.CUT, 0)
        session.on(Event.LEFT, 0, jitter=1.0)
    assert last == [Disconnect(forget=True)]
    session.on(Event.SEEN, 0)
    assert session.state is State.WANTED
