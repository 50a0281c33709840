"""Going on and off duty, whom alerts are called to, and at what hours they ring: as a team sets it."""

from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from devices.vocabulary import EventType
from server.store import duty

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
STEP = {"part": "duty", "after_s": 0}
DAY = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "from_time": "08:00:00", "to_time": "22:00:00"}


def ask(client, path, status=200, **wish):
    answer = client.post(path, json=wish, headers={"Idempotency-Key": token_hex(8)})
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
def east(town):
    return f"/api/v1/teams/{town.teams['east']}"


def parts(duty_):
    return [(each["part"], each["staff"]["name"]) for each in duty_["on_duty"]]


def watch(town, after=0):
    with town.connection() as conn:
        conn.autocommit = True
        duty.watch(conn, NOW + timedelta(minutes=after))


def test_who_is_on_duty_is_seen_by_the_team_and_nobody_else(api, town, east):
    kari, ola, berit = api.signed_in("kari"), api.signed_in("ola"), api.signed_in("berit")
    ask(kari, f"{east}/duty", part="duty")
    ask(ola, f"{east}/duty", part="backup")
    ask(kari, f"{east}/duty", part="duty")  # already is
    assert parts(kari.get(f"{east}/duty").json()) == [("duty", "Kari"), ("backup", "Ola")]
    assert berit.get(f"{east}/duty").status_code == 404
    assert ask(berit, f"{east}/duty", 404, part="duty")
    told = town.sql("select type from team_log where team_id = %s", town.teams["east"])
    assert told == [("duty",), ("duty",)]


def test_a_colleague_is_put_on_duty_by_whoever_leads_the_team(api, town, east):
    kari, siv = api.signed_in("kari"), api.signed_in("siv")
    ask(kari, f"{east}/duty", 403, part="duty", staff=town.staff["ola"])
    assert parts(ask(siv, f"{east}/duty", part="duty", staff=town.staff["ola"])) == [("duty", "Ola")]
    for stranger in ("berit", "tor"):
        said = ask(siv, f"{east}/duty", 422, part="duty", staff=town.staff[stranger])
        assert said["detail"] == "Only who may answer the team's alerts can be on duty there."


def test_somebody_must_be_left_on_duty_or_it_is_said_why_not(api, town, east):
    kari = api.signed_in("kari")
    ask(kari, f"{east}/duty", part="duty")
    said = ask(kari, f"{east}/duty/leave", 422, part="duty")
    assert said["detail"] == "Nobody else is on duty: let somebody go on duty first, or say why nobody is."
    left = ask(kari, f"{east}/duty/leave", part="duty", nobody_because="The ward next door answers.")
    assert parts(left["duty"]) == []
    assert town.one("select note from duty") == "The ward next door answers."
    assert ask(kari, f"{east}/duty/leave", 422, part="duty")["detail"].endswith(".")


def test_who_was_on_duty_since_when_and_by_whom_is_kept(api, town, east):
    siv, kari = api.signed_in("siv"), api.signed_in("kari")
    ask(siv, f"{east}/duty", part="duty", staff=town.staff["ola"])
    ask(kari, f"{east}/duty", part="backup")
    ask(siv, f"{east}/duty/leave", part="duty", staff=town.staff["ola"])
    ask(kari, f"{east}/duty/leave", part="backup", nobody_because="Everybody is at the course.")
    town.sql("update duty set from_at = from_at - interval '3 d', to_at = to_at - interval '2 d' where part = 'duty'")
    found = kari.get(f"{east}/duty/history").json()
    assert [
        (each["part"], each["staff"]["name"], each["started_by"]["name"], each["ended_by"]["name"], each["note"])
        for each in found["periods"]
    ] == [("backup", "Kari", "Kari", "Kari", "Everybody is at the course."), ("duty", "Ola", "Siv", "Siv", "")]
    assert found["more"] is False
    yesterday = kari.get(f"{east}/duty/history", params={"days": 1}).json()["periods"]
    assert [each["part"] for each in yesterday] == ["backup"]
    assert api.signed_in("berit").get(f"{east}/duty/history").status_code == 404


def test_what_somebody_had_goes_to_the_next_one_and_rings_there(api, town, east):
    kari, ola = api.signed_in("kari"), api.signed_in("ola")
    ask(kari, f"{east}/duty", part="duty")
    ask(ola, f"{east}/duty", part="backup")
    alert = town.press("anna", EventType.FALL)
    taken = kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1})
    assert taken.status_code == 200, taken.text
    left = ask(kari, f"{east}/duty/leave", part="duty")
    assert left["handed_over"] == [alert]
    shown = ola.get(f"/api/v1/alerts/{alert}").json()
    assert (shown["alert"]["state"], shown["alert"]["owner"]["name"]) == ("raised", "Ola")
    assert shown["history"][-1]["action"] == "handed_over"
    assert town.sql("select name from alert_call order by rev") == [("Kari",), ("Ola",)]
    assert town.one("select count(*) from deadline where type = 'escalation' and part = %s", str(alert)) == 1


def test_who_leaves_one_of_two_parts_keeps_what_they_have(api, town, east):
    kari = api.signed_in("kari")
    for part in ("duty", "backup"):
        ask(kari, f"{east}/duty", part=part)
    alert = town.press("anna", EventType.FALL)
    kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1})
    assert ask(kari, f"{east}/duty/leave", part="duty")["handed_over"] == []


