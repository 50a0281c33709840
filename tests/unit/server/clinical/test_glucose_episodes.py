"""Episodes by the consensus definitions, minute by minute, and iglu's count where it defines them alike.

iglu ends a level 2 episode when the glucose leaves level 2; we end it with 15 minutes in range. Prolonged is what the
statement of 2023 calls extended, and iglu counts: more than 120 minutes below 70 mg/dL."""

import warnings
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.clinical.glucose import series
from server.clinical.glucose_episodes import REFERENCES, EpisodeLevel, episodes
from server.clinical.references import BIBLIOGRAPHY

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import iglu_python as iglu
    import pandas as pd

START = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ONE, TWO = EpisodeLevel
MG_PER_DL_PER_MMOL_PER_L = 18.0156


def minutes(*parts, every=5):
    """Readings from (mmol/L or None for silence, for how many minutes), as (minute, mmol/L)."""
    at, readings = 0, []
    for value, lasting in parts:
        readings += [(minute, value) for minute in range(at, at + lasting, every) if value is not None]
        at += lasting
    return readings


def sensor(readings, sign=0):
    taken = [round((START + minute * MINUTE).timestamp() * 1000) for minute, _ in readings]
    values = np.array([value for _, value in readings], np.float64)
    return series(np.array(taken, np.int64), values, np.full(len(taken), sign, np.int8))


def seen(*parts, every=5):
    """(direction, level, began, ended) in minutes."""
    return [
        (each.direction, each.level, (each.began - START) / MINUTE, (each.ended - START) / MINUTE)
        for each in episodes(sensor(minutes(*parts, every=every)))
    ]


@pytest.mark.parametrize(
    ("every", "too_short", "enough"),
    [(5, 10, 15), (1, 14, 15), (3, 12, 15), (10, 10, 20), (15, 0, 15)],
)
def test_an_episode_begins_with_the_first_of_fifteen_minutes_below(every, too_short, enough):
    assert seen((6.0, 60), (3.7, too_short), (6.0, 60), every=every) == []
    assert seen((6.0, 60), (3.7, enough), (6.0, 60), every=every) == [("low", ONE, 60, 60 + enough)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.94, [("low", ONE), ("low", TWO)]),
        (2.95, [("low", ONE)]),  # shown 3.0
        (3.84, [("low", ONE)]),
        (3.85, []),  # shown 3.9
        (10.04, []),
        (10.05, [("high", ONE)]),  # shown 10.1
        (13.94, [("high", ONE)]),
        (13.95, [("high", ONE), ("high", TWO)]),  # shown 14.0
    ],
)
def test_each_level_begins_beyond_its_threshold_as_shown(value, expected):
    assert [each[:2] for each in seen((6.0, 60), (value, 30), (6.0, 60))] == expected


@pytest.mark.parametrize(
    ("back_in_range", "expected"),
    [(10, [("low", ONE, 60, 120)]), (15, [("low", ONE, 60, 80), ("low", ONE, 95, 120)])],
)
def test_an_episode_ends_with_the_first_of_fifteen_minutes_in_range(back_in_range, expected):
    assert seen((6.0, 60), (3.5, 20), (5.0, back_in_range), (3.5, 40 - back_in_range), (6.0, 60)) == expected


def test_a_level_2_episode_is_over_in_range_and_not_at_level_1():
    parts = ((6.0, 60), (2.8, 20), (3.5, 30), (2.8, 20), (6.0, 60))
    assert seen(*parts) == [("low", ONE, 60, 130), ("low", TWO, 60, 130)]
    assert iglu_counts(minutes(*parts))["hypo", "lv2"] == 2  # the package ends it at level 1


def test_a_high_level_2_episode_too_is_over_in_range_only():
    parts = ((6.0, 60), (15.0, 20), (12.0, 30), (15.0, 20), (6.0, 60))
    assert seen(*parts) == [("high", ONE, 60, 130), ("high", TWO, 60, 130)]


def test_a_low_may_be_level_1_long_before_it_is_level_2():
    parts = ((6.0, 60), (3.5, 60), (2.8, 15), (3.5, 15), (6.0, 60))
    assert seen(*parts) == [("low", ONE, 60, 150), ("low", TWO, 120, 150)]


