"""Both sides of every band of the default limits, from CLINICAL.md and the documents it names."""

import pytest

from devices.limits import Level, Limit
from devices.vocabulary import KINDS, Kind, Mode
from server.clinical.limits import (
    HYSTERESIS,
    PERSISTENCE,
    join_within_s,
    stale_after_s,
    why_not,
)
from server.clinical.pathways import DEFAULTS, Pathway
from server.clinical.references import BIBLIOGRAPHY
from server.clinical.settings import pathway_limit

RED_LOW, YELLOW_LOW, INSIDE, YELLOW_HIGH, RED_HIGH = Level


def level(pathway: Pathway, kind: Kind, value: float) -> Level:
    limit = pathway_limit(pathway, kind).limit
    assert limit is not None
    return limit.level_of(value, decimals=KINDS[kind].decimals)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.SPO2, 87, RED_LOW),  # CLINICAL 3: without a baseline yellow <90, red <88
        (Kind.SPO2, 88, YELLOW_LOW),
        (Kind.SPO2, 89, YELLOW_LOW),
        (Kind.SPO2, 90, INSIDE),
        (Kind.SPO2, 100, INSIDE),
        (Kind.GLUCOSE, 2.9, RED_LOW),  # CLINICAL 2: red <3.0, yellow <3.9, yellow >13.9, red >20.0
        (Kind.GLUCOSE, 3.0, YELLOW_LOW),
        (Kind.GLUCOSE, 3.8, YELLOW_LOW),
        (Kind.GLUCOSE, 3.9, INSIDE),
        (Kind.GLUCOSE, 13.9, INSIDE),
        (Kind.GLUCOSE, 14.0, YELLOW_HIGH),
        (Kind.GLUCOSE, 20.0, YELLOW_HIGH),
        (Kind.GLUCOSE, 20.1, RED_HIGH),
        (Kind.PULSE_RATE, 40, RED_LOW),  # CLINICAL 4: <=40 red, <50 yellow; CLINICAL 3: >110 yellow, >=131 red
        (Kind.PULSE_RATE, 41, YELLOW_LOW),
        (Kind.PULSE_RATE, 49, YELLOW_LOW),
        (Kind.PULSE_RATE, 50, INSIDE),
        (Kind.PULSE_RATE, 110, INSIDE),
        (Kind.PULSE_RATE, 111, YELLOW_HIGH),
        (Kind.PULSE_RATE, 130, YELLOW_HIGH),
        (Kind.PULSE_RATE, 131, RED_HIGH),
        (Kind.BODY_TEMPERATURE, 35.0, RED_LOW),  # CLINICAL 4: <=35.0 hypothermia, >=38.0 fever, >=39.1 high
        (Kind.BODY_TEMPERATURE, 35.1, INSIDE),
        (Kind.BODY_TEMPERATURE, 37.9, INSIDE),
        (Kind.BODY_TEMPERATURE, 38.0, YELLOW_HIGH),
        (Kind.BODY_TEMPERATURE, 39.0, YELLOW_HIGH),
        (Kind.BODY_TEMPERATURE, 39.1, RED_HIGH),
        (Kind.BODY_TEMPERATURE, 37.95, YELLOW_HIGH),  # shown as 38.0
        (Kind.SYSTOLIC, 89, RED_LOW),  # CLINICAL 4: <90 red, <100 yellow, >=180 red
        (Kind.SYSTOLIC, 90, YELLOW_LOW),
        (Kind.SYSTOLIC, 99, YELLOW_LOW),
        (Kind.SYSTOLIC, 100, INSIDE),
        (Kind.SYSTOLIC, 179, INSIDE),
        (Kind.SYSTOLIC, 180, RED_HIGH),
        (Kind.DIASTOLIC, 109, INSIDE),  # CLINICAL 4: >=110 red
        (Kind.DIASTOLIC, 110, RED_HIGH),
        (Kind.RESPIRATORY_RATE, 11, YELLOW_LOW),  # CLINICAL 3, TELBIL: <12 or >24
        (Kind.RESPIRATORY_RATE, 12, INSIDE),
        (Kind.RESPIRATORY_RATE, 24, INSIDE),
        (Kind.RESPIRATORY_RATE, 25, YELLOW_HIGH),
    ],
)
@pytest.mark.parametrize("pathway", [Pathway.KOLS, Pathway.DIABETES, Pathway.SAFETY])
def test_each_side_of_a_default_limit_has_its_colour(pathway, kind, value, expected):
    assert level(pathway, kind, value) == expected


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.HEART_RATE, 100, INSIDE),  # CLINICAL 4, TELBIL: >100
        (Kind.HEART_RATE, 101, YELLOW_HIGH),
        (Kind.HEART_RATE, 131, RED_HIGH),
        (Kind.SYSTOLIC, 160, INSIDE),  # TELBIL: <100 or >160
        (Kind.SYSTOLIC, 161, YELLOW_HIGH),
        (Kind.SYSTOLIC, 180, RED_HIGH),
        (Kind.DIASTOLIC, 59, YELLOW_LOW),  # TELBIL: <60 or >95
        (Kind.DIASTOLIC, 60, INSIDE),
        (Kind.DIASTOLIC, 95, INSIDE),
        (Kind.DIASTOLIC, 96, YELLOW_HIGH),
        (Kind.SPO2, 87, RED_LOW),
    ],
)
def test_heart_failure_has_narrower_limits_of_its_own(kind, value, expected):
    assert level(Pathway.HEART_FAILURE, kind, value) == expected


