"""Limits, rules and plans over the api: what counts and why, a patient's own, a team's pathway, and taking back."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Kind
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def anna(town):
    return f"/patients/{town.patients['anna']}"


@pytest.fixture
def kols(town):
    """The pathway in the team of anna."""
    return f"/teams/{town.teams['east']}/pathways/kols"


def of(found, name):
    """The entry about it, of limits, rules or a plan."""
    entries = next(value for key, value in found.items() if key != "rev")
    (entry,) = [each for each in entries if name in (each.get("kind"), each.get("rule"))]
    return entry


def change(client, path, name=None, what="limits", **wish):
    """As a screen that has just looked."""
    seen = get(client, f"{path}/{what}")["rev"]
    return send(client, f"{path}/{what}/{name}", **{"reason": "agreed", "rev": seen, **wish})


EDGES = {"red_low": 84, "yellow_low": 86, "yellow_high": None, "red_high": None}


def test_a_limit_says_what_it_rests_on_since_when_and_by_whom(kari, town, anna):
    shipped = of(get(kari, f"{anna}/limits"), "spo2")
    assert shipped["limits"] == {"red_low": 88, "yellow_low": 90, "yellow_high": None, "red_high": None}
    assert (shipped["source"], shipped["by"], shipped["since"]) == ("shipped", None, None)
    assert shipped["references"]
    own = of(done(change(kari, anna, "spo2", **EDGES, reason="lives at 88")), "spo2")
    assert (own["limits"], own["source"], own["reason"]) == (EDGES, "patient", "lives at 88")
    assert own["by"] == {"id": town.staff["kari"], "name": "Kari", "initials": "KA"}
    assert abs(datetime.fromisoformat(own["since"]) - datetime.now(UTC)) < timedelta(minutes=2)
    assert "lives at 88" in own["rests_on"]
    assert own == of(get(kari, f"{anna}/limits"), "spo2")


def test_the_order_is_patient_range_baseline_team_shipped_and_taking_back_goes_down_it(api, doctor, town, anna, kols):
    siv = api.signed_in("siv")

    def source():
        return of(get(doctor, f"{anna}/limits"), "spo2")["source"]

    def say(**fact):
        said = send(doctor, f"{anna}/facts", fact=fact, reason="r", rev=get(doctor, f"{anna}/facts")["rev"])
        return done(said)["id"]

    def withdraw(fact):
        rev = get(doctor, f"{anna}/facts")["rev"]
        done(send(doctor, f"{anna}/facts/{fact}/withdraw", reason="r", rev=rev))

    assert source() == "shipped"
    done(change(siv, kols, "spo2", **EDGES))
    assert source() == "team"
    baseline = say(type="baseline", kind="spo2", center=92, mad=1, days=14, last_day=(NOW.date()).isoformat())
    assert source() == "accepted_baseline"
    prescribed = say(type="saturation_range", low_percent=88, high_percent=92)
    assert source() == "prescribed_range"
    done(change(doctor, anna, "spo2", **EDGES))
    assert source() == "patient"
    done(change(doctor, anna, "spo2/take-back"))
    assert source() == "prescribed_range"
    withdraw(prescribed)
    assert source() == "accepted_baseline"
    withdraw(baseline)
    assert source() == "team"
    done(change(siv, kols, "spo2/take-back"))
    assert source() == "shipped"


def test_a_limit_with_nothing_in_it_silences_the_kind_and_says_who_wanted_it(kari, anna):
    silent = of(done(change(kari, anna, "spo2", reason="comfort")), "spo2")
    assert (silent["limits"], silent["source"], silent["by"]["name"]) == (None, "patient", "Kari")


def test_the_board_shows_the_limit_that_was_set(kari, town, anna):
    town.measure("anna", Kind.SPO2, 87, NOW - timedelta(minutes=5))
    done(change(kari, anna, "spo2", **EDGES))
    (row,) = [row for row in get(kari, "/board")["patients"] if row["id"] == town.patients["anna"]]
    (vital,) = row["vitals"]
    assert (vital["limits"], vital["latest"]["level"]) == (EDGES, 0)


LIMITS_THAT_CANNOT_BE = (
    ({"red_low": 90, "yellow_low": 88}, "ascend"),
    ({"yellow_low": 95, "yellow_high": 90}, "ascend"),
    ({"red_low": 0.5}, "cannot be"),
    ({"red_high": 150}, "cannot be"),
    ({"red_low": 1e300}, "red_low"),
    ({"red_low": "low"}, "red_low"),
    ({"reason": ""}, "reason"),
    ({"reason": " \n "}, "reason"),
    ({"reason": "x" * 501}, "reason"),
    ({"reason": "nul\x00"}, "reason"),
    ({"rev": "newest"}, "rev"),
    ({"amber_low": 90}, "amber_low"),
)


def test_a_limit_that_cannot_be_is_refused_in_a_sentence(kari, town, anna):
    for wish, word in LIMITS_THAT_CANNOT_BE:
        assert word in refused(change(kari, anna, "spo2", **wish), 422), wish
    for number in ("NaN", "Infinity", "1e999"):
        headers = {"Idempotency-Key": "a-key-of-mine", "Content-Type": "application/json"}
        body = f'{{"red_low": {number}, "reason": "r", "rev": "0123456789abcdef"}}'
        refused(kari.post(f"/api/v1{anna}/limits/spo2", content=body, headers=headers), 422)
    assert "happiness" not in refused(change(kari, anna, "happiness"), 422)
    assert town.sql("select * from patient_limit") == []


def test_whoever_decides_on_an_old_screen_is_told_what_is_new(api, kari, anna, kols):
    seen = get(kari, f"{anna}/limits")["rev"]
    done(change(api.signed_in("siv"), kols, "pulse_rate", yellow_high=105))  # it reaches anna, too
    answer = send(kari, f"{anna}/limits/spo2", **EDGES, reason="r", rev=seen)
    assert "look again" in refused(answer, 409)
    assert answer.json()["rev"] == get(kari, f"{anna}/limits")["rev"]


def test_a_limit_that_is_sent_twice_is_set_once(kari, town, anna):
    rev = get(kari, f"{anna}/limits")["rev"]
    first, again = (
        send(kari, f"{anna}/limits/spo2", key="one-key-of-mine", **EDGES, reason="r", rev=rev) for _ in range(2)
    )
    assert done(first) == done(again)
    assert town.one("select count(*) from patient_limit") == 1
    refused(send(kari, f"{anna}/limits/pulse_rate", key="one-key-of-mine", **EDGES, reason="r", rev=rev), 422)


def test_in_palliative_care_nothing_alerts_unless_a_doctor_sets_it_for_the_patient(kari, doctor, api, town):
    town.add_patient("petra", "east", pathway="palliative")
    petra, pathway = f"/patients/{town.patients['petra']}", f"/teams/{town.teams['east']}/pathways/palliative"
    assert get(kari, f"{petra}/limits")["limits"] == []
    assert not any(rule["enabled"] for rule in get(kari, f"{petra}/rules")["rules"])
    assert "doctor" in refused(change(kari, petra, "spo2", **EDGES), 403)
    assert "doctor" in refused(change(kari, petra, "trend", "rules", enabled=True), 403)
    assert "patient who needs it" in refused(change(doctor, pathway, "spo2", **EDGES), 422)
    assert of(done(change(doctor, petra, "spo2", **EDGES)), "spo2")["limits"] == EDGES
    assert "doctor" in refused(change(kari, petra, "spo2/take-back"), 403)
    done(change(kari, petra, "weight", "plan", weekdays=[1], times=["08:00"], before_min=60, after_min=60))


def test_a_pathway_is_set_by_coordinators_and_doctors_for_everybody_in_it(api, kari, town, anna, kols):
    assert "coordinator" in refused(change(kari, kols, "spo2", **EDGES), 403)
    siv = api.signed_in("siv")
    done(change(siv, kols, "spo2", **EDGES, reason="our patients"))
    entry = of(get(kari, f"{anna}/limits"), "spo2")
    assert (entry["limits"], entry["source"], entry["by"]["name"]) == (EDGES, "team", "Siv")
    arne = of(get(kari, f"/patients/{town.patients['arne']}/limits"), "spo2")
    assert arne["source"] == "shipped"  # diabetes
    assert town.sql("select patient_id from access_log where what like 'limit %%'") == []


def test_a_rule_is_on_or_off_with_numbers_of_its_own(kari, town, anna):
    trend = of(get(kari, f"{anna}/rules"), "trend")
    assert (trend["enabled"], trend["source"], trend["numbers"]) == (True, "shipped", trend["shipped"])
    assert of(get(kari, f"{anna}/rules"), "weight_gain")["enabled"] is False  # a rule of heart failure
    set_ = of(done(change(kari, anna, "trend", "rules", enabled=True, numbers={"days": 21}, reason="slow")), "trend")
    assert (set_["numbers"]["days"], set_["shipped"]["days"], set_["source"]) == (21, 14, "patient")
    assert set_["numbers"]["z"] == set_["shipped"]["z"]
    off = of(done(change(kari, anna, "trend", "rules", enabled=False)), "trend")
    assert (off["enabled"], off["numbers"]["days"]) == (False, 14)
    back = of(done(change(kari, anna, "trend/take-back", "rules")), "trend")
    assert (back["enabled"], back["source"], back["by"]) == (True, "shipped", None)


RULES_THAT_CANNOT_BE = (
    ("trend", {"enabled": True, "numbers": {"days": 0}}, "between"),
    ("trend", {"enabled": True, "numbers": {"days": 14.5}}, "whole"),
    ("trend", {"enabled": True, "numbers": {"slope": 1}}, "no number"),
    ("trend", {"enabled": True, "numbers": {"days": 8, "least_days": 9}}, "more"),
    ("trend", {"enabled": True, "numbers": {"days": "many"}}, "days"),
    ("trend", {"enabled": True, "numbers": {f"n{n}": 1 for n in range(21)}}, "20"),
    ("trend", {}, "enabled"),
    ("no_such_rule", {"enabled": True}, "no rule"),
    ("x" * 61, {"enabled": True}, "rule"),
    ("DROP%20TABLE", {"enabled": True}, "rule"),
    ("%00", {"enabled": True}, "rule"),
)


def test_a_rule_that_cannot_be_is_refused_in_a_sentence(kari, town, anna):
    for rule, wish, word in RULES_THAT_CANNOT_BE:
        assert word in refused(change(kari, anna, rule, "rules", **wish), 422), (rule, wish)
    assert town.sql("select * from rule_setting") == []


MORNING = {"weekdays": [1, 3, 5], "times": ["07:30:00", "20:00:00"], "before_min": 60, "after_min": 120}


def test_a_plan_is_the_patients_else_the_teams_else_the_shipped_one(api, kari, anna, kols):
    shipped = of(get(kari, f"{anna}/plan"), "spo2")
    assert (shipped["weekdays"], shipped["source"], shipped["proposal"]) == ([1, 2, 3, 4, 5, 6, 7], "shipped", True)
    siv = api.signed_in("siv")
    done(change(siv, kols, "spo2", "plan", **{**MORNING, "weekdays": [7]}))
    assert of(get(kari, f"{anna}/plan"), "spo2")["weekdays"] == [7]
    own = of(done(change(kari, anna, "spo2", "plan", **MORNING, reason="works nights")), "spo2")
    assert {name: own[name] for name in MORNING} == MORNING
    assert (own["source"], own["by"]["name"], own["reason"]) == ("patient", "Kari", "works nights")
    nothing = {"weekdays": [], "times": [], "before_min": 0, "after_min": 0}
    assert of(done(change(kari, anna, "spo2", "plan", **nothing)), "spo2")["times"] == []
    assert of(done(change(kari, anna, "spo2/take-back", "plan")), "spo2")["source"] == "team"
    assert of(done(change(siv, kols, "spo2/take-back", "plan")), "spo2")["source"] == "shipped"


PLANS_THAT_CANNOT_BE = (
    ({"weekdays": [0]}, "weekdays"),
    ({"weekdays": [8]}, "weekdays"),
    ({"weekdays": [1] * 8}, "weekdays"),
    ({"weekdays": []}, "weekday"),
    ({"times": ["25:00"]}, "times"),
    ({"times": ["07:30:15"]}, "minute"),
    ({"times": ["07:30+02:00"]}, "time zone"),
    ({"times": ["07:30", "07:30"]}, "different"),
    ({"times": [f"{hour:02}:00" for hour in range(13)]}, "times"),
    ({"before_min": -1}, "before_min"),
    ({"after_min": 1441}, "after_min"),
    ({"before_min": 0, "after_min": 0}, "no time"),
)


def test_a_plan_that_cannot_be_is_refused_in_a_sentence(kari, town, anna):
    for wish, word in PLANS_THAT_CANNOT_BE:
        assert word in refused(change(kari, anna, "spo2", "plan", **{**MORNING, **wish}), 422), wish
    assert town.sql("select * from measuring_plan") == []


def test_who_decided_what_is_one_history_with_the_teams_decisions_in_it(api, kari, anna, kols):
    siv = api.signed_in("siv")
    done(change(siv, kols, "spo2", **EDGES, reason="1"))
    done(change(kari, anna, "spo2", **EDGES, reason="2"))
    done(change(kari, anna, "trend", "rules", enabled=False, numbers={"days": 21}, reason="3"))
    done(change(kari, anna, "spo2", "plan", **MORNING, reason="4"))
    done(change(kari, anna, "spo2/take-back", reason="5"))
    changes = get(kari, f"{anna}/changes")["changes"]
    told = [(each["type"], each["by"]["name"], each["reason"], each["pathway"]) for each in changes]
    assert told == [
        ("limit", "Kari", "5", None),
        ("plan", "Kari", "4", None),
        ("rule", "Kari", "3", None),
        ("limit", "Kari", "2", None),
        ("limit", "Siv", "1", "kols"),
    ]
    assert [changes[0]["limit"], changes[3]["limit"]] == [
        {"kind": "spo2", "limits": None},
        {"kind": "spo2", "limits": EDGES},
    ]
    assert changes[1]["plan"] == {"kind": "spo2", **MORNING}
    assert changes[2]["rule"] == {"rule": "trend", "enabled": False, "numbers": {"days": 21}}
    (of_team,) = get(kari, f"{kols}/changes")["changes"]
    assert of_team == changes[4]


def test_every_look_at_and_change_of_settings_is_in_the_access_log(kari, town, anna):
    for what in ("limits", "rules", "plan"):
        get(kari, f"{anna}/{what}")
    done(change(kari, anna, "spo2", **EDGES))
    looks = town.sql("select what from access_log where patient_id = %s order by id", town.patients["anna"])
    assert [what for (what,) in looks] == ["limits", "rules", "plan", "limits", "limit spo2"]
