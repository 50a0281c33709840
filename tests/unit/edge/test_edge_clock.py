"""Device time to UTC: what becomes `taken_at`, and what never does."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devices.vocabulary import ClockTrust
from edge.core.clock import stamp, stamp_utc, to_utc

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


def test_the_hour_that_never_comes_in_spring_is_an_instant_all_the_same() -> None:
    # 29 March 2026: at 02:00 (01:00 UTC) clocks go on to 03:00. A meter that nobody has set yet still shows 02:30.
    never = local(2026, 3, 29, 2, 30)
    assert to_utc(never, OSLO, datetime(2026, 3, 29, 1, 31, tzinfo=UTC)) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shows", "at"),
    [
        (local(2026, 10, 25, 1, 59), datetime(2026, 10, 24, 23, 59, tzinfo=UTC)),  # summer time, UTC+2
        (local(2026, 10, 25, 3, 0), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),  # winter time, UTC+1
        (local(2026, 3, 29, 1, 59), datetime(2026, 3, 29, 0, 59, tzinfo=UTC)),
        (local(2026, 3, 29, 3, 0), datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_the_minutes_around_a_change_of_summer_time_are_themselves(shows: datetime, at: datetime) -> None:
    when = stamp(device_time=shows, is_stored=True, zone=OSLO, now=datetime(2026, 11, 1, tzinfo=UTC))
    assert when.at == at


def test_a_meter_that_was_not_changed_to_winter_time_is_known_by_its_error_and_corrected() -> None:
    november = datetime(2026, 11, 2, 7, 0, tzinfo=UTC)  # 08:00 in Oslo; the meter still shows 09:00
    when = stamp(
        device_time=local(2026, 11, 2, 8, 30),
        is_stored=True,
        zone=OSLO,
        now=november,
        ahead_by=timedelta(hours=1),
    )
    assert (when.at, when.trust) == (datetime(2026, 11, 2, 6, 30, tzinfo=UTC), ClockTrust.CORRECTED)


def test_a_meter_whose_clock_jumps_between_two_live_readings_keeps_their_order() -> None:
    before = stamp(device_time=local(2026, 7, 1, 12, 0), is_stored=False, zone=OSLO, now=NOW)
    later = NOW + timedelta(minutes=1)
    after = stamp(device_time=local(2020, 1, 1, 0, 0), is_stored=False, zone=OSLO, now=later)
    assert (after.at, after.trust) == (later, ClockTrust.ARRIVAL)
    assert before.at < after.at


def test_while_our_own_clock_is_not_set_a_device_that_is_later_is_believed() -> None:
    when = stamp(device_time=local(2026, 7, 3, 9, 0), is_stored=False, zone=OSLO, now=NOW, is_set=False)
    assert (when.at, when.trust) == (datetime(2026, 7, 3, 7, 0, tzinfo=UTC), ClockTrust.DEVICE)
    compared = stamp_utc(at=NOW + timedelta(days=1), is_stored=True, now=NOW, ahead_by=timedelta(days=2), is_set=False)
    assert (compared.at, compared.trust) == (NOW + timedelta(days=1), ClockTrust.DEVICE)


@pytest.mark.parametrize("wrong", [local(2036, 7, 1, 9, 0), local(1970, 1, 1)])
def test_even_then_a_device_in_another_decade_is_not(wrong: datetime) -> None:
    when = stamp(device_time=wrong, is_stored=False, zone=OSLO, now=NOW, is_set=False)
    assert (when.at, when.trust) == (NOW, ClockTrust.ARRIVAL)
