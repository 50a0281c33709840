"""Device time to UTC: what becomes `taken_at`, and what never does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devices.vocabulary import ClockTrust
from edge.core.clock import NOT_BEFORE, own_time, stamp, to_utc

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 7, 1, 10, 0, 30, tzinfo=UTC)  # 12:00:30 in Oslo


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=None)  # type: ignore[misc,arg-type] # noqa: DTZ001


def test_a_live_value_of_a_right_clock_has_the_devices_time() -> None:
    when = stamp(device_time=local(2026, 7, 1, 12, 0), is_stored=False, zone=OSLO, now=NOW)
    assert (when.at, when.trust) == (datetime(2026, 7, 1, 10, 0, tzinfo=UTC), ClockTrust.CHECKED)


@pytest.mark.parametrize(
    "wrong", [local(1970, 1, 1), local(2026, 7, 1, 11, 0), local(2026, 7, 1, 12, 4), local(2100, 1, 1), local(1, 1, 1)]
)
def test_a_live_value_of_a_wrong_clock_has_its_arrival_time(wrong: datetime) -> None:
    when = stamp(device_time=wrong, is_stored=False, zone=OSLO, now=NOW)
    assert (when.at, when.trust) == (NOW, ClockTrust.ARRIVAL)


def test_without_a_device_time_it_is_arrival_time() -> None:
    when = stamp(device_time=None, is_stored=True, zone=OSLO, now=NOW)
    assert (when.at, when.trust) == (NOW, ClockTrust.ARRIVAL)


@pytest.mark.parametrize(
    ("ahead_by", "trust"), [(None, ClockTrust.DEVICE), (timedelta(seconds=90), ClockTrust.CHECKED)]
)
def test_a_stored_record_keeps_its_own_time_and_says_whether_that_clock_was_compared(
    ahead_by: timedelta | None, trust: ClockTrust
) -> None:
    when = stamp(device_time=local(2026, 2, 3, 8, 1), is_stored=True, zone=OSLO, now=NOW, ahead_by=ahead_by)
    assert (when.at, when.trust) == (datetime(2026, 2, 3, 7, 1, tzinfo=UTC), trust)


@pytest.mark.parametrize(
    "impossible", [local(1970, 1, 2), local(2000, 1, 1), local(2026, 7, 1, 13, 0), local(9999, 12, 31)]
)
def test_a_stored_record_from_1970_or_the_future_has_its_arrival_time(impossible: datetime) -> None:
    when = stamp(device_time=impossible, is_stored=True, zone=OSLO, now=NOW)
    assert (when.at, when.trust) == (NOW, ClockTrust.ARRIVAL)


def test_a_stored_record_of_a_clock_that_is_wrong_by_a_known_amount_is_corrected() -> None:
    behind = timedelta(days=-365)
    when = stamp(device_time=local(2025, 6, 30, 9, 0), is_stored=True, zone=OSLO, now=NOW, ahead_by=behind)
    assert (when.at, when.trust) == (datetime(2026, 6, 30, 7, 0, tzinfo=UTC), ClockTrust.CORRECTED)


def test_a_correction_into_the_future_is_not_believed() -> None:
    behind = timedelta(days=-365)
    when = stamp(device_time=local(2026, 6, 30, 9, 0), is_stored=True, zone=OSLO, now=NOW, ahead_by=behind)
    assert (when.at, when.trust) == (NOW, ClockTrust.ARRIVAL)


def test_the_hour_that_comes_twice_in_autumn_is_the_one_that_has_been() -> None:
    # 25 October 2026: at 03:00 summer time (01:00 UTC) clocks go back to 02:00.
    twice = local(2026, 10, 25, 2, 30)
    assert to_utc(twice, OSLO, datetime(2026, 10, 25, 0, 31, tzinfo=UTC)) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert to_utc(twice, OSLO, datetime(2026, 10, 25, 1, 31, tzinfo=UTC)) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_our_own_clock_in_1970_is_not_believed() -> None:
    seen = datetime(2026, 5, 1, tzinfo=UTC)
    unset, nothing = datetime(1970, 1, 1, tzinfo=UTC), timedelta()
    assert own_time(unset, seen, nothing) == seen
    assert own_time(unset, unset, nothing) == NOT_BEFORE
    assert own_time(NOW, seen, nothing) == NOW


def test_until_our_own_clock_is_right_the_time_goes_on_from_what_we_know() -> None:
    seen, a_minute = datetime(2026, 2, 3, tzinfo=UTC), timedelta(minutes=1)
    assert own_time(datetime(1970, 1, 1, tzinfo=UTC), seen, a_minute) == seen + a_minute
    assert own_time(NOW, seen, a_minute) == NOW
