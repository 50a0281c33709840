"""Which limit, rule and plan counts for a patient, who set it, and that it reaches whoever keeps it in memory."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind
from server.clinical.pathways import GLUCOSE_MMOL_PER_L, PULSE_PER_MIN, SPO2_PERCENT, Pathway
from server.clinical.plans import PLANS, PlanItem
from server.clinical.settings import Source
from server.detection import home_rules
from server.detection.rules import DEVIATION, GAIN, RULES_OF, TREND
from server.errors import CareError
from server.store import decisions, facts, pool, settings, signals
from server.store.decisions import Whose
from server.store.settings import OfHome, OfPathway, OfPatient
from tests.integration.conftest import Town

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SPO2 = KINDS[Kind.SPO2].number
LOW_84 = Limit(red_low=82, yellow_low=84)
LOW_86 = Limit(red_low=84, yellow_low=86)
AT_NINE = PlanItem(
    kind=Kind.SPO2,
    weekdays=frozenset({1, 4}),
    times=(time(9), time(21)),
    before=timedelta(hours=1),
    after=timedelta(hours=2),
)


@pytest.fixture
def conn(town: Town) -> Iterator[psycopg.Connection]:
    with pool.connect(town.owner, name="test", autocommit=True) as it:
        yield it


@pytest.fixture
def anna(town: Town) -> int:
    return town.patients["anna"]


@pytest.fixture
def said(town: Town):
    return {"by": town.staff["kari"], "now": NOW, "reason": "Dr. Test"}


@pytest.fixture
def kols(town: Town) -> OfPathway:
    return OfPathway(team=town.teams["east"], pathway=Pathway.KOLS)


def spo2(conn, patient, at=NOW):
    return settings.limits(conn, [(patient, SPO2)], at)[patient, SPO2]


def rules(conn, patient):
    return {rule.name: rule for rule in settings.rules_of(conn, [patient])[patient]}


def test_the_nearest_limit_counts_and_what_is_taken_back_uncovers_the_one_behind_it(conn, town, anna, said, kols):
    assert spo2(conn, anna).source is Source.SHIPPED
    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said)
    assert (spo2(conn, anna).limit, spo2(conn, anna).source) == (LOW_86, Source.TEAM)
    usual = facts.Baseline(kind=Kind.SPO2, center=87, mad=1, days=9, last_day=date(2026, 3, 1))
    facts.say(conn, anna, usual, by=said["by"], at=NOW, now=NOW)
    assert (spo2(conn, anna).limit, spo2(conn, anna).source) == (Limit(red_low=83, yellow_low=85), Source.BASELINE)
    range_ = facts.SaturationRange(low_percent=88, high_percent=92)
    prescribed = facts.say(conn, anna, range_, by=said["by"], at=NOW, now=NOW, reason="Dr. Test")
    assert (spo2(conn, anna).limit, spo2(conn, anna).source) == (Limit(red_low=86, yellow_low=88), Source.RANGE)
    settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **said)
    found = spo2(conn, anna)
    assert (found.limit, found.source, found.by, found.at) == (LOW_84, Source.PATIENT, said["by"], NOW)
    assert found.basis == "Personal limit, set 2026-03-02: Dr. Test"

    settings.set_limit(conn, anna, Kind.SPO2, None, **said)
    assert spo2(conn, anna).source is Source.RANGE
    facts.withdraw(conn, prescribed, said["by"], NOW)
    assert spo2(conn, anna).source is Source.BASELINE
    facts.end(conn, anna, "baseline", kind=Kind.SPO2, by=said["by"], at=NOW, now=NOW, reason="old")
    assert spo2(conn, anna).source is Source.TEAM
    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, None, **said)
    assert (spo2(conn, anna).limit, spo2(conn, anna).source) == (SPO2_PERCENT.limit, Source.SHIPPED)


def test_a_range_that_begins_later_and_ends_counts_from_then_until_then(conn, anna, said):
    range_ = facts.SaturationRange(low_percent=88, high_percent=92)
    facts.say(conn, anna, range_, by=said["by"], at=NOW + DAY, until=NOW + 2 * DAY, now=NOW, reason="Dr. Test")
    microsecond = timedelta(microseconds=1)
    at = (NOW, NOW + DAY - microsecond, NOW + DAY, NOW + 2 * DAY - microsecond, NOW + 2 * DAY)
    found = [spo2(conn, anna, each) for each in at]
    shipped, counts = Source.SHIPPED, Source.RANGE
    assert [each.source for each in found] == [shipped, shipped, counts, counts, shipped]
    assert [each.until for each in found] == [NOW + DAY, NOW + DAY, NOW + 2 * DAY, NOW + 2 * DAY, None]


def test_limits_without_any_number_silence_a_kind(conn, anna, said):
    settings.set_limit(conn, anna, Kind.SPO2, Limit(), **said)
    assert (spo2(conn, anna).limit, spo2(conn, anna).source) == (None, Source.PATIENT)


def test_a_row_that_is_no_limit_leaves_what_stands_behind_it(conn, town, anna, said, caplog):
    town.sql(
        "insert into patient_limit (patient_id, kind, red_low, yellow_low, reason) values (%s, %s, 90, 80, 'by hand')",
        anna, SPO2,
    )  # fmt: skip
    assert spo2(conn, anna).limit == SPO2_PERCENT.limit
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_teams_limit_is_for_its_own_patients_of_that_pathway_only(conn, town, anna, said, kols):
    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said)
    everybody = settings.limits(conn, [(each, SPO2) for each in town.patients.values()], NOW)
    assert {name: everybody[id_, SPO2].limit for name, id_ in town.patients.items()} == {
        "anna": LOW_86,
        "arne": SPO2_PERCENT.limit,  # diabetes
        "berta": SPO2_PERCENT.limit,  # the other team
    }


def test_all_limits_of_a_patient_are_there_with_what_they_rest_on(conn, anna, said):
    settings.set_limit(conn, anna, Kind.WEIGHT, Limit(yellow_low=50), **said)
    found = settings.limits_of(conn, [anna, 4711], NOW)
    assert set(found) == {anna}
    assert found[anna][Kind.WEIGHT].source is Source.PATIENT
    assert found[anna][Kind.PULSE_RATE].limit == PULSE_PER_MIN.limit
    assert found[anna][Kind.GLUCOSE].basis == GLUCOSE_MMOL_PER_L.basis
    assert Kind.HEIGHT not in found[anna]


def test_what_is_set_again_in_the_same_instant_counts(conn, anna, said):
    for limit in (LOW_84, LOW_86):
        settings.set_limit(conn, anna, Kind.SPO2, limit, **said)
    assert spo2(conn, anna).limit == LOW_86


def test_a_clock_that_went_back_does_not_bring_an_old_setting_back(conn, town, anna, said, kols):
    home = OfHome(home=town.homes["anna"])
    at_ten = replace(AT_NINE, times=(time(10),))
    for first, also in ((True, said), (False, said | {"now": NOW - HOUR})):
        limit = LOW_84 if first else LOW_86
        settings.set_limit(conn, anna, Kind.SPO2, limit, **also)
        settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.WEIGHT, Limit(yellow_low=40 + first), **also)
        for place in (kols, OfPatient(patient=anna)):
            settings.set_rule(conn, place, "trend", enabled=first, **also)
            settings.set_plan(conn, place, Kind.SPO2, AT_NINE if first else at_ten, **also)
        settings.set_rule(conn, home, home_rules.OUT, enabled=first, **also)
    found = settings.limits_of(conn, [anna], NOW)[anna]
    assert (found[Kind.SPO2].limit, found[Kind.WEIGHT].limit) == (LOW_86, Limit(yellow_low=40))
    assert "trend" not in rules(conn, anna)
    (plan,) = [item for item in settings.plans_of(conn, [anna])[anna] if item.kind is Kind.SPO2]
    assert plan.times == at_ten.times
    assert not settings.home_rules(conn, [home.home])[home.home].out.enabled


def test_a_limit_of_the_pulse_counts_whichever_sensor_is_worn_until_it_is_taken_back(conn, anna, said):
    settings.set_limit(conn, anna, Kind.PULSE_RATE, Limit(yellow_high=120), **said)
    found = settings.limits_of(conn, [anna], NOW)[anna]
    assert found[Kind.HEART_RATE].limit == found[Kind.PULSE_RATE].limit == Limit(yellow_high=120)
    assert found[Kind.HEART_RATE].source is Source.PATIENT
    settings.set_limit(conn, anna, Kind.PULSE_RATE, None, **(said | {"now": NOW + HOUR}))
    assert settings.limits_of(conn, [anna], NOW + HOUR)[anna][Kind.HEART_RATE].source is Source.SHIPPED


@pytest.mark.parametrize(
    ("kind", "limit", "sentence"),
    [
        (Kind.SPO2, Limit(red_low=0), "red_low of spo2 cannot be 0 %: choose 1 to 100"),
        (Kind.SPO2, Limit(yellow_high=101), "choose 1 to 100"),
        (Kind.BODY_TEMPERATURE, Limit(red_high=380), "choose 20 to 46"),
    ],
)
def test_a_limit_that_no_reading_can_reach_is_refused(conn, anna, said, kind, limit, sentence):
    with pytest.raises(CareError, match=sentence):
        settings.set_limit(conn, anna, kind, limit, **said)
    assert conn.execute("select * from patient_limit").fetchall() == []


@pytest.mark.parametrize(("reason", "sentence"), [(" ", "Say why"), ("x" * 501, "501 characters")])
def test_nothing_is_set_without_a_reason(conn, anna, said, reason, sentence):
    with pytest.raises(CareError, match=sentence):
        settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **(said | {"reason": reason}))


def test_the_patients_rule_is_nearer_than_the_teams_and_the_teams_nearer_than_the_shipped_one(conn, anna, said, kols):
    own = OfPatient(patient=anna)
    assert set(settings.rules_of(conn, [anna])[anna]) == set(RULES_OF[Pathway.KOLS])
    settings.set_rule(conn, kols, "trend", enabled=False, **said)
    settings.set_rule(conn, kols, "deviation", enabled=True, numbers={"z": 4.5, "least_days": 5}, **said)
    assert "trend" not in rules(conn, anna)
    assert (rules(conn, anna)["deviation"].z, rules(conn, anna)["deviation"].least_days) == (4.5, 5)
    settings.set_rule(conn, own, "trend", enabled=True, numbers={"days": 21}, **said)
    settings.set_rule(conn, own, "deviation", enabled=True, numbers={"z": 3}, **said)
    settings.set_rule(conn, own, "weight_gain", enabled=True, **said)
    found = rules(conn, anna)
    assert (found["trend"].days, found["trend"].version) == (21, TREND.version)
    assert (found["deviation"].z, found["deviation"].least_days) == (3.0, DEVIATION.least_days)
    assert found["weight_gain"] == GAIN
    for rule in ("trend", "deviation", "weight_gain"):
        settings.set_rule(conn, own, rule, enabled=None, **said)
    assert rules(conn, anna)["deviation"].z == 4.5
    assert not {"trend", "weight_gain"} & rules(conn, anna).keys()


def test_a_home_has_rules_of_its_own_and_its_own_night(conn, town, said):
    anna, arne = town.homes["anna"], town.homes["arne"]
    town.sql("update home set night_from = '23:30' where id = %s", anna)
    settings.set_rule(conn, OfHome(home=anna), home_rules.OUT, enabled=False, **said)
    settings.set_rule(conn, OfHome(home=anna), home_rules.INACTIVE, enabled=True, numbers={"default_min": 300}, **said)
    found = settings.home_rules(conn, [anna, arne])
    assert (found[anna].out.enabled, found[anna].inactive.default_min) == (False, 300)
    assert found[anna].night.from_at == time(23, 30)
    assert found[arne] == home_rules.SHIPPED
    settings.set_rule(conn, OfHome(home=anna), home_rules.OUT, enabled=None, **said)
    assert settings.home_rules(conn, [anna])[anna].out == home_rules.SHIPPED.out


def test_plans_follow_the_same_order_and_an_empty_one_awaits_nothing(conn, anna, said, kols):
    own = OfPatient(patient=anna)
    assert set(settings.plans_of(conn, [anna])[anna]) == set(PLANS[Pathway.KOLS])
    settings.set_plan(conn, kols, Kind.SPO2, AT_NINE, **said)

    def spo2_plan():
        return [
            (item.weekdays, item.times, item.before, item.after)
            for item in settings.plans_of(conn, [anna])[anna]
            if item.kind is Kind.SPO2
        ]

    assert spo2_plan() == [(AT_NINE.weekdays, AT_NINE.times, AT_NINE.before, AT_NINE.after)]
    nothing = PlanItem(kind=Kind.SPO2, weekdays=frozenset(), times=(), before=timedelta(0), after=timedelta(0))
    settings.set_plan(conn, own, Kind.SPO2, nothing, **said)
    assert spo2_plan() == []
    settings.set_plan(conn, own, Kind.SPO2, None, **said)
    assert len(spo2_plan()) == 1
    settings.set_plan(conn, kols, Kind.SPO2, None, **said)
    assert set(settings.plans_of(conn, [anna])[anna]) == set(PLANS[Pathway.KOLS])


def test_in_palliative_care_only_what_is_set_for_the_patient_counts(conn, town, anna, said):
    town.sql("update patient set pathway = 'palliative' where id = %s", anna)
    palliative = OfPathway(team=town.teams["east"], pathway=Pathway.PALLIATIVE)
    for attempt in (
        lambda: settings.set_pathway_limit(conn, palliative.team, palliative.pathway, Kind.SPO2, LOW_84, **said),
        lambda: settings.set_rule(conn, palliative, "trend", enabled=True, **said),
        lambda: settings.set_plan(conn, palliative, Kind.SPO2, AT_NINE, **said),
    ):
        with pytest.raises(CareError, match="set it for the patient"):
            attempt()
    assert settings.limits_of(conn, [anna], NOW)[anna] == {}
    assert settings.rules_of(conn, [anna])[anna] == ()
    assert settings.plans_of(conn, [anna])[anna] == ()
    settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **said)
    settings.set_rule(conn, OfPatient(patient=anna), "trend", enabled=True, **said)
    settings.set_plan(conn, OfPatient(patient=anna), Kind.SPO2, AT_NINE, **said)
    assert spo2(conn, anna).limit == LOW_84
    assert settings.rules_of(conn, [anna])[anna] == (TREND,)
    assert [item.kind for item in settings.plans_of(conn, [anna])[anna]] == [Kind.SPO2]


def test_a_patient_who_changes_pathway_or_team_takes_what_is_set_for_him_along_and_nothing_else(
    conn, town, anna, said, kols
):
    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said)
    settings.set_limit(conn, anna, Kind.PULSE_RATE, Limit(red_high=150), **said)
    town.sql("update patient set team_id = %s where id = %s", town.teams["west"], anna)
    found = settings.limits_of(conn, [anna], NOW)[anna]
    assert found[Kind.SPO2].source is Source.SHIPPED
    assert found[Kind.PULSE_RATE].source is Source.PATIENT


def test_who_set_what_and_when_is_kept_also_of_what_was_taken_back(conn, town, anna, said, kols):
    own, ola = OfPatient(patient=anna), {"by": town.staff["ola"], "now": NOW + HOUR, "reason": "better now"}
    settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **said)
    settings.set_limit(conn, anna, Kind.SPO2, None, **ola)
    settings.set_rule(conn, own, "trend", enabled=False, **(said | {"now": NOW + DAY}))
    settings.set_plan(conn, own, Kind.SPO2, AT_NINE, **(said | {"now": NOW + 2 * DAY}))
    of_anna = Whose(patient=anna, team=kols.team, pathway=kols.pathway)
    plan, rule, taken_back, limit = decisions.changes(conn, of_anna, before=None, most=10)
    assert (plan.rank, plan.kind, plan.content["times"]) == (decisions.PLAN, SPO2, ["09:00:00", "21:00:00"])
    assert (rule.rank, rule.what, rule.content["enabled"]) == (decisions.RULE, "trend", False)
    assert (limit.by, limit.at, limit.reason) == (said["by"], NOW, "Dr. Test")
    edges = {"red_low": 82, "yellow_low": 84, "yellow_high": None, "red_high": None}
    assert limit.content == {"removed": False, **edges}
    assert (taken_back.by, taken_back.at, taken_back.content["removed"]) == (ola["by"], NOW + HOUR, True)

    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said)
    settings.set_rule(conn, OfHome(home=town.homes["anna"]), home_rules.OUT, enabled=False, **said)
    (of_team,) = decisions.changes(conn, of_anna.behind(), before=None, most=10)
    assert (of_team.rank, of_team.of_team, of_team.kind) == (decisions.TEAM_LIMIT, True, SPO2)
    ranks = {each.rank for each in decisions.changes(conn, of_anna, before=None, most=10)}
    assert ranks == {decisions.PLAN, decisions.RULE, decisions.OWN_LIMIT, decisions.TEAM_LIMIT, decisions.HOME_RULE}


def test_everybody_who_keeps_settings_is_told_when_the_change_is_committed(conn, town, anna, said, kols):
    own = OfPatient(patient=anna)
    of_anna = [
        lambda: settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **said),
        lambda: settings.set_rule(conn, own, "trend", enabled=False, **said),
        lambda: settings.set_plan(conn, own, Kind.SPO2, AT_NINE, **said),
        lambda: facts.say(conn, anna, facts.OxygenAgreed(on=True), by=said["by"], at=NOW, now=NOW),
        lambda: facts.end(conn, anna, "oxygen", by=said["by"], at=NOW, now=NOW, reason="air now"),
        lambda: facts.withdraw(conn, facts.history(conn, anna)[0].id, said["by"], NOW),
    ]
    of_many = [
        lambda: settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said),
        lambda: settings.set_rule(conn, kols, "trend", enabled=False, **said),
        lambda: settings.set_plan(conn, kols, Kind.SPO2, AT_NINE, **said),
        lambda: settings.set_rule(conn, OfHome(home=1), home_rules.OUT, enabled=False, **said),
    ]
    with pool.connect(town.owner, name="listener", autocommit=True) as listener:
        signals.listen(listener, [signals.Channel.ENROLMENT])
        for changes, payload in ((of_anna, str(anna)), (of_many, "")):
            for change in changes:
                change()
                assert list(signals.wait(listener, 10)) == [(signals.Channel.ENROLMENT, payload)]


def test_another_team_neither_sees_nor_sets_anything(conn, database, town, anna, said, kols):
    settings.set_limit(conn, anna, Kind.SPO2, LOW_84, **said)
    settings.set_pathway_limit(conn, kols.team, kols.pathway, Kind.SPO2, LOW_86, **said)
    settings.set_rule(conn, kols, "trend", enabled=False, **said)
    settings.set_plan(conn, OfPatient(patient=anna), Kind.SPO2, AT_NINE, **said)
    settings.set_rule(conn, OfHome(home=town.homes["anna"]), home_rules.OUT, enabled=False, **said)
    berit, home = town.staff["berit"], town.homes["anna"]
    with pool.connect(database.api, name="test", autocommit=True) as theirs:
        theirs.execute("select set_config('hjemvakt.staff', %s, false)", (str(berit),))
        for table in ("patient_limit", "pathway_limit", "rule_setting", "measuring_plan"):
            assert theirs.execute(SQL("select * from {}").format(Identifier(table))).fetchall() == []
        for read in (settings.rules_of, settings.plans_of):
            assert read(theirs, [anna]) == {}
        assert settings.limits_of(theirs, [anna], NOW) == {}
        assert settings.home_rules(theirs, [home]) == {}
        also = said | {"by": berit}
        for attempt in (
            lambda: settings.set_limit(theirs, anna, Kind.SPO2, LOW_86, **also),
            lambda: settings.set_pathway_limit(theirs, kols.team, kols.pathway, Kind.SPO2, LOW_84, **also),
            lambda: settings.set_rule(theirs, kols, "ewma", enabled=False, **also),
            lambda: settings.set_rule(theirs, OfHome(home=home), home_rules.OUT, enabled=False, **also),
            lambda: settings.set_plan(theirs, OfPatient(patient=anna), Kind.SPO2, None, **also),
        ):
            with pytest.raises(CareError, match="no such patient"):
                attempt()
    with pool.connect(database.api, name="test", autocommit=True) as hers:
        hers.execute("select set_config('hjemvakt.staff', %s, false)", (str(said["by"]),))
        settings.set_limit(hers, anna, Kind.SPO2, LOW_86, **said)
        assert settings.limits_of(hers, [anna], NOW)[anna][Kind.SPO2].limit == LOW_86
