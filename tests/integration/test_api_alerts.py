"""Acknowledge and handle: the first nurse has it, the second sees who."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from devices.vocabulary import EventType, Kind
from devices.wire.codec import decode_command

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


def told(town):
    """What gateways will be told: gateway, and the command without its random id."""
    question = """select g.name, c.content from gateway_command c join gateway g on g.id = c.gateway_id
                  order by g.name, c.made_at"""
    rows = town.sql(question)
    return [(gateway, decode_command(content.encode())) for gateway, content in rows]


def test_the_home_of_the_patient_is_told_that_a_person_has_the_alert(api, town):
    kari, at = api.signed_in("kari"), datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    happened = """insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, gateway_id)
                  values (%s, 3, 'sos', %s, now(), 2, %s, (select id from gateway where name = 'gw-anna'))"""
    town.sql(happened, town.devices["anna"], at, town.patients["anna"])
    alert = town.press("anna", at=at)
    town.sql("update alert set device_id = %s", town.devices["anna"])
    acknowledge(kari, alert).raise_for_status()
    ((gateway, command),) = told(town)
    assert (gateway, command.command, command.gateway) == ("gw-anna", "acknowledged", "gw-anna")
    assert (command.device, command.slot) == ("AA:BB:CC:DD:EE:01", 3)
    assert (command.type, command.kind) == (EventType.SOS, None)
    assert command.occurred_at == 1772366400000  # date -u -d 2026-03-01T12:00:00Z +%s000
    handle(kari, alert, 2).raise_for_status()
    assert len(told(town)) == 1


def test_of_a_limit_the_home_is_told_the_kind_and_the_device_that_measured(api, town):
    kari, at = api.signed_in("kari"), datetime.now(UTC)
    town.measure("anna", Kind.SPO2, 82, at, mode=1)
    alert = town.desaturate("anna", at)
    acknowledge(kari, alert).raise_for_status()
    ((gateway, command),) = told(town)
    assert (gateway, command.kind, command.type) == ("gw-anna", Kind.SPO2, None)
    assert (command.device, command.slot) == ("AA:BB:CC:DD:EE:01", 0)


def test_who_handles_an_alert_at_once_has_it_too_and_the_home_is_told(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    handle(kari, alert, 1).raise_for_status()
    assert [gateway for gateway, _ in told(town)] == ["gw-anna"]


def test_a_refused_acknowledgement_tells_nobody(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    assert acknowledge(kari, alert, rev=7).status_code == 409
    assert told(town) == []


def test_every_gateway_of_the_home_is_told_and_no_other(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    more = """insert into gateway (name, home_id, bucket, enrolled)
              values ('gw-attic', %s, 0, true), ('gw-depot', null, 0, true)"""
    town.sql(more, town.homes["anna"])
    acknowledge(kari, alert).raise_for_status()
    assert [gateway for gateway, _ in told(town)] == ["gw-anna", "gw-attic"]
    assert len({command.id for _, command in told(town)}) == 2
