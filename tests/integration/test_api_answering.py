"""An alert is answered by people: given away, assigned, said what is done about it, closed and opened again."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import EventType, Kind
from tests.integration.care_rig import done, refused, send

pytestmark = pytest.mark.integration


def act(client, alert, deed, rev, *, key=None, **wish):
    return send(client, f"/alerts/{alert}/{deed}", key=key, rev=rev, **wish)


def history(client, alert):
    """(what, who)."""
    found = client.get(f"/api/v1/alerts/{alert}").raise_for_status().json()["history"]
    return [(entry["action"], entry["staff"] and entry["staff"]["name"]) for entry in found]


def entries(town, alert):
    """What the team's screens were told of this alert: action and whether it rang."""
    rows = town.sql("select body ->> 'action', body -> 'ring' from team_log where alert_id = %s order by seq", alert)
    return [(action, ring) for action, ring in rows]


@pytest.fixture
def ola(api):
    return api.signed_in("ola")


def test_a_nurse_gives_away_what_she_has_and_it_rings_for_the_others(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    given = done(act(kari, alert, "release", 2, note="punktert dekk"))
    assert (given["state"], given["owner"], given["rev"]) == ("raised", None, 3)
    assert entries(town, alert)[-1] == ("released", True)
    assert history(kari, alert) == [("raised", None), ("acknowledged", "Kari"), ("released", "Kari")]
    assert done(act(ola, alert, "acknowledge", 3))["owner"]["name"] == "Ola"


def test_nobody_gives_away_what_a_colleague_has(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    assert refused(act(ola, alert, "release", 2), 409) == "You do not have it, so you cannot give it away. Kari has it."


def test_a_slipped_finger_is_taken_back_and_history_shows_it(kari, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    back = done(act(kari, alert, "take-back", 2))
    assert (back["state"], back["owner"], back["acknowledged_at"], back["rev"]) == ("raised", None, None, 3)
    assert history(kari, alert) == [("raised", None), ("acknowledged", "Kari"), ("taken_back", "Kari")]


def test_after_the_ten_seconds_it_is_given_away_and_not_taken_back(kari, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    town.sql("update alert set acknowledged_at = acknowledged_at - interval '20 s'")
    assert "too late" in refused(act(kari, alert, "take-back", 2), 409)


def test_an_assigned_alert_rings_until_the_colleague_takes_it(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    given = done(act(kari, alert, "assign", 2, to=town.staff["ola"]))
    assert (given["state"], given["owner"]["name"], given["acknowledged_at"]) == ("raised", "Ola", None)
    assert entries(town, alert)[-1] == ("assigned", True)
    taken = done(act(ola, alert, "acknowledge", 3))
    assert (taken["state"], taken["owner"]["name"]) == ("acknowledged", "Ola")
    detail = kari.get(f"/api/v1/alerts/{alert}").json()
    assert [entry["to"] and entry["to"]["name"] for entry in detail["history"]] == [None, None, "Ola", None]


def test_whoever_must_takes_it_over_from_who_has_it(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "acknowledge", 1))
    done(act(kari, alert, "on-my-way", 2))
    mine = done(act(ola, alert, "assign", 3, to=town.staff["ola"], note="Kari svarer ikke"))
    assert (mine["state"], mine["owner"]["name"], mine["on_way_at"]) == ("acknowledged", "Ola", None)


@pytest.mark.parametrize("who", ["berit", "tor", "rune", "nobody"])
def test_only_those_of_the_team_who_handle_alerts_can_be_given_one(kari, town, who):
    alert = town.press("anna")
    sentence = refused(act(kari, alert, "assign", 1, to=town.staff.get(who, 9999)), 422)
    assert sentence == "This colleague is not one of the team who may handle its alerts."
    assert town.sql("select state, owner_id from alert") == [("raised", None)]


def test_the_list_of_colleagues_is_of_those_who_can_be_given_the_alert(kari, town):
    alert = town.press("anna")
    town.sql("update staff set active = false where login = 'ola'")
    found = kari.get(f"/api/v1/alerts/{alert}/colleagues").raise_for_status().json()
    assert [each["name"] for each in found["staff"]] == ["Kari", "Siv"]


def test_on_the_way_and_there_are_seen_by_all_with_their_times(kari, ola, town):
    alert = town.press("anna", EventType.FALL)
    assert "Acknowledge it first" in refused(act(kari, alert, "on-my-way", 1), 409)
    done(act(kari, alert, "acknowledge", 1))
    assert "Kari has it" in refused(act(ola, alert, "on-my-way", 2), 409)
    done(act(kari, alert, "on-my-way", 2))
    assert refused(act(kari, alert, "on-my-way", 3), 409).startswith("You have said so already.")
    there = done(act(kari, alert, "there", 3))
    assert there["on_way_at"] < there["there_at"]
    (shown,) = ola.get("/api/v1/board").json()["alerts"]
    assert (shown["on_way_at"], shown["there_at"]) == (there["on_way_at"], there["there_at"])
    assert [action for action, _ in entries(town, alert)] == ["raised", "acknowledged", "on_way", "there"]


def test_a_note_stands_in_the_history_also_of_a_closed_alert(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "handle", 1, outcome="real_no_action"))
    done(act(ola, alert, "note", 2, note="Datteren ringte"))
    detail = kari.get(f"/api/v1/alerts/{alert}").json()
    assert detail["alert"]["state"] == "handled"
    assert detail["alert"]["handled_by"]["name"] == "Kari"
    assert [(entry["action"], entry["note"], entry["outcome"]) for entry in detail["history"]] == [
        ("raised", None, None),
        ("handled", None, "real_no_action"),
        ("note", "Datteren ringte", None),
    ]


def test_asking_for_a_new_measurement_says_that_no_sensor_was_told(kari, town):
    alert = town.desaturate("anna", datetime.now(UTC))
    asked = done(act(kari, alert, "measure-again", 1, note="ringte, måler på nytt kl. 10"))
    assert (asked["state"], asked["at_home"]) == ("raised", "not_told")
    assert history(kari, alert)[-1] == ("measurement_asked", "Kari")
    assert town.sql("select count(*) from gateway_command") == [(0,)]


def test_a_second_call_for_help_is_not_closed_before_somebody_has_spoken_with_her(kari, town, minutes_ago):
    alert = town.press("anna", at=minutes_ago(20))
    town.press("anna", at=minutes_ago(5))
    assert kari.get(f"/api/v1/alerts/{alert}").json()["alert"]["contact_needed"] is True
    assert "note contact" in refused(act(kari, alert, "handle", 2, outcome="real_acted"), 409)
    spoken = done(act(kari, alert, "contact", 2, note="Hun sitter i stolen"))
    assert spoken["contact_at"] is not None
    assert done(act(kari, alert, "handle", 3, outcome="real_acted"))["state"] == "handled"


def test_contact_before_the_newest_call_is_not_contact_about_it(kari, town, minutes_ago):
    alert = town.press("anna", at=minutes_ago(20))
    done(act(kari, alert, "contact", 1))
    town.sql("update alert set contact_at = %s", minutes_ago(15))
    town.press("anna", at=minutes_ago(5))
    assert "note contact" in refused(act(kari, alert, "handle", 3, outcome="real_acted"), 409)


def test_one_that_was_closed_by_mistake_is_opened_by_a_colleague_and_rings(kari, ola, town):
    alert = town.press("anna")
    done(act(kari, alert, "handle", 1, outcome="technical"))
    opened = done(act(ola, alert, "reopen", 2, note="Feil pasient i telefonen"))
    assert (opened["state"], opened["outcome"], opened["handled_at"], opened["owner"]) == ("raised", None, None, None)
    assert entries(town, alert)[-1] == ("reopened", True)
    assert history(ola, alert)[-2:] == [("handled", "Kari"), ("reopened", "Ola")]


def test_one_that_was_closed_long_ago_stays_closed(kari, town):
    alert = town.press("anna")
    done(act(kari, alert, "handle", 1, outcome="technical"))
    town.sql("update alert set handled_at = handled_at - interval '13 hours'")
    assert "12 hours ago" in refused(act(kari, alert, "reopen", 2, note="x"), 409)


def test_two_alerts_about_the_same_are_never_open_at_once(kari, town):
    first = town.press("anna")
    done(act(kari, first, "handle", 1, outcome="technical"))
    second = town.press("anna")
    assert second != first
    assert (
        refused(act(kari, first, "reopen", 2, note="x"), 409) == "A newer alert about the same is open: use that one."
    )


def test_the_answer_to_a_wrong_limit_says_where_another_one_is_tried(kari, town):
    at = datetime.now(UTC)
    town.measure("anna", Kind.SPO2, 82, at)
    alert = town.desaturate("anna", at)
    handled = done(act(kari, alert, "handle", 1, outcome="wrong_limit"))
    assert handled["suggests"]["kind"] == "spo2"
    tried = kari.post(handled["suggests"]["try_out"], json={"limits": [{"kind": "spo2"}]})
    assert tried.status_code == 200, tried.text


def test_what_is_sent_twice_is_done_once(kari, town):
    alert = town.press("anna")
    for key, deed, rev, more in (
        ("acknowledge-1", "acknowledge", 1, {}),
        ("a-note-by-kari", "note", 2, {"note": "en gang"}),
        ("giving-away", "release", 3, {}),
    ):
        first = done(act(kari, alert, deed, rev, key=key, **more))
        assert done(act(kari, alert, deed, rev, key=key, **more)) == first
    assert len(history(kari, alert)) == 4
    assert "new one" in refused(act(kari, alert, "note", 4, key="giving-away", note="noe annet"), 422)


DEEDS = {
    "take-back": {},
    "release": {},
    "assign": {"to": 1},
    "on-my-way": {},
    "there": {},
    "contact": {},
    "measure-again": {},
    "note": {"note": "x"},
    "reopen": {"note": "x"},
    "snooze": {"until": (datetime.now(UTC) + timedelta(hours=1)).isoformat(), "reason": "x"},
    "snooze/end": {},
}


@pytest.mark.parametrize("deed", DEEDS)
def test_who_does_not_handle_the_teams_alerts_does_nothing_with_them(api, town, deed):
    alert = town.desaturate("anna", datetime.now(UTC))
    for login in ("tor", "rune"):
        assert "Your role" in refused(act(api.signed_in(login), alert, deed, 1, **DEEDS[deed]), 403)
    assert "None of your teams" in refused(act(api.signed_in("berit"), alert, deed, 1, **DEEDS[deed]), 404)
    refused(act(api.client(), alert, deed, 1, **DEEDS[deed]), 401)
    assert town.sql("select state, rev from alert") == [("raised", 1)]
    assert town.head("east") == 1


@pytest.mark.parametrize("deed", DEEDS)
def test_who_looked_at_an_older_one_is_told_who_has_it_now(kari, ola, town, deed):
    alert = town.desaturate("anna", datetime.now(UTC))
    if deed == "reopen":
        done(act(kari, alert, "handle", 1, outcome="technical"))
    elif deed == "snooze/end":
        town.sql("update alert set priority = 'yellow'")
        done(act(kari, alert, "snooze", 1, **DEEDS["snooze"]))
        done(act(kari, alert, "note", 2, note="x"))
    else:
        done(act(kari, alert, "acknowledge", 1))
        done(act(kari, alert, "note", 2, note="x"))
    if deed == "snooze":
        town.sql("update alert set priority = 'yellow'")
    answer = act(ola, alert, deed, 1, **DEEDS[deed])
    assert "changed since you looked" in refused(answer, 409)
    assert answer.json()["alert"]["rev"] > 1
