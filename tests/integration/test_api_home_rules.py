"""The rules of a home over the api: what counts, who decided it, and that it is the home's and not a patient's."""

from datetime import UTC, datetime, timedelta

import pytest

from server.detection.home_rules import SHIPPED
from server.store import pool, settings
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
INACTIVE, OUT = "home:inactive", "home:out"


@pytest.fixture
def anna(town):
    return f"/patients/{town.patients['anna']}"


@pytest.fixture
def arne(town):
    """Anna's husband."""
    town.sql("update patient set home_id = %s where id = %s", town.homes["anna"], town.patients["arne"])
    return f"/patients/{town.patients['arne']}"


def rules(client, patient):
    return {each["rule"]: each for each in get(client, f"{patient}/home-rules")["rules"]}


def change(client, patient, rule, **wish):
    """As a screen that has just looked."""
    seen = get(client, f"{patient}/home-rules")["rev"]
    return send(client, f"{patient}/home-rules/{rule}", **{"reason": "agreed", "rev": seen, **wish})


def counting(town):
    """What the watch over anna's home goes by."""
    with pool.connect(town.owner, name="test", autocommit=True) as conn:
        return settings.home_rules(conn, [town.homes["anna"]])[town.homes["anna"]]


def test_every_rule_is_told_with_its_numbers_bounds_and_references_until_somebody_decides(kari, town, anna):
    seen = get(kari, f"{anna}/home-rules")
    assert seen["home"] == town.homes["anna"]
    assert seen["night"] == {"from_at": "22:00:00", "to_at": "06:00:00"}
    assert [each["rule"] for each in seen["rules"]] == list(SHIPPED.named())
    inactive = rules(kari, anna)[INACTIVE]
    assert inactive["enabled"] and inactive["proposal"] and inactive["references"]
    assert (inactive["numbers"]["default_min"], inactive["bounds"]["default_min"]) == (240, [60, 1440])
    assert (inactive["source"], inactive["by"], inactive["since"]) == ("shipped", None, None)
    assert not rules(kari, anna)["home:wandering"]["enabled"]


def test_what_is_set_counts_at_once_with_who_when_and_why(kari, town, anna):
    found = done(change(kari, anna, INACTIVE, enabled=True, numbers={"default_min": 300}, reason="sover lenge"))
    (own,) = [each for each in found["rules"] if each["rule"] == INACTIVE]
    assert (own["numbers"]["default_min"], own["shipped"]["default_min"]) == (300, 240)
    assert own["numbers"]["floor_min"] == own["shipped"]["floor_min"]
    assert (own["source"], own["reason"]) == ("home", "sover lenge")
    assert own["by"] == {"id": town.staff["kari"], "name": "Kari", "initials": "KA"}
    assert abs(datetime.fromisoformat(own["since"]) - datetime.now(UTC)) < timedelta(minutes=2)
    assert counting(town).inactive.default_min == 300
    assert town.sql("select home_id from home_unsettled") == [(town.homes["anna"],)]


def test_what_is_taken_back_is_as_shipped_again(kari, town, anna):
    done(change(kari, anna, OUT, enabled=False))
    assert not counting(town).out.enabled
    done(change(kari, anna, f"{OUT}/take-back"))
    assert counting(town) == SHIPPED
    assert rules(kari, anna)[OUT]["source"] == "shipped"


@pytest.mark.parametrize(
    ("rule", "numbers", "sentence"),
    [
        (INACTIVE, {"default_min": 59}, "must lie between 60 and 1440"),
        (INACTIVE, {"minutes": 100}, "has no number minutes"),
        ("home:party", {}, "There is no rule home:party of a home"),
        ("trend", {}, "There is no rule trend of a home"),
    ],
)
def test_what_no_home_can_have_is_refused_in_a_sentence(kari, town, anna, rule, numbers, sentence):
    assert sentence in refused(change(kari, anna, rule, enabled=True, numbers=numbers), 422)
    assert town.one("select count(*) from rule_setting") == 0


def test_both_ends_of_the_bounds_can_be_set(kari, anna):
    for minutes in (60, 1440):
        done(change(kari, anna, INACTIVE, enabled=True, numbers={"default_min": minutes}))
        assert rules(kari, anna)[INACTIVE]["numbers"]["default_min"] == minutes


def test_it_is_the_homes_and_whoever_decides_through_the_other_one_has_to_have_seen_it(api, kari, town, anna, arne):
    siv, before = api.signed_in("siv"), get(kari, f"{arne}/home-rules")["rev"]
    done(change(kari, anna, OUT, enabled=False, reason="ute hver dag"))
    assert rules(kari, arne)[OUT]["reason"] == "ute hver dag"
    late = send(siv, f"{arne}/home-rules/{OUT}", enabled=True, reason="r", rev=before)
    assert "look again" in refused(late, 409)
    assert late.json()["rev"] == get(siv, f"{anna}/home-rules")["rev"]


def test_sent_twice_it_is_decided_once(kari, town, anna):
    wish = {"enabled": False, "reason": "r", "rev": get(kari, f"{anna}/home-rules")["rev"]}
    first = done(send(kari, f"{anna}/home-rules/{OUT}", key="once-for-all", **wish))
    assert done(send(kari, f"{anna}/home-rules/{OUT}", key="once-for-all", **wish)) == first
    assert town.one("select count(*) from rule_setting") == 1


def test_it_is_in_the_access_log_and_among_the_changes_of_everybody_who_lives_there(kari, town, anna, arne):
    done(change(kari, anna, OUT, enabled=False, reason="ute hver dag"))
    logged = town.sql("select patient_id, deed, what from access_log where what like 'home_rule%%' order by id")
    both = {(town.patients[who], "change", f"home_rule {OUT}") for who in ("anna", "arne")}
    assert {row for row in logged if row[1] == "change"} == both
    assert (town.patients["anna"], "look", "home_rules") in logged
    for patient in (anna, arne):
        newest = get(kari, f"{patient}/changes")["changes"][0]
        assert (newest["type"], newest["reason"]) == ("home_rule", "ute hver dag")
        assert newest["home_rule"] == {"rule": OUT, "enabled": False, "numbers": {}}


def test_another_team_neither_sees_nor_sets_it(api, kari, town, anna):
    seen = get(kari, f"{anna}/home-rules")["rev"]
    west = api.signed_in("berit")
    assert west.get(f"/api/v1{anna}/home-rules").status_code == 404
    refused(send(west, f"{anna}/home-rules/{OUT}", enabled=False, reason="r", rev=seen), 404)
    assert town.one("select count(*) from rule_setting") == 0


def test_who_has_no_home_here_has_no_rules_of_one(kari, town, anna):
    town.sql("update patient set home_id = null where id = %s", town.patients["anna"])
    assert "enrolment list" in refused(kari.get(f"/api/v1{anna}/home-rules"), 422)
