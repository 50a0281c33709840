"""Readings become one value a day and stream: the median of what was measured between two midnights."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from devices.vocabulary import KINDS, Kind
from server.detection.daily import daily_medians

OSLO = ZoneInfo("Europe/Oslo")
SPO2, WEIGHT = KINDS[Kind.SPO2].number, KINDS[Kind.WEIGHT].number


def ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


def midnights(first: datetime, days: int) -> np.ndarray:
    return np.array([ms(first + timedelta(days=day)) for day in range(days + 1)])


def days_of(readings: list[tuple[int, int, datetime, float]], edges: np.ndarray):
    return daily_medians(
        np.array([each[0] for each in readings], np.int32),
        np.array([each[1] for each in readings], np.int16),
        np.array([ms(each[2]) for each in readings], np.int64),
        np.array([each[3] for each in readings], np.float64),
        edges,
    )


def test_a_day_has_the_median_of_its_readings_and_a_day_without_has_none():
    edges = midnights(datetime(2026, 11, 1, tzinfo=OSLO), 3)
    noon = datetime(2026, 11, 1, 12, tzinfo=OSLO)
    found = days_of(
        [
            (7, SPO2, noon, 90),
            (7, SPO2, noon + timedelta(hours=2), 94),
            (7, SPO2, noon + timedelta(hours=1), 91),
            (7, SPO2, noon + timedelta(days=2), 88),
            (7, SPO2, noon + timedelta(days=2, hours=1), 89),
            (7, WEIGHT, noon + timedelta(days=1), 80.4),
            (2, SPO2, noon, 97),
        ],
        edges,
    )
    assert found.key.tolist() == [(2 << 16) | SPO2, (7 << 16) | SPO2, (7 << 16) | WEIGHT]
    assert np.nan_to_num(found.values, nan=0).tolist() == [[97, 0, 0], [91, 0, 88.5], [0, 80.4, 0]]


def test_a_day_is_the_patients_own_and_one_of_them_has_25_hours():
    edges = midnights(
        datetime(2026, 10, 25, tzinfo=OSLO), 2
    )  # clocks go back: local midnight is 22:00 UTC before and 23:00 after
    last = datetime(2026, 10, 25, 22, 59, tzinfo=UTC)
    found = days_of([(1, SPO2, last, 90), (1, SPO2, last + timedelta(minutes=1), 95)], edges)
    assert found.values.tolist() == [[90, 95]]


def test_readings_before_the_first_midnight_and_from_the_last_on_are_of_no_day():
    edges = midnights(datetime(2026, 11, 1, tzinfo=OSLO), 1)
    begin = datetime(2026, 11, 1, tzinfo=OSLO)
    readings = [
        (1, SPO2, begin - timedelta(milliseconds=1), 80),
        (1, SPO2, begin, 91),
        (1, SPO2, begin + timedelta(days=1), 70),
    ]
    found = days_of(readings, edges)
    assert found.values.tolist() == [[91]]
    assert len(days_of(readings[:1], edges)) == 0


def test_a_reading_without_a_value_is_no_reading():
    edges = midnights(datetime(2026, 11, 1, tzinfo=OSLO), 1)
    noon = datetime(2026, 11, 1, 12, tzinfo=OSLO)
    found = days_of([(1, SPO2, noon, np.nan), (1, SPO2, noon, 90)], edges)
    assert found.values.tolist() == [[90]]
    assert days_of([], edges).values.shape == (0, 1)


def test_the_days_of_some_streams_and_some_days_can_be_taken_out():
    edges = midnights(datetime(2026, 11, 1, tzinfo=OSLO), 3)
    noon = datetime(2026, 11, 1, 12, tzinfo=OSLO)
    found = days_of([(1, SPO2, noon, 90), (2, WEIGHT, noon + timedelta(days=2), 80)], edges)
    weights = found.of(found.kind == WEIGHT)
    assert (weights.patient.tolist(), weights.kind.tolist()) == ([2], [WEIGHT])
    assert np.nan_to_num(weights.last(2), nan=0).tolist() == [[0, 80]]
    assert np.nan_to_num(weights.last(5), nan=0).tolist() == [[0, 0, 0, 0, 80]]
