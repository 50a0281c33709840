"""Rate and prediction of a tissue glucose sensor by hand and by numpy.polyfit; only from what had arrived."""

import numpy as np
import pytest

from server.detection.glucose_rate import Points, in_a_row, points_of, predicted, rates

MINUTE = 60_000
NOW = 1_795_284_000_000
NAN = np.nan


def points(*streams: list[tuple[float, float] | tuple[float, float, float]]) -> Points:
    """(minutes from now, mmol/L) or (minutes from now, mmol/L, minutes from now when it arrived)."""
    flat = [(number, each) for number, stream in enumerate(streams) for each in stream]
    taken = np.array([NOW + each[0] * MINUTE for _, each in flat]).astype(np.int64)
    arrived = np.array([NOW + (each[2] if len(each) == 3 else each[0]) * MINUTE for _, each in flat]).astype(np.int64)
    return points_of(
        np.array([number for number, _ in flat], np.int64),
        taken,
        arrived,
        np.array([each[1] for _, each in flat]),
        len(streams),
    )


def test_the_rate_of_a_straight_fall_is_its_slope_and_the_prediction_goes_on_along_it():
    found = rates(points([(-15, 6.0), (-10, 5.5), (-5, 5.0), (0, 4.5)]), NOW)
    assert found.per_min.tolist() == [pytest.approx(-0.1)]
    assert found.value.tolist() == [4.5]
    assert found.at_ms.tolist() == [NOW]
    assert predicted(found, 30).tolist() == [pytest.approx(1.5)]


def test_a_noisy_fall_has_the_line_of_least_squares():
    chance = np.random.default_rng(29)
    minutes = [-14.0, -11.0, -7.0, -3.0, -1.0]
    values = [7.0 + 0.08 * minute + chance.normal(0, 0.2) for minute in minutes]
    found = rates(points(list(zip(minutes, values, strict=True))), NOW)
    slope, at_zero = np.polyfit(minutes, values, 1)
    assert found.per_min[0] == pytest.approx(slope)
    assert predicted(found, 30)[0] == pytest.approx(at_zero + slope * 29)  # 30 minutes after the newest point


def test_a_point_that_had_not_arrived_is_not_known():
    known = [(-20.0, 8.0), (-15, 8.0), (-10, 8.0), (-5, 8.0)]
    late = [*known, (0, 4.0, 3.0)]
    assert rates(points(late), NOW).per_min.tolist() == [0]
    assert rates(points(late), NOW).at_ms.tolist() == [NOW - 5 * MINUTE]
    assert rates(points(late), NOW + 3 * MINUTE).per_min[0] < 0


def test_a_point_from_the_future_is_not_known_either():
    assert rates(points([(-10, 8.0), (-5, 8.0), (0, 8.0), (5, 2.0, 0.0)]), NOW).per_min.tolist() == [0]


def test_points_older_than_the_window_do_not_count():
    found = rates(points([(-25, 20.0), (-16, 20.0), (-15, 6.0), (-10, 6.0), (-5, 6.0), (0, 6.0)]), NOW)
    assert found.per_min.tolist() == [0]


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        ([], "nothing at all"),
        ([(-5, 6.0), (0, 5.0)], "two points"),
        ([(-3, 6.0), (-2, 5.5), (-1, 5.2), (0, 5.0)], "three minutes"),
        ([(-30, 6.0), (-15.5, 5.5), (-5, 5.2), (0, 5.0)], "a hole"),
    ],
)
def test_too_little_to_tell_has_no_rate(stream, why):
    found = rates(points(stream, [(-10, 6.0), (-5, 6.0), (0, 6.0)]), NOW)
    assert np.isnan(found.per_min[0]), why
    assert found.per_min[1] == 0


def test_silence_is_not_predicted_from():
    stream = [(-22.0, 6.0), (-17, 5.0), (-12, 4.5)]
    assert np.isnan(rates(points(stream), NOW).per_min).all()
    assert rates(points(stream), NOW - MINUTE).per_min[0] < 0  # 11 minutes old: one value missed, and a little late


def test_points_of_many_streams_in_any_order_find_their_stream():
    found = points_of(
        np.array([2, 0, 2, 0]),
        np.array([NOW, NOW, NOW - MINUTE, NOW - MINUTE]),
        np.array([NOW, NOW, NOW, NOW]),
        np.array([4.0, 5.0, 6.0, 7.0]),
        3,
    )
    assert np.nan_to_num(found.value, nan=-1).tolist() == [[7, 5], [-1, -1], [6, 4]]


def test_how_it_was_at_the_point_before_is_told_from_what_had_been_measured_by_then():
    stream = [(-20.0, 6.0), (-15, 6.0), (-10, 6.0), (-5, 5.0), (0, 4.4)]
    newest, before = in_a_row(points(stream), NOW, 2)
    assert newest.value.tolist() == [4.4]
    assert before.value.tolist() == [5.0]
    assert before.per_min[0] == pytest.approx(np.polyfit([0, 5, 10, 15], [6.0, 6.0, 6.0, 5.0], 1)[0])


def test_a_point_before_a_hole_is_not_in_a_row_with_the_newest():
    falling = [(-25.0, 8.0), (-20, 7.0), (-15, 6.0), (-13, 5.5)]
    _, before = in_a_row(points([*falling, (0, 4.4)], [*falling, (-2, 4.6), (0, 4.4)]), NOW, 2)
    assert np.isnan(before.per_min[0])
    assert before.at_ms.tolist() == [NOW - 13 * MINUTE, NOW - 2 * MINUTE]
    assert before.per_min[1] < 0


def test_no_streams_and_no_points_are_no_rates():
    assert rates(points(), NOW).per_min.size == 0
    assert np.isnan(rates(points([], []), NOW).per_min).all()