@pytest.mark.parametrize("kind", list(Kind))
def test_palliative_care_ships_no_limits(kind):
    assert pathway_limit(Pathway.PALLIATIVE, kind).limit is None


def test_a_kind_without_limits_rests_on_nothing():
    assert pathway_limit(Pathway.KOLS, Kind.WEIGHT).limit is None
    assert pathway_limit(Pathway.KOLS, Kind.WEIGHT).basis == ""


def test_every_default_names_documents_of_the_bibliography_and_waits_for_a_signature():
    for defaults in DEFAULTS.values():
        for kind, default in defaults.items():
            assert default.references, kind
            assert set(default.references) <= set(BIBLIOGRAPHY)
            assert default.proposal
            assert all(reference.document in default.basis for reference in default.references)


def test_every_pathway_of_the_database_has_its_defaults():
    assert set(DEFAULTS) == set(Pathway)


def test_persistence_is_fifteen_seconds_for_red_and_fifteen_minutes_for_yellow():
    assert (PERSISTENCE.red_s, PERSISTENCE.yellow_s, PERSISTENCE.proposal) == (15, 900, True)


def test_hysteresis_is_what_clinical_8_says():
    assert (HYSTERESIS[Kind.SPO2], HYSTERESIS[Kind.PULSE_RATE], HYSTERESIS[Kind.GLUCOSE]) == (2, 5, 0.3)


def test_a_live_value_is_old_sooner_than_a_daily_one_and_only_a_live_one_is_drawn_as_a_line():
    assert stale_after_s(Kind.SPO2, Mode.CONTINUOUS) < stale_after_s(Kind.GLUCOSE, Mode.SPOT)
    assert stale_after_s(Kind.GLUCOSE, Mode.SPOT) < stale_after_s(Kind.SPO2, Mode.SPOT)
    assert join_within_s(Kind.SPO2, Mode.CONTINUOUS) == PERSISTENCE.longest_gap_s
    assert join_within_s(Kind.SPO2, Mode.SPOT) == 0


def test_tissue_glucose_has_the_limits_of_glucose_and_the_patience_of_a_sensor_that_speaks_every_five_minutes():
    for pathway in Pathway:
        assert pathway_limit(pathway, Kind.GLUCOSE_ISF) == pathway_limit(pathway, Kind.GLUCOSE)
    assert HYSTERESIS[Kind.GLUCOSE_ISF] == 0.3
    assert 600 < join_within_s(Kind.GLUCOSE_ISF, Mode.CONTINUOUS) < 900
    assert stale_after_s(Kind.GLUCOSE_ISF, Mode.CONTINUOUS) == 2 * join_within_s(Kind.GLUCOSE_ISF, Mode.CONTINUOUS)


def test_what_only_trends_and_the_technician_read_has_no_limits():
    without = {
        Kind.HEIGHT,
        Kind.BMI,
        Kind.BODY_FAT,
        Kind.MUSCLE_MASS,
        Kind.BODY_WATER,
        Kind.PERFUSION_INDEX,
        Kind.RR_INTERVAL,
    }
    assert all(pathway_limit(pathway, kind).limit is None for pathway in Pathway for kind in without)


@pytest.mark.parametrize("kind", list(Kind))
def test_a_limit_that_no_reading_can_reach_is_refused_in_a_sentence(kind):
    facts = KINDS[kind]
    assert why_not(kind, Limit(red_low=facts.lowest, red_high=facts.highest)) == ""
    assert f"red_low of {kind} cannot be" in why_not(kind, Limit(red_low=facts.lowest - 0.01))
    assert f"choose {facts.lowest:g} to {facts.highest:g}" in why_not(kind, Limit(yellow_high=facts.highest + 0.01))
    assert why_not(kind, Limit()) == ""


def test_every_shipped_limit_can_be_set():
    assert all(why_not(kind, default.limit) == "" for of in DEFAULTS.values() for kind, default in of.items())
