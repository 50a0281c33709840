"""Acknowledge and handle: the first nurse has it, the second sees who."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from devices.vocabulary import EventType

pytestmark = pytest.mark.integration


def acknowledge(client, alert, rev=1):
    return client.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": rev})


def handle(client, alert, rev, outcome="real_acted", **more):
    return client.post(f"/api/v1/alerts/{alert}/handle", json={"rev": rev, "outcome": outcome, **more})


def test_who_acknowledges_has_it(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    answer = acknowledge(kari, alert).raise_for_status().json()
    assert (answer["state"], answer["rev"]) == ("acknowledged", 2)
    assert answer["owner"] == {"id": town.staff["kari"], "name": "Kari", "initials": "KA"}
    assert answer["acknowledged_at"] is not None


def test_the_second_nurse_is_told_who_has_it(api, town):
    kari, ola, alert = api.signed_in("kari"), api.signed_in("ola"), town.press("anna")
    acknowledge(kari, alert).raise_for_status()
    answer = acknowledge(ola, alert)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    conflict = answer.json()
    assert conflict["alert"]["owner"]["name"] == "Kari"
    assert conflict["alert"]["rev"] == 2
    assert conflict["detail"] == "Somebody has it already. Kari has it."


def test_of_many_at_once_exactly_one_gets_it(api, town):
    nurses = [api.signed_in(login) for login in ("kari", "ola", "kari", "ola", "siv", "siv")]
    alert = town.press("anna")
    with ThreadPoolExecutor(len(nurses)) as threads:
        answers = list(threads.map(lambda nurse: acknowledge(nurse, alert), nurses))
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    (winner,) = [answer.json()["owner"] for answer in answers if answer.status_code == 200]
    assert all(answer.json()["alert"]["owner"] == winner for answer in answers if answer.status_code == 409)
    assert town.head("east") == 2


def test_an_alert_that_rang_again_since_one_looked_is_looked_at_again_first(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    town.press("anna")
    answer = acknowledge(kari, alert, rev=1)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "It has changed since you looked."
    assert answer.json()["alert"]["count"] == 2
    acknowledge(kari, alert, rev=answer.json()["alert"]["rev"]).raise_for_status()


def test_a_handled_alert_says_what_it_was_and_leaves_the_board(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna", EventType.FALL)
    acknowledge(kari, alert).raise_for_status()
    answer = handle(kari, alert, 2, "real_acted", note="Helped up, no injury").raise_for_status().json()
    assert (answer["state"], answer["outcome"]) == ("handled", "real_acted")
    detail = kari.get(f"/api/v1/alerts/{alert}").raise_for_status().json()
    assert [(entry["action"], entry["note"]) for entry in detail["history"]] == [
        ("raised", None),
        ("acknowledged", None),
        ("handled", "Helped up, no injury"),
    ]
    assert [entry["staff"] and entry["staff"]["name"] for entry in detail["history"]] == [None, "Kari", "Kari"]
    assert handle(kari, alert, 3).status_code == 409


@pytest.mark.parametrize("body", [{}, {"rev": 1}, {"rev": 1, "outcome": "bored"}, {"rev": "x", "outcome": "technical"}])
def test_what_is_not_a_decision_changes_nothing(api, town, body):
    alert = town.press("anna")
    assert api.signed_in("kari").post(f"/api/v1/alerts/{alert}/handle", json=body).status_code == 422
    assert town.sql("select state, rev from alert") == [("raised", 1)]


def test_who_mends_equipment_does_not_handle_alerts(api, town):
    alert = town.press("anna")
    for login in ("tor", "rune"):
        assert acknowledge(api.signed_in(login), alert).status_code == 403
    assert town.sql("select state from alert") == [("raised",)]
