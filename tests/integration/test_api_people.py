"""People over the api: who a patient is, the home, whom to call, and what whoever drives must know."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from devices.vocabulary import EventType
from tests.integration.care_rig import done, get, refused, send
from tests.integration.people_rig import BORN, SYNTHETIC, anna, fact, rev

__all__ = ["anna"]

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


# ---- who it is


def person(client, path, **changed):
    was = get(client, f"{path}/person")
    kept = {name: was[name] for name in ("name", "phone", "municipality", "lives_alone", "protection", "rev")}
    kept["coordinator"] = was["coordinator"] and was["coordinator"]["id"]
    return send(client, f"{path}/person", **{**kept, "reason": "told by phone", **changed})


def test_a_change_of_who_it_is_is_kept_with_who_and_why(kari, anna, town):
    town.sql("insert into municipality values ('0301', 'Oslo')")
    found = done(person(kari, anna, phone="+47 900 00 001", lives_alone=True, municipality="0301"))
    assert (found["phone"], found["lives_alone"], found["municipality_name"]) == ("+4790000001", True, "Oslo")
    assert found["changes"][0] | {"at": None} == {
        "what": "details",
        "at": None,
        "by": {"id": town.staff["kari"], "name": "Kari", "initials": "KA"},
        "reason": "told by phone",
        "fields": ["lives_alone", "municipality", "phone"],
    }
    refused(person(kari, anna, municipality="9999"), 422)
    refused(person(kari, anna, phone="call me"), 422)
    refused(person(kari, anna, coordinator=town.staff["berit"]), 422)  # of the other team
    assert "look again" in refused(person(kari, anna, rev="0" * 16), 409)


def test_a_protected_address_stands_in_no_list(kari, siv, api, anna, town):
    assert "coordinator" in refused(person(kari, anna, protection="kode6"), 403)
    done(person(siv, anna, protection="kode6"))
    board = get(kari, "/board")
    addresses = {home["id"]: home["address"] for home in board["homes"]}
    assert addresses[town.homes["anna"]] == ""
    assert addresses[town.homes["arne"]] == "Storgata 2"
    page = get(kari, f"{anna}/address")
    assert (page["address"], page["protected"]) == ("Storgata 1", True)
    done(send(siv, f"{anna}/end", why="moved", reason="moved", rev=rev(siv, f"{anna}/person")))
    fetch = get(api.signed_in("tor"), "/recalls")["recalls"]
    assert {each["address"] for each in fetch} == {None}


# ---- national identity numbers


def number(client, path, text):
    return send(
        client, f"{path}/national-number", number=text, reason="from the register", rev=rev(client, f"{path}/person")
    )


def test_a_number_is_sealed_in_the_database_and_shown_on_the_patients_page_alone(siv, kari, anna, town):
    found = done(number(siv, anna, f"{SYNTHETIC[:6]} {SYNTHETIC[6:]}"))
    assert found["has_number"]
    assert SYNTHETIC not in str(found)
    assert get(kari, f"{anna}/national-number") == {"number": SYNTHETIC}
    looks = town.sql("select what from access_log where staff_id = %s", town.staff["kari"])
    assert looks == [("national number",)]
    everything = town.sql(
        "select n::text from national_number n union all select c::text from patient_change c "
        "union all select d::text from done_once d union all select a::text from access_log a"
    )
    for form in (SYNTHETIC, SYNTHETIC.encode().hex()):
        assert not any(form in row for (row,) in everything)


def test_a_number_finds_its_patient_and_a_second_patient_cannot_have_it(siv, anna, town):
    done(number(siv, anna, SYNTHETIC))
    assert done(siv.post("/api/v1/patients/find", json={"number": SYNTHETIC})) == {"patient": town.patients["anna"]}
    town.sql("update patient set born_on = %s, virtual = true where name = 'arne'", BORN)
    arne = f"/patients/{town.patients['arne']}"
    sentence = refused(number(siv, arne, SYNTHETIC), 422)
    assert "duplicate" in sentence
    done(number(siv, anna, None))
    done(number(siv, arne, SYNTHETIC))
    assert get(siv, f"{anna}/national-number") == {"number": None}


@pytest.mark.parametrize("text", ["10915596785", "1091559678", "50846202356", "not a number at all"])
def test_a_number_that_is_none_is_refused_without_saying_it(siv, anna, text, caplog):
    sentence = refused(number(siv, anna, text), 422)
    assert text not in sentence
    assert text not in caplog.text


def test_a_number_of_another_person_or_one_for_tests_is_refused(siv, anna, town):
    town.sql("update patient set born_on = '1955-11-11' where name = 'anna'")
    assert "do not belong together" in refused(number(siv, anna, SYNTHETIC), 422)
    town.sql("update patient set born_on = %s, virtual = false where name = 'anna'", BORN)
    assert "for tests" in refused(number(siv, anna, SYNTHETIC), 422)


def test_the_same_question_sent_again_sets_the_number_once_and_another_number_is_another_question(siv, anna, town):
    key, wish = uuid4().hex, {"reason": "r", "rev": rev(siv, f"{anna}/person")}
    for _ in range(2):
        done(send(siv, f"{anna}/national-number", key=key, number=SYNTHETIC, **wish))
    assert town.one("select count(*) from patient_change") == 1
    other = send(siv, f"{anna}/national-number", key=key, number="50846202355", **wish)
    assert "new one for every change" in refused(other, 422)


# ---- the home


def test_an_address_holds_from_when_it_was_said_to(kari, anna, town):
    moves = {"reason": "moves to her daughter", "rev": rev(kari, f"{anna}/address")}
    later = (NOW + timedelta(days=3)).isoformat()
    found = done(send(kari, f"{anna}/address", address="Lia 7", from_at=later, **moves))
    assert found["address"] == "Storgata 1"
    assert [(each["address"], each["to_at"]) for each in found["words"]] == [("Lia 7", None)]
    doubted = {"address": "Storgata 1", "doubt": "nobody answers the door", "reason": "the neighbour says so"}
    found = done(send(kari, f"{anna}/address", rev=found["rev"], **doubted))
    assert (found["address"], found["doubt"]) == ("Storgata 1", "nobody answers the door")
    assert found["words"][0]["said_by"]["name"] == "Kari"
    backwards = {"from_at": NOW.isoformat(), "to_at": (NOW - timedelta(days=1)).isoformat(), "reason": "r"}
    refused(send(kari, f"{anna}/address", address="x", rev=found["rev"], **backwards), 422)


def test_a_door_code_is_sealed_and_every_look_at_it_is_remembered(kari, anna, town):
    wish = {"key_box": "left of the door", "way_in": "second floor", "code": "4711", "reason": "new box"}
    found = done(send(kari, f"{anna}/access", rev=rev(kari, f"{anna}/access"), **wish))
    assert found["has_code"] and "4711" not in str(found)
    stored = town.sql("select a::text from home_access a union all select d::text from done_once d")
    assert not any("4711" in row or b"4711".hex() in row for (row,) in stored)
    before = town.one("select max(id) from access_log")
    assert get(kari, f"{anna}/access/code") == {"code": "4711"}
    assert town.sql("select what from access_log where id > %s", before) == [("access code",)]


# ---- whole lists


def test_next_of_kin_stand_in_calling_order_and_every_version_stays(kari, anna):
    path = f"{anna}/records/contacts"
    first = {"name": "Per", "relation": "son", "phone": "900 00 001", "has_key": True}
    second = {"name": "Eva", "relation": "neighbour", "phone": "+47 900 00 002"}
    done(
        send(
            kari,
            f"{anna}/records",
            record={"type": "contacts", "contacts": [first, second]},
            reason="r",
            rev=rev(kari, path),
        )
    )
    turned = {"type": "contacts", "contacts": [second, first]}
    found = done(send(kari, f"{anna}/records", record=turned, reason="Per works at night", rev=rev(kari, path)))
    versions = [[each["name"] for each in version["record"]["contacts"]] for version in found["versions"]]
    assert versions == [["Eva", "Per"], ["Per", "Eva"]]
    assert found["versions"][0]["record"]["contacts"][0]["phone"] == "+4790000002"
    assert found["versions"][0]["reason"] == "Per works at night"


def test_the_red_zone_begins_with_the_same_line_for_everybody(kari, anna):
    path = f"{anna}/records/self_treatment"
    plan = {"type": "self_treatment", "yellow": [{"when": "more short of breath", "then": "two puffs of the blue one"}]}
    found = done(send(kari, f"{anna}/records", record=plan, reason="agreed", rev=rev(kari, path)))
    assert found["red_zone_first"] == "Får ikke fram setninger, forvirret eller blå: ring 113"
    empty = {"type": "self_treatment"}
    refused(send(kari, f"{anna}/records", record=empty, reason="r", rev=found["rev"]), 422)


def test_a_plan_says_who_does_what_until_when(kari, anna):
    path = f"{anna}/records/individual_plan"
    measure = {"what": "training twice a week", "responsible": "physiotherapist", "due": "2026-12-31"}
    plan = {"type": "individual_plan", "goals": [{"goal": "walk to the shop", "measures": [measure]}]}
    found = done(send(kari, f"{anna}/records", record=plan, reason="first talk", rev=rev(kari, path)))
    assert found["versions"][0]["record"]["goals"][0]["measures"] == [{**measure, "done": False}]


# ---- whoever drives


def test_what_whoever_drives_must_know_is_frozen_when_the_alert_is_raised(api, kari, siv, anna, town):
    town.add_staff("dag", east="doctor")
    fact(api.signed_in("dag"), anna, type="treatment_limits", no_resuscitation=True)
    fact(kari, anna, type="cave", reactions=[{"to": "penicillin", "how": "rash"}])
    fact(kari, anna, type="oxygen", on=True, litres_per_min=2)
    wish = {"key_box": "left of the door", "code": "4711", "reason": "r"}
    done(send(kari, f"{anna}/access", rev=rev(kari, f"{anna}/access"), **wish))
    contacts = {"type": "contacts", "contacts": [{"name": "Per", "phone": "90000001", "has_key": True}]}
    done(send(kari, f"{anna}/records", record=contacts, reason="r", rev=rev(kari, f"{anna}/records/contacts")))

    alert = town.press("anna", EventType.FALL)
    before = get(kari, f"/alerts/{alert}/dispatch")
    frozen = before["frozen"]
    (resident,) = frozen["residents"]
    assert (frozen["address"], frozen["moved"], frozen["key_box"]) == ("Storgata 1", False, "left of the door")
    assert (resident["no_resuscitation"], resident["cave"]) == (True, ["penicillin: rash"])
    assert (resident["oxygen"], resident["litres_per_min"]) == (True, 2.0)
    assert [each["name"] for each in resident["contacts"]] == ["Per"]
    assert not before["changed"]
    assert "4711" not in str(town.one("select snapshot::text from alert"))

    new = {"address": "Lia 7", "reason": "moved today", "rev": rev(kari, f"{anna}/address")}
    done(send(kari, f"{anna}/address", **new))
    after = get(kari, f"/alerts/{alert}/dispatch")
    assert after["frozen"] == frozen
    assert after["changed"]
    assert (after["now"]["address"], after["now"]["moved"], after["now"]["before"]) == ("Lia 7", True, "Storgata 1")
    town.press("anna", EventType.FALL)
    assert get(kari, f"/alerts/{alert}/dispatch")["frozen"] == frozen


def test_a_look_at_where_to_drive_is_remembered(kari, town):
    alert = town.press("anna")
    get(kari, f"/alerts/{alert}/dispatch")
    assert town.sql("select patient_id, what from access_log") == [
        (town.patients["anna"], f"dispatch of alert {alert}")
    ]
