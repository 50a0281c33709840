"""Sensors that fall silent, their batteries and their clocks: one grey alert each, over by itself, durable."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from psycopg.types.json import Jsonb

from devices.vocabulary import ClockTrust, Event, EventType, Kind, Mode, Observation
from devices.wire.messages import CLOCK_TROUBLE, DeviceHealth, LinkState
from server.store import excuses, sensors
from server.store.excuses import Why
from tests.integration.ingest_rig import BUTTON, DOOR, METER, OXIMETER, Rig, batch, sent
from tests.integration.ledger_rig import HOUR, MINUTE, World, at, health

pytestmark = pytest.mark.integration

SMOKE = "C0:00:00:00:00:05"
SILENT, BATTERY, CLOCK = "technical:sensor_silent", "technical:battery_low", "technical:clock_wrong"


@pytest.fixture
def world(rig: Rig) -> Iterator[World]:
    rig.tell("update device set profile = 'bthome_sos' where id = 2")
    rig.tell("update device set profile = 'bthome_door' where id = 3")
    rig.tell("insert into device (address, profile) values (%s, 'bthome_smoke')", SMOKE)
    rig.tell("insert into binding (device_id, home_id, place, valid_from) values (5, 1, 'kitchen', '2025-01-01Z')")
    made = World(rig=rig)
    made.beat(at(2, 0))
    made.round(at(2, 0))
    yield made
    made.close()


def live(
    world: World, begins: datetime, ends: datetime, *heard: str, last: dict[str, datetime] | None = None, every: int = 5
) -> None:
    """Beats and looks; `heard` at every beat, the others as `last` says."""
    now = begins
    while now <= ends:
        seen = {**(last or {}), **dict.fromkeys(heard, now)}
        world.beat(now, *(health(address, at_) for address, at_ in seen.items()))
        world.round(now)
        now += every * MINUTE


def about(world: World, rule: str = "technical:%") -> list[tuple[object, ...]]:
    question = """select rule, d.address, a.state from alert a join device d on d.id = a.device_id
                  where rule like %s order by a.id"""
    return world.rig.ask(question, rule)


def test_every_device_that_is_somebodys_is_watched_and_no_other(world: World) -> None:
    found = world.rig.ask(
        "select d.address, l.state from deadline l join subject s on s.id = l.subject_id join device d"
        " on d.id::text = s.reference where l.type = 'sensor' order by 1"
    )
    assert found == [(address, "waiting") for address in (OXIMETER, BUTTON, DOOR, METER, SMOKE)]


def test_a_button_that_was_heard_and_is_no_more_is_told_with_its_patient_and_over_when_it_is_back(world: World) -> None:
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    last = {BUTTON: at(2, 2)}
    live(world, at(2, 2, 5), at(2, 13, 35), SMOKE, DOOR, last=last, every=30)
    live(world, at(2, 13, 55), at(2, 13, 55), SMOKE, DOOR, last=last)
    assert about(world) == []
    live(world, at(2, 14), at(2, 20), SMOKE, DOOR, last=last, every=30)
    assert about(world) == [(SILENT, BUTTON, "raised")]
    found = world.rig.ask(
        "select patient_id, team_id, priority, began_at, count, evidence ->> 'cause' from alert where device_id = 2"
    )
    cause = "it is not heard any more: a call for help from it may reach nobody"
    assert found == [(1, 1, "grey", at(2, 2), 1, cause)]
    live(world, at(2, 20, 5), at(2, 20, 10), BUTTON, SMOKE, DOOR)
    assert about(world) == [(SILENT, BUTTON, "ended")]


def test_a_restart_neither_repeats_nor_forgets_a_silence(world: World) -> None:
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    live(world, at(2, 2, 30), at(2, 14, 30), SMOKE, DOOR, last={BUTTON: at(2, 2)}, every=30)
    for hour in (15, 16):
        world.restart()
        live(world, at(2, hour), at(2, hour, 10), SMOKE, DOOR, last={BUTTON: at(2, 2)})
    assert world.rig.ask("select count, state from alert where device_id = 2") == [(1, "raised")]
    assert world.rig.one("select state from deadline where type = 'sensor' and state <> 'waiting'") == "expired"


def test_after_a_restart_of_the_gateway_that_has_heard_nothing_yet_what_was_heard_before_counts(world: World) -> None:
    """Its status says null for each device until it hears it."""
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    now = at(2, 2, 5)
    while now < at(2, 8):
        world.beat(now, *(DeviceHealth(device=address, state="not heard") for address in (BUTTON, SMOKE, DOOR)))
        world.round(now)
        now += 15 * MINUTE
    assert about(world) == []
    world.beat(at(2, 8), *(DeviceHealth(device=address, state="not heard") for address in (BUTTON, SMOKE, DOOR)))
    world.round(at(2, 8))
    assert sorted(about(world)) == [(SILENT, DOOR, "raised"), (SILENT, SMOKE, "raised")]


def test_a_silent_gateway_is_one_alert_and_not_one_of_each_of_its_sensors(world: World) -> None:
    from server.store import expiry

    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    expiry.expire_due(world.rig.conn, at(2, 3), monitor_hears=True)
    for hour in range(3, 24):
        world.round(at(2, hour))
    assert world.rig.ask("select rule from alert where priority = 'grey' and state = 'raised'") == [
        ("technical:gateway_silent",)
    ]
    live(world, at(3, 0), at(3, 0, 10), last={BUTTON: at(2, 2), SMOKE: at(2, 2), DOOR: at(2, 2)})
    assert about(world) == []
    live(world, at(3, 0, 15), at(3, 5, 55), BUTTON, DOOR, last={SMOKE: at(2, 2)}, every=20)
    assert about(world) == []
    live(world, at(3, 6), at(3, 6, 10), BUTTON, DOOR, last={SMOKE: at(2, 2)})
    assert about(world) == [(SILENT, SMOKE, "raised")]


def test_while_the_monitor_hears_nothing_no_sensor_is_silent(world: World) -> None:
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    for hour in range(3, 24):
        world.round(at(2, hour), monitor_hears=False)
    world.round(at(3, 0), monitor_hears=True)  # it is back, and no gateway has spoken yet
    assert about(world) == []


def test_one_of_two_gateways_that_hears_a_sensor_is_enough(world: World) -> None:
    world.rig.tell("insert into gateway (name, home_id, bucket, enrolled, state) values ('gw-2', 1, 7, true, 'online')")
    now = at(2, 0)
    while now < at(2, 20):
        world.beat(now, health(BUTTON), health(SMOKE), health(DOOR))
        millis = int(now.timestamp() * 1000)
        said = {"at": millis, "devices": [{"device": a, "state": "", "seen_at": millis} for a in (BUTTON, SMOKE, DOOR)]}
        world.rig.tell("update gateway set heard_at = %s, status = %s where name = 'gw-2'", now, Jsonb(said))
        world.round(now)
        now += 20 * MINUTE
    assert about(world) == []


def test_an_excuse_covers_the_button_of_who_is_away_and_not_the_smoke_detector_of_the_empty_home(world: World) -> None:
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    said = {"why": Why.HOLIDAY, "from_at": at(2, 2), "to_at": at(4, 0), "by": 1, "now": at(2, 2)}
    excuses.excuse(world.rig.conn, home=1, **said)  # type: ignore[arg-type]
    live(world, at(2, 2, 5), at(3, 12), DOOR, last={BUTTON: at(2, 2), SMOKE: at(2, 2)}, every=30)
    assert about(world) == [(SILENT, SMOKE, "raised")]
    states = dict(
        world.rig.ask(
            "select d.address, l.state from deadline l join subject s on s.id = l.subject_id join device d"
            " on d.id::text = s.reference where l.type = 'sensor'"
        )
    )
    assert (states[BUTTON], states[SMOKE], states[DOOR]) == ("excused", "expired", "waiting")


def test_what_is_unbound_is_watched_no_more_and_nothing_is_wrong_with_it(world: World) -> None:
    live(world, at(2, 0), at(2, 2), BUTTON, SMOKE, DOOR)
    live(world, at(2, 2, 5), at(2, 15), SMOKE, DOOR, last={BUTTON: at(2, 2)}, every=30)
    world.rig.tell("update binding set valid_to = %s where device_id = 2", at(2, 15))
    live(world, at(2, 15, 15), at(2, 15, 30), SMOKE, DOOR)
    assert about(world) == [(SILENT, BUTTON, "ended")]
    assert world.rig.one("select count(*) from deadline where type = 'sensor'") == 4


# ---- streams


def stream(world: World, begins: datetime, ends: datetime, *, first: int) -> int:
    now, seq = begins, first
    while now <= ends:
        values = [Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=now, value=96, mode=Mode.CONTINUOUS)]
        world.rig.file(sent(batch(values, first=seq), at=now), now=now)
        world.beat(now, health(OXIMETER, now), health(SMOKE, now), health(DOOR, now))
        world.round(now)
        now, seq = now + 5 * MINUTE, seq + 1
    return seq


def test_a_sensor_that_was_worn_and_gives_nothing_more_is_silent_though_the_gateway_still_hears_it(
    world: World,
) -> None:
    seq = stream(world, at(2, 0), at(2, 2), first=1)
    live(world, at(2, 2, 5), at(2, 2, 55), OXIMETER, SMOKE, DOOR)
    assert about(world) == []
    live(world, at(2, 3), at(2, 4), OXIMETER, SMOKE, DOOR)
    assert about(world) == [(SILENT, OXIMETER, "raised")]
    stream(world, at(2, 4, 5), at(2, 4, 10), first=seq)
    assert about(world) == [(SILENT, OXIMETER, "ended")]


def test_a_sensor_that_said_that_it_was_taken_off_is_not_silent(world: World) -> None:
    seq = stream(world, at(2, 0), at(2, 2), first=1)
    off = Event(device=OXIMETER, type=EventType.SENSOR_OFF, occurred_at=at(2, 2, 1))
    world.rig.file(sent(batch([off], first=seq), at=at(2, 2, 1)), now=at(2, 2, 1))
    live(world, at(2, 2, 5), at(2, 9), OXIMETER, SMOKE, DOOR, every=30)
    assert about(world, SILENT) == []


def test_a_backlog_of_values_that_is_still_on_its_way_is_no_silence(world: World) -> None:
    stream(world, at(2, 0), at(2, 2), first=1)
    world.beat(at(2, 2, 5), state=LinkState.LOST)
    world.round(at(2, 4))
    world.beat(at(2, 4, 30), health(OXIMETER, at(2, 4, 30)), waiting=500)
    world.round(at(2, 4, 31))
    world.round(at(2, 4, 36))
    assert about(world, SILENT) == []


# ---- batteries and clocks


def test_a_low_battery_is_told_once_with_its_level_and_over_with_a_new_one(world: World) -> None:
    for minute, percent in ((0, 40), (5, 15), (10, 9), (15, 20)):
        world.beat(at(2, 1, minute), health(DOOR, at(2, 1, minute), percent))
        world.round(at(2, 1, minute))
    assert about(world) == [(BATTERY, DOOR, "raised")]
    found = world.rig.ask("select home_id, priority, evidence -> 'numbers' from alert")
    assert found == [(1, "grey", {"percent": 15})]
    world.beat(at(2, 1, 20), health(DOOR, at(2, 1, 20), 100))
    world.round(at(2, 1, 20))
    assert about(world) == [(BATTERY, DOOR, "ended")]


def test_the_clock_of_a_meter_that_a_person_must_set_is_told_until_a_reading_has_the_right_time(world: World) -> None:
    trusts = (ClockTrust.CORRECTED, ClockTrust.ARRIVAL, ClockTrust.CHECKED)
    for n, (trust, expected) in enumerate(zip(trusts, ("raised", "raised", "ended"), strict=True)):
        now = at(2, 1, 10 * n)
        item = Observation(device=METER, kind=Kind.GLUCOSE, taken_at=now, value=6.1, clock=trust)
        message = batch([item], first=1 + n, gateway="gw-two", outbox="00000000000000ee")
        world.rig.file(sent(message, at=now), now=now)
        world.round(now)
        assert about(world) == [(CLOCK, METER, expected)]


@pytest.mark.parametrize(
    ("said_at", "troubles", "numbers"),
    [(at(2, 3), (), {"ahead_s": 7200}), (at(2, 1), (CLOCK_TROUBLE,), {})],
)
def test_a_gateway_whose_clock_is_off_or_that_says_so_is_told_once_and_over_when_it_is_right(
    world: World, said_at: datetime, troubles: tuple[str, ...], numbers: dict[str, float]
) -> None:
    for minute in range(3):
        world.beat(at(2, 1, minute), said_at=said_at + minute * MINUTE, troubles=troubles)
    question = "select rule, gateway_id, state, count, evidence -> 'numbers' from alert"
    assert world.rig.ask(question) == [(CLOCK, 1, "raised", 1, numbers)]
    world.beat(at(2, 1, 4), state=LinkState.LOST)
    world.beat(at(2, 1, 5))
    assert world.rig.ask(question) == [(CLOCK, 1, "ended", 1, numbers)]


def test_a_gateway_whose_clock_is_two_hours_off_still_says_right_how_long_ago_it_heard_a_sensor(world: World) -> None:
    for minute in range(0, 120, 10):
        now = at(2, 0) + minute * MINUTE
        wrong = now + 2 * HOUR
        world.beat(now, health(BUTTON, wrong), health(SMOKE, wrong), health(DOOR, wrong), said_at=wrong)
        world.round(now)
    seen = world.rig.one(
        "select l.detail ->> 'heard_at' from deadline l join subject s on s.id = l.subject_id"
        " where l.type = 'sensor' and s.reference = '2'"
    )
    assert datetime.fromisoformat(seen) == at(2, 1, 50)


def test_a_status_that_cannot_be_read_does_not_stop_the_look_at_the_others(world: World) -> None:
    world.rig.tell("update gateway set status = %s where name = 'gw-two'", Jsonb({"devices": "many"}))
    world.beat(at(2, 1), health(DOOR, at(2, 1), 3))
    world.round(at(2, 1))
    assert about(world) == [(BATTERY, DOOR, "raised")]


def test_a_heartbeat_writes_nothing_of_its_sensors(world: World) -> None:
    """At thousands of homes, what every beat wrote would be most of what the database does."""
    before = world.rig.ask("select id, due_at, detail from deadline where type = 'sensor' order by id")
    for minute in range(4):
        world.beat(at(2, 0, minute), *(health(a, at(2, 0, minute), 10) for a in (BUTTON, SMOKE, DOOR)))
    assert world.rig.ask("select id, due_at, detail from deadline where type = 'sensor' order by id") == before


def test_many_sensors_are_looked_at_in_bounded_steps_and_none_is_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "LOOKS_MAX", 2)
    world.beat(at(2, 1), *(health(address, at(2, 1), 5) for address in (OXIMETER, BUTTON, DOOR, SMOKE)))
    world.round(at(2, 1))
    assert len(about(world, BATTERY)) == 4