def test_nobody_on_duty_is_an_alert_that_rings_until_somebody_is(api, town, east):
    kari = api.signed_in("kari")
    watch(town)
    watch(town, 1)
    rows = "select priority, state from alert where rule = 'technical:nobody_on_duty' and team_id = %s"
    assert town.sql(rows, town.teams["east"]) == [("grey", "raised")]
    assert town.sql(
        "select (body -> 'ring')::bool, body -> 'called' from team_log where team_id = %s", town.teams["east"]
    ) == [(True, [town.staff["siv"]])]  # the coordinator hears of it
    ask(kari, f"{east}/duty", part="duty")
    watch(town, 2)
    assert town.sql(rows, town.teams["east"]) == [("grey", "ended")]
    assert town.sql(rows, town.teams["west"]) == [("grey", "raised")]


def test_a_team_sets_its_chain_and_its_history_is_kept(api, town, east):
    siv, kari = api.signed_in("siv"), api.signed_in("kari")
    shown = siv.get(f"{east}/chains").json()
    assert {each["priority"]: each["source"] for each in shown["colours"]} == dict.fromkeys(
        ("red", "yellow", "grey"), "shipped"
    )
    steps = [
        STEP,
        {"staff": town.staff["ola"], "after_s": 120},
        {"name": "Hjemmetjenesten", "phone": "55 55 55 55", "after_s": 300},
    ]
    wish = {"chains": [{**DAY, "steps": steps}], "reason": "Decided in the team.", "rev": shown["rev"]}
    ask(kari, f"{east}/chains/red", 403, **wish)
    after = ask(siv, f"{east}/chains/red", **wish)
    red = after["colours"][0]
    assert (red["source"], red["proposal"]) == ("team", False)
    assert [(each["name"], each["phone"]) for each in red["chains"][0]["steps"]] == [
        (None, None),
        ("Ola", None),
        ("Hjemmetjenesten", "+4755555555"),
    ]
    ask(siv, f"{east}/chains/red", 409, **wish)  # it has changed since
    back = ask(siv, f"{east}/chains/red/take-back", reason="It did not work.", rev=after["rev"])
    assert back["colours"][0]["source"] == "shipped"
    told = kari.get(f"{east}/chains/history").json()["decisions"]
    assert [(each["chains"]["source"], each["by"]["name"], each["reason"]) for each in told] == [
        ("shipped", "Siv", "It did not work."),
        ("team", "Siv", "Decided in the team."),
    ]
    assert told[1]["chains"] == red, "as it was decided then"
    assert api.signed_in("berit").get(f"{east}/chains/history").status_code == 404


@pytest.mark.parametrize("number", ["113", "110", "116 117", "116117", "+47 113", "0047 116117", "112"])
def test_hjemvakt_never_calls_for_an_ambulance_by_itself(api, town, east, number):
    siv = api.signed_in("siv")
    rev = siv.get(f"{east}/chains").json()["rev"]
    steps = [STEP, {"name": "AMK", "phone": number, "after_s": 60}]
    said = ask(siv, f"{east}/chains/red", 422, chains=[{**DAY, "steps": steps}], reason="x", rev=rev)
    assert said["detail"].startswith("Hjemvakt never calls 110, 112, 113 or 116 117 by itself")
    assert town.one("select count(*) from chain_set") == 0


@pytest.mark.parametrize(
    "step",
    [
        {"after_s": 0},
        {"part": "duty", "phone": "91234567", "name": "x", "after_s": 0},
        {"phone": "91234567", "after_s": 0},
        {"phone": "123", "name": "x", "after_s": 0},
        {"staff": 999, "after_s": 0},
    ],
)
def test_a_step_that_calls_nobody_is_refused_with_a_sentence(api, town, east, step):
    siv = api.signed_in("siv")
    rev = siv.get(f"{east}/chains").json()["rev"]
    said = ask(siv, f"{east}/chains/red", 422, chains=[{**DAY, "steps": [step]}], reason="x", rev=rev)
    assert said["detail"].endswith(".")


def test_service_hours_are_agreed_for_a_pathway_and_taken_back(api, town, east):
    siv = api.signed_in("siv")
    shown = siv.get(f"{east}/service-hours").json()
    assert [each["source"] for each in shown["hours"]] == ["shipped", "shipped"]
    wish = {"priority": "yellow", "pathway": "kols", "reason": "Agreed.", "rev": shown["rev"]}
    after = ask(siv, f"{east}/service-hours", periods=[DAY], response="Ring legevakten.", **wish)
    assert (after["hours"][0]["response"], after["hours"][0]["by"]["name"]) == ("Ring legevakten.", "Siv")
    wish["rev"] = after["rev"]
    assert len(ask(siv, f"{east}/service-hours/take-back", **wish)["hours"]) == 2
    decided = siv.get(f"{east}/service-hours/history").json()["decisions"]
    assert [(each["periods"] is None, each["response"], each["pathway"], each["by"]["name"]) for each in decided] == [
        (True, None, "kols", "Siv"),
        (False, "Ring legevakten.", "kols", "Siv"),
    ]
    assert api.signed_in("berit").get(f"{east}/service-hours/history").status_code == 404
    zoned = DAY | {"from_time": "08:00:00Z"}
    rev = siv.get(f"{east}/service-hours").json()["rev"]
    said = ask(siv, f"{east}/service-hours", 422, priority="yellow", periods=[zoned], reason="x", rev=rev)
    assert said["detail"].endswith(".")
