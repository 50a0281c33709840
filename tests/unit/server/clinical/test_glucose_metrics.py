"""The consensus metrics of a glucose sensor: by hand, and by iglu where it agrees with the consensus.

Packages differ. py_agata counts 70 and 54 mg/dL as low and 180 and 250 as high; the consensus has both ends inside, as
we and iglu have. iglu compares in mg/dL without rounding: 181 and 251 mg/dL are above for iglu; we compare what the
screen shows, and 10.0 and 13.9 mmol/L are the last of their bands."""

import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.limits import shown
from server.clinical.glucose import (
    REFERENCES,
    Band,
    gmi_mmol_per_mol,
    gmi_percent,
    gri,
    metrics,
    series,
    tenths,
)
from server.clinical.references import BIBLIOGRAPHY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import iglu_python as iglu
    import pandas as pd

START = datetime(2026, 3, 2, tzinfo=UTC)
FIVE_MIN = timedelta(minutes=5)
MG_PER_DL_PER_MMOL_PER_L = 18.0156
VERY_LOW, LOW, IN_RANGE, HIGH, VERY_HIGH = Band


def sensor(values, every=FIVE_MIN, start=START, sign=None):
    taken = [round((start + i * every).timestamp() * 1000) for i in range(len(values))]
    signs = None if sign is None else np.array(sign, np.int8)
    return series(np.array(taken, np.int64), np.array(values, np.float64), signs)


def of(readings, days=14.0, **more):
    return metrics(readings, from_at=START, to_at=START + timedelta(days=days), **more)


def band_of(mmol_per_l, sign=0):
    percent = of(sensor([mmol_per_l], sign=[sign])).percent
    return max(percent, key=percent.get)


@pytest.mark.parametrize(
    ("mmol_per_l", "band"),
    [
        (2.9, VERY_LOW),  # ADA Standards of Care, table 6.2
        (3.0, LOW),
        (3.8, LOW),
        (3.9, IN_RANGE),
        (10.0, IN_RANGE),
        (10.1, HIGH),
        (13.9, HIGH),
        (14.0, VERY_HIGH),
        (2.94, VERY_LOW),
        (2.95, LOW),  # half up in decimal: 3.0
        (3.84, LOW),
        (3.85, IN_RANGE),
        (3.8499999999999996, LOW),  # the double below 3.85; times ten it is 38.5
        (10.04, IN_RANGE),
        (10.05, HIGH),  # the double is 10.0500000000000007
        (13.94, HIGH),
        (13.95, VERY_HIGH),  # the double is 13.949999...
    ],
)
def test_a_value_is_rounded_to_a_tenth_and_both_ends_of_the_range_are_inside(mmol_per_l, band):
    assert band_of(mmol_per_l) is band


@given(st.lists(st.floats(0.1, 60) | st.integers(1, 1200).map(lambda n: n / 20), min_size=1, max_size=20))
def test_the_tenths_are_those_of_the_screen_for_any_value(values):
    found = tenths(np.array(values), np.zeros(len(values), np.int8))
    assert (found / 10).tolist() == [shown(value, 1) for value in values]


@pytest.mark.parametrize(
    ("mg_per_dl", "band"),
    [
        *((53, VERY_LOW), (54, LOW), (69, LOW), (70, IN_RANGE), (180, IN_RANGE)),
        *((182, HIGH), (250, HIGH), (252, VERY_HIGH)),
        (181, IN_RANGE),  # shown 10.0
        (251, HIGH),  # shown 13.9
    ],
)
def test_a_sensor_that_counts_in_mg_per_dl_falls_into_the_same_bands(mg_per_dl, band):
    assert band_of(mg_per_dl / MG_PER_DL_PER_MMOL_PER_L) is band


@pytest.mark.parametrize(("end", "sign", "band"), [(3.0, -1, VERY_LOW), (2.2, -1, VERY_LOW), (13.9, 1, VERY_HIGH)])
def test_lo_and_hi_lie_beyond_the_end_of_the_sensors_range(end, sign, band):
    assert band_of(end, sign) is band
    assert of(sensor([5.0, end], sign=[0, sign])).censored == 1


