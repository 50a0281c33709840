"""Teams are made and named by administrators, each within the own municipalities."""

import psycopg
import pytest

from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration


@pytest.fixture
def adam(adam, town):
    town.sql("insert into municipality values ('0301', 'Oslo'), ('3818', 'Tinn'), ('4601', 'Bergen')")
    for team, number in (("east", "3818"), ("east", "0301"), ("west", "4601")):
        town.sql("insert into municipality_team values (%s, %s)", number, town.teams[team])
    return adam


def team_of(client, name):
    return next(each for each in get(client, "/teams")["teams"] if each["name"] == name)


def test_whoever_makes_a_team_administers_it_and_lets_others_in(api, town, adam):
    made = done(send(adam, "/teams", name="Øvre dal", municipalities=["3818", "0301"], reason="ny sone"))
    assert {each["name"]: each["role"] for each in get(adam, "/me")["teams"]}["Øvre dal"] == "administrator"
    shown = team_of(adam, "Øvre dal")
    assert shown["municipalities"] == [{"number": "0301", "name": "Oslo"}, {"number": "3818", "name": "Tinn"}]
    counted = (shown["patients"], shown["members"], shown["answering"], shown["on_duty"])
    assert counted == (0, 1, 0, 0)
    members = f"/teams/{made['team']}/members"
    wish = {"login": "kari", "role": "nurse", "rev": get(adam, members)["rev"], "reason": "jobber der"}
    done(send(adam, members, **wish))
    done(send(api.signed_in("kari"), f"/teams/{made['team']}/duty", part="duty"))
    shown = team_of(adam, "Øvre dal")
    assert (shown["members"], shown["answering"], shown["on_duty"]) == (2, 1, 1)


def test_a_new_team_answers_by_the_shipped_hours_and_chains_and_takes_patients(api, town, adam):
    team = done(send(adam, "/teams", name="Øvre dal", municipalities=["3818"], reason="ny sone"))["team"]
    town.sql("insert into staff_team values (%s, %s, 'nurse')", town.staff["kari"], team)
    kari = api.signed_in("kari")
    chains = get(kari, f"/teams/{team}/chains")["colours"]
    assert {each["priority"]: each["source"] for each in chains} == dict.fromkeys(("red", "yellow", "grey"), "shipped")
    wish = {"name": "Ny Pasient", "born_on": "1940-05-17", "pathway": "kols", "address": "Dalveien 1"}
    made = done(send(adam, f"/teams/{team}/patients", municipality="3818", **wish))
    assert made["patient"] in [each["id"] for each in get(kari, "/board")["patients"]]
    assert team_of(adam, "Øvre dal")["patients"] == 1


def test_a_team_gets_another_name_and_who_said_so_is_kept(town, adam):
    shown = team_of(adam, "east")
    path = f"/teams/{shown['id']}/name"
    done(send(adam, path, name="Øst", reason="nytt kart", rev=shown["rev"]))
    now = team_of(adam, "Øst")
    kept = [(each["name"], each["before"], each["by"]["name"], each["reason"]) for each in now["changes"]]
    assert kept == [("Øst", "east", "Adam", "nytt kart")]
    assert "look again" in refused(send(adam, path, name="Nord", reason="x", rev=shown["rev"]), 409)
    logged = town.sql("select what from access_log where deed = 'change' and team_id = %s", shown["id"])
    assert logged == [("renames the team",)]


def test_two_teams_are_not_called_the_same(town, adam):
    answer = send(adam, "/teams", name="WEST", reason="x")
    assert "choose another" in refused(answer, 422)
    assert answer.json()["type"] == "urn:hjemvakt:wrong-team-name"
    shown = team_of(adam, "east")
    refused(send(adam, f"/teams/{shown['id']}/name", name="West", reason="x", rev=shown["rev"]), 422)
    assert town.one("select count(*) from team") == 2


def test_nobody_reaches_into_another_municipality_by_a_new_team(town, adam):
    assert [each["number"] for each in get(adam, "/teams")["municipalities"]] == ["0301", "3818"]
    answer = send(adam, "/teams", name="Bergen sør", municipalities=["4601"], reason="x")
    refused(answer, 422)
    assert answer.json()["type"] == "urn:hjemvakt:wrong-team-municipality"
    assert town.one("select count(*) from team") == 2


def test_only_administrators_make_and_name_teams(api, town, adam):
    for login in ("siv", "kari", "tor", "rune"):
        client = api.signed_in(login)
        assert "Your role" in refused(send(client, "/teams", name="Egen", reason="x"), 403)
    siv = api.signed_in("siv")
    shown = team_of(siv, "east")
    assert "Your role" in refused(send(siv, f"/teams/{shown['id']}/name", name="x", reason="x", rev=shown["rev"]), 403)
    refused(send(adam, f"/teams/{town.teams['west']}/name", name="x", reason="x", rev=shown["rev"]), 404)
    with town.connection() as conn:  # as the api, behind its back
        conn.execute("set role hjemvakt_api")
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["siv"]),))
        for statement in (
            "select team_make('Egen', '{}', now(), 'x')",
            f"select team_rename({town.teams['east']}, 'Egen', now(), 'x')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement.encode())
