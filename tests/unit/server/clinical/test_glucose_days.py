"""Days of a glucose sensor by the clock in Norway."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server.clinical import glucose
from server.clinical.glucose import Band
from server.clinical.glucose_days import days

OSLO = ZoneInfo("Europe/Oslo")
LATER = datetime(2027, 1, 1, tzinfo=UTC)


def every(minutes: int, begins: datetime, count: int, value: float = 6.0) -> glucose.Series:
    begins_ms = round(begins.timestamp() * 1000)
    return glucose.series(begins_ms + 60_000 * minutes * np.arange(count), np.full(count, value))


def of(readings: glucose.Series, first: date, last: date, now: datetime = LATER):
    return list(days(readings, first, last, OSLO, now=now))


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 3, 28), 24)])
def test_a_day_has_as_many_hours_as_the_clock_in_norway_gives_it(day, hours):
    begins = datetime.combine(day - timedelta(days=1), datetime.min.time(), UTC)
    (found,) = of(every(5, begins, 3 * 288), day, day)
    assert len(found.mmol_per_l) == hours * 12
    assert found.metrics.days == hours / 24
    assert found.metrics.worn_percent == pytest.approx(100)


def test_a_day_without_readings_is_there_without_figures():
    begins = datetime(2026, 2, 1, tzinfo=OSLO).astimezone(UTC)
    first, second, third = of(every(5, begins, 288), date(2026, 2, 1), date(2026, 2, 3))
    assert [each.metrics.readings for each in (first, second, third)] == [288, 0, 0]
    assert second.metrics.percent is None
    assert len(second.after_ms) == 0


def test_the_day_that_is_not_over_is_measured_until_now():
    begins = datetime(2026, 2, 1, tzinfo=OSLO).astimezone(UTC)
    (found,) = of(every(5, begins, 144), date(2026, 2, 1), date(2026, 2, 5), begins + timedelta(hours=12))
    assert found.metrics.worn_percent == pytest.approx(100)


def test_a_curve_in_steps_keeps_what_is_furthest_from_the_days_middle():
    begins = datetime(2026, 2, 1, tzinfo=OSLO).astimezone(UTC)
    readings = every(1, begins, 1440)
    readings.mmol_per_l[61] = 2.5
    readings.mmol_per_l[703] = 17.5
    (found,) = of(readings, date(2026, 2, 1), date(2026, 2, 1))
    assert len(found.mmol_per_l) == 288
    extremes = {int(found.after_ms[place]) // 60_000: found.mmol_per_l[place] for place in (61 // 5, 703 // 5)}
    assert extremes == {61: 2.5, 703: 17.5}
    assert found.metrics.readings == 1440


def test_lo_stays_in_a_curve_in_steps_whatever_number_stands_for_it():
    begins = datetime(2026, 2, 1, tzinfo=OSLO).astimezone(UTC)
    plain = every(1, begins, 1440)
    sign = plain.sign.copy()
    sign[500] = -1
    readings = glucose.series(plain.taken_ms, plain.mmol_per_l, sign)
    (found,) = of(readings, date(2026, 2, 1), date(2026, 2, 1))
    assert found.sign[500 // 5] == -1
    assert found.metrics.percent is not None
    assert found.metrics.percent[Band.IN_RANGE] == 100  # 6.0, less a tenth, is still in range