@pytest.fixture(scope="module")
def fortnight_mg_per_dl():
    """All bands, in whole mg/dL as a sensor has them; without 181 and 251, where rounding to 0.1 mmol/L differs."""
    rng = np.random.default_rng(20260302)
    walk = 130 + 70 * np.sin(np.arange(4032) / 45) + rng.normal(0, 25, 4032)
    values = np.clip(np.rint(walk), 40, 400)
    return np.where(np.isin(values, (181, 251)), values - 1, values)


def test_mean_gmi_and_variation_are_those_of_iglu(fortnight_mg_per_dl):
    ours = of(sensor(fortnight_mg_per_dl / MG_PER_DL_PER_MMOL_PER_L))
    theirs = pd.Series(fortnight_mg_per_dl)
    assert ours.readings == 4032
    assert ours.mean_mmol_per_l * MG_PER_DL_PER_MMOL_PER_L == pytest.approx(iglu.mean_glu(theirs), rel=1e-12)
    assert ours.gmi_percent == pytest.approx(iglu.gmi(theirs), rel=1e-12)
    assert ours.cv_percent == pytest.approx(iglu.cv_glu(theirs), rel=1e-12)


def test_time_in_the_five_ranges_and_the_risk_index_are_those_of_iglu(fortnight_mg_per_dl):
    ours = of(sensor(fortnight_mg_per_dl / MG_PER_DL_PER_MMOL_PER_L))
    theirs = pd.Series(fortnight_mg_per_dl)
    below = iglu.below_percent(theirs, [54, 70])
    above = iglu.above_percent(theirs, [180, 250])
    assert ours.percent == pytest.approx(
        {
            VERY_LOW: below["below_54"],
            LOW: below["below_70"] - below["below_54"],
            IN_RANGE: iglu.in_range_percent(theirs, [[70, 180]])["in_range_70_180"],
            HIGH: above["above_180"] - above["above_250"],
            VERY_HIGH: above["above_250"],
        },
        rel=1e-9,
    )
    assert min(ours.percent.values()) > 0
    assert ours.gri == pytest.approx(iglu.gri(theirs), rel=1e-9)


def test_iglu_counts_181_mg_per_dl_as_high_where_the_screen_shows_ten_point_zero():
    theirs = pd.Series([181.0, 251.0])
    assert iglu.above_percent(theirs, [180, 250]) == {"above_180": 100, "above_250": 50}
    assert of(sensor(theirs.to_numpy() / MG_PER_DL_PER_MMOL_PER_L)).percent == pytest.approx(
        {VERY_LOW: 0, LOW: 0, IN_RANGE: 50, HIGH: 50, VERY_HIGH: 0}
    )


@pytest.mark.parametrize(
    ("mean_mg_per_dl", "percent"),
    # Bergenstal et al. 2018, table 1.
    [(100, 5.7), (125, 6.3), (150, 6.9), (175, 7.5), (200, 8.1), (225, 8.7), (250, 9.3), (300, 10.5), (350, 11.7)],
)
def test_gmi_has_the_values_of_its_published_table(mean_mg_per_dl, percent):
    assert round(gmi_percent(mean_mg_per_dl / MG_PER_DL_PER_MMOL_PER_L), 1) == percent


@pytest.mark.parametrize("mean_mmol_per_l", [5.0, 8.0, 12.0, 18.0])
def test_gmi_in_mmol_per_mol_is_the_percentage_by_the_ifcc_master_equation(mean_mmol_per_l):
    by_master_equation = 10.93 * gmi_percent(mean_mmol_per_l) - 23.50
    assert gmi_mmol_per_mol(mean_mmol_per_l) == pytest.approx(by_master_equation, abs=0.1)


def test_the_risk_index_weighs_lows_more_than_highs_and_ends_at_a_hundred():
    share = {VERY_LOW: 1.0, LOW: 4.0, IN_RANGE: 70.0, HIGH: 20.0, VERY_HIGH: 5.0}
    assert gri(share) == pytest.approx(3.0 * 1 + 2.4 * 4 + 0.8 * 20 + 1.6 * 5)  # 36.6
    assert gri({**share, VERY_LOW: 40.0}) == 100


@pytest.mark.parametrize(("cv_percent", "stable"), [(36.04, True), (36.06, False), (20, True), (50, False)])
def test_variation_up_to_36_percent_is_stable(cv_percent, stable):
    apart = 8 * cv_percent / 100 / 2**0.5  # the sample deviation of m - d and m + d is d times the root of 2
    found = of(sensor([8 - apart, 8 + apart]))
    assert found.cv_percent == pytest.approx(cv_percent)
    assert found.stable is stable


