"""What a home remembers outlives restarts, deaths and events in any order, and is moved by one at a time."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from devices.vocabulary import Event, EventType
from server.detection.home import Memory, take
from server.detection.home_awaited import HomeSensors
from server.detection.home_rules import SHIPPED
from server.detection.home_state import HomeEvent
from server.roles.clock import Clock
from server.store import expiry, rolelife
from server.store.ingest import Ingest, Watch
from server.store.pool import connect
from tests.conftest import Database
from tests.integration.home_rig import (
    BED,
    FRONT,
    HALL,
    KITCHEN,
    NIGHT,
    Home,
    build_home,
    event,
    fall_at_night,
    minutes,
)
from tests.integration.ingest_rig import Rig, batch, beat, sent
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration


@pytest.fixture
def home(database: Database) -> Iterator[Home]:
    yield from build_home(database.owner)


def test_what_a_home_waits_for_survives_a_restart_of_everything(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
        home.restart()
    assert home.awaited() == {
        "bed_empty:7": NIGHT + minutes(30),
        "inactive": NIGHT + minutes(241),
    }
    home.clock(NIGHT + minutes(31))
    home.restart()
    home.clock(NIGHT + minutes(32))
    assert home.told() == [("home:bed_empty", "yellow", "raised", NIGHT)]
    home.say(event(BED, EventType.OCCUPIED, NIGHT + minutes(40)))
    assert home.told() == [("home:bed_empty", "yellow", "cleared", NIGHT)]
    assert "bed_empty:7" not in home.awaited()


def a_day() -> list[Event]:
    """Two dates on the wall, with every sensor of the home."""
    chance = random.Random(7)
    begin = datetime(2026, 1, 14, 18, 0, tzinfo=UTC)
    at, doors, beds, found = begin, False, False, []
    while at < begin + timedelta(hours=20):
        at += timedelta(seconds=chance.randrange(30, 4000))
        what = chance.choice((HALL, KITCHEN, BED, FRONT))
        if what == FRONT:
            doors = not doors
            type_ = EventType.DOOR_OPENED if doors else EventType.DOOR_CLOSED
        elif what == BED:
            beds = not beds
            type_ = EventType.OCCUPIED if beds else EventType.VACANT
        else:
            type_ = EventType.MOTION
        found.append(event(what, type_, at))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_the_order_and_the_batches_in_which_events_come_do_not_matter(home: Home, seed: int) -> None:
    events = a_day()
    expected = take(Memory(), [_of_core(each) for each in events], SHIPPED, _all_sensors()).memory
    chance = random.Random(seed)
    shuffled = chance.sample(events, len(events))
    end = events[-1].occurred_at
    while shuffled:
        some = [shuffled.pop() for _ in range(min(len(shuffled), chance.randrange(1, 9)))]
        home.say(*some, at=end)
    found = home.memory()
    assert found.state == expected.state
    assert replace(found, told={}) == replace(expected, told={})
    assert home.awaited() == expected.due


def _all_sensors() -> HomeSensors:
    return HomeSensors(
        motion=frozenset({5, 6}), front=frozenset({8}), beds=frozenset({7}), all=frozenset({3, 5, 6, 7, 8})
    )


def _of_core(told: Event) -> HomeEvent:
    device, place = {HALL: (5, "hall"), KITCHEN: (6, "kitchen"), BED: (7, "bed"), FRONT: (8, "front door")}[told.device]
    return HomeEvent(type=told.type, device=device, place=place, at=told.occurred_at)


def test_an_event_sent_twice_is_lived_once(home: Home) -> None:
    opened = event(FRONT, EventType.DOOR_OPENED, NIGHT)
    home.say(opened)
    before = home.memory()
    home.say(opened)
    assert home.memory() == before


def test_the_clock_and_the_lanes_move_one_home_at_the_same_time(home: Home) -> None:
    """Neither waits for the other in a circle: a deadlock would end one of them with an error."""
    errors: list[Exception] = []
    start = datetime(2026, 1, 15, 8, 0, tzinfo=UTC)

    def lane(gateway: str, outbox: str, device: str) -> None:
        with connect(home.dsn, name="test", autocommit=True) as conn:
            ingest = Ingest(conn, Watch())
            rig = Rig(dsn=home.dsn, conn=conn, watch=Watch(), ingest=ingest)
            for n in range(40):
                at = start + minutes(n)
                type_ = EventType.DOOR_OPENED if n % 2 else EventType.DOOR_CLOSED
                item = event(device, type_ if device == FRONT else EventType.MOTION, at)
                message = batch([item], first=n + 1, gateway=gateway, outbox=outbox)
                rig.file(sent(message, at=at), beat(at=at, gateway=gateway, outbox=outbox), now=at)

    def clock() -> None:
        with connect(home.dsn, name="test", autocommit=True) as conn:
            for n in range(80):
                expiry.expire_due(conn, start + timedelta(hours=n), monitor_hears=True)

    def run(work: Any, *arguments: str) -> None:
        try:
            work(*arguments)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test says it
            errors.append(error)

    threads = [
        threading.Thread(target=run, args=(lane, "gw-one", "00000000000000a1", HALL)),
        threading.Thread(target=run, args=(lane, "gw-two", "00000000000000a2", FRONT)),
        threading.Thread(target=run, args=(clock,)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    assert errors == []
    assert home.memory().state.until == start + minutes(39)


def test_the_clock_role_finds_a_door_that_was_left_open_while_it_was_dead(home: Home) -> None:
    now = datetime.now(UTC)
    rolelife.monitor_hears(home.conn, now, now, {})
    home.say(event(FRONT, EventType.DOOR_OPENED, now - minutes(40)))
    home.lives(now)
    clock = Clock(dsn=home.dsn)
    thread = threading.Thread(target=clock.run)
    thread.start()
    try:
        await_true(lambda: [rule for rule, *_ in home.told()] == ["home:door_open"])
    finally:
        clock.stop()
        thread.join(LIMIT_S)
    assert not thread.is_alive()


def test_a_monitor_that_is_killed_in_the_middle_leaves_home_and_events_as_they_were(home: Home) -> None:
    home.say(event(FRONT, EventType.DOOR_OPENED, NIGHT))
    before = home.memory()
    closed = sent(batch([event(FRONT, EventType.DOOR_CLOSED, NIGHT + minutes(5))], first=2), at=NIGHT + minutes(5))
    failed: list[Exception] = []

    def file() -> None:
        try:
            home.file(closed, now=NIGHT + minutes(5))
        except psycopg.OperationalError as error:
            failed.append(error)

    with connect(home.dsn, name="test") as other:
        other.execute("select from home_state where home_id = 1 for update")
        filing = threading.Thread(target=file)
        filing.start()
        waits = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        await_true(lambda: len(home.ask(waits)) == 1)
        home.tell("select pg_terminate_backend(%s)", home.one(waits))  # its event is stored, and not committed
        filing.join(LIMIT_S)
    assert len(failed) == 1
    assert (home.memory(), home.one("select count(*) from event")) == (before, 1)
    home.restart()
    home.file(closed, now=NIGHT + minutes(6))
    assert home.memory().state.doors == ()
    assert "door_open:8" not in home.awaited()
    assert home.one("select count(*) from event") == 2