def only(level, *parts):
    [found] = [each for each in episodes(sensor(minutes(*parts))) if each.level == level]
    return found


@pytest.mark.parametrize("value", [3.5, 2.8])
@pytest.mark.parametrize(("lasting", "prolonged"), [(120, False), (125, True)])
def test_more_than_a_hundred_and_twenty_unbroken_minutes_below_three_point_nine_are_prolonged(
    value, lasting, prolonged
):
    parts = ((6.0, 60), (value, lasting), (6.0, 60))
    assert only(ONE, *parts).prolonged is prolonged
    assert iglu_counts(minutes(*parts))["hypo", "extended"] == prolonged


def test_a_low_of_level_2_is_told_as_prolonged_once_with_its_level_1():
    assert not only(TWO, (6.0, 60), (2.8, 180), (6.0, 60)).prolonged


def test_one_reading_in_range_breaks_the_hundred_and_twenty_minutes():
    assert not only(ONE, (6.0, 60), (3.5, 90), (4.2, 5), (3.5, 90), (6.0, 60)).prolonged


@pytest.mark.parametrize(
    ("parts", "prolonged"),
    [
        (((15.0, 85),), False),
        (((15.0, 90),), True),
        (((15.0, 45), (12.0, 30), (15.0, 45)), True),  # 90 of 120
        (((15.0, 45), (12.0, 35), (15.0, 45)), False),  # 85 of 120, 90 of 125
    ],
)
def test_ninety_of_a_hundred_and_twenty_minutes_above_thirteen_point_nine_are_prolonged(parts, prolonged):
    assert only(TWO, (6.0, 60), *parts, (6.0, 60)).prolonged is prolonged


def test_a_silence_of_forty_five_minutes_is_bridged():
    # The last reading before the silence stands at minute 75, the first after it at 120.
    assert seen((6.0, 60), (3.5, 20), (None, 40), (3.5, 20), (6.0, 60)) == [("low", ONE, 60, 140)]


def test_over_a_longer_silence_nobody_knows_how_it_went_on():
    found = episodes(sensor(minutes((6.0, 60), (3.5, 20), (None, 45), (3.5, 20), (6.0, 60))))
    assert [(each.ended - START) / MINUTE for each in found] == [80, 145]
    assert [each.recovered for each in found] == [False, True]


def test_after_a_long_silence_fifteen_minutes_are_counted_anew():
    assert seen((6.0, 60), (3.5, 10), (None, 60), (3.5, 10), (6.0, 60)) == []


def test_what_is_bridged_lies_on_the_straight_line():
    # 6.0 at minute 55, 2.0 at minute 95: a tenth of 40 minutes each; below 3.9 from minute 80 (3.5) on.
    found = seen((6.0, 60), (None, 35), (2.0, 5), (6.0, 60))
    assert found[0] == ("low", ONE, 80, 100)


def test_a_silence_of_exactly_forty_five_minutes_has_its_line_and_of_fifty_has_none():
    # From 6.0 at minute 55 to 2.0 at 100: 4.2 at minute 75, 3.8 at 80.
    assert seen((6.0, 60), (None, 40), (2.0, 5), (6.0, 60))[0] == ("low", ONE, 80, 105)
    assert seen((6.0, 60), (None, 45), (2.0, 5), (6.0, 60)) == []


def test_readings_that_come_a_little_early_still_make_fifteen_minutes():
    low = [(60.0, 3.5), (64.9, 3.5), (69.9, 3.5), (74.8, 6.0)]
    readings = [*minutes((6.0, 60)), *low, *[(minute + 80, value) for minute, value in minutes((6.0, 60))]]
    assert len(episodes(sensor(readings))) == 1


def test_an_episode_at_the_end_of_the_data_is_not_over():
    [found] = episodes(sensor(minutes((6.0, 60), (3.5, 20), (5.0, 10))))
    assert (found.recovered, found.lasted, found.extreme_mmol_per_l) == (False, timedelta(minutes=20), 3.5)


