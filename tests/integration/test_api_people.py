"""People over the api: who a patient is, the home, whom to call, and how it ends."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from devices.vocabulary import EventType, Kind
from server.store import expiry, pool, rebinding
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
# Published by NAV for testing, synthetic: the month is 80 higher (navikt/fnrvalidator).
SYNTHETIC, BORN = "10915596784", "1955-11-10"


@pytest.fixture
def kari(api):
    return api.signed_in("kari")


@pytest.fixture
def siv(api):
    """Coordinator in the east, nurse in the west."""
    return api.signed_in("siv")


@pytest.fixture
def anna(town):
    town.sql("update patient set born_on = %s where name = 'anna'", BORN)
    return f"/patients/{town.patients['anna']}"


def rev(client, path):
    return get(client, path)["rev"]


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


def fact(client, path, **fact_):
    wish = {"fact": fact_, "reason": "decided with the family", "rev": rev(client, f"{path}/facts")}
    return done(send(client, f"{path}/facts", **wish))


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


# ---- how it ends


def end(client, path, why="dead", **more):
    return send(client, f"{path}/end", why=why, reason="told by the family", rev=rev(client, f"{path}/person"), **more)


def expect_something_of(town, name):
    """A missed measurement that stands, and one that is awaited."""
    subject = town.one(
        "insert into subject (type, reference) values ('patient', %s) on conflict (type, reference) "
        "do update set reference = excluded.reference returning id",
        str(town.patients[name]),
    )
    town.sql(
        "insert into deadline (type, subject_id, part, due_at, every_s) values ('measurement', %s, 'spo2', now(), 60)",
        subject,
    )
    return town.one(
        """insert into alert (team_id, subject_id, patient_id, rule, priority, state, began_at, raised_at, last_at,
                              late, evidence)
           values (%s, %s, %s, 'measurement:missed:spo2', 'yellow', 'raised', now(), now(), now(), false, '{}')
           returning id""",
        town.one("select team_id from patient where id = %s", town.patients[name]),
        subject,
        town.patients[name],
    )


def test_when_a_patient_has_died_nothing_is_expected_and_what_rings_still_rings(siv, api, anna, town):
    fell, missed = town.press("anna", EventType.FALL), expect_something_of(town, "anna")
    ended = done(end(siv, anna))
    assert ended["alerts"] == [fell]
    assert ended["equipment"] == 2  # the oximeter and the gateway
    assert town.sql("select state, outcome from alert where id = %s", missed) == [("handled", "real_no_action")]
    assert town.one("select state from alert where id = %s", fell) == "raised"
    assert town.sql("select * from deadline where type = 'measurement'") == []
    assert (
        town.one("select count(*) from binding where patient_id = %s and valid_to > now()", town.patients["anna"]) == 0
    )
    board = get(siv, "/board")
    assert town.patients["anna"] not in {each["id"] for each in board["patients"]}
    assert fell in {each["id"] for each in board["alerts"]}
    assert "before" in refused(end(siv, anna), 422)
    shown = get(siv, f"{anna}/person")
    assert (shown["ended_why"], shown["changes"][0]["what"]) == ("dead", "ended")

    tor = api.signed_in("tor")
    waiting = get(tor, "/recalls")["recalls"]
    assert {each["gateway"] or each["device"] for each in waiting} == {"gw-anna", "AA:BB:CC:DD:EE:01"}
    done(send(tor, f"/recalls/{waiting[0]['id']}/fetched"))
    assert len(get(tor, "/recalls")["recalls"]) == 1
    refused(send(tor, f"/recalls/{waiting[0]['id']}/fetched"), 404)


def test_a_gateway_that_is_fetched_is_missed_by_nobody(siv, anna, town):
    """It says a last word, and is unplugged; the one next door falls silent, too."""
    done(end(siv, anna))
    gateways = [town.one("select id from gateway where name = %s", name) for name in ("gw-anna", "gw-arne")]
    for gateway in gateways:
        town.sql(
            """insert into subject (type, reference) values ('gateway', %s) on conflict do nothing""", str(gateway)
        )
        town.sql(
            """insert into deadline (type, subject_id, due_at, every_s)
               select 'gateway_silent', id, now() - interval '1 s', 30 from subject
               where type = 'gateway' and reference = %s""",
            str(gateway),
        )
    conn = pool.connect(town.owner, name="test", autocommit=True)
    expiry.expire_due(conn, datetime.now(UTC), monitor_hears=True)
    conn.close()
    assert town.sql("select gateway_id from alert where rule = 'technical:gateway_silent'") == [(gateways[1],)]


def test_who_still_lives_there_keeps_the_homes_equipment(siv, anna, town):
    home = town.homes["anna"]
    town.sql("update patient set home_id = %s where name = 'arne'", home)
    town.sql("insert into device (address, profile) values ('AA:00:00:00:00:09', 'bthome_door')")
    town.sql(
        """insert into binding (device_id, home_id, place, valid_from)
           select id, %s, 'front door', '2020-01-01Z' from device where address = 'AA:00:00:00:00:09'""",
        home,
    )
    ended = done(end(siv, anna, why="moved"))
    assert ended["equipment"] == 1
    assert town.one("select count(*) from binding where home_id = %s and valid_to > now()", home) == 1
    assert town.one("select enrolled from gateway where name = 'gw-anna'") is True


def test_an_end_ahead_of_its_time_is_refused(siv, anna):
    refused(end(siv, anna, at=(NOW + timedelta(days=2)).isoformat()), 422)


def test_a_patient_who_is_handed_over_is_the_new_teams_with_all_that_is_known(api, siv, kari, anna, town):
    alert = town.press("anna")
    done(send(kari, f"/alerts/{alert}/acknowledge", rev=1))
    old = town.press("anna", EventType.FALL)
    shown = get(kari, f"/alerts/{old}")["alert"]
    done(send(kari, f"/alerts/{old}/handle", rev=shown["rev"], outcome="real_acted"))
    wish = {"team": town.teams["west"], "reason": "moves across the river", "rev": rev(siv, f"{anna}/person")}
    done(send(siv, f"{anna}/hand-over", **wish))

    assert refused(kari.get(f"/api/v1{anna}/person"), 404)
    assert refused(kari.get(f"/api/v1/alerts/{alert}"), 404)
    berit = api.signed_in("berit")
    board = get(berit, "/board")
    assert town.patients["anna"] in {each["id"] for each in board["patients"]}
    assert town.homes["anna"] in {each["id"] for each in board["homes"]}
    stands = next(each for each in board["alerts"] if each["id"] == alert)
    assert (stands["state"], stands["owner"]) == ("raised", None)
    assert get(berit, f"/alerts/{old}")["alert"]["state"] == "handled"
    assert get(berit, f"{anna}/person")["changes"][0]["what"] == "handed_over"
    assert town.sql(
        "select team_id, type, body->'patient' from team_log where type in ('left', 'joined') order by 2"
    ) == [
        (town.teams["west"], "joined", town.patients["anna"]),
        (town.teams["east"], "left", town.patients["anna"]),
    ]
    again = send(siv, f"{anna}/hand-over", **{**wish, "team": town.teams["east"], "rev": rev(siv, f"{anna}/person")})
    assert "coordinator" in refused(again, 403)  # a nurse in the west


def test_two_who_were_one_are_one_and_the_old_reference_finds_them(siv, anna, town):
    town.measure("arne", Kind.SPO2, 91, NOW - timedelta(hours=2))
    arne = f"/patients/{town.patients['arne']}"
    fact(siv, arne, type="critical", lines=["deaf"])
    fell = town.press("arne", EventType.FALL)
    both = [town.press("anna"), town.press("arne")]
    wish = {"duplicate": town.patients["arne"], "reason": "same person", "rev": rev(siv, f"{anna}/person")}
    found = done(send(siv, f"{anna}/merge", **wish))
    assert found["references"] == ["P-2"]

    conn = pool.connect(town.owner, name="test", autocommit=True)
    rebinding.finish_all(conn)  # as the clock does it
    conn.close()
    assert town.sql("select patient_id, value from observation") == [(town.patients["anna"], 91.0)]
    assert town.sql("select patient_id, value from latest") == [(town.patients["anna"], 91.0)]
    assert [each["type"] for each in get(siv, f"{anna}/facts")["facts"]] == ["critical"]
    open_ = {each["id"]: each["patient"] for each in get(siv, "/board")["alerts"]}
    assert open_ == {fell: town.patients["anna"], **dict.fromkeys(both, town.patients["anna"])}
    assert done(siv.post("/api/v1/patients/find", json={"reference": "P-2"})) == {"patient": town.patients["anna"]}
    gone = get(siv, f"{arne}/person")
    assert (gone["ended_why"], gone["merged_into"]) == ("merged", town.patients["anna"])
    assert town.patients["arne"] not in {each["id"] for each in get(siv, "/board")["patients"]}
    again = {**wish, "rev": rev(siv, f"{anna}/person")}
    assert "merged before" in refused(send(siv, f"{anna}/merge", **again), 422)


def test_nobody_of_another_team_is_merged(siv, anna, town):
    wish = {"duplicate": town.patients["berta"], "reason": "r", "rev": rev(siv, f"{anna}/person")}
    refused(send(siv, f"{anna}/merge", **wish), 404)


async def test_screens_of_both_teams_hear_of_a_hand_over(api, siv, screen_of, anna, town):
    kari, berit = api.signed_in("kari"), api.signed_in("berit")
    wish = {"team": town.teams["west"], "reason": "moves", "rev": rev(siv, f"{anna}/person")}
    async with api.live(kari) as east, api.live(berit) as west:
        old, new = screen_of(east), screen_of(west)
        await old.hello(get(kari, "/board"))
        await new.hello(get(berit, "/board"))
        done(send(siv, f"{anna}/hand-over", **wish))
        assert (await old.next("left", "passed"))["patient"] == town.patients["anna"]
        assert (await new.next("joined", "passed"))["patient"] == town.patients["anna"]
        board = get(berit, "/board")
        await new.hello(board, name=None)
        assert town.patients["anna"] in {each["id"] for each in board["patients"]}
        alert = town.press("anna")
        assert (await new.next("alert"))["alert"]["id"] == alert
