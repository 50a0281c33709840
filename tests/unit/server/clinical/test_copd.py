"""Anthonisen's types from reported symptoms, and from which day on an exacerbation is one."""

from datetime import date, timedelta
from itertools import combinations

import pytest

from server.clinical.copd import MAJOR, MINOR, REFERENCES, Exacerbation, Symptom, Type, exacerbation, is_faster, type_of
from server.clinical.references import BIBLIOGRAPHY

MONDAY = date(2026, 3, 2)
DYSPNOEA, VOLUME, PURULENCE = Symptom.DYSPNOEA, Symptom.SPUTUM_VOLUME, Symptom.SPUTUM_PURULENCE
COUGH, FEVER = Symptom.COUGH, Symptom.FEVER
NOTHING: frozenset[Symptom] = frozenset()


def test_three_symptoms_are_major_and_five_are_minor():
    assert {DYSPNOEA, VOLUME, PURULENCE} == MAJOR
    assert {Symptom.COLD, FEVER, Symptom.WHEEZE, COUGH, Symptom.FASTER} == MINOR


@pytest.mark.parametrize("minor", [NOTHING, {COUGH}, MINOR])
def test_three_majors_are_type_1_and_two_are_type_2_whatever_else_there_is(minor):
    assert type_of(MAJOR | minor) is Type.ONE
    assert {type_of({*two} | minor) for two in combinations(MAJOR, 2)} == {Type.TWO}


@pytest.mark.parametrize("major", sorted(MAJOR))
def test_one_major_needs_a_minor_to_be_type_3(major):
    assert type_of({major}) is None
    assert {type_of({major, minor}) for minor in MINOR} == {Type.THREE}


def test_minors_alone_are_no_exacerbation():
    assert type_of(MINOR) is None
    assert type_of(NOTHING) is None


def from_monday(*days):
    """None: a day on which nothing was reported."""
    return exacerbation({MONDAY + timedelta(days=i): each for i, each in enumerate(days) if each is not None})


BAD = frozenset({DYSPNOEA, VOLUME})
WORSE = frozenset(MAJOR)


@pytest.mark.parametrize(
    "days",
    [
        (),
        (BAD,),
        (BAD, NOTHING),
        (BAD, NOTHING, BAD),
        (BAD, None, BAD),  # nobody knows about the day between
        (BAD, BAD, NOTHING),  # over
        ({DYSPNOEA}, {DYSPNOEA}),  # no type
    ],
)
def test_less_than_two_days_in_a_row_are_no_exacerbation(days):
    assert from_monday(*days) is None


@pytest.mark.parametrize(
    ("days", "began_after", "as_of_after", "kind"),
    [
        ((BAD, BAD), 0, 1, Type.TWO),
        ((NOTHING, BAD, BAD), 1, 2, Type.TWO),
        ((BAD, WORSE), 0, 1, Type.ONE),
        ((WORSE, WORSE, {DYSPNOEA, COUGH}), 0, 2, Type.THREE),
        ((BAD, None, BAD, BAD), 2, 3, Type.TWO),
        ((BAD, BAD, NOTHING, BAD, BAD), 3, 4, Type.TWO),
        ((BAD, BAD, None, None, BAD), 0, 4, Type.TWO),  # silence ends nothing
        ((BAD, BAD, None), 0, 1, Type.TWO),
    ],
)
def test_an_exacerbation_begins_with_the_first_of_two_days_and_has_the_type_of_the_newest(
    days, began_after, as_of_after, kind
):
    found = from_monday(*days)
    assert found is not None
    assert found.began == MONDAY + timedelta(days=began_after)
    assert (found.as_of, found.type) == (MONDAY + timedelta(days=as_of_after), kind)
    assert found.symptoms == days[as_of_after]


def test_days_are_reported_in_any_order():
    late = exacerbation({MONDAY + timedelta(days=1): BAD, MONDAY: BAD})
    assert late == Exacerbation(began=MONDAY, as_of=MONDAY + timedelta(days=1), type=Type.TWO, symptoms=BAD)


@pytest.mark.parametrize(
    ("per_min", "usual", "faster"),
    [(90, 75, True), (89.9, 75, False), (24, 20, True), (23, 20, False), (18, 15, True)],
)
def test_a_fifth_above_the_usual_is_faster(per_min, usual, faster):
    assert is_faster(per_min, usual) is faster


def test_the_types_are_named():
    assert set(REFERENCES) <= set(BIBLIOGRAPHY)
