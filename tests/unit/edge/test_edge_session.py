"""One device's visits: the order of the steps, stored records, and what happens when something fails."""

from devices.profiles import PROFILES, glucose, heart_rate, oximeter, racp
from edge.core.session import (
    Answered,
    Ask,
    Command,
    Connect,
    Disconnect,
    Event,
    Heard,
    Pause,
    Read,
    Remember,
    Session,
    State,
    Subscribe,
)

BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
RECORDS = "00002a52-0000-1000-8000-00805f9b34fb"


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
        commands += session.on(Event.MISSING if is_missing else Event.DONE, now_s)
    return done


def finished(result: racp.Result) -> Answered:
    return Answered(racp.Finished(order=racp.Order.REPORT, result=result))


def test_a_stream_is_connected_subscribed_and_listened_to() -> None:
    session = Session(PROFILES["heart_rate"])
    done = walk(session, admitted(session))
    assert done == [Connect(), Subscribe(heart_rate.MEASUREMENT), Read(BATTERY)]
    assert session.state is State.LISTENING
    assert session.due_s() is None


def test_a_device_is_only_wanted_when_it_is_heard() -> None:
    session = Session(PROFILES["heart_rate"])
    assert session.on(Event.ADMITTED, 0) == []
    session.on(Event.SEEN, 1)
    assert session.state is State.WANTED


def test_a_characteristic_that_is_missing_is_passed_over_but_not_all_of_them() -> None:
    session = Session(PROFILES["oximeter"])
    walk(session, admitted(session), missing=oximeter.SPOT)
    assert session.state is State.LISTENING
    wrong = Session(PROFILES["heart_rate"])
    assert walk(wrong, admitted(wrong), missing=heart_rate.MEASUREMENT)[-1] == Disconnect()


def test_the_first_visit_to_a_meter_asks_for_all_records_and_the_next_for_newer_ones() -> None:
    session = Session(PROFILES["glucose"])
    done = walk(session, admitted(session))
    assert done[-1] == Ask(bytes.fromhex("0101"))  # report stored records, all records
    session.on(Heard(1), 1)
    session.on(Heard(2), 1)
    rest = walk(session, session.on(finished(racp.Result.SUCCESS), 2))
    assert rest == [Remember(2), Read(BATTERY)]
    again = Session(PROFILES["glucose"], last_record=2)
    # report stored records, greater or equal, filter by sequence number, 3
    assert walk(again, admitted(again))[-1] == Ask(bytes.fromhex("0103010300"))


def test_records_are_remembered_only_when_the_report_is_complete() -> None:
    session = Session(PROFILES["glucose"], last_record=2)
    walk(session, admitted(session))
    session.on(Heard(9), 1)
    assert session.on(Event.DROPPED, 1) == [Disconnect()]
    session.on(Event.LEFT, 1)
    assert walk(session, admitted(session, 100), now_s=100)[-1] == Ask(bytes.fromhex("0103010300"))


def test_a_meter_whose_memory_was_emptied_is_asked_for_everything() -> None:
    session = Session(PROFILES["glucose"], last_record=40)
    walk(session, admitted(session))
    assert session.on(finished(racp.Result.NO_RECORDS), 1) == [Ask(bytes.fromhex("0106"))]  # the last record
    session.on(Heard(3), 1)
    assert session.on(finished(racp.Result.SUCCESS), 1) == [Ask(bytes.fromhex("0101"))]
    for record in (1, 2, 3):
        session.on(Heard(record), 2)
    assert Remember(3) in session.on(finished(racp.Result.SUCCESS), 2)


def test_a_meter_with_nothing_new_is_left_in_peace() -> None:
    session = Session(PROFILES["glucose"], last_record=40)
    walk(session, admitted(session))
    session.on(finished(racp.Result.NO_RECORDS), 1)
    session.on(Heard(40), 1)
    walk(session, session.on(finished(racp.Result.SUCCESS), 1), now_s=1)
    assert session.state is State.LISTENING
    due_s = session.due_s()
    assert due_s is not None
    assert session.on(Event.TICK, due_s) == [Disconnect()]


def test_a_meter_that_stops_in_the_middle_of_its_records_is_left_and_tried_again() -> None:
    session = Session(PROFILES["glucose"])
    walk(session, admitted(session))
    session.on(Heard(1), 5)
    due_s = session.due_s()
    assert due_s is not None
    assert session.on(Event.TICK, due_s - 1) == []
    assert session.on(Event.TICK, due_s) == [Disconnect()]
    assert session.state is State.LEAVING


def test_a_meter_without_a_control_point_is_listened_to() -> None:
    session = Session(PROFILES["glucose"])
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
    session = Session(PROFILES["thermometer"])
    walk(session, admitted(session))
    session.on(Heard(None), 3)
    assert session.on(Event.TICK, 7.9) == []
    assert session.on(Event.TICK, 8) == [Disconnect()]


def test_every_failure_ends_disconnected_and_waits_longer_each_time() -> None:
    session = Session(PROFILES["heart_rate"])
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
    session = Session(PROFILES["heart_rate"])
    walk(session, admitted(session))
    assert session.on(Event.DROPPED, 100) == [Disconnect()]
    session.on(Event.LEFT, 100, jitter=1.0)
    session.on(Event.SEEN, 101)
    assert session.state is State.WANTED


def test_a_drop_while_leaving_is_not_a_second_disconnect() -> None:
    session = Session(PROFILES["heart_rate"])
    walk(session, admitted(session))
    session.on(Event.DROPPED, 1)
    assert session.on(Event.DROPPED, 1) == []


def test_a_device_that_needs_time_after_connecting_gets_it() -> None:
    from dataclasses import replace

    session = Session(replace(PROFILES["heart_rate"], settle_s=0.1))
    assert walk(session, admitted(session))[1] == Pause(0.1)
