"""People over the api: how it ends, who is handed over to whom, and two who were one."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import EventType, Kind
from server.store import expiry, pool, rebinding
from tests.integration.care_rig import done, get, refused, send
from tests.integration.people_rig import anna, fact, rev

__all__ = ["anna"]

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


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


def test_what_must_be_fetched_is_counted_however_much_waits_already(siv, anna, town):
    town.sql(
        """with more as (insert into device (address)
                         select 'F0:00:00:00:' || substr(to_hex(n + 65536), 2, 2) || ':' || substr(to_hex(n + 65536), 4)
                         from generate_series(1, 501) n returning id)
           insert into recall (team_id, device_id, why, since)
           select %s, id, 'moved', now() - interval '1 day' from more""",
        town.teams["east"],
    )
    assert done(end(siv, anna))["equipment"] == 2


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


@pytest.mark.parametrize("afterwards", ["none of that team", "a nurse there"])
def test_a_hand_over_sent_again_is_answered_as_the_first_time_and_done_once(siv, kari, anna, town, afterwards):
    """The answer was lost, and the patient is not the caller's any more."""
    if afterwards == "none of that team":
        town.sql("delete from staff_team where staff_id = %s and team_id = %s", town.staff["siv"], town.teams["west"])
    wish = {"team": town.teams["west"], "reason": "moves", "rev": rev(siv, f"{anna}/person")}
    first = done(send(siv, f"{anna}/hand-over", key="the-same-key", **wish))
    logged = town.one("select count(*) from access_log")
    assert done(send(siv, f"{anna}/hand-over", key="the-same-key", **wish)) == first
    assert first == {"patient": town.patients["anna"], "team": town.teams["west"]}
    assert town.one("select count(*) from patient_change where what = 'handed_over'") == 1
    assert town.one("select count(*) from access_log") == logged, "nobody was looked at"

    status = 404 if afterwards == "none of that team" else 403
    refused(send(siv, f"{anna}/hand-over", **wish), status)
    refused(send(siv, f"{anna}/hand-over", key="the-same-key", **wish | {"reason": "another"}), status)
    arne = town.patients["arne"]
    assert "came with another change" in refused(
        send(siv, f"/patients/{arne}/hand-over", key="the-same-key", **wish), 422
    )
    refused(send(kari, f"{anna}/hand-over", key="the-same-key", **wish), 404)  # somebody else
    town.sql("update done_once set at = at - interval '25 h'")
    refused(send(siv, f"{anna}/hand-over", key="the-same-key", **wish), status)


def test_an_end_sent_again_is_answered_as_the_first_time(siv, anna, town):
    shown = {"rev": rev(siv, f"{anna}/person"), "why": "dead", "reason": "told by the family"}
    first = done(send(siv, f"{anna}/end", key="the-same-key", **shown))
    assert done(send(siv, f"{anna}/end", key="the-same-key", **shown)) == first
    assert town.one("select count(*) from patient_change where what = 'ended'") == 1


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
