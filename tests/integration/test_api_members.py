"""Who works in a team: seen by those who work with people, not by those who look after equipment."""

import psycopg
import pytest

from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration


def test_members_are_shown_with_their_roles_to_their_own_team_only(api, town):
    town.add_staff("adam", east="administrator")
    path = f"/teams/{town.teams['east']}/members"
    shown = get(api.signed_in("adam"), path)["members"]
    assert [(each["staff"]["name"], each["role"], each["answers"]) for each in shown] == [
        ("Adam", "administrator", False),
        ("Kari", "nurse", True),
        ("Ola", "nurse", True),
        ("Rune", "auditor", False),
        ("Siv", "coordinator", True),
        ("Tor", "technician", False),
    ]
    assert get(api.signed_in("rune"), path)["members"] == shown
    refused(api.signed_in("berit").get(f"/api/v1{path}"), 404)
    refused(api.signed_in("tor").get(f"/api/v1{path}"), 403)


def test_whoever_has_ended_and_other_programs_are_no_members(api, town):
    town.sql("update staff set active = false where login = 'ola'")
    town.sql("update staff set machine = true, password_hash = '!' where login = 'tor'")
    shown = get(api.signed_in("kari"), f"/teams/{town.teams['east']}/members")["members"]
    assert [each["staff"]["name"] for each in shown] == ["Kari", "Rune", "Siv"]


def rev(client, path):
    return get(client, path)["rev"]


@pytest.fixture
def path(town):
    return f"/teams/{town.teams['east']}/members"


def role_of(shown, name):
    return {each["staff"]["name"]: each["role"] for each in shown["members"]}.get(name)


def test_an_administrator_lets_somebody_in_and_who_when_and_why_is_kept(api, town, adam, path):
    berit = api.signed_in("berit")
    assert [team["name"] for team in get(berit, "/me")["teams"]] == ["west"]
    shown = done(send(adam, path, login="berit", role="nurse", rev=rev(adam, path), reason="helps in July"))
    assert role_of(shown, "Berit") == "nurse"
    assert sorted(team["name"] for team in get(berit, "/me")["teams"]) == ["east", "west"]
    done(send(adam, f"{path}/{town.staff['berit']}/end", rev=shown["rev"], reason="July is over"))
    assert [team["name"] for team in get(berit, "/me")["teams"]] == ["west"]
    kept = get(adam, f"{path}/history")["changes"]
    assert [(each["staff"]["name"], each["role"], each["by"]["name"], each["reason"]) for each in kept] == [
        ("Berit", None, "Adam", "July is over"),
        ("Berit", "nurse", "Adam", "helps in July"),
    ]


async def test_screens_of_whoever_gets_another_role_follow_at_once(api, town, adam, path, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket:
        screen = screen_of(socket)
        await screen.hello(get(kari, "/board"))
        wish = {"role": "technician", "rev": rev(adam, path), "reason": "another job"}
        done(send(adam, f"{path}/{town.staff['kari']}", **wish))
        assert (await screen.next("reset"))["reason"] == "teams_changed"
    refused(kari.get("/api/v1/board"), 403)


def test_nobody_decides_about_themselves_and_only_administrators_decide(api, town, adam, path):
    wish = {"role": "nurse", "reason": "curiosity"}
    said = refused(send(adam, f"{path}/{town.staff['adam']}", rev=rev(adam, path), **wish), 422)
    assert said == "Nobody decides about themselves: ask another administrator."
    siv = api.signed_in("siv")
    assert "administrator" in refused(send(siv, f"{path}/{town.staff['ola']}", rev=rev(siv, path), **wish), 403)
    with town.connection() as conn:  # as the api, behind its back
        conn.execute("set role hjemvakt_api")
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["siv"]),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute(
                "select member_set(%s, %s, 'nurse', true, now(), 'x')", (town.teams["east"], town.staff["tor"])
            )
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("update staff_team set role = 'doctor'")


def test_nobody_leaves_alerts_or_a_duty_behind(api, town, adam, path):
    kari = api.signed_in("kari")
    end = f"{path}/{town.staff['kari']}/end"
    alert = town.press("anna")
    done(kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}))
    assert "hand over first" in refused(send(adam, end, rev=rev(adam, path), reason="moves"), 422)
    done(send(kari, f"/alerts/{alert}/release", rev=2))
    east = f"/teams/{town.teams['east']}"
    done(send(kari, f"{east}/duty", part="duty"))
    assert "off duty" in refused(send(adam, end, rev=rev(adam, path), reason="moves"), 422)
    doctor = {"role": "doctor", "reason": "passed the exam"}
    done(send(adam, f"{path}/{town.staff['kari']}", rev=rev(adam, path), **doctor))  # goes on answering
    done(send(kari, f"{east}/duty/leave", part="duty", nobody_because="a test"))
    done(send(adam, end, rev=rev(adam, path), reason="moves"))
    refused(kari.get("/api/v1/board"), 403)


def test_what_cannot_be_is_refused_in_a_sentence_and_changes_nothing(api, town, adam, path):
    now = rev(adam, path)
    wish = {"role": "nurse", "reason": "x"}
    assert "Nobody has the login" in refused(send(adam, path, login="invented", rev=now, **wish), 422)
    assert "has this number" in refused(send(adam, f"{path}/999999", rev=now, **wish), 422)
    assert "has this number" in refused(send(adam, f"{path}/{town.staff['berit']}/end", rev=now, reason="x"), 422)
    town.sql("update staff set machine = true, password_hash = '!' where login = 'vera'")
    assert "Nobody has the login" in refused(send(adam, path, login="vera", rev=now, **wish), 422)
    done(send(adam, f"{path}/{town.staff['ola']}", rev=now, role="coordinator", reason="leads the team"))
    assert "look again" in refused(send(adam, f"{path}/{town.staff['ola']}", rev=now, **wish), 409)
    assert town.one("select count(*) from member_change") == 1
