"""What a home remembers outlives restarts, backlogs and events out of order; it tells once, with its own time."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import psycopg
import pytest

from devices.vocabulary import Event, EventType, Kind, Mode, Observation
from devices.wire.messages import LinkState
from server.detection.home import Memory, take
from server.detection.home_awaited import HomeSensors
from server.detection.home_rules import SHIPPED
from server.detection.home_state import HomeEvent
from server.roles.clock import Clock
from server.store import excuses, expiry, homes, rebinding, rolelife, settings
from server.store.ingest import Ingest, Watch
from server.store.pool import connect
from tests.conftest import Database
from tests.integration.ingest_rig import OXIMETER, Rig, batch, beat, build, sent
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration

NIGHT = datetime(2026, 1, 15, 1, 10, tzinfo=UTC)  # ten past two on the wall
HALL, KITCHEN, BED, FRONT = (f"C1:00:00:00:00:0{n}" for n in (1, 2, 3, 4))
SENSORS = """
insert into device (address, profile) values ('C1:00:00:00:00:01', 'bthome_motion'),
    ('C1:00:00:00:00:02', 'bthome_motion'), ('C1:00:00:00:00:03', 'bthome_bed'), ('C1:00:00:00:00:04', 'bthome_door');
insert into binding (device_id, home_id, place, valid_from)
values (5, 1, 'hall', '2025-01-01Z'), (6, 1, 'kitchen', '2025-01-01Z'), (7, 1, 'bed', '2025-01-01Z'),
       (8, 1, 'front door', '2025-01-01Z');
