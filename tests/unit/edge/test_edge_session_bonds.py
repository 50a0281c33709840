"""One device's visits: its bond, and how it is lost."""

from dataclasses import replace

from devices.profiles import glucose, racp
from edge.core.session import CUT_SHORT, Session
from edge.core.session_words import (
    Connect,
    Disconnect,
    Event,
    Pair,
    State,
    Subscribe,
)
from tests.unit.edge.session_rig import admitted, finished, plain, walk


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
