"""NEWS2 against the printed chart: both sides of every band, what is missing, and what does not belong together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Sign
from server.clinical.news2 import (
    HIGHEST_TOTAL,
    REFERENCES,
    TOGETHER_REFERENCE,
    Consciousness,
    Observed,
    Parameter,
    Reading,
    Risk,
    Scale,
    Scale2Choice,
    Seen,
    risk_of,
    score,
)
from server.clinical.references import BIBLIOGRAPHY

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PRESCRIBED = Scale2Choice(by=17, at=AT - timedelta(days=30))


def reading(value, at=AT, sign=Sign.EXACT):
    return Reading(value=value, at=at, sign=sign)


WELL = Observed(
    breaths_per_min=reading(16),
    spo2_percent=reading(97),
    on_oxygen=Seen(value=False, at=AT),
    systolic_mmhg=reading(125),
    pulse_per_min=reading(72),
    consciousness=Seen(value=Consciousness.ALERT, at=AT),
    temperature_cel=reading(36.8),
)
BANDED = {
    Parameter.RESPIRATION: "breaths_per_min",
    Parameter.SPO2: "spo2_percent",
    Parameter.SYSTOLIC: "systolic_mmhg",
    Parameter.PULSE: "pulse_per_min",
    Parameter.TEMPERATURE: "temperature_cel",
}
FIELD = {**BANDED, Parameter.OXYGEN: "on_oxygen", Parameter.CONSCIOUSNESS: "consciousness"}


def with_value(parameter, value, observed=WELL):
    return replace(observed, **{BANDED[parameter]: reading(value)})


# Royal College of Physicians, NEWS2 (2017), chart 1: first and last value of every band, as printed.
CHART = {
    Parameter.RESPIRATION: [(1, 3), (8, 3), (9, 1), (11, 1), (12, 0), (20, 0), (21, 2), (24, 2), (25, 3), (60, 3)],
    Parameter.SPO2: [(70, 3), (91, 3), (92, 2), (93, 2), (94, 1), (95, 1), (96, 0), (100, 0)],
    Parameter.SYSTOLIC: [(60, 3), (90, 3), (91, 2), (100, 2), (101, 1), (110, 1), (111, 0), (219, 0), (220, 3)],
    Parameter.PULSE: [
        *((30, 3), (40, 3), (41, 1), (50, 1), (51, 0), (90, 0)),
        *((91, 1), (110, 1), (111, 2), (130, 2), (131, 3), (200, 3)),
    ],
    Parameter.TEMPERATURE: [
        *((34.0, 3), (35.0, 3), (35.1, 1), (36.0, 1), (36.1, 0), (38.0, 0)),
        *((38.1, 1), (39.0, 1), (39.1, 2), (41.5, 2)),
    ],
}


@pytest.mark.parametrize(
    ("parameter", "value", "points"), [(each, *row) for each, rows in CHART.items() for row in rows]
)
def test_each_side_of_every_band_of_the_chart_has_its_points(parameter, value, points):
    found = score(with_value(parameter, value))
    assert found.points[parameter] == points
    assert found.total == points  # the six others are 0


SCALE_2_BELOW = [(80, 3), (83, 3), (84, 2), (85, 2), (86, 1), (87, 1), (88, 0), (92, 0)]


@pytest.mark.parametrize(
    ("on_oxygen", "value", "points"),
    [
        *[(False, *row) for row in [*SCALE_2_BELOW, (93, 0), (95, 0), (97, 0), (100, 0)]],
        *[(True, *row) for row in [*SCALE_2_BELOW, (93, 1), (94, 1), (95, 2), (96, 2), (97, 3), (100, 3)]],
    ],
)
def test_on_scale_2_much_saturation_costs_points_on_oxygen_only(on_oxygen, value, points):
    observed = replace(with_value(Parameter.SPO2, value), on_oxygen=Seen(value=on_oxygen, at=AT))
    found = score(observed, PRESCRIBED)
    assert found.points[Parameter.SPO2] == points
    assert found.total == points + (2 if on_oxygen else 0)


@pytest.mark.parametrize(
    ("parameter", "value", "points"),
    [
        (Parameter.TEMPERATURE, 38.05, 1),  # 38.1: half up in decimal, though the double is 38.04999...
        (Parameter.TEMPERATURE, 38.04, 0),
        (Parameter.TEMPERATURE, 35.05, 1),
        (Parameter.TEMPERATURE, 35.04, 3),
        (Parameter.TEMPERATURE, 39.05, 2),
        (Parameter.TEMPERATURE, 39.04, 1),
        (Parameter.SPO2, 91.5, 2),  # 92
        (Parameter.SPO2, 91.49, 3),
        (Parameter.RESPIRATION, 24.5, 3),  # 25
        (Parameter.RESPIRATION, 24.4, 2),
        (Parameter.PULSE, 130.5, 3),  # 131
        (Parameter.PULSE, 50.5, 0),  # 51; banker's rounding would say 50
        (Parameter.SYSTOLIC, 90.5, 2),  # 91; banker's rounding would say 90
        (Parameter.SYSTOLIC, 219.4, 0),
        (Parameter.SYSTOLIC, 219.5, 3),
    ],
)
def test_a_value_is_rounded_half_up_before_its_band_is_looked_up(parameter, value, points):
    assert score(with_value(parameter, value)).points[parameter] == points


@pytest.mark.parametrize(("seen", "points"), [(each, 0 if each == "alert" else 3) for each in Consciousness])
def test_everything_but_alert_is_three_points(seen, points):
    assert score(replace(WELL, consciousness=Seen(value=seen, at=AT))).points[Parameter.CONSCIOUSNESS] == points


@pytest.mark.parametrize("parameter", list(Parameter))
def test_a_missing_parameter_makes_no_total_and_is_never_zero(parameter):
    found = score(replace(WELL, **{FIELD[parameter]: None}))
    assert (found.total, found.risk, found.computable) == (None, None, False)
    assert found.missing == (parameter,)
    assert {each: given for each, given in found.points.items() if each is not parameter} == dict.fromkeys(
        set(Parameter) - {parameter}, 0
    )
    assert found.points[parameter] is None


def test_nothing_measured_is_nothing_known():
    found = score(Observed())
    assert found.missing == tuple(Parameter)
    assert (found.at, found.total, found.red) == (None, None, ())


@pytest.mark.parametrize("parameter", list(Parameter))
@pytest.mark.parametrize(("minutes", "computable"), [(60, True), (61, False)])
def test_all_seven_are_within_sixty_minutes_or_there_is_no_total(parameter, minutes, computable):
    was = getattr(WELL, FIELD[parameter])
    found = score(replace(WELL, **{FIELD[parameter]: replace(was, at=AT - minutes * MINUTE)}))
    assert found.computable is computable
    assert found.too_old == (() if computable else (parameter,))
    assert found.points[parameter] == 0  # still shown
    assert found.at == AT


def test_sixty_minutes_are_sixty_minutes_to_the_second():
    found = score(replace(WELL, pulse_per_min=reading(72, at=AT - 60 * MINUTE - timedelta(seconds=1))))
    assert found.too_old == (Parameter.PULSE,)


@pytest.mark.parametrize(
    ("total", "any_red", "risk"),
    [
        (0, False, Risk.NONE),
        (1, False, Risk.LOW),
        (4, False, Risk.LOW),
        (3, True, Risk.ONE_RED),
        (4, True, Risk.ONE_RED),
        (5, False, Risk.MEDIUM),
        (5, True, Risk.MEDIUM),
        (6, False, Risk.MEDIUM),
        (7, False, Risk.HIGH),
        (20, True, Risk.HIGH),
    ],
)
def test_the_risk_follows_the_total_and_one_red_parameter_is_a_level_of_its_own(total, any_red, risk):
    assert risk_of(total, any_red=any_red) is risk


def test_a_single_three_is_not_five_points():
    found = score(with_value(Parameter.RESPIRATION, 26))
    assert (found.total, found.risk, found.red) == (3, Risk.ONE_RED, (Parameter.RESPIRATION,))


def test_a_red_parameter_is_seen_beside_a_medium_total_and_without_any_total():
    medium = score(with_value(Parameter.PULSE, 115, with_value(Parameter.RESPIRATION, 26)))
    assert (medium.total, medium.risk, medium.red) == (5, Risk.MEDIUM, (Parameter.RESPIRATION,))
    unknown = score(replace(with_value(Parameter.RESPIRATION, 26), temperature_cel=None))
    assert (unknown.risk, unknown.red) == (None, (Parameter.RESPIRATION,))


def test_a_red_parameter_that_is_too_old_is_not_red_now():
    found = score(replace(WELL, breaths_per_min=reading(26, at=AT - 61 * MINUTE)))
    assert (found.points[Parameter.RESPIRATION], found.red) == (3, ())


def test_the_sickest_patient_has_twenty_points():
    worst = Observed(
        breaths_per_min=reading(30),
        spo2_percent=reading(80),
        on_oxygen=Seen(value=True, at=AT),
        systolic_mmhg=reading(80),
        pulse_per_min=reading(140),
        consciousness=Seen(value=Consciousness.UNRESPONSIVE, at=AT),
        temperature_cel=reading(34.5),
    )
    found = score(worst)
    assert found.total == HIGHEST_TOTAL == 20
    assert found.risk is Risk.HIGH


def test_scale_2_needs_a_prescription_that_applied_when_spo2_was_measured():
    at_90 = with_value(Parameter.SPO2, 90)
    assert score(at_90).points[Parameter.SPO2] == 3
    assert score(at_90, PRESCRIBED).points[Parameter.SPO2] == 0
    assert score(at_90, replace(PRESCRIBED, at=AT)).scale is Scale.SCALE_2
    assert score(at_90, replace(PRESCRIBED, at=AT + MINUTE)).scale is Scale.SCALE_1
    assert score(at_90, replace(PRESCRIBED, until=AT)).points[Parameter.SPO2] == 3
    assert score(at_90, replace(PRESCRIBED, until=AT + MINUTE)).points[Parameter.SPO2] == 0


def test_a_score_says_by_whose_prescription_scale_2_was_used():
    assert score(WELL, PRESCRIBED).scale_2 == Scale2Choice(by=17, at=AT - timedelta(days=30))
    assert score(WELL).scale_2 is None


@pytest.mark.parametrize(("value", "points"), [(83, 3), (88, 0), (92, 0), (93, None), (97, None)])
def test_on_scale_2_nobody_is_assumed_to_breathe_air(value, points):
    found = score(replace(with_value(Parameter.SPO2, value), on_oxygen=None), PRESCRIBED)
    assert found.points[Parameter.SPO2] == points
    assert Parameter.OXYGEN in found.missing
    assert (Parameter.SPO2 in found.missing) is (points is None)


@pytest.mark.parametrize(
    ("parameter", "value", "sign", "points"),
    [
        (Parameter.SPO2, 70, Sign.BELOW, 3),
        (Parameter.SPO2, 95, Sign.BELOW, None),  # could be any band
        (Parameter.TEMPERATURE, 34.0, Sign.BELOW, 3),
        (Parameter.TEMPERATURE, 42.0, Sign.ABOVE, 2),
        (Parameter.TEMPERATURE, 38.5, Sign.ABOVE, None),
        (Parameter.PULSE, 250, Sign.ABOVE, 3),
    ],
)
def test_a_value_beyond_the_device_counts_only_where_one_band_is_left(parameter, value, sign, points):
    found = score(replace(WELL, **{BANDED[parameter]: reading(value, sign=sign)}))
    assert found.points[parameter] == points
    assert found.computable is (points is not None)


def test_what_is_not_a_reading_or_has_no_time_zone_is_refused():
    with pytest.raises(ValueError, match="not a reading"):
        Reading(value=float("nan"), at=AT)
    with pytest.raises(ValueError, match="time zone"):
        Reading(value=97, at=AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="not after"):
        Scale2Choice(by=17, at=AT, until=AT)


def test_the_chart_is_named_and_the_sixty_minutes_wait_for_a_signature():
    assert {*REFERENCES, TOGETHER_REFERENCE} <= set(BIBLIOGRAPHY)
    assert all("NEWS" in reference.document for reference in REFERENCES)
    assert "proposed" in TOGETHER_REFERENCE.document
