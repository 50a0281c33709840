from datetime import UTC, datetime, timedelta

from devices.vocabulary import Kind
from server.api.observations import gaps_between
from server.store.board import Bucket

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SPOT, CONTINUOUS = 0, 1


def buckets(*seconds: float, mode: int = CONTINUOUS, lasting_s: float = 0) -> list[Bucket]:
    return [Bucket(at=after(s), until=after(s + lasting_s), value=90, low=88, high=92, mode=mode) for s in seconds]


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_stream_that_was_silent_longer_than_its_longest_gap_is_not_drawn_over():
    assert gaps_between(buckets(0, 60, 121, 130), Kind.SPO2, bucket_s=1, at_most=9) == [after(90.5)]


def test_points_that_are_far_apart_only_because_they_were_thinned_stay_joined():
    assert gaps_between(buckets(0, 3600, 7200), Kind.SPO2, bucket_s=3600, at_most=9) == []


def test_of_too_many_gaps_the_longest_are_kept_in_order():
    found = gaps_between(buckets(0, 500, 600, 1400, 1600, 2500), Kind.SPO2, bucket_s=1, at_most=3)
    assert found == [after(250), after(1000), after(2050)]


def test_spot_readings_are_dots():
    assert gaps_between(buckets(0, 600, mode=SPOT), Kind.SPO2, bucket_s=1, at_most=9) == [after(300)]


def test_nothing_and_one_reading_have_no_gap():
    assert gaps_between([], Kind.SPO2, bucket_s=1, at_most=9) == []
    assert gaps_between(buckets(0), Kind.SPO2, bucket_s=1, at_most=9) == []


def test_the_time_that_an_interval_covers_is_no_silence():
    assert gaps_between(buckets(0, 300, 600, lasting_s=299), Kind.SPO2, bucket_s=1, at_most=9) == []
    assert gaps_between(buckets(0, 300, lasting_s=200), Kind.SPO2, bucket_s=1, at_most=9) == [after(250)]


def test_a_glucose_sensor_may_miss_one_of_its_five_minute_values():
    assert gaps_between(buckets(0, 300, 900), Kind.GLUCOSE_ISF, bucket_s=1, at_most=9) == []
    assert gaps_between(buckets(0, 900), Kind.GLUCOSE_ISF, bucket_s=1, at_most=9) == [after(450)]
