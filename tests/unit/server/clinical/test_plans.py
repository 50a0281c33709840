"""When a patient measures what: the shipped plans, the order of settings, and what no plan can be."""

from dataclasses import replace
from datetime import UTC, time, timedelta

import pytest

from devices.vocabulary import Kind
from server.clinical.pathways import Pathway
from server.clinical.plans import PLANS, PlanItem, chosen_plan, why_not
from server.clinical.references import BIBLIOGRAPHY

AT_NINE = PlanItem(
    kind=Kind.SPO2,
    weekdays=frozenset({1}),
    times=(time(9),),
    before=timedelta(hours=1),
    after=timedelta(hours=1),
)
AT_TEN = replace(AT_NINE, times=(time(10),))
NOTHING = replace(AT_NINE, times=())


def of_spo2(own, team):
    plan = chosen_plan(Pathway.KOLS, own, team)
    return next((item for item in plan if item.kind is Kind.SPO2), None)


def test_every_shipped_plan_is_a_proposal_with_its_documents_and_can_be_set():
    assert set(PLANS) == set(Pathway)
    for items in PLANS.values():
        assert len({item.kind for item in items}) == len(items)
        for item in items:
            assert item.proposal
            assert item.references
            assert set(item.references) <= set(BIBLIOGRAPHY)
            assert why_not(item) == ""


def test_in_palliative_care_nothing_is_awaited_unless_it_is_planned_for_the_patient():
    assert PLANS[Pathway.PALLIATIVE] == ()
    assert chosen_plan(Pathway.PALLIATIVE, {}, {Kind.SPO2: AT_NINE}) == ()
    assert chosen_plan(Pathway.PALLIATIVE, {Kind.SPO2: AT_NINE}, {}) == (AT_NINE,)


def test_who_has_heart_failure_is_weighed_every_morning():
    (weight,) = [item for item in PLANS[Pathway.HEART_FAILURE] if item.kind is Kind.WEIGHT]
    assert weight.weekdays == {1, 2, 3, 4, 5, 6, 7}
    assert len(weight.times) == 1


@pytest.mark.parametrize(
    ("own", "team", "expected"),
    [
        ({Kind.SPO2: AT_NINE}, {Kind.SPO2: AT_TEN}, AT_NINE),
        ({}, {Kind.SPO2: AT_TEN}, AT_TEN),
        ({}, {}, PLANS[Pathway.KOLS][0]),
        ({Kind.SPO2: NOTHING}, {Kind.SPO2: AT_TEN}, None),
        ({}, {Kind.SPO2: NOTHING}, None),
    ],
)
def test_the_nearest_plan_counts_and_one_without_times_awaits_nothing(own, team, expected):
    assert of_spo2(own, team) == expected


def test_a_kind_that_the_pathway_does_not_plan_can_be_added():
    temperature = replace(AT_NINE, kind=Kind.BODY_TEMPERATURE)
    plan = chosen_plan(Pathway.KOLS, {Kind.BODY_TEMPERATURE: temperature}, {})
    assert set(plan) == {*PLANS[Pathway.KOLS], temperature}


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        (replace(AT_NINE, weekdays=frozenset({0})), "1, Monday, to 7"),
        (replace(AT_NINE, weekdays=frozenset({8})), "1, Monday, to 7"),
        (replace(AT_NINE, weekdays=frozenset()), "no weekday"),
        (replace(AT_NINE, times=(time(9), time(9))), "different times"),
        (replace(AT_NINE, times=tuple(time(hour) for hour in range(13))), "at most 12"),
        (replace(AT_NINE, times=(time(9, tzinfo=UTC),)), "without a time zone"),
        (replace(AT_NINE, times=(time(9, 0, 1),)), "an hour and a minute"),
        (replace(AT_NINE, before=timedelta(days=1, minutes=1)), "at most a day"),
        (replace(AT_NINE, after=timedelta(days=1, minutes=1)), "at most a day"),
        (replace(AT_NINE, after=timedelta(minutes=-1)), "at most a day"),
        (replace(AT_NINE, before=timedelta(0), after=timedelta(0)), "for no time at all"),
    ],
)
def test_what_no_plan_can_be_is_said_in_a_sentence(item, sentence):
    assert sentence in why_not(item)


@pytest.mark.parametrize(
    "item",
    [
        replace(AT_NINE, weekdays=frozenset({1, 7})),
        replace(AT_NINE, times=tuple(time(hour) for hour in range(12))),
        replace(AT_NINE, before=timedelta(days=1), after=timedelta(days=1)),
        replace(AT_NINE, before=timedelta(0)),
        replace(NOTHING, weekdays=frozenset(), before=timedelta(0), after=timedelta(0)),
    ],
)
def test_up_to_its_bounds_a_plan_is_one(item):
    assert why_not(item) == ""
