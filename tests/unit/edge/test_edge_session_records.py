"""One device's visits: the records that it keeps."""

from dataclasses import replace

from devices.profiles import glucose, racp
from edge.core.session import Session
from edge.core.session_words import (
    Ask,
    Connect,
    Disconnect,
    Event,
    Heard,
    Read,
    Remember,
    State,
    Subscribe,
)
from tests.unit.edge.session_rig import BATTERY, RECORDS, admitted, finished, plain, walk


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
