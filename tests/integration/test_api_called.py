"""What a screen is told of calls: who was called at which step, what rings for whom, and who can be reached at all."""

import json
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from server.api import log
from server.store import escalations

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def on_duty(town):
    insert = "insert into duty (team_id, staff_id, part, from_at) values (%s, %s, %s, now() - interval '1 h')"
    for login, part in (("kari", "duty"), ("ola", "backup")):
        town.sql(insert, town.teams["east"], town.staff[login], part)


def goes_on(town, now):
    with town.connection() as conn:
        conn.autocommit = True
        while escalations.go_on(conn, now):
            pass


def messages(town, after=0):
    with town.connection() as conn:
        events = log.read_events(conn, team=town.teams["east"], after=after, limit=100)
    return [json.loads(event.text) for event in events]


def test_an_alert_says_who_was_called_last_and_its_detail_who_ever_was(api, town, on_duty):
    alert = town.press("anna", at=NOW)
    goes_on(town, NOW + timedelta(minutes=3))
    kari = api.signed_in("kari")
    shown = kari.get(f"/api/v1/alerts/{alert}").json()
    said = {"step": 2, "name": "Ola", "staff": town.staff["ola"]}
    (last,) = shown["alert"]["called"]
    assert last.items() >= said.items()
    assert datetime.fromisoformat(last["at"]) == NOW + timedelta(minutes=3)
    assert [(each["step"], each["name"]) for each in shown["calls"]] == [(1, "Kari"), (2, "Ola")]
    assert datetime.fromisoformat(shown["alert"]["next_at"]) == NOW + timedelta(minutes=8)
    assert messages(town)[-1]["alert"]["called"] == shown["alert"]["called"]
    assert kari.get("/api/v1/board").json()["alerts"][0]["called"] == shown["alert"]["called"]


def test_who_has_it_and_logs_nothing_is_rung_for_on_the_screens_until_something_is_logged(api, town, on_duty):
    alert, kari = town.press("anna"), api.signed_in("kari")

    def says(deed, **wish):
        rev = kari.get(f"/api/v1/alerts/{alert}").json()["alert"]["rev"]
        path = f"/api/v1/alerts/{alert}/{deed}"
        answer = kari.post(path, json={"rev": rev, **wish}, headers={"Idempotency-Key": token_hex(8)})
        assert answer.status_code == 200, answer.text

    says("acknowledge")
    head = town.head("east")
    goes_on(town, datetime.now(UTC) + timedelta(minutes=16))
    (reminded,) = messages(town, head)
    assert (reminded["ring"], reminded["alert"]["state"]) == (True, "acknowledged")
    assert reminded["alert"]["owner"]["name"] == "Kari"
    assert [each["name"] for each in reminded["alert"]["called"]] == ["Kari"]
    says("note", note="Er underveis.")
    assert [each["ring"] for each in messages(town, head)] == [False, False], "a screen that wakes up later"


def test_the_screens_hear_at_once_who_is_on_duty_now(api, town):
    kari = api.signed_in("kari")
    way = """insert into staff_way (staff_id, way, address, lane, added_at, confirmed_at)
             values (%s, %s, %s, %s, now(), now())"""
    for kind, address in (("email", "kari@example.org"), ("sms", "+4790000001")):
        town.sql(way, town.staff["kari"], kind, address, kind)
    path = f"/api/v1/teams/{town.teams['east']}/duty"
    for login, part in (("kari", "duty"), ("ola", "backup")):
        wish = {"part": part}
        api.signed_in(login).post(path, json=wish, headers={"Idempotency-Key": token_hex(8)})
    told = messages(town)
    assert [each["type"] for each in told] == ["duty", "duty"]
    assert told[-1]["on_duty"] == kari.get(path).json()["on_duty"]
    assert [(each["staff"]["name"], each["ways"]) for each in told[-1]["on_duty"]] == [
        ("Kari", ["sms", "email"]),
        ("Ola", []),  # nobody reaches him but the screens: the team sees it
    ]
    town.sql("update staff_way set broken_since = now() where way = 'sms'")
    assert kari.get(path).json()["on_duty"][0]["ways"] == ["email"]


def test_the_list_of_a_silent_gateway_is_of_who_lives_there_and_looking_at_it_is_remembered(api, town):
    alert = town.one(
        """with meant as (insert into subject (type, reference) select 'gateway', id::text from gateway
                          where name = 'gw-anna' returning id, reference)
           insert into alert (team_id, subject_id, gateway_id, rule, priority, state, began_at, raised_at, last_at,
                              late, evidence)
           select %s, id, reference::int, 'technical:gateway_silent', 'grey', 'raised', %s, %s, %s, false, '{}'
           from meant returning id""",
        town.teams["east"],
        *[NOW] * 3,
    )
    kari = api.signed_in("kari")
    shown = kari.get(f"/api/v1/alerts/{alert}/silence").json()
    assert [(each["gateway"], each["operator"], each["back_at"]) for each in shown["gateways"]] == [
        ("gw-anna", None, None)
    ]
    (anna,) = shown["patients"]
    assert (anna["name"], anna["has_alarm"], anna["lives_alone"], anna["alone_is_said"]) == ("anna", False, True, False)
    looks = town.sql("select patient_id from access_log where what = %s", f"silence {alert}")
    assert looks == [(town.patients["anna"],)]
    assert api.signed_in("berit").get(f"/api/v1/alerts/{alert}/silence").status_code == 404
    call = town.press("anna")
    assert kari.get(f"/api/v1/alerts/{call}/silence").json()["patients"] == []


def test_what_was_agreed_for_the_night_stands_on_the_patients_row(api, town):
    kari, east = api.signed_in("kari"), town.teams["east"]
    insert = """insert into service_hours (team_id, pathway, priority, response, removed, set_by, set_at, reason)
                values (%s, %s, 'yellow', %s, %s, %s, now(), 'Avtale')"""

    def agree(pathway, response, removed=False):
        town.sql(insert, east, pathway, response, removed, town.staff["siv"])

    def responses():
        rows = kari.get("/api/v1/board").json()["patients"]
        return {row["name"]: row["response"] for row in rows}

    assert responses() == {"anna": None, "arne": None}
    agree(None, "Ring legevakten.")
    agree("diabetes", "Vent til morgenen.")
    assert responses() == {"anna": "Ring legevakten.", "arne": "Vent til morgenen."}
    agree("diabetes", None, removed=True)
    assert responses() == {"anna": "Ring legevakten.", "arne": "Ring legevakten."}