# 70 % of the 4032 readings of 14 days are 2822.4.
@pytest.mark.parametrize(("readings", "sufficient"), [(2822, False), (2823, True), (4032, True)])
def test_seventy_percent_of_fourteen_days_are_enough(readings, sufficient):
    found = of(sensor([6.0] * readings))
    assert found.sufficient is sufficient
    assert found.worn_percent == pytest.approx(100 * readings / 4032)


def test_less_than_fourteen_days_are_not_enough_however_well_worn():
    found = of(sensor([6.0] * 4032), days=13.99)
    assert (found.sufficient, found.worn_percent) == (False, 100)


@pytest.mark.parametrize("every_min", [1, 5, 15])
def test_a_sensor_of_any_cadence_that_never_pauses_is_worn_the_whole_time(every_min):
    found = of(sensor([6.0] * (14 * 24 * 60 // every_min), every=timedelta(minutes=every_min)))
    assert (found.worn_percent, found.sufficient) == (100, True)


def test_a_blood_meter_four_times_a_day_is_no_sensor():
    assert not of(sensor([6.0] * 56, every=timedelta(hours=6))).sufficient


def test_what_nobody_measured_is_in_no_band():
    low = sensor([3.5] * 12)
    high = sensor([12.0] * 12, start=START + timedelta(hours=10))
    both = series(np.append(low.taken_ms, high.taken_ms), np.append(low.mmol_per_l, high.mmol_per_l))
    found = of(both, days=1)
    assert (found.percent[LOW], found.percent[HIGH]) == (50, 50)
    assert found.worn_percent == pytest.approx(100 * 2 / 24)


def test_an_hour_of_readings_each_minute_weighs_no_more_than_another_hour():
    slow = sensor([6.0] * 12, every=timedelta(minutes=15))
    fast = sensor([12.0] * 60, every=timedelta(minutes=1), start=START + timedelta(hours=3))
    both = series(np.append(slow.taken_ms, fast.taken_ms), np.append(slow.mmol_per_l, fast.mmol_per_l))
    found = of(both, days=4 / 24, cadence=timedelta(minutes=15))
    assert (found.percent[IN_RANGE], found.percent[HIGH]) == (75, 25)
    assert found.mean_mmol_per_l == pytest.approx(7.5)


def test_the_period_begins_with_its_first_instant_and_ends_before_its_last():
    edges = sensor([4.0, 5.0, 6.0], every=timedelta(days=1), start=START)
    assert of(edges, days=2).readings == 2


def test_no_reading_is_no_figure_and_not_zero():
    nothing = of(sensor([float("nan")]))
    assert (nothing.readings, nothing.sufficient, nothing.worn_percent) == (0, False, 0)
    figures = (nothing.percent, nothing.mean_mmol_per_l, nothing.gmi_percent, nothing.cv_percent, nothing.gri)
    assert figures == (None,) * 5
    assert nothing.stable is None


def test_one_reading_has_a_mean_and_no_variation():
    one = of(sensor([6.0]))
    assert (one.mean_mmol_per_l, one.cv_percent, one.stable) == (6.0, None, None)


def test_readings_come_in_any_order_and_an_instant_has_one():
    taken = np.array([600_000, 0, 300_000, 300_000], np.int64)
    found = series(taken, np.array([7.0, 5.0, 9.0, 6.0]))
    assert found.taken_ms.tolist() == [0, 300_000, 600_000]
    assert found.mmol_per_l.tolist() == [5.0, 6.0, 7.0]


@pytest.mark.parametrize(
    ("every_ms", "cadence_ms"), [(1, 60_000), (60_000, 60_000), (300_000, 300_000), (900_001, 900_000)]
)
def test_a_burst_is_no_cadence_and_a_blood_meter_neither(every_ms, cadence_ms):
    assert sensor([6.0] * 20, every=timedelta(milliseconds=every_ms)).cadence_ms == cadence_ms


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="not after"):
        of(sensor([6.0]), days=0)


def test_every_figure_names_documents_of_the_bibliography():
    assert set(REFERENCES) <= set(BIBLIOGRAPHY)
