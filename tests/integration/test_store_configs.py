"""What each gateway has to do follows from rows; what it says of that follows it into the alerts."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from devices.limits import Limit
from devices.vocabulary import Kind
from devices.wire.codec import decode_config, encode
from devices.wire.messages import GatewayConfig, KindLimit, LinkState, Status
from devices.wire.topics import Channel
from server.clinical.pathways import Pathway
from server.store import configs, facts, settings
from tests.conftest import Database
from tests.integration.ingest_rig import BUTTON, DOOR, METER, NOW, OUTBOX, OXIMETER, RUN, Rig, arrival

pytestmark = pytest.mark.integration

# CLINICAL.md 2 and 3: the proposed starting limits.
SPO2 = KindLimit(kind=Kind.SPO2, red_low=88, yellow_low=90)
MINUTE = timedelta(minutes=1)


def config_of(rig: Rig, gateway: str = "gw-one", at: datetime = NOW) -> GatewayConfig:
    """As it is published after a look at the rows."""
    configs.renew(rig.conn, at)
    id_ = rig.one("select id from gateway where name = %s", gateway)
    ((_, payload),) = configs.payloads(rig.conn, [id_])
    return decode_config(payload)


def addresses(config: GatewayConfig) -> list[str]:
    return [device.address for device in config.devices or []]


def limits(config: GatewayConfig, address: str, slot: int = 0) -> dict[Kind, KindLimit]:
    (device,) = [each for each in config.devices or [] if each.address == address]
    (user,) = [each for each in device.slots if each.slot == slot]
    return {each.kind: each for each in user.limits}


def says(
    rig: Rig, *, at: datetime, config: int = 0, refused: str = "", state: LinkState = LinkState.ONLINE, **also: Any
) -> None:
    """One heartbeat of gw-one."""
    status = Status(
        gateway="gw-one", state=state, outbox=OUTBOX, started=RUN, config=config, config_refused=refused, **also
    )
    rig.file(arrival(encode(status), Channel.STATUS, at=at), now=at)


def faults(rig: Rig) -> list[tuple[Any, ...]]:
    return rig.ask(
        "select priority, state, evidence ->> 'cause' from alert where rule = 'technical:config_not_taken' order by id"
    )


def publish(rig: Rig, at: datetime = NOW) -> int:
    """The version that gw-one should take."""
    configs.renew(rig.conn, at)
    (mine,) = [each for each in configs.standing(rig.conn) if each.topic.gateway == "gw-one"]
    configs.published(rig.conn, [mine], at)
    return mine.version


def test_a_gateway_is_told_of_the_devices_of_its_home_and_of_those_who_live_there(rig: Rig) -> None:
    rig.tell("update device set cadence_s = 5, label = 'by the bed' where address = %s", OXIMETER)
    config = config_of(rig)
    assert addresses(config) == [OXIMETER, BUTTON, DOOR]
    oximeter, _, door = config.devices or []
    assert (oximeter.profile, oximeter.name, oximeter.cadence_s) == ("oximeter", "by the bed", 5)
    assert (door.name, door.cadence_s, door.slots[0].limits) == ("front door", None, [])
    assert addresses(config_of(rig, "gw-two")) == [METER]


def test_no_word_about_a_patient_is_in_it(rig: Rig) -> None:
    configs.renew(rig.conn, NOW)
    everything = b" ".join(payload for _, payload in configs.payloads(rig.conn, [1, 2])).lower()
    for word in (b"patient", b"test en", b"test to", b"1950", b"kols", b"diabetes", b"testveien", b'"p1"'):
        assert word not in everything


def test_the_limits_are_those_that_hold_for_whoever_has_the_device(rig: Rig) -> None:
    assert limits(config_of(rig), OXIMETER)[Kind.SPO2] == SPO2
    own = """insert into patient_limit (patient_id, kind, red_low, yellow_low, reason)
             values (1, 3, 80, 84, 'doctor'), (1, 1, null, null, 'none')"""
    rig.tell(own)
    found = limits(config_of(rig), OXIMETER)
    assert found[Kind.SPO2] == KindLimit(kind=Kind.SPO2, red_low=80, yellow_low=84)
    assert Kind.HEART_RATE not in found  # limits of his own without any number: nothing alerts


def test_a_gateway_alone_follows_what_was_prescribed_accepted_and_set_by_the_team(rig: Rig) -> None:
    """CLINICAL.md 3: on oxygen with 88-92 % yellow above 92 and red from 97 on; baseline yellow 2, red 4 below."""
    said: dict[str, Any] = {"by": 1, "at": NOW, "now": NOW}
    settings.set_pathway_limit(
        rig.conn, 1, Pathway.KOLS, Kind.SPO2, Limit(red_low=85, yellow_low=87), by=1, now=NOW, reason="for everybody"
    )
    assert limits(config_of(rig), OXIMETER)[Kind.SPO2] == KindLimit(kind=Kind.SPO2, red_low=85, yellow_low=87)
    facts.say(rig.conn, 1, facts.Baseline(kind=Kind.SPO2, center=90, mad=1, days=9, last_day=NOW.date()), **said)
    assert limits(config_of(rig), OXIMETER)[Kind.SPO2] == KindLimit(kind=Kind.SPO2, red_low=86, yellow_low=88)
    facts.say(rig.conn, 1, facts.SaturationRange(low_percent=88, high_percent=92), **said, reason="doctor")
    facts.say(rig.conn, 1, facts.OxygenAgreed(on=True, litres_per_min=2), **said)
    on_oxygen = KindLimit(kind=Kind.SPO2, red_low=86, yellow_low=88, yellow_high=92, red_high=96)
    assert limits(config_of(rig), OXIMETER)[Kind.SPO2] == on_oxygen


def test_a_range_with_an_end_is_taken_back_from_the_gateway_then(rig: Rig) -> None:
    tomorrow = NOW + timedelta(days=1)
    range_ = facts.SaturationRange(low_percent=88, high_percent=92)
    facts.say(rig.conn, 1, range_, by=1, at=NOW + MINUTE, until=tomorrow, now=NOW, reason="doctor")
    red_lows = [limits(config_of(rig, at=at), OXIMETER)[Kind.SPO2].red_low for at in (NOW, NOW + MINUTE, tomorrow)]
    assert red_lows == [88, 86, 88]


def test_palliative_care_has_no_limits_but_a_doctors(rig: Rig) -> None:
    rig.tell("update patient set pathway = 'palliative' where id = 1")
    assert limits(config_of(rig), OXIMETER) == {}
    rig.tell("insert into patient_limit (patient_id, kind, red_low, reason) values (1, 3, 80, 'doctor')")
    assert limits(config_of(rig), OXIMETER) == {Kind.SPO2: KindLimit(kind=Kind.SPO2, red_low=80)}


def test_each_user_of_a_shared_meter_has_his_own(rig: Rig) -> None:
    rig.tell("update patient set home_id = 2 where id = 1")
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (4, 2, 1, '2025-01-01Z')")
    rig.tell("insert into patient_limit (patient_id, kind, red_low, reason) values (1, 4, 2.5, 'doctor')")
    config = config_of(rig, "gw-two")
    assert limits(config, METER, 2)[Kind.GLUCOSE] == KindLimit(kind=Kind.GLUCOSE, red_low=2.5)
    assert limits(config, METER, 0)[Kind.GLUCOSE].red_low == 3.0


def test_a_binding_that_begins_or_ends_later_counts_from_then(rig: Rig) -> None:
    tomorrow = NOW + timedelta(days=1)
    rig.tell("update binding set valid_to = %s where device_id = 1", tomorrow)
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (4, 1, 1, %s)", tomorrow)
    before, after = config_of(rig), config_of(rig, at=tomorrow)
    assert addresses(before) == [OXIMETER, BUTTON, DOOR]
    assert addresses(after) == [BUTTON, DOOR, METER]
    assert after.version > before.version


def test_a_home_of_which_the_server_knows_no_device_keeps_its_gateways_own_file(rig: Rig) -> None:
    rig.tell("update binding set valid_to = %s", NOW)
    assert config_of(rig).devices is None


def test_only_enrolled_gateways_that_stand_in_a_home_are_told(rig: Rig) -> None:
    rig.tell("insert into gateway (name, bucket) values ('gw-strange', 1)")
    rig.tell("insert into gateway (name, bucket, enrolled) values ('gw-depot', 1, true)")
    configs.renew(rig.conn, NOW)
    assert [each.topic.gateway for each in configs.standing(rig.conn)] == ["gw-one", "gw-two"]


def test_a_new_version_is_made_only_when_something_differs(rig: Rig) -> None:
    assert configs.renew(rig.conn, NOW) == 2
    first = config_of(rig)
    assert configs.renew(rig.conn, NOW + MINUTE) == 0
    rig.tell("update patient set name = 'Another Name' where id = 1")
    assert configs.renew(rig.conn, NOW + MINUTE) == 0
    rig.tell("update device set label = 'new' where id = 1")
    assert configs.renew(rig.conn, NOW) == 1  # in the same second
    assert config_of(rig).version == first.version + 1


def test_after_a_restored_backup_the_next_version_is_newer_than_what_the_gateway_took(rig: Rig) -> None:
    lost = publish(rig) + 5000
    says(rig, at=NOW + MINUTE, config=lost)
    assert config_of(rig, at=NOW + MINUTE).version == lost + 1
    assert configs.renew(rig.conn, NOW + 2 * MINUTE) == 0


def test_a_gateway_that_claims_the_last_number_there_is_hurts_itself_alone(rig: Rig) -> None:
    publish(rig)
    says(rig, at=NOW + MINUTE, config=2**53)
    assert config_of(rig, at=NOW + MINUTE).version == 2**53
    rig.tell("update device set label = 'new' where id = 1")
    assert config_of(rig, at=NOW + MINUTE).version == 2**53
    assert addresses(config_of(rig, "gw-two")) == [METER]


def test_more_than_a_gateway_takes_is_said_and_the_last_one_stays(rig: Rig) -> None:
    before = config_of(rig)
    rig.tell("""insert into device (address, profile)
                select 'D0:00:00:00:00:' || upper(lpad(to_hex(n), 2, '0')), 'bthome_door'
                from generate_series(1, 70) n""")
    rig.tell("""insert into binding (device_id, home_id, place, valid_from)
                select id, 1, 'a door', '2025-01-01Z' from device where starts_with(address, 'D0')""")
    assert config_of(rig) == before
    assert "64" in rig.one("select fault from gateway_config where gateway_id = 1")
    rig.tell("delete from binding where place = 'a door'")
    assert addresses(config_of(rig)) == addresses(before)
    assert rig.one("select fault from gateway_config where gateway_id = 1") == ""


def test_what_a_gateway_uses_is_remembered_with_its_time(rig: Rig) -> None:
    version = publish(rig)
    says(rig, at=NOW + MINUTE, config=version)
    says(rig, at=NOW + 2 * MINUTE, config=version)
    assert rig.ask("select taken_version, taken_at, refused from gateway_config where gateway_id = 1") == [
        (version, NOW + MINUTE, "")
    ]
    assert faults(rig) == []


def test_a_gateway_that_refuses_its_configuration_is_one_grey_alert_until_it_takes_one(rig: Rig) -> None:
    version = publish(rig)
    for minute in (1, 2, 3):
        says(rig, at=NOW + minute * MINUTE, refused="no profile 'oximeter'")
    cause = "it refuses its configuration: no profile 'oximeter'"
    assert faults(rig) == [("grey", "raised", cause)]
    assert rig.one("select refused from gateway_config where gateway_id = 1") == "no profile 'oximeter'"
    says(rig, at=NOW + 4 * MINUTE, config=version)
    assert faults(rig) == [("grey", "ended", cause)]


def test_a_gateway_that_does_not_take_its_configuration_has_ten_minutes(rig: Rig) -> None:
    publish(rig)
    says(rig, at=NOW - MINUTE)
    says(rig, at=NOW + 10 * MINUTE)
    assert faults(rig) == []
    says(rig, at=NOW + 10 * MINUTE + timedelta(seconds=1))
    assert faults(rig) == [("grey", "raised", "it does not take its configuration")]


def test_the_ten_minutes_begin_when_the_gateway_is_back(rig: Rig) -> None:
    says(rig, at=NOW - MINUTE)
    publish(rig)
    says(rig, at=NOW, state=LinkState.LOST)
    says(rig, at=NOW + 60 * MINUTE)
    says(rig, at=NOW + 70 * MINUTE)
    assert faults(rig) == []
    says(rig, at=NOW + 71 * MINUTE)
    assert len(faults(rig)) == 1


def test_what_was_never_handed_to_the_broker_is_not_the_gateways_fault(rig: Rig) -> None:
    configs.renew(rig.conn, NOW)
    says(rig, at=NOW - MINUTE)
    says(rig, at=NOW + 60 * MINUTE)
    assert faults(rig) == []


def test_a_technician_sees_all_of_it_and_nobody_sees_the_limits(rig: Rig, database: Database) -> None:
    version = publish(rig)
    says(rig, at=NOW + MINUTE, config=version)
    rig.tell("insert into staff_team values (1, 1, 'technician')")
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', '1', true)")
        assert conn.execute("select gateway, version, taken_version from my_gateway_config").fetchall() == [
            ("gw-one", version, version)
        ]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select content from gateway_config")
    assert datetime.fromtimestamp(version, UTC) == NOW
