"""What happened to one patient, as screens and a doctor's summary get it."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import EventType, Kind
from tests.integration.care_rig import done, get, misses_a_morning, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


def between(from_at, to_at):
    return {"from": from_at.isoformat(), "to": to_at.isoformat()}


LAST_HOUR = {"kind": "spo2"} | between(NOW - timedelta(hours=1), NOW + timedelta(seconds=1))


def story(client, patient, days=7.0, to=NOW + timedelta(minutes=1)):
    return get(
        client, f"/patients/{patient}/story", **{"from": (to - timedelta(days=days)).isoformat(), "to": to.isoformat()}
    )


def happens(town, name, type_, at, *, of_home=False):
    insert = """insert into event
                (device_id, slot, type, occurred_at, received_at, clock, patient_id, home_id, gateway_id)
                select %s, 0, %s, %s, %s, 0, %s, %s, id from gateway where name = %s"""
    patient, home = (None, town.homes[name]) if of_home else (town.patients[name], None)
    town.sql(insert, town.devices[name], type_, at, at, patient, home, f"gw-{name}")


def test_alerts_come_with_what_staff_did_and_not_with_what_the_system_did(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    alert = town.desaturate("anna", NOW - timedelta(hours=2))
    done(send(kari, f"/alerts/{alert}/acknowledge", rev=1))
    done(send(kari, f"/alerts/{alert}/handle", rev=2, outcome="real_acted", note="Ringte, satt opp i stolen"))
    (told,) = story(kari, anna)["alerts"]
    assert (told["alert"]["id"], told["alert"]["outcome"]) == (alert, "real_acted")
    assert [(each["action"], each["staff"]["name"], each["note"]) for each in told["deeds"]] == [
        ("acknowledged", "Kari", None),
        ("handled", "Kari", "Ringte, satt opp i stolen"),
    ]


def test_an_alert_that_was_over_before_is_not_told_and_one_that_stands_is(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    over = town.desaturate("anna", NOW - timedelta(days=20))
    town.sql("update alert set state = 'ended', condition_ended_at = began_at where id = %s", over)
    stands = town.press("anna", at=NOW - timedelta(days=19))
    assert [each["alert"]["id"] for each in story(kari, anna)["alerts"]] == [stands]
    assert {each["alert"]["id"] for each in story(kari, anna, 30)["alerts"]} == {over, stands}


def test_events_of_the_patient_and_of_the_home_are_told_but_not_every_step_on_the_floor(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    happens(town, "anna", EventType.DOSE_TAKEN, NOW - timedelta(hours=3))
    happens(town, "anna", EventType.DOOR_OPENED, NOW - timedelta(hours=2), of_home=True)
    happens(town, "anna", EventType.MOTION, NOW - timedelta(hours=1), of_home=True)
    happens(town, "arne", EventType.DOOR_OPENED, NOW - timedelta(hours=1), of_home=True)
    happens(town, "anna", EventType.FALL, NOW - timedelta(days=8))
    told = story(kari, anna)["events"]
    assert [(each["type"], each["of_home"]) for each in told] == [("door_opened", True), ("dose_taken", False)]


def test_a_planned_measurement_that_did_not_come_is_missed_and_one_that_came_is_not(api, town):
    kari, arne = api.signed_in("kari"), town.patients["arne"]
    measured, missed = misses_a_morning(kari, town, "arne")
    told = [each for each in story(kari, arne, 3.9)["missed"] if each["kind"] == "spo2"]
    dues = [datetime.fromisoformat(each["due"]) for each in told]
    assert measured not in dues
    assert missed in dues


def test_readings_come_as_stored_with_what_measured_them_page_by_page(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    for minute in range(5):
        town.measure("anna", Kind.SPO2, 90 + minute if minute != 2 else None, NOW - timedelta(minutes=minute))
    found, before = [], {}
    for _ in range(3):
        page = get(kari, f"/patients/{anna}/readings", most=2, **LAST_HOUR, **before)
        found += page["readings"]
        before = {"before": page["next"]}
    assert page["next"] is None
    assert [each["value"] for each in found] == [90, 91, None, 93, 94]
    assert {each["device"] for each in found} == {"AA:BB:CC:DD:EE:01"}
    assert (page["unit"], page["decimals"]) == ("%", 0)


def test_readings_of_one_instant_are_never_torn_apart_by_a_page(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    at = NOW - timedelta(minutes=1)
    town.measure("anna", Kind.SPO2, 90, at)
    town.measure("anna", Kind.SPO2, 91, at, device="arne")
    page = get(kari, f"/patients/{anna}/readings", most=1, **LAST_HOUR)
    assert sorted(each["value"] for each in page["readings"]) == [90, 91]


def test_devices_say_whose_they_are_and_what_their_gateway_heard(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    door = town.one("insert into device (address, profile) values ('AA:00:00:00:00:0D', 'bthome_door') returning id")
    town.sql(
        "insert into binding (device_id, home_id, place, valid_from) values (%s, %s, 'front door', %s)",
        door,
        town.homes["anna"],
        NOW - timedelta(days=9),
    )
    old = town.one("insert into device (address) values ('AA:00:00:00:00:0E') returning id")
    town.sql(
        "insert into binding (device_id, patient_id, valid_from, valid_to) values (%s, %s, %s, %s)",
        old,
        anna,
        NOW - timedelta(days=9),
        NOW - timedelta(days=1),
    )
    said = {
        "device": "AA:BB:CC:DD:EE:01",
        "state": "online",
        "battery_percent": 71,
        "refused": 0,
        "model": "Nonin 3230",
    }
    town.gateway_says("anna", "online", gateway="gw-anna", outbox="a" * 16, started="b" * 16, devices=[said])
    own, home = get(kari, f"/patients/{anna}/devices")["devices"]
    assert (own["device"], own["of_home"], own["profile"]) == ("AA:BB:CC:DD:EE:01", False, "oximeter")
    assert (own["said"]["battery_percent"], own["said"]["model"], own["gateway"]) == (71, "Nonin 3230", "gw-anna")
    assert (home["place"], home["of_home"], home["said"]) == ("front door", True, None)


def test_a_series_says_until_when_each_interval_lasts_and_whether_it_is_a_stream(api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    town.measure("anna", Kind.SPO2, 92, NOW)
    assert get(kari, f"/patients/{anna}/series", **LAST_HOUR)["continuous"] is False
    town.measure("anna", Kind.SPO2, 92, NOW - timedelta(minutes=1), mode=1)
    town.sql("update observation set span_s = 20 where mode = 1")
    series = get(kari, f"/patients/{anna}/series", points=2000, **LAST_HOUR)
    assert series["continuous"] is True
    assert datetime.fromisoformat(series["until"][0]) == NOW - timedelta(seconds=40)


def test_nobody_hears_the_story_of_another_teams_patient_and_every_look_is_remembered(api, town):
    kari, berta, anna = api.signed_in("kari"), town.patients["berta"], town.patients["anna"]
    query = {"from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()}
    for path in ("story", "devices", "readings"):
        refused(kari.get(f"/api/v1/patients/{berta}/{path}", params={**query, "kind": "spo2"}), 404)
    story(kari, anna)
    assert town.sql("select count(*) from access_log where patient_id = %s and what like 'story %%'", anna) == [(1,)]
    long = {"from": (NOW - timedelta(days=401)).isoformat(), "to": NOW.isoformat()}
    assert "at most 400 days" in refused(kari.get(f"/api/v1/patients/{anna}/story", params=long), 422)
