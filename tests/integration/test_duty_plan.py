"""Duty that is planned ahead: who is to go on goes on, and who is to go off goes off when somebody else is there."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import EventType
from server.store import duty, duty_plans
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def east(town):
    return f"/teams/{town.teams['east']}"


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def plan(client, east, staff, from_h, to_h, part="duty", rev=None):
    rev = rev or get(client, f"{east}/duty/plan")["rev"]
    times = {"from_at": at(from_h).isoformat(), "to_at": at(to_h).isoformat()}
    return send(client, f"{east}/duty/plan", staff=staff, part=part, rev=rev, **times)


def clock_looks(town, hours: float) -> int:
    with town.connection() as conn:
        conn.autocommit = True
        changed = duty_plans.carry_out(conn, at(hours))
        duty.watch(conn, at(hours))
        return changed


def on_duty(town) -> list[tuple[str, str]]:
    return town.sql(
        "select s.name, d.part from duty d join staff s on s.id = d.staff_id where to_at is null order by from_at, d.id"
    )


def planned(shown) -> list[tuple[str, str]]:
    return [(each["staff"]["name"], each["part"]) for each in shown["planned"]]


def test_a_coordinator_plans_and_everybody_of_the_team_sees_it(api, town, east):
    siv, kari = api.signed_in("siv"), api.signed_in("kari")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    shown = done(plan(siv, east, town.staff["ola"], 9, 17))
    assert planned(shown) == [("Kari", "duty"), ("Ola", "duty")]
    assert get(kari, f"{east}/duty/plan")["planned"] == shown["planned"]
    first, last = shown["unplanned"][0], shown["unplanned"][-1]
    assert datetime.fromisoformat(first["to_at"]) == at(1)
    assert datetime.fromisoformat(last["from_at"]) == at(17)
    assert "Your role" in refused(plan(kari, east, town.staff["kari"], 20, 21), 403)
    refused(api.signed_in("berit").get(f"/api/v1{east}/duty/plan"), 404)


def test_who_is_planned_goes_on_and_off_by_themselves_and_hands_over(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    done(plan(siv, east, town.staff["ola"], 9, 17))
    assert clock_looks(town, 0.9) == 0
    clock_looks(town, 1)
    assert on_duty(town) == [("Kari", "duty")]
    alert = town.press("anna", EventType.FALL)
    done(api.signed_in("kari").post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}))
    clock_looks(town, 9)
    assert on_duty(town) == [("Ola", "duty")]
    shown = get(siv, f"/alerts/{alert}")
    assert (shown["alert"]["state"], shown["alert"]["owner"]["name"]) == ("raised", "Ola")
    assert [(each["started_by"]["name"], each["note"]) for each in get(siv, f"{east}/duty/history")["periods"]] == [
        ("Siv", ""),
        ("Siv", ""),
    ]
    assert planned(get(siv, f"{east}/duty/plan")) == [("Ola", "duty")]


def test_the_last_one_stays_until_somebody_else_is_there(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    clock_looks(town, 1)
    for hours in (9, 10, 11):
        assert clock_looks(town, hours) == 0
        assert on_duty(town) == [("Kari", "duty")]
    done(send(api.signed_in("ola"), f"{east}/duty", part="backup"))
    clock_looks(town, 11.1)
    assert on_duty(town) == [("Ola", "backup")]
    assert get(siv, f"{east}/duty/plan")["planned"] == []


def test_who_went_off_early_is_not_put_on_again(api, town, east):
    siv, kari = api.signed_in("siv"), api.signed_in("kari")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    clock_looks(town, 1)
    done(send(kari, f"{east}/duty/leave", part="duty", nobody_because="The ward next door answers."))
    for hours in (1.1, 9, 9.1):
        clock_looks(town, hours)
        assert on_duty(town) == []
    assert get(siv, f"{east}/duty/plan")["planned"] == []


def test_who_no_longer_works_there_is_not_put_on_and_that_nobody_is_rings(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    town.sql("update staff set active = false where login = 'kari'")
    clock_looks(town, 1)
    assert on_duty(town) == []
    ringing = "select count(*) from alert where rule = 'technical:nobody_on_duty' and team_id = %s and state = 'raised'"
    assert town.one(ringing, town.teams["east"]) == 1


def test_a_clock_that_was_away_all_night_puts_nobody_on_who_should_be_off(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    done(plan(siv, east, town.staff["ola"], 8, 17))
    clock_looks(town, 10)
    assert on_duty(town) == [("Ola", "duty")]
    assert [each["staff"]["name"] for each in get(siv, f"{east}/duty/history")["periods"]] == ["Ola"]


def test_a_clock_that_dies_halfway_has_done_nothing_and_the_next_one_does_it_once(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    dying = town.connection()
    duty_plans.carry_out(dying, at(1))
    dying.close()  # without a commit
    assert on_duty(town) == []
    assert [clock_looks(town, 1.1), clock_looks(town, 1.2)] == [1, 0]
    assert on_duty(town) == [("Kari", "duty")]


def test_what_is_planned_is_taken_back_before_it_begins_and_not_after(api, town, east):
    siv = api.signed_in("siv")
    shown = done(plan(siv, east, town.staff["kari"], 1, 9))
    number = shown["planned"][0]["id"]
    assert "look again" in refused(send(siv, f"{east}/duty/plan/{number}/take-back", rev="0" * 16), 409)
    assert done(send(siv, f"{east}/duty/plan/{number}/take-back", rev=shown["rev"]))["planned"] == []
    clock_looks(town, 2)
    assert on_duty(town) == []
    assert town.one("select taken_back_by from duty_plan") == town.staff["siv"]
    shown = done(plan(siv, east, town.staff["kari"], 1, 9))
    clock_looks(town, 2)
    shown = get(siv, f"{east}/duty/plan")
    number = shown["planned"][0]["id"]
    said = refused(send(siv, f"{east}/duty/plan/{number}/take-back", rev=shown["rev"]), 422)
    assert said == "No duty that is planned and has not begun has this number."


def test_what_cannot_be_is_refused_in_a_sentence(api, town, east):
    siv = api.signed_in("siv")
    done(plan(siv, east, town.staff["kari"], 1, 9))
    assert "ends after it begins" in refused(plan(siv, east, town.staff["ola"], 5, 5), 422)
    assert "not in the past" in refused(plan(siv, east, town.staff["ola"], -5, -1), 422)
    assert "then already" in refused(plan(siv, east, town.staff["kari"], 8, 10), 422)
    assert "may answer" in refused(plan(siv, east, town.staff["tor"], 1, 9), 422)
    done(plan(siv, east, town.staff["kari"], 8, 10, part="backup"))


def test_of_two_who_plan_at_once_the_second_looks_again(api, town, east):
    siv = api.signed_in("siv")
    rev = get(siv, f"{east}/duty/plan")["rev"]
    done(plan(siv, east, town.staff["kari"], 1, 9, rev=rev))
    assert "look again" in refused(plan(siv, east, town.staff["ola"], 1, 9, rev=rev), 409)
