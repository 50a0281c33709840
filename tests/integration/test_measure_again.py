"""Who answers an alert asks for a new measurement: it comes, or whoever waits for it is told that it did not."""

import json
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from devices.vocabulary import Kind
from server.api import log
from server.store import measured, pool

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


def says(client, alert, deed, status=200, **wish):
    rev = client.get(f"/api/v1/alerts/{alert}").json()["alert"]["rev"]
    path, key = f"/api/v1/alerts/{alert}/{deed}", {"Idempotency-Key": token_hex(8)}
    answer = client.post(path, json={"rev": rev, **wish}, headers=key)
    assert answer.status_code == status, answer.text
    return answer.json()


def look(town, after_min):
    """Of a clock that knows nothing of the one before."""
    with pool.connect(town.owner, name="clock", autocommit=True) as conn:
        return measured.watch(conn, datetime.now(UTC) + timedelta(minutes=after_min))


def history(client, alert):
    lines = client.get(f"/api/v1/alerts/{alert}").json()["history"]
    return [(line["action"], line["kind"]) for line in lines]


def rings(town):
    with town.connection() as conn:
        events = log.read_events(conn, team=town.teams["east"], after=0, limit=100)
    said = [json.loads(event.text) for event in events]
    return [(each["alert"]["id"], each["ring"]) for each in said if each["type"] == "alert"]


@pytest.fixture
def alert(town):
    return town.desaturate("anna", NOW)


def test_what_comes_answers_the_question(town, kari, alert):
    says(kari, alert, "acknowledge")
    asked = says(kari, alert, "measure-again", note="Varm fingeren først.")["asked"]
    assert (asked["kind"], asked["measured_at"], asked["missed_at"]) == ("spo2", None, None)
    at, until = (datetime.fromisoformat(asked[name]) for name in ("at", "until"))
    assert until - at == timedelta(hours=1)
    town.measure("anna", Kind.SPO2, 84, at - timedelta(seconds=1))  # what made the alert is no answer
    assert look(town, 5) == 0
    town.measure("anna", Kind.PULSE_RATE, 88, at + timedelta(minutes=3))
    assert look(town, 5) == 0
    taken = at + timedelta(minutes=4)
    town.measure("anna", Kind.SPO2, 93, taken)
    assert [look(town, 5), look(town, 5), look(town, 500)] == [1, 0, 0]
    shown = kari.get(f"/api/v1/alerts/{alert}").json()["alert"]
    assert datetime.fromisoformat(shown["asked"]["measured_at"]) == taken
    assert (shown["state"], shown["owner"]["name"]) == ("acknowledged", "Kari")
    assert history(kari, alert)[-2:] == [("measurement_asked", "spo2"), ("measured", "spo2")]
    assert rings(town)[-1] == (alert, False)


def test_what_does_not_come_rings_for_who_has_the_alert(town, kari, alert):
    says(kari, alert, "acknowledge")
    says(kari, alert, "measure-again", within_min=30)
    assert look(town, 39) == 0, "what was measured in the last minute is on its way"
    assert [look(town, 41), look(town, 41)] == [1, 0]
    shown = kari.get(f"/api/v1/alerts/{alert}").json()["alert"]
    assert shown["asked"]["missed_at"] is not None
    assert (shown["state"], shown["owner"]["name"]) == ("acknowledged", "Kari")
    assert history(kari, alert)[-1] == ("not_measured", "spo2")
    assert rings(town)[-1] == (alert, True)
    says(kari, alert, "note", note="Ringer henne.")
    assert [ring for _, ring in rings(town)][-2:] == [False, False], "a screen that wakes up later"


def test_a_clock_that_dies_before_it_has_told_leaves_it_to_the_next(town, kari, alert):
    says(kari, alert, "measure-again", within_min=5)
    dying = pool.connect(town.owner, name="clock")
    assert measured.watch(dying, datetime.now(UTC) + timedelta(minutes=20)) == 1
    dying.close()  # without a commit
    assert history(kari, alert)[-1][0] == "measurement_asked"
    assert look(town, 20) == 1
    assert [action for action, _ in history(kari, alert)].count("not_measured") == 1


def test_another_kind_can_be_asked_for_and_the_newest_question_counts(town, kari, alert):
    says(kari, alert, "measure-again", within_min=5)
    asked = says(kari, alert, "measure-again", kind="pulse_rate", within_min=60)["asked"]
    assert asked["kind"] == "pulse_rate"
    assert look(town, 20) == 0
    town.measure("anna", Kind.PULSE_RATE, 88, datetime.now(UTC) + timedelta(minutes=1))
    assert look(town, 20) == 1
    assert history(kari, alert)[-1] == ("measured", "pulse_rate")


def test_of_an_alert_without_a_kind_it_is_a_line_and_nothing_is_awaited(town, kari):
    call = town.press("anna")
    assert says(kari, call, "measure-again")["asked"] is None
    assert town.one("select count(*) from measurement_ask") == 0
    assert says(kari, call, "measure-again", kind="pulse_rate")["asked"]["kind"] == "pulse_rate"


def test_what_is_missed_of_a_closed_alert_rings_nowhere(town, kari, alert):
    says(kari, alert, "acknowledge")
    says(kari, alert, "measure-again", within_min=5)
    says(kari, alert, "handle", outcome="real_acted")
    assert look(town, 20) == 1
    assert rings(town)[-1] == (alert, False)
    assert kari.get(f"/api/v1/alerts/{alert}").json()["alert"]["state"] == "handled"
