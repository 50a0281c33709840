"""Which rules are looked at for a patient, with which numbers, and which numbers no rule has."""

import pytest

from server.clinical.pathways import Pathway
from server.detection.chosen_rules import BOUNDS, RuleSetting, chosen_rules, numbers_of, set_to, why_not
from server.detection.rules import DEVIATION, GAIN, IRREGULAR_PULSE, RULES, RULES_OF, TREND

OFF = RuleSetting(enabled=False)
ON = RuleSetting(enabled=True)


def z(setting):
    return RuleSetting(enabled=True, numbers={"z": setting})


def names(own, team, pathway=Pathway.KOLS):
    return {rule.name for rule in chosen_rules(pathway, own, team)}


@pytest.mark.parametrize("pathway", list(Pathway))
def test_without_any_setting_a_pathway_has_its_shipped_rules(pathway):
    assert set(chosen_rules(pathway, {}, {})) == set(RULES_OF[pathway])


def test_the_rules_keep_their_order_in_which_the_worst_is_first():
    chosen = [rule.name for rule in chosen_rules(Pathway.KOLS, {"low_soon": ON, "weight_gain": ON}, {})]
    shipped = [rule.name for rule in RULES]
    assert chosen == sorted(chosen, key=shipped.index)


@pytest.mark.parametrize(
    ("own", "team", "expected"),
    [
        ({}, {}, True),
        ({}, {"trend": OFF}, False),
        ({"trend": ON}, {"trend": OFF}, True),
        ({"trend": OFF}, {"trend": ON}, False),
    ],
)
def test_the_setting_nearest_to_the_patient_turns_a_rule_on_or_off(own, team, expected):
    assert ("trend" in names(own, team)) is expected


def test_a_rule_that_the_pathway_does_not_ship_can_be_turned_on():
    assert GAIN not in RULES_OF[Pathway.KOLS]
    assert "weight_gain" in names({"weight_gain": ON}, {})
    assert "weight_gain" in names({}, {"weight_gain": ON})


def test_a_nearer_setting_replaces_the_one_behind_it_whole():
    team = {"deviation": RuleSetting(enabled=True, numbers={"z": 5, "least_days": 9})}
    (of_team,) = [rule for rule in chosen_rules(Pathway.KOLS, {}, team) if rule.name == "deviation"]
    (own,) = [rule for rule in chosen_rules(Pathway.KOLS, {"deviation": z(4)}, team) if rule.name == "deviation"]
    assert (of_team.z, of_team.least_days) == (5, 9)
    assert (own.z, own.least_days) == (4, DEVIATION.least_days)


def test_in_palliative_care_only_the_patients_own_rules_are_looked_at():
    assert names({}, {"trend": ON}, Pathway.PALLIATIVE) == set()
    assert names({"trend": ON}, {}, Pathway.PALLIATIVE) == {"trend"}


def test_other_numbers_leave_the_version_the_documents_and_the_colour():
    changed = set_to(TREND, RuleSetting(enabled=True, numbers={"days": 21.0}))
    assert (changed.days, type(changed.days)) == (21, int)
    assert (changed.version, changed.references, changed.colour) == (TREND.version, TREND.references, TREND.colour)


def test_a_number_that_this_version_no_longer_knows_stops_nothing():
    assert set_to(TREND, RuleSetting(enabled=True, numbers={"was_once": 3})) == TREND


def test_every_number_of_every_rule_has_bounds_with_the_shipped_one_inside():
    for rule in RULES:
        for name, shipped in numbers_of(rule).items():
            lowest, highest = BOUNDS[name]
            assert lowest <= shipped <= highest, f"{name} of {rule.name}"
        assert why_not(rule.name, numbers_of(rule)) == ""


@pytest.mark.parametrize(
    ("rule", "numbers", "sentence"),
    [
        ("trent", {}, "There is no rule 'trent'"),
        ("trend", {"width": 3}, "has no number 'width': it has z"),
        ("irregular_pulse", {"z": 3}, "it can only be on or off"),
        ("trend", {"version": 3}, "has no number 'version'"),
        ("deviation", {"z": 0.49}, "between 0.5 and 20"),
        ("deviation", {"z": 20.1}, "between 0.5 and 20"),
        ("deviation", {"z": float("nan")}, "must be a number"),
        ("deviation", {"z": float("inf")}, "must be a number"),
        ("deviation", {"z": True}, "must be a number"),
        ("deviation", {"days": 14.5}, "whole number"),
        ("deviation", {"days": 0}, "between 1 and 200"),
        ("deviation", {"days": 6}, "cannot ask for 7 of 6 days"),
        ("deviation", {"least_days": 15}, "cannot ask for 15 of 14 days"),
    ],
)
def test_a_number_that_a_rule_cannot_have_is_refused_in_a_sentence(rule, numbers, sentence):
    assert sentence in why_not(rule, numbers)


@pytest.mark.parametrize(
    ("rule", "numbers"),
    [
        ("deviation", {"z": 0.5}),
        ("deviation", {"z": 20}),
        ("deviation", {"days": 7}),
        ("deviation", {"least_days": 14}),
        ("deviation", {"days": 14.0}),
        (IRREGULAR_PULSE.name, {}),
    ],
)
def test_up_to_its_bounds_it_can(rule, numbers):
    assert why_not(rule, numbers) == ""
