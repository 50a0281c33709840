"""What the slow rules found becomes one concern for each worsening, and is over only when somebody could look."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import Kind
from server.alerts import slow
from server.alerts.findings import Concern, ConcernOver
from server.alerts.model import Priority, patient_subject
from server.clinical.references import HJEMVAKT_PROPOSAL, MANN_KENDALL
from server.detection.rule_findings import Grounds, Looked, RuleFinding
from server.detection.rules import RULES

NOW = datetime(2026, 3, 10, 7, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NUMBERS = {
    "deviation": {"value": 89, "usual": 93, "mad": 0.5, "z": -5.4, "accepted": 0},
    "trend": {"per_day": -0.3, "p": 0.01, "change": -4.2, "smallest": 2},
    "ewma": {"average": 90.6, "usual": 93, "limit": 91.2},
    "cusum": {"sum": 4.1, "limit": 3.7, "usual": 93, "shift": -2.5},
    "weight_gain": {"value": 84.5, "gained_kg": 2.4, "more_than_kg": 2},
    "weight_loss_month": {"value": 62.7, "lost_share": 0.05, "at_least_share": 0.05},
    "weight_loss_half_year": {"value": 59.4, "lost_share": 0.10, "at_least_share": 0.10},
    "low_soon": {"value": 5.1, "per_min": -0.11, "predicted": 3.4, "within_min": 30, "below": 3.9},
    "very_low_soon": {"value": 4.6, "per_min": -0.11, "predicted": 2.8, "within_min": 20, "below": 3.2},
    "falling_fast": {"value": 9.1, "per_min": -0.18, "at_least_per_min": 0.17},
    "home_pressure": {"systolic": 141, "diastolic": 82, "days": 6},
    "irregular_pulse": {"highest_entropy": 0.71},
    "news2": {"total": 6, "respiration": 2, "spo2": 3, "pulse": 1, "scale": 1},
    "exacerbation": {"type": 2, "days": 3, "dyspnoea": 1, "sputum_volume": 1},
}


def found(name, kind=Kind.SPO2, direction="low", *, patient=1, level=Level.YELLOW_LOW, at=NOW, **numbers):
    return RuleFinding(
        patient=patient,
        kind=kind,
        name=name,
        version=1,
        level=level,
        direction=direction,
        at=at,
        grounds=Grounds(
            numbers=NUMBERS[name] | numbers,
            from_at=at - 14 * DAY,
            to_at=at,
            readings=12,
            references=(MANN_KENDALL, HJEMVAKT_PROPOSAL) if name == "trend" else (HJEMVAKT_PROPOSAL,),
            proposal=True,
        ),
    )


def looked(*rules, kind=Kind.SPO2, patient=1, at=NOW):
    return Looked(patient=patient, kind=kind, rules=frozenset(rules), at=at)


def told(*findings, now=NOW):
    return slow.concerns(findings, [], {}, now)


def over(looks, *standing, found=(), now=NOW):
    concerns = slow.concerns(found, looks, {1: standing}, now)
    return [each.rule for each in concerns if isinstance(each, ConcernOver)]


def test_every_rule_that_exists_leads_to_an_alert_that_was_agreed():
    agreed = {
        "change:spo2:low",
        "weight_gain",
        "weight_loss",
        "low_soon:spo2",
        "home_pressure",
        "irregular_pulse",
        "news2",
        "exacerbation",
    }
    names = {rule.name for rule in RULES} | {"news2", "exacerbation"}
    assert {slow.alert_rule(found(name)) for name in names} == agreed


# ---- one worsening, one concern


def test_four_rules_that_see_the_same_fall_are_one_concern_told_by_the_one_a_nurse_can_check():
    (concern,) = told(found("cusum"), found("trend"), found("deviation"), found("ewma"))
    assert (concern.subject, concern.rule, concern.priority) == (
        patient_subject(1),
        "change:spo2:low",
        Priority.YELLOW,
    )
    evidence = concern.evidence
    assert evidence.rules == ("deviation", "trend", "ewma", "cusum")
    assert (evidence.kind, evidence.value, evidence.direction) == (Kind.SPO2, 89, "low")
    assert (evidence.numbers["usual"], evidence.numbers["trend_per_day"]) == (93, -0.3)
    assert (evidence.from_at, evidence.since, evidence.readings) == (NOW - 14 * DAY, NOW, 12)


def test_the_evidence_names_every_source_once():
    (concern,) = told(found("deviation"), found("trend"))
    assert concern.evidence.reference == f"{HJEMVAKT_PROPOSAL}; {MANN_KENDALL}"


def test_low_and_high_and_two_patients_are_different_concerns():
    concerns = told(
        found("trend", Kind.WEIGHT, "low"),
        found("trend", Kind.WEIGHT, "high", level=Level.YELLOW_HIGH),
        found("trend", Kind.WEIGHT, "low", patient=2),
    )
    assert [(each.subject.patient, each.rule) for each in concerns] == [
        (1, "change:weight:high"),
        (1, "change:weight:low"),
        (2, "change:weight:low"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "rule"),
    [
        (Kind.PULSE_RATE, Kind.HEART_RATE, "change:heart_rate:high"),
        (Kind.SYSTOLIC, Kind.DIASTOLIC, "change:systolic:high"),
    ],
)
def test_two_ways_to_measure_one_thing_are_one_concern(first, second, rule):
    (concern,) = told(found("deviation", first, "high"), found("deviation", second, "high"))
    assert concern.rule == rule


def test_a_weight_that_is_told_as_a_gain_is_not_told_as_a_change_too():
    concerns = told(found("deviation", Kind.WEIGHT, "high"), found("weight_gain", Kind.WEIGHT, "high"))
    assert [each.rule for each in concerns] == ["weight_gain"]


def test_a_slow_loss_of_weight_is_one_concern_whether_by_month_or_by_half_year():
    (concern,) = told(found("weight_loss_half_year", Kind.WEIGHT), found("weight_loss_month", Kind.WEIGHT))
    assert (concern.rule, concern.evidence.rules) == ("weight_loss", ("weight_loss_month", "weight_loss_half_year"))


def test_the_gravest_of_the_glucose_rules_tells_and_colours():
    isf = Kind.GLUCOSE_ISF
    (concern,) = told(
        found("falling_fast", isf), found("low_soon", isf), found("very_low_soon", isf, level=Level.RED_LOW)
    )
    assert (concern.rule, concern.priority) == ("low_soon:glucose_isf", Priority.RED)
    assert (concern.evidence.rules[0], concern.evidence.numbers["below"]) == ("very_low_soon", 3.2)


def test_a_score_of_the_whole_patient_has_no_kind():
    (concern,) = told(found("news2", None, "high", level=Level.RED_HIGH))
    assert (concern.rule, concern.priority, concern.evidence.kind) == ("news2", Priority.RED, None)


def test_a_number_that_is_none_is_left_out():
    (concern,) = told(found("deviation", mad=float("nan")))
    assert "mad" not in concern.evidence.numbers


# ---- what it joins, how bad it is, how old


def test_a_change_joins_the_limit_of_the_same_thing_and_side_only():
    (concern,) = told(found("trend", Kind.PULSE_RATE, "high"))
    assert set(concern.joins) == {"limit:heart_rate:high", "limit:pulse_rate:high"}


def test_a_feared_low_joins_a_low_however_it_was_measured():
    (concern,) = told(found("low_soon", Kind.GLUCOSE_ISF))
    assert set(concern.joins) == {"limit:glucose:low", "limit:glucose_isf:low"}


def test_a_change_of_weight_joins_the_gain_that_stands():
    (concern,) = told(found("trend", Kind.WEIGHT, "high"))
    assert "weight_gain" in concern.joins


@pytest.mark.parametrize(
    ("name", "kind", "numbers", "steps"),
    [
        ("deviation", Kind.SPO2, {}, 2.0),  # 4 % below what is usual, 2 % matter
        ("trend", Kind.SPO2, {}, 2.1),
        ("ewma", Kind.SPO2, {}, 1.2),
        ("cusum", Kind.SPO2, {}, 1.25),
        ("weight_gain", Kind.WEIGHT, {}, 84.5),
        ("weight_loss_month", Kind.WEIGHT, {}, 2.0),
        ("home_pressure", Kind.SYSTOLIC, {"diastolic": 90}, 18.0),
        ("news2", None, {}, 3.0),
        ("exacerbation", None, {}, 1.0),
        ("exacerbation", None, {"type": 1}, 2.0),
        ("low_soon", Kind.GLUCOSE_ISF, {}, None),
        ("irregular_pulse", Kind.RR_INTERVAL, {}, None),
    ],
)
def test_how_bad_it_is_counts_in_steps_that_matter(name, kind, numbers, steps):
    (concern,) = told(found(name, kind, **numbers))
    assert concern.steps == (None if steps is None else pytest.approx(steps))


@pytest.mark.parametrize(
    ("name", "minutes", "late"),
    [
        ("low_soon", 15, False),
        ("low_soon", 16, True),
        ("news2", 120, False),
        ("news2", 121, True),
        ("deviation", 24 * 60, False),
        ("deviation", 24 * 60 + 1, True),
    ],
)
def test_what_rests_on_old_readings_is_not_told_as_now(name, minutes, late):
    (concern,) = told(found(name, at=NOW - timedelta(minutes=minutes)))
    assert concern.late is late


def test_slow_is_what_looks_back_on_hours_or_more():
    assert all(slow.is_slow(rule) for rule in ("change:spo2:low", "weight_gain", "news2", "exacerbation"))
    assert not any(slow.is_slow(rule) for rule in ("low_soon:glucose_isf", "limit:spo2:low", "call:fall", "home:out"))


# ---- over


def test_what_was_looked_at_and_is_not_found_again_is_over():
    concerns = slow.concerns([], [looked("deviation", "trend")], {1: ["change:spo2:low"]}, NOW)
    (ended,) = concerns
    assert (ended.subject, ended.rule, ended.at) == (patient_subject(1), "change:spo2:low", NOW)
    assert set(ended.of) == {(Kind.SPO2, "deviation"), (Kind.SPO2, "trend")}


def test_what_is_found_again_is_not_over():
    assert over([looked("deviation", "trend")], "change:spo2:low", found=[found("trend")]) == []


def test_only_what_stands_can_be_over():
    assert over([looked("deviation")], "limit:spo2:low", "call:fall") == []
    assert slow.concerns([], [looked("deviation", patient=2)], {1: ["change:spo2:low"]}, NOW) == []


def test_what_nobody_could_look_at_is_not_over():
    assert over([looked("deviation", kind=Kind.WEIGHT)], "change:spo2:low", "weight_gain", "news2") == []


@pytest.mark.parametrize(
    ("rules", "kind", "standing"),
    [
        (["low_soon"], Kind.GLUCOSE_ISF, "low_soon:glucose_isf"),
        (["weight_gain"], Kind.WEIGHT, "weight_gain"),
        (["weight_loss_month", "weight_loss_half_year"], Kind.WEIGHT, "weight_loss"),
        (["home_pressure"], Kind.SYSTOLIC, "home_pressure"),
        (["irregular_pulse"], Kind.RR_INTERVAL, "irregular_pulse"),
        (["news2"], None, "news2"),
        (["exacerbation"], None, "exacerbation"),
    ],
)
def test_each_rule_ends_its_own(rules, kind, standing):
    assert over([looked(*rules, kind=kind)], standing, "change:spo2:low") == [standing]


def test_a_gain_of_weight_keeps_the_change_from_being_over():
    gain = found("weight_gain", Kind.WEIGHT, "high")
    trend = found("trend", Kind.WEIGHT, "high")
    looks = [looked("trend", "weight_gain", kind=Kind.WEIGHT)]
    assert over(looks, "change:weight:high", found=[gain, trend]) == []
    assert over(looks, "change:weight:high", found=[gain]) == ["change:weight:high"]


def test_the_end_is_as_of_the_newest_look():
    looks = [looked("deviation", kind=Kind.PULSE_RATE, at=NOW - DAY), looked("deviation", kind=Kind.HEART_RATE)]
    (ended,) = slow.concerns([], looks, {1: ["change:heart_rate:high"]}, NOW)
    assert ended.at == NOW
    assert {kind for kind, _ in ended.of} == {Kind.PULSE_RATE, Kind.HEART_RATE}


def test_findings_come_before_ends():
    concerns = slow.concerns([found("trend")], [looked("weight_gain", kind=Kind.WEIGHT)], {1: ["weight_gain"]}, NOW)
    assert [type(each) for each in concerns] == [Concern, ConcernOver]
