"""What is told of a home, and when: what still holds, with its own time, and nothing that cannot be known."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from devices.vocabulary import EventType, Kind, Mode, Observation
from devices.wire.messages import LinkState
from server.detection.home import Memory
from server.store import excuses, homes, rebinding, settings
from tests.conftest import Database
from tests.integration.home_rig import BED, FRONT, HALL, NIGHT, Home, build_home, event, fall_at_night, minutes
from tests.integration.ingest_rig import OXIMETER, batch, sent

pytestmark = pytest.mark.integration


@pytest.fixture
def home(database: Database) -> Iterator[Home]:
    yield from build_home(database.owner)


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


def test_a_last_will_is_a_silent_gateway(home: Home) -> None:
    for each in fall_at_night():
        home.say(each)
    home.lives(NIGHT + minutes(5))
    home.lives(NIGHT + minutes(20), state=LinkState.LOST)
    home.clock(NIGHT + minutes(40), heard=False)
    assert home.told() == []
