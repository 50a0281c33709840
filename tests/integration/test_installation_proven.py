"""That a home is safe is shown over the real routes: pairing, the walk, the trial, the protocol."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.integration.care_rig import done, get, refused, send
from tests.integration.installation_rig import DOOR, PENDANT, ago, bind, event, says, sensor_of

pytestmark = pytest.mark.integration


@pytest.fixture
def anna(town: Any) -> str:
    return f"/installation/homes/{town.homes['anna']}"


# ---- pairing


def test_a_pairing_passes_when_four_people_would_agree_and_not_before(tor, town, anna):
    done(bind(tor, anna))
    prove = f"{anna}/sensors/{DOOR}/0/prove"
    for part in ("power_cycle", "reconnect", "person", "clock"):
        answer = send(tor, prove, part=part)
        assert (answer.status_code, answer.json()["type"]) == (409, "urn:hjemvakt:not-yet"), part
    health = {"device": DOOR, "state": "heard", "rssi_dbm": -60, "battery_percent": 88}
    says(town, "anna", devices=[health | {"seen_at": ago()}])
    done(send(tor, prove, part="power_cycle"))
    says(town, "anna", at=ago(), devices=[health | {"seen_at": ago(minutes=1)}])
    assert "turned off and on" in refused(send(tor, prove, part="reconnect"), 409), "heard before, and not since"
    says(town, "anna", devices=[health | {"seen_at": ago(seconds=-1)}])
    done(send(tor, prove, part="reconnect"))
    event(town, DOOR, "door_opened", datetime.now(UTC))
    done(send(tor, prove, part="person"))
    pairing = done(send(tor, prove, part="clock"))
    assert [(each["part"], each["by"]["name"], each["awaits"]) for each in pairing["parts"]] == [
        (part, "Tor", None) for part in ("power_cycle", "reconnect", "person", "clock")
    ]
    assert pairing["passed_at"] == max(each["at"] for each in pairing["parts"])
    assert "door_opened" in pairing["parts"][2]["why"]
    again = done(send(tor, prove, part="power_cycle"))
    assert again["passed_at"] is None and again["parts"][1]["at"] is None, (
        "off once more: it has to come back once more"
    )


def test_another_binding_has_to_be_paired_anew(tor, town, anna):
    done(bind(tor, anna))
    says(town, "anna", devices=[{"device": DOOR, "state": "heard", "seen_at": ago()}])
    done(send(tor, f"{anna}/sensors/{DOOR}/0/prove", part="power_cycle"))
    done(send(tor, f"{anna}/sensors/{DOOR}/0/unbind", why="mistake"))
    done(bind(tor, anna, place="back door"))
    assert sensor_of(tor, anna, DOOR)["pairing"]["parts"][0]["at"] is None


def test_a_meter_whose_clock_is_wrong_does_not_pass(tor, town, anna):
    done(bind(tor, anna))
    event(town, DOOR, "door_opened", datetime.now(UTC), clock=1)  # ClockTrust.CORRECTED
    assert "clock is wrong" in refused(send(tor, f"{anna}/sensors/{DOOR}/0/prove", part="clock"), 409)


# ---- the walk


def test_a_walk_keeps_what_was_heard_in_each_room_and_also_that_nothing_was(tor, town, anna):
    done(bind(tor, anna, PENDANT, profile="bthome_sos", place="wrist"))
    health = {"device": PENDANT, "state": "heard"}
    for room, dbm, seen_ms, signal in (
        ("stue", -61, ago(seconds=2), "good"),
        ("bad", -92, ago(seconds=2), "weak"),
        ("bod", -61, ago(minutes=2), "none"),
    ):
        says(town, "anna", devices=[health | {"rssi_dbm": dbm, "seen_at": seen_ms}])
        assert done(send(tor, f"{anna}/rooms", room=room, device=PENDANT))["signal"] == signal
    says(town, "anna", devices=[health | {"rssi_dbm": -70, "seen_at": ago()}])
    done(send(tor, f"{anna}/rooms", room="bod", device=PENDANT))
    walk = {each["room"]: (each["rssi_dbm"], each["gateway"]) for each in get(tor, anna)["coverage"]}
    assert walk == {"stue": (-61, "gw-anna"), "bad": (-92, "gw-anna"), "bod": (-70, "gw-anna")}
    assert town.one("select count(*) from room_signal where room = 'bod'") == 2, "the first one is kept"
    refused(send(tor, f"{anna}/rooms", room="stue", device=DOOR), 404)


# ---- the trial


def test_a_trial_is_asked_beside_the_daily_one_and_answers_for_itself(tor, town, anna):
    begun = done(send(tor, f"{anna}/trials", gateway="gw-anna"))
    assert (begun["state"], [each["at"] is None for each in begun["hops"]]) == ("waits", [False, *[True] * 5])
    command = town.one("select content::jsonb ->> 'command' from gateway_command")
    assert command == "prove"
    today = datetime.now(UTC).date().isoformat()
    shown = get(tor, "/technical/proofs", **{"from": today, "to": today})
    assert shown["proofs"] == [], "it is not the trial of the day"
    town.sql("update trial set until_at = asked_at + interval '1 microsecond'")
    assert get(tor, f"/installation/trials/{begun['id']}")["state"] == "failed"
    refused(send(tor, f"{anna}/trials", gateway="gw-arne"), 404)


def test_a_hop_by_the_gateways_clock_is_told_by_ours(tor, town, anna):
    trial = done(send(tor, f"{anna}/trials", gateway="gw-anna"))["id"]
    asked = town.one("select asked_at from trial")
    says(town, "anna", at=ago(seconds=-3600))  # an hour ahead
    town.sql(
        """update alarm_proof set made_at = %s, received_at = %s, stored_at = %s, raised_at = %s, seen_at = %s""",
        *(
            asked + timedelta(hours=hours, milliseconds=ms)
            for hours, ms in ((1, 200), (0, 300), (0, 320), (0, 321), (0, 400))
        ),
    )
    shown = get(tor, f"/installation/trials/{trial}")
    assert shown["state"] == "passed"
    took = {each["hop"]: each["ms"] for each in shown["hops"]}
    assert (took["stored"], took["raised"], took["shown"]) == (20, 1, 79)
    assert abs(took["gateway"] - 200) < 150 and took["gateway"] + took["broker"] == 300, "less its clock's error"
    assert [each["clock"] for each in shown["hops"]] == ["server", "gateway", *["server"] * 4]


def test_only_a_sensor_that_calls_for_help_is_tried_by_using_it(tor, town, anna):
    done(bind(tor, anna))
    refused(send(tor, f"{anna}/trials", gateway="gw-anna", sensor={"device": DOOR, "slot": 0}), 422)


# ---- the protocol


def test_a_protocol_says_how_it_stood_and_never_changes(tor, town, anna):
    answer = send(tor, f"{anna}/protocols")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hjemvakt:unfinished")
    made = done(send(tor, f"{anna}/protocols", remark="Gatewayen hentes i morgen."))
    assert made["installation"]["missing"] == ["gateway", "pairing", "coverage", "test"]
    done(bind(tor, anna))
    kept = get(tor, f"/installation/protocols/{made['id']}")
    assert kept == made
    assert [each["device"] for each in kept["installation"]["sensors"]] == ["AA:BB:CC:DD:EE:01"]
    assert [each["id"] for each in get(tor, f"{anna}/protocols")["protocols"]] == [made["id"]]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        town.sql("delete from installation_protocol")


def test_who_lives_there_is_named_to_whoever_installs_and_the_look_is_remembered(api, tor, town, anna):
    for _ in range(3):  # a screen that asks again and again is one look
        assert [each["name"] for each in get(tor, anna)["residents"]] == ["anna"]
    log = "select deed, what from access_log where patient_id = %s"
    assert town.sql(log, town.patients["anna"]) == [("look", "installation")]
    town.add_staff("tone", east="technician")
    get(api.signed_in("tone"), anna)
    assert len(town.sql(log, town.patients["anna"])) == 2
    refused(api.signed_in("kari").get(f"/api/v1{anna}"), 403)
    refused(api.signed_in("vera").get(f"/api/v1{anna}"), 404)


def test_a_protected_address_stands_in_no_list(tor, town, anna):
    town.sql("update patient set protection = 'kode6' where id = %s", town.patients["anna"])
    assert get(tor, anna)["address"] == ""
    lines = {each["name"]: each["address"] for each in get(tor, "/installation/homes")["homes"]}
    assert lines == {"anna": "", "arne": "Storgata 2"}