def test_an_episode_shows_its_lowest_or_highest():
    assert only(ONE, (6.0, 60), (3.7, 10), (3.1, 5), (3.8, 20), (6.0, 60)).extreme_mmol_per_l == 3.1
    assert only(ONE, (6.0, 60), (11.0, 10), (12.5, 5), (11.5, 20), (6.0, 60)).extreme_mmol_per_l == 12.5


def test_lo_is_beyond_the_end_of_the_sensors_range():
    assert [each.level for each in episodes(sensor(minutes((3.0, 30)), sign=-1))] == [ONE, TWO]
    assert [each.level for each in episodes(sensor(minutes((3.0, 30))))] == [ONE]


def test_a_burst_of_stored_values_is_joined_with_what_follows_in_steps_of_a_minute():
    burst = [(60 + i / 60_000, 3.5) for i in range(100)]
    [found] = episodes(sensor([*minutes((6.0, 60)), *burst, (100.0, 3.5), (105.0, 3.5)]))
    assert (found.began - START) / MINUTE == 60
    assert found.extreme_mmol_per_l == 3.5


def test_no_readings_have_no_episodes():
    assert episodes(sensor([])) == []


def iglu_counts(readings):
    """Total episodes by (type, level), from readings every five minutes in mmol/L."""
    frame = pd.DataFrame(
        {
            "id": "one",
            "time": [START.replace(tzinfo=None) + minute * MINUTE for minute, _ in readings],
            "gl": [value * MG_PER_DL_PER_MMOL_PER_L for _, value in readings],
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = iglu.episode_calculation(frame)
    return {(row.type, row.level): int(row.total_episodes) for row in found.itertuples()}


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_level_1_episodes_are_as_many_as_iglus_on_a_fortnight(seed):
    rng = np.random.default_rng(seed)
    mg_per_dl = 120 + 75 * np.sin(np.arange(4032) / 30) + np.convolve(rng.normal(0, 25, 4034), np.ones(3) / 3, "valid")
    whole = np.rint(mg_per_dl)
    whole[np.isin(whole, (181, 251))] -= 1  # there the rounding to 0.1 mmol/L differs
    kept = [(5 * i, v / MG_PER_DL_PER_MMOL_PER_L) for i, v in enumerate(whole) if not 1500 <= i < 1530]
    ours = [(each.direction, each.level) for each in episodes(sensor(kept))]
    theirs = iglu_counts(kept)
    assert ours.count(("low", ONE)) == theirs["hypo", "lv1"] > 10
    assert ours.count(("high", ONE)) == theirs["hyper", "lv1"] > 10


def minute_by_minute(values, edge, range_edge, low):
    """(began, ended) by reading on, every five minutes, without a gap: the definition, slowly."""
    beyond = [v <= edge if low else v >= edge for v in values]
    in_range = [v > range_edge if low else v < range_edge for v in values]
    found, began = [], None
    for i in range(len(values)):
        if began is None and all(beyond[i : i + 3]) and i + 3 <= len(values):
            began = i
        elif began is not None and all(in_range[i : i + 3]) and i + 3 <= len(values):
            found.append((began, i))
            began = None
    if began is not None:
        found.append((began, max(i for i in range(len(values)) if not in_range[i]) + 1))
    return [(5.0 * began, 5.0 * ended) for began, ended in found]


@given(
    st.lists(st.tuples(st.sampled_from([2.9, 3.0, 3.8, 3.9, 10.0, 10.1, 13.9, 14.0]), st.integers(1, 5)), max_size=30)
)
def test_any_course_has_the_episodes_that_reading_on_minute_by_minute_finds(stretches):
    values = [value for value, times in stretches for _ in range(times)]
    found = episodes(sensor([(5 * i, value) for i, value in enumerate(values)]))
    for direction, level, edge, range_edge in (
        ("low", ONE, 3.8, 3.8),
        ("low", TWO, 2.9, 3.8),
        ("high", ONE, 10.1, 10.1),
        ("high", TWO, 14.0, 10.1),
    ):
        ours = [
            ((each.began - START) / MINUTE, (each.ended - START) / MINUTE)
            for each in found
            if (each.direction, each.level) == (direction, level)
        ]
        assert ours == minute_by_minute(values, edge, range_edge, direction == "low")


def test_the_definitions_are_named():
    assert set(REFERENCES) <= set(BIBLIOGRAPHY)
