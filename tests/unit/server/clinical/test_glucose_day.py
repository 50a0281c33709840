"""Percentiles by time of day: against iglu's quantiles of each time of day, and by the clock on the wall."""

import warnings
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from server.clinical.glucose import series
from server.clinical.glucose_day import PERCENTILES, REFERENCES, day_profile
from server.clinical.references import BIBLIOGRAPHY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import iglu_python as iglu

OSLO = ZoneInfo("Europe/Oslo")


def sensor(readings):
    taken = [round(at.timestamp() * 1000) for at, _ in readings]
    return series(np.array(taken, np.int64), np.array([value for _, value in readings], np.float64))


@pytest.mark.parametrize("bin_min", [5, 15, 60])
def test_the_percentiles_of_each_time_of_day_are_those_of_iglu(bin_min):
    rng = np.random.default_rng(7)
    start = datetime(2026, 3, 2, tzinfo=UTC)
    when = [start + timedelta(minutes=5 * i) for i in range(4032) if i % 11 or i > 900]
    values = rng.uniform(2.2, 22, len(when))
    found = day_profile(sensor(list(zip(when, values, strict=True))), UTC, bin_min=bin_min)
    for row, minute in enumerate(found.minute.tolist()):
        of_time = [v for at, v in zip(when, values, strict=True) if (at.hour * 60 + at.minute) // bin_min == row]
        assert minute == row * bin_min
        assert found.count[row] == len(of_time)
        assert found.mmol_per_l[row] == pytest.approx(iglu.quantile_glu(of_time, list(PERCENTILES)), rel=1e-12)
    assert len(found.minute) == 1440 // bin_min


def test_five_mornings_by_hand():
    mornings = [(datetime(2026, 3, day, 7, 3, tzinfo=OSLO), value) for day, value in enumerate((8, 4, 6, 5, 7), 2)]
    found = day_profile(sensor(mornings), OSLO)
    row = 7 * 60 // 15
    assert found.count[row] == 5
    assert found.mmol_per_l[row] == pytest.approx([4.2, 5, 6, 7, 7.8])  # ranks 0.2, 1, 2, 3, 3.8 of 4 5 6 7 8


def test_where_nobody_measured_there_is_no_line():
    found = day_profile(sensor([(datetime(2026, 3, 2, 7, 3, tzinfo=OSLO), 6.0)]), OSLO)
    assert np.isnan(found.mmol_per_l).all(axis=1).sum() == 95
    assert found.count.sum() == 1
    assert np.isnan(day_profile(sensor([]), OSLO).mmol_per_l).all()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (datetime(2026, 3, 28, 7, 0, tzinfo=OSLO), datetime(2026, 3, 29, 7, 0, tzinfo=OSLO)),  # summer time begins
        (datetime(2026, 10, 24, 7, 0, tzinfo=OSLO), datetime(2026, 10, 25, 7, 0, tzinfo=OSLO)),  # and ends
    ],
)
def test_breakfast_stays_breakfast_over_a_change_of_the_clocks(before, after):
    assert before.utcoffset() != after.utcoffset()
    found = day_profile(sensor([(before, 5.0), (after, 9.0)]), OSLO)
    assert found.count[7 * 60 // 15] == 2


def test_the_last_minute_of_a_local_day_is_its_own_and_midnight_begins_the_next():
    just_before = datetime(2026, 7, 1, 23, 59, 59, tzinfo=OSLO)
    found = day_profile(sensor([(just_before, 5.0), (just_before + timedelta(seconds=1), 9.0)]), OSLO)
    assert (found.count[95], found.count[0]) == (1, 1)


def test_a_bin_that_does_not_divide_the_day_is_refused():
    with pytest.raises(ValueError, match="whole number"):
        day_profile(sensor([]), OSLO, bin_min=7)


def test_the_profile_names_documents_of_the_bibliography():
    assert set(REFERENCES) <= set(BIBLIOGRAPHY)