"""


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


class Home(Rig):
    """Its gateway numbers its rows, and beats when asked."""

    rows = 0

    def say(self, *events: Event, at: datetime | None = None) -> None:
        """Heard at once, or as a backlog at `at`."""
        now = at or max(event.occurred_at for event in events)
        message = batch(events, first=self.rows + 1)
        self.rows += len(events)
        self.file(sent(message, at=now), now=now)

    def lives(self, at: datetime, **status: Any) -> None:
        self.file(beat(at=at, **status), now=at)

    def clock(self, at: datetime, *, heard: bool = True) -> None:
        """A round of the clock role, just after a heartbeat."""
        if heard:
            self.lives(at)
        while expiry.expire_due(self.conn, at, monitor_hears=True):
            pass

    def memory(self) -> Memory:
        return msgspec.convert(self.one("select state from home_state where home_id = 1"), Memory)

    def told(self) -> list[tuple[Any, ...]]:
        return self.ask("select rule, priority, state, began_at from alert where rule like 'home:%%' order by id")

    def awaited(self, of: int = 1) -> dict[str, datetime]:
        found = self.ask(
            "select d.part, d.due_at from deadline d join subject s on s.id = d.subject_id"
            " where d.type = 'home' and d.state = 'waiting' and s.reference = %s",
            str(of),
        )
        return {part: due_at for part, due_at in found}


@pytest.fixture
def home(database: Database) -> Iterator[Home]:
    made = build(database.owner)
    made.tell(SENSORS)
    rig = Home(dsn=made.dsn, conn=made.conn, watch=made.watch, ingest=made.ingest)
    yield rig
    rig.conn.close()


def event(device: str, type_: EventType, at: datetime) -> Event:
    return Event(device=device, type=type_, occurred_at=at)


def fall_at_night() -> list[Event]:
    return [
        event(BED, EventType.OCCUPIED, NIGHT - minutes(210)),
        event(BED, EventType.VACANT, NIGHT),
        event(HALL, EventType.MOTION, NIGHT + minutes(1)),
    ]


def test_a_fall_at_night_is_told_though_nobody_presses_anything(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.clock(NIGHT + minutes(29))
    assert home.told() == []
    home.clock(NIGHT + minutes(30))
    assert home.told() == [("home:bed_empty", "yellow", "raised", NIGHT)]
    home.clock(NIGHT + minutes(241))
    assert home.told()[1] == ("home:inactive", "yellow", "raised", NIGHT + minutes(1))
    home.clock(NIGHT + minutes(361))
    assert home.told()[1] == ("home:inactive", "red", "raised", NIGHT + minutes(1))
    assert home.awaited() == {}
    rings = home.ask("select (body ->> 'ring')::bool from team_log where type = 'alert' order by seq")
    assert rings == [(True,), (True,), (True,)]


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


def test_the_evidence_says_where_and_since_when(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.clock(NIGHT + minutes(241))
    (evidence,) = home.ask("select evidence from alert where rule = 'home:inactive'")[0]
    assert evidence["place"] == "hall"
    assert datetime.fromisoformat(evidence["since"]) == NIGHT + minutes(1)
    assert evidence["numbers"] == {"limit_min": 240, "days_known": 0, "sensors": 2, "sensors_silent": 0}
    assert "Cuddihy" in evidence["reference"]


def test_while_the_gateway_is_silent_nobody_is_called_inactive(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.lives(NIGHT + minutes(10))
    home.clock(NIGHT + minutes(300), heard=False)
    assert home.told() == []
    assert home.ask("select rule from alert") == [("technical:gateway_silent",)]
    home.clock(NIGHT + minutes(301), heard=False)
    assert min(home.awaited().values()) == NIGHT + minutes(302)
    back_in_bed = event(BED, EventType.OCCUPIED, NIGHT + minutes(20))
    home.lives(NIGHT + minutes(305), hello=True)
    home.say(back_in_bed, at=NIGHT + minutes(305))
    home.clock(NIGHT + minutes(306))
    assert home.told() == []


def test_what_still_holds_when_the_gateway_is_back_is_told_with_its_own_beginning(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.clock(NIGHT + minutes(300), heard=False)
    home.clock(NIGHT + minutes(305))
    assert home.told() == [
        ("home:bed_empty", "yellow", "raised", NIGHT),
        ("home:inactive", "yellow", "raised", NIGHT + minutes(1)),
    ]
    assert home.ask("select distinct late from alert where rule like 'home:%%'") == [(False,)]


def test_a_backlog_that_is_still_coming_is_waited_for(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.lives(NIGHT + minutes(40))
    home.lives(NIGHT + minutes(50))
    home.tell("update gateway set status = status || '{\"waiting_bulk\": 4000}' where id = 1")
    home.clock(NIGHT + minutes(51), heard=False)
    assert home.told() == []
    home.clock(NIGHT + minutes(53))
    assert [rule for rule, *_ in home.told()] == ["home:bed_empty"]


def test_what_was_over_before_it_could_be_known_rings_for_nobody(home: Home) -> None:
    home.say(*fall_at_night()[:1])
    night = [*fall_at_night()[1:], event(BED, EventType.OCCUPIED, NIGHT + minutes(65))]
    home.say(*night, at=NIGHT + minutes(200))
    home.clock(NIGHT + minutes(201))
    assert home.ask("select rule, priority, state, late, began_at, condition_ended_at from alert") == [
        ("home:bed_empty", "yellow", "cleared", True, NIGHT, NIGHT + minutes(65))
    ]
    assert home.ask("select distinct (body ->> 'ring')::bool from team_log where type = 'alert'") == [(False,)]


def test_a_front_door_left_open_is_told_and_is_over_when_it_is_closed(home: Home) -> None:
    noon = NIGHT + timedelta(hours=11)
    home.say(event(FRONT, EventType.DOOR_OPENED, noon))
    assert home.awaited()["door_open:8"] == noon + minutes(30)
    home.clock(noon + minutes(30))
    home.say(event(FRONT, EventType.DOOR_CLOSED, noon + minutes(50)))
    assert home.told() == [("home:door_open", "yellow", "cleared", noon)]
    assert "door_open:8" not in home.awaited()


def test_a_sensor_that_was_taken_away_leaves_no_open_door_behind(home: Home) -> None:
    noon = NIGHT + timedelta(hours=11)
    home.say(event(FRONT, EventType.DOOR_OPENED, noon))
    home.tell("update binding set valid_to = %s where device_id = 8", noon + minutes(10))
    home.clock(noon + minutes(31))
    assert home.told() == []
    assert "door_open:8" not in home.awaited()


def test_who_is_known_to_be_away_is_not_missed_but_the_door_is_told(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.say(event(FRONT, EventType.DOOR_OPENED, NIGHT + minutes(2)), event(HALL, EventType.MOTION, NIGHT + minutes(3)))
    told = excuses.excuse(
        home.conn, home=1, why=excuses.Why.HOSPITAL, from_at=NIGHT, to_at=NIGHT + timedelta(days=1), by=1, now=NIGHT
    )
    home.clock(NIGHT + minutes(260))
    assert home.told() == [("home:door_open", "yellow", "raised", NIGHT + minutes(2))]
    excuses.end(home.conn, told, 1, NIGHT + minutes(262))
    home.clock(NIGHT + minutes(271))
    assert [rule for rule, *_ in home.told()] == ["home:door_open", "home:bed_empty", "home:inactive"]


def test_when_every_motion_sensor_is_silent_nobody_is_called_inactive(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    for device in (5, 6):
        falls_silent(home, device)
    home.clock(NIGHT + minutes(300))
    assert [rule for rule, *_ in home.told()] == ["home:bed_empty"]
    home.tell("update alert set state = 'ended' where device_id = 5")
    home.clock(NIGHT + minutes(311))
    (evidence,) = home.ask("select evidence from alert where rule = 'home:inactive'")[0]
    assert (evidence["numbers"]["sensors"], evidence["numbers"]["sensors_silent"]) == (2, 1)


def test_a_mat_that_is_silent_does_not_say_that_the_bed_is_empty(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    falls_silent(home, 7)
    home.clock(NIGHT + minutes(60))
    assert home.told() == []
    home.tell("update alert set state = 'ended' where device_id = 7")
    home.clock(NIGHT + minutes(71))
    assert [rule for rule, *_ in home.told()] == ["home:bed_empty"]


def falls_silent(home: Home, device: int) -> None:
    home.tell("insert into subject (type, reference) values ('device', %s)", str(device))
    subject = home.one("select id from subject where type = 'device' and reference = %s", str(device))
    home.tell(
        """insert into alert (team_id, subject_id, device_id, rule, priority, state, began_at, raised_at, last_at,
                              late, evidence)
           values (1, %s, %s, 'technical:sensor_silent', 'grey', 'raised', %s, %s, %s, false, '{}')""",
        *(subject, device, NIGHT, NIGHT, NIGHT),
    )


def test_the_bed_of_a_patient_is_a_bed_of_the_home(home: Home) -> None:
    home.tell("update binding set home_id = null, place = null, patient_id = 1 where device_id = 7")
    for each in fall_at_night():
        home.say(each)
    home.clock(NIGHT + minutes(31))
    assert home.told() == [("home:bed_empty", "yellow", "raised", NIGHT)]


def test_the_team_can_set_a_home_its_own_numbers(home: Home) -> None:
    home.tell(
        """insert into rule_setting (rule, home_id, enabled, numbers, set_by, set_at, reason)
           values ('home:bed_empty', 1, true, '{"after_min": 15}', 1, %s, 'falls often')""",
        NIGHT - timedelta(days=1),
    )
    for each in fall_at_night():
        home.say(each)
    assert home.awaited()["bed_empty:7"] == NIGHT + minutes(15)


def test_a_rule_that_is_set_counts_for_what_has_begun_already(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    settings.set_rule(
        home.conn,
        settings.OfHome(home=1),
        "home:bed_empty",
        enabled=True,
        numbers={"after_min": 20},
        by=1,
        now=NIGHT + minutes(5),
        reason="falls often",
    )
    assert homes.renew(home.conn, NIGHT + minutes(6)) == 1
    assert home.awaited()["bed_empty:7"] == NIGHT + minutes(20)
    assert homes.renew(home.conn, NIGHT + minutes(7)) == 0


def test_what_another_homes_sensor_said_is_forgotten_when_its_binding_is_put_right(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.clock(NIGHT + minutes(30))
    right = rebinding.Rebinding(
        device=BED, from_=NIGHT - timedelta(days=1), home="home-2", place="bed", by="kari", reason="mixed up"
    )
    rebinding.finish(home.conn, NIGHT + minutes(41), rebinding.rebind(home.conn, right, NIGHT + minutes(40)))
    assert homes.renew(home.conn, NIGHT + minutes(42)) == 2
    assert home.memory().state.beds == ()
    other = msgspec.convert(home.one("select state from home_state where home_id = 2"), Memory)
    assert [(bed.device, bed.occupied, bed.since) for bed in other.state.beds] == [(7, False, NIGHT)]
    # Without a bed sensor the night does not count: four hours from six on the wall.
    assert home.awaited() == {"inactive": datetime(2026, 1, 15, 9, 0, tzinfo=UTC)}
    assert home.awaited(of=2) == {"bed_empty:7": NIGHT + minutes(30)}
    # Nobody has looked at it yet: that its reason was another home's does not close it.
    assert home.told() == [("home:bed_empty", "yellow", "raised", NIGHT)]


def test_a_home_without_events_is_not_touched(home: Home) -> None:
    reading = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NIGHT, value=95.0, mode=Mode.CONTINUOUS)
    home.file(sent(batch([reading]), at=NIGHT), now=NIGHT)
    assert home.ask("select from home_state") == []
    assert home.ask("select from deadline where type = 'home'") == []


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


def test_a_last_will_is_a_silent_gateway(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.lives(NIGHT + minutes(5))
    home.lives(NIGHT + minutes(20), state=LinkState.LOST)
    home.clock(NIGHT + minutes(40), heard=False)
    assert home.told() == []
