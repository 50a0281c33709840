"""Which reading of each kind goes into NEWS2."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Kind, Mode, Observation, Quality, Sign
from server.clinical.news2 import Consciousness, Parameter, Risk, Seen, score
from server.clinical.news2_inputs import observed

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
AIR = Seen(value=False, at=NOW)
ALERT = Seen(value=Consciousness.ALERT, at=NOW)


def reading(kind, value, minutes_ago=0.0, **more):
    return Observation(device="A0:00:00:00:00:01", kind=kind, taken_at=NOW - minutes_ago * MINUTE, value=value, **more)


ALL = [
    reading(Kind.RESPIRATORY_RATE, 16, 5),
    reading(Kind.SPO2, 97, 5),
    reading(Kind.SYSTOLIC, 125, 5),
    reading(Kind.DIASTOLIC, 80, 5),
    reading(Kind.PULSE_RATE, 72, 5),
    reading(Kind.BODY_TEMPERATURE, 36.8, 5),
]


def of(*readings, on_oxygen=AIR, consciousness=ALERT):
    return observed(readings, now=NOW, on_oxygen=on_oxygen, consciousness=consciousness)


def test_five_readings_and_two_words_make_a_score():
    found = score(of(*ALL))
    assert (found.total, found.risk) == (0, Risk.NONE)


@pytest.mark.parametrize(("on_oxygen", "consciousness"), [(None, ALERT), (AIR, None)])
def test_what_nobody_said_is_not_filled_in(on_oxygen, consciousness):
    assert score(of(*ALL, on_oxygen=on_oxygen, consciousness=consciousness)).total is None


def test_the_newest_of_a_kind_counts_in_whatever_order_they_come():
    newer = reading(Kind.SPO2, 91, 1)
    assert of(newer, *ALL).spo2_percent.value == of(*ALL, newer).spo2_percent.value == 91


@pytest.mark.parametrize(("heart_rate_minutes_ago", "expected"), [(1, 135), (9, 72)])
def test_the_pulse_is_the_newer_of_oximeter_and_strap(heart_rate_minutes_ago, expected):
    strap = reading(Kind.HEART_RATE, 135, heart_rate_minutes_ago)
    assert of(*ALL, strap).pulse_per_min.value == expected


@pytest.mark.parametrize(
    "bad",
    [
        reading(Kind.SPO2, 80, quality=Quality.QUESTIONABLE),
        reading(Kind.SPO2, None, quality=Quality.NO_READING),
        reading(Kind.SPO2, 80, quality=Quality.DEMONSTRATION),
    ],
)
def test_a_reading_that_cannot_be_trusted_is_passed_over(bad):
    assert of(*ALL, bad).spo2_percent.value == 97
    assert score(of(*ALL[2:], ALL[0], bad)).missing == (Parameter.SPO2,)


def test_an_interval_is_as_old_as_its_end():
    stream = reading(Kind.SPO2, 93, 65, span_s=600, n=60, mode=Mode.CONTINUOUS)
    found = of(stream, *(each for each in ALL if each.kind is not Kind.SPO2))
    assert found.spo2_percent.at == NOW - 55 * MINUTE
    assert score(found).too_old == ()


def test_a_reading_from_the_future_waits():
    assert of(*ALL, reading(Kind.SPO2, 80, -1)).spo2_percent.value == 97
    assert of(*ALL, reading(Kind.SPO2, 80, 0)).spo2_percent.value == 80


def test_a_value_beyond_the_device_stays_one():
    low = replace(reading(Kind.SPO2, 70), sign=Sign.BELOW)
    assert of(*ALL, low).spo2_percent.sign is Sign.BELOW
    assert score(of(*ALL, low)).points[Parameter.SPO2] == 3
