"""What is heard where a gateway stands, and whose a sensor is, over the real routes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from devices.vocabulary import Kind
from devices.wire.columns import to_millis
from server.store import configs
from server.store.sealing import Seals
from tests.integration.care_rig import done, get, refused, send
from tests.integration.installation_rig import CLIP, DOOR, KEY, PENDANT, ago, bind, says, sensor_of

pytestmark = pytest.mark.integration


@pytest.fixture
def anna(town: Any) -> str:
    return f"/installation/homes/{town.homes['anna']}"


# ---- what is heard


def test_what_a_gateway_hears_is_listed_strongest_first_and_says_of_others_only_that_they_are(tor, town, anna):
    theirs, ours = "AA:BB:CC:DD:EE:03", "AA:BB:CC:DD:EE:01"
    done(send(tor, "/installation/gateways/gw-anna/listen", for_s=60))
    nearby = [
        {"device": device, "profiles": ["oximeter"], "seen_at": ago(seconds=3), "rssi_dbm": dbm}
        for device, dbm in ((ours, -50), (theirs, -60), (DOOR, -70))
    ]
    before = get(tor, "/installation/gateways/gw-anna/nearby")
    assert (before["is_listening"], before["sensors"]) == (False, []), "it was asked, and has not said that it does"
    says(town, "anna", listening_until=ago(seconds=-50), nearby=nearby)
    heard = get(tor, "/installation/gateways/gw-anna/nearby")
    assert heard["is_listening"]
    assert [(each["device"], each["bound"]) for each in heard["sensors"]] == [
        (ours, "here"),
        (theirs, "elsewhere"),
        (DOOR, None),
    ]
    assert not [word for word in ("berta", "Berta", "Storgata", "value") if word in str(heard)]
    at = datetime.fromisoformat(heard["sensors"][0]["heard_at"])
    assert abs((datetime.now(UTC) - at).total_seconds() - 3) < 3


def test_the_command_to_listen_goes_to_the_gateway_with_its_end(tor, town):
    until = datetime.fromisoformat(done(send(tor, "/installation/gateways/gw-anna/listen", for_s=60))["until"])
    (row,) = town.sql(
        "select content::jsonb ->> 'command', (content::jsonb ->> 'until')::bigint, until_at from gateway_command"
    )
    assert row == ("listen", to_millis(until), until)


def test_what_was_heard_is_not_shown_when_nobody_asks_any_more(tor, town):
    nearby = [{"device": DOOR, "profiles": ["bthome_door"], "seen_at": ago()}]
    says(town, "anna", listening_until=ago(seconds=-50), nearby=nearby)
    assert get(tor, "/installation/gateways/gw-anna/nearby")["sensors"] == []


# ---- whose it is


def test_a_sensor_is_bound_from_now_on_and_unbinding_ends_the_period_and_keeps_what_was(tor, town, anna):
    before = datetime.now(UTC)
    patient = town.patients["anna"]
    bound = done(bind(tor, anna, CLIP, profile="oximeter", patient=patient, label="klype 3"))
    assert (bound["patient"], bound["label"], bound["newest"]) == (patient, "klype 3", None)
    rows = """select b.patient_id, b.valid_from, b.valid_to = 'infinity', s.login from binding b
              join device d on d.id = b.device_id join staff s on s.id = b.bound_by where d.address = %s"""
    ((whose, begins, holds, by),) = town.sql(rows, CLIP)
    assert (whose, holds, by) == (patient, True, "tor") and begins >= before
    town.devices["clip"] = town.one("select id from device where address = %s", CLIP)
    town.measure("anna", Kind.SPO2, 93, datetime.now(UTC), device="clip")
    assert sensor_of(tor, anna, CLIP)["newest"]["value"] == 93
    done(send(tor, f"{anna}/sensors/{CLIP}/0/unbind", why="returned"))
    assert CLIP not in str(get(tor, anna))
    ((whose, _, holds, _),) = town.sql(rows, CLIP)
    assert (whose, holds) == (patient, False)
    assert town.one("select count(*) from observation where patient_id = %s", patient) == 1
    assert refused(send(tor, f"{anna}/sensors/{CLIP}/0/unbind", why="returned"), 404)
    log = town.sql("select what, deed from access_log where patient_id = %s and deed = 'change' order by id", patient)
    assert log == [
        (f"binds sensor {CLIP} in home {town.homes['anna']}", "change"),
        (f"unbinds sensor {CLIP}: returned", "change"),
    ]


def test_a_value_from_before_the_binding_is_not_shown(tor, town, anna):
    done(bind(tor, anna, CLIP, profile="oximeter", patient=town.patients["anna"]))
    town.devices["clip"] = town.one("select id from device where address = %s", CLIP)
    town.measure("anna", Kind.SPO2, 71, datetime.now(UTC) - timedelta(minutes=5), device="clip")
    assert sensor_of(tor, anna, CLIP)["newest"] is None


def test_a_sensor_that_is_somebody_elses_is_refused_without_a_name(tor, town, anna):
    answer = bind(tor, anna, "AA:BB:CC:DD:EE:03", profile="oximeter", patient=town.patients["anna"])
    said = refused(answer, 409)
    assert answer.json()["type"] == "urn:hjemvakt:bound-elsewhere"
    assert not [word for word in ("berta", "Berta", "Storgata", "west") if word in said]
    neighbour = bind(tor, anna, "AA:BB:CC:DD:EE:02", profile="oximeter", patient=town.patients["anna"])
    assert neighbour.json()["type"] == "urn:hjemvakt:bound-elsewhere", "of one's own team, and of another home"


def test_a_sensor_of_this_home_changes_its_owner_only_after_it_was_unbound(tor, town, anna):
    done(bind(tor, anna))
    other = bind(tor, anna, place="back door")
    assert (other.status_code, other.json()["type"]) == (409, "urn:hjemvakt:bound-here")
    assert done(bind(tor, anna, label="dør 1"))["label"] == "dør 1", "the same again, with another label"
    assert town.one("select count(*) from binding where place is not null") == 1


def test_nobody_is_bound_who_does_not_live_there(tor, town, anna):
    refused(bind(tor, anna, CLIP, profile="oximeter", patient=town.patients["arne"]), 404)
    refused(bind(tor, anna, CLIP, profile="no_such_sensor", patient=town.patients["anna"]), 422)
    refused(send(tor, f"{anna}/sensors", device=CLIP, profile="oximeter"), 422)


def test_a_replacement_ends_one_period_in_the_moment_in_which_the_other_begins(tor, town, anna):
    old = "AA:BB:CC:DD:EE:01"
    patient = town.patients["anna"]
    done(bind(tor, anna, CLIP, profile="oximeter", patient=patient, replaces={"device": old, "slot": 0}))
    begins = town.one("select valid_from from binding b join device d on d.id = b.device_id where address = %s", CLIP)
    ended = "select valid_to, unbound_why from binding b join device d on d.id = b.device_id where address = %s"
    assert town.sql(ended, old) == [(begins, "replaced")]
    gone = bind(tor, anna, DOOR, replaces={"device": old, "slot": 0})
    refused(gone, 404)
    assert town.one("select count(*) from binding b join device d on d.id = b.device_id where address = %s", DOOR) == 0


def test_what_is_sent_again_from_a_cellar_is_done_once(tor, town, anna):
    wish = {"device": DOOR, "profile": "bthome_door", "place": "front door", "key": KEY}
    once = {"url": f"/api/v1{anna}/sensors", "headers": {"Idempotency-Key": uuid4().hex}}
    first, again = (tor.post(json=wish, **once) for _ in range(2))
    assert done(first) == done(again)
    assert town.one("select count(*) from binding where place = 'front door'") == 1
    other = tor.post(json=wish | {"key": "0" * 32}, **once)
    assert "another change" in refused(other, 422)


# ---- the key


def test_the_key_of_a_sensor_is_sealed_told_to_its_gateway_and_shown_to_nobody(api, tor, town, anna):
    answer = bind(tor, anna, PENDANT, profile="bthome_sos", place="wrist", key=KEY.upper())
    assert done(answer)["has_key"]
    shown = answer.text + tor.get(f"/api/v1{anna}").text
    kept = str(town.sql("select t::text from device_key t") + town.sql("select t::text from done_once t"))
    log = str(town.sql("select t::text from access_log t"))
    for form in (KEY, KEY.upper()):
        assert form not in shown + kept + log
    with town.connection() as conn:
        configs.renew(conn, datetime.now(UTC))
        gateway = town.one("select id from gateway where name = 'gw-anna'")
        ((_, with_key),) = configs.payloads(conn, [gateway], Seals(bytes(32)))
        ((_, other_file),) = configs.payloads(conn, [gateway], Seals(b"x" * 32))
        assert KEY not in str(conn.execute("select t::text from gateway_config t").fetchall())
    assert f'"key":"{KEY}"'.encode() in with_key
    assert b"key" not in other_file, "what does not open is as if it were not there"


def test_another_key_makes_another_configuration(tor, town, anna):
    def renewed() -> int:
        with town.connection() as conn:
            return configs.renew(conn, datetime.now(UTC))

    done(bind(tor, anna, PENDANT, profile="bthome_sos", place="wrist", key=KEY))
    assert renewed() > 0
    assert renewed() == 0
    done(bind(tor, anna, PENDANT, profile="bthome_sos", place="wrist", key="00" * 16))
    assert renewed() == 1


def test_a_key_that_is_none_is_refused(tor, anna):
    for key in ("short", "g" * 32, "00" * 15):
        refused(bind(tor, anna, PENDANT, profile="bthome_sos", key=key), 422)


def test_the_key_goes_when_the_sensor_does(tor, town, anna):
    done(bind(tor, anna, PENDANT, profile="bthome_sos", place="wrist", key=KEY))
    done(send(tor, f"{anna}/sensors/{PENDANT}/0/unbind", why="lost"))
    assert town.one("select count(*) from device_key") == 0


@pytest.mark.parametrize("deed", ["select * from", "delete from"])
@pytest.mark.parametrize("table", ["device_key", "prepared"])
def test_the_apis_role_reads_no_key_even_sealed(town, api, table, deed):
    with psycopg.connect(town.owner) as conn:
        conn.execute("set role hjemvakt_api")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(f"{deed} {table}".encode())
