"""The week of home blood pressure, by hand: day 1 is dropped, two readings count each morning and evening."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server.detection.home_pressure import DAYS, home_means, week_of

OSLO = ZoneInfo("Europe/Oslo")
FIRST = datetime(2026, 11, 2, tzinfo=OSLO)


def ms(when: datetime) -> int:
    return int(when.timestamp() * 1000)


MIDNIGHTS = np.array([ms(FIRST + timedelta(days=day)) for day in range(DAYS + 1)])
Reading = tuple[int, int, float, float, float]  # patient, day from 1, hour, systolic, diastolic


def means(readings: list[Reading]):
    at = [ms(FIRST + timedelta(days=day - 1, hours=hour)) for _, day, hour, _, _ in readings]
    return home_means(
        week_of(
            np.array([each[0] for each in readings], np.int32),
            np.array(at, np.int64),
            np.array([each[3] for each in readings], np.float64),
            np.array([each[4] for each in readings], np.float64),
            MIDNIGHTS,
        )
    )


def protocol(patient: int, systolic: float, diastolic: float, days: range = range(1, 8)) -> list[Reading]:
    hours = (7.0, 7.02, 20.0, 20.02)
    return [(patient, day, hour, systolic, diastolic) for day in days for hour in hours]


def test_the_mean_is_that_of_day_two_to_seven():
    found = means([*protocol(1, 190, 110, range(1, 2)), *protocol(1, 130, 80, range(2, 8))])
    assert (found.systolic.tolist(), found.diastolic.tolist()) == ([130], [80])
    assert (found.readings.tolist(), found.days.tolist()) == ([24], [6])


def test_the_first_two_of_a_morning_count_and_a_third_does_not():
    extra = [(1, 3, 9.0, 220.0, 120.0), (1, 3, 22.9, 220.0, 120.0)]
    found = means([*extra, *protocol(1, 130, 80)])
    assert (found.systolic.tolist(), found.readings.tolist()) == ([130], [24])


def test_a_third_of_a_morning_does_not_stand_in_for_a_missing_evening():
    found = means([(1, 3, 7.0, 130.0, 80.0), (1, 3, 7.1, 130.0, 80.0), (1, 3, 7.2, 220.0, 120.0)])
    assert (found.systolic.tolist(), found.readings.tolist()) == ([130], [2])


@pytest.mark.parametrize("hour", [2.0, 3.99, 12.0, 14.0, 16.99])
def test_a_reading_in_the_middle_of_the_day_or_of_the_night_is_not_of_the_protocol(hour):
    assert means([(1, 3, hour, 220.0, 120.0)]).readings.tolist() == [0]


def test_late_in_the_evening_of_the_day_of_25_hours_is_evening():
    first = datetime(2026, 10, 20, tzinfo=OSLO)
    edges = np.array([ms(first + timedelta(days=day)) for day in range(DAYS + 1)])
    late = np.array([ms(datetime(2026, 10, 25, 23, 30, tzinfo=OSLO))])  # 24 hours and a half after midnight
    week = week_of(np.array([1], np.int32), late, np.array([140.0]), np.array([90.0]), edges)
    assert home_means(week).readings.tolist() == [1]


@pytest.mark.parametrize("hour", [4.0, 11.99, 17.0, 23.99])
def test_the_edges_of_morning_and_evening_belong_to_them(hour):
    assert means([(1, 4, hour, 140.0, 90.0)]).readings.tolist() == [1]


def test_each_reading_weighs_the_same():
    readings = [(1, 2, 7.0, 120.0, 70.0), (1, 2, 7.1, 130.0, 80.0), (1, 5, 20.0, 170.0, 99.0)]
    found = means(readings)
    assert (found.systolic.tolist(), found.diastolic.tolist()) == ([140], [83])
    assert (found.readings.tolist(), found.days.tolist()) == ([3], [2])


def test_patients_are_kept_apart_and_one_with_nothing_but_day_one_has_no_mean():
    found = means([*protocol(5, 120, 70), *protocol(3, 150, 95), *protocol(4, 150, 95, range(1, 2))])
    assert found.patient.tolist() == [3, 4, 5]
    assert found.systolic[[0, 2]].tolist() == [150, 120]
    assert np.isnan(found.systolic[1])
    assert found.readings.tolist() == [24, 0, 24]


def test_readings_of_other_weeks_do_not_count():
    found = means([*protocol(1, 130, 80), (1, 8, 7.0, 220.0, 120.0), (1, 0, 7.0, 220.0, 120.0)])
    assert (found.systolic.tolist(), found.readings.tolist()) == ([130], [24])
    assert means([(1, 8, 7.0, 220.0, 120.0)]).patient.size == 0
