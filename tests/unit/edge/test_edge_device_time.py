"""What a device's own clock was worth when it wrote a time; instants worked out by hand."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from devices.profiles.base import DeviceClock, Reading, SessionStarted
from devices.vocabulary import ClockTrust, Kind
from edge.core.device_time import DeviceTime

OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)  # 12:00 in Oslo


def local(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=None)  # type: ignore[misc,arg-type] # noqa: DTZ001


def record(*parts: int) -> Reading:
    return Reading(kind=Kind.GLUCOSE, value=5.5, record=1, device_time=local(*parts))


def stamped(
    time: DeviceTime, reading: Reading, now: datetime = NOW, *, is_set: bool = True
) -> tuple[datetime, ClockTrust]:
    stamp = time.stamp(reading, now, is_set=is_set)
    return stamp.at, stamp.trust


def knows(shows: datetime | None, at: datetime = NOW, *, is_set: bool = True) -> DeviceTime:
    time = DeviceTime(OSLO)
    time.learn_clock(DeviceClock(shows=shows), at, is_set=is_set)
    return time


def test_records_of_a_clock_that_was_compared_and_right_are_checked() -> None:
    time = knows(local(2026, 7, 1, 12, 1))
    assert stamped(time, record(2026, 6, 30, 8, 0)) == (datetime(2026, 6, 30, 6, 0, tzinfo=UTC), ClockTrust.CHECKED)


def test_records_of_a_clock_an_hour_ahead_are_corrected_by_that_hour() -> None:
    time = knows(local(2026, 7, 1, 13, 0))  # as one that was never told of winter time
    assert stamped(time, record(2026, 6, 30, 8, 0)) == (datetime(2026, 6, 30, 5, 0, tzinfo=UTC), ClockTrust.CORRECTED)


def test_a_comparison_says_nothing_after_an_hour() -> None:
    time = knows(local(2026, 7, 1, 13, 0), NOW - timedelta(minutes=61))
    assert stamped(time, record(2026, 6, 30, 8, 0))[1] is ClockTrust.DEVICE


def test_records_from_before_the_clock_was_set_keep_their_correction_when_they_come_later() -> None:
    time = knows(local(2020, 1, 5, 0, 0))  # it began in 2020; now it is set
    time.learn_clock(DeviceClock(shows=local(2026, 7, 3, 12, 0)), NOW + timedelta(days=2), is_set=True)
    later = NOW + timedelta(days=2, minutes=1)
    day_before = stamped(time, record(2020, 1, 4, 0, 0), later)
    assert day_before == (NOW - timedelta(days=1), ClockTrust.CORRECTED)
    assert stamped(time, record(2026, 7, 2, 12, 0), later) == (NOW + timedelta(days=1), ClockTrust.CHECKED)


def test_a_clock_that_was_ahead_and_set_back_is_told_by_times_that_are_still_to_come() -> None:
    time = knows(local(2026, 8, 1, 12, 0))  # 31 days ahead
    time.learn_clock(DeviceClock(shows=local(2026, 7, 3, 12, 0)), NOW + timedelta(days=2), is_set=True)
    later = NOW + timedelta(days=2, minutes=1)
    assert stamped(time, record(2026, 7, 31, 12, 0), later) == (NOW - timedelta(days=1), ClockTrust.CORRECTED)
    assert stamped(time, record(2026, 7, 2, 12, 0), later) == (NOW + timedelta(days=1), ClockTrust.CHECKED)


def test_a_clock_that_is_not_set_says_nothing() -> None:
    assert stamped(knows(None), record(2026, 6, 30, 8, 0)) == (NOW, ClockTrust.ARRIVAL)


def test_a_comparison_with_our_own_unset_clock_is_none() -> None:
    time = knows(local(2026, 7, 1, 12, 0), NOW - timedelta(minutes=30), is_set=False)  # we were late, not the device
    assert stamped(time, record(2026, 6, 30, 8, 0)) == (datetime(2026, 6, 30, 6, 0, tzinfo=UTC), ClockTrust.DEVICE)


def test_a_right_device_is_not_refused_because_our_own_clock_is_behind() -> None:
    behind = NOW - timedelta(days=30)
    live = Reading(kind=Kind.GLUCOSE, value=5.5, device_time=local(2026, 7, 1, 12, 0))
    assert stamped(DeviceTime(OSLO), live, behind, is_set=False) == (NOW, ClockTrust.DEVICE)
    assert stamped(DeviceTime(OSLO), live, behind, is_set=True) == (behind, ClockTrust.ARRIVAL)


def test_a_sensor_that_counts_from_its_start_has_the_time_of_its_start_by_its_own_offset() -> None:
    time = DeviceTime(OSLO)
    glucose = Reading(kind=Kind.GLUCOSE_ISF, value=6.1, into_session=timedelta(minutes=90))
    assert stamped(time, glucose) == (NOW, ClockTrust.ARRIVAL)  # nobody said when it started
    time.learn_session(SessionStarted(at=local(2026, 6, 30, 20, 0), utc_offset=timedelta(hours=1)))  # started in Lisbon
    assert stamped(time, glucose) == (datetime(2026, 6, 30, 20, 30, tzinfo=UTC), ClockTrust.DEVICE)
    time.learn_session(SessionStarted(at=local(2026, 6, 30, 20, 0)))  # by local time here: two hours
    assert stamped(time, glucose) == (datetime(2026, 6, 30, 19, 30, tzinfo=UTC), ClockTrust.DEVICE)
    assert time.moment(glucose) == local(2026, 6, 30, 21, 30)


def test_a_session_and_the_comparisons_are_remembered_over_a_restart() -> None:
    before = knows(local(2020, 1, 5, 0, 0))
    before.learn_session(SessionStarted(at=local(2026, 6, 30, 20, 0), utc_offset=timedelta(hours=2)))
    after = DeviceTime(OSLO, before.kept_clock(), before.kept_session())
    after.learn_clock(DeviceClock(shows=local(2026, 7, 3, 12, 0)), NOW + timedelta(days=2), is_set=True)
    assert stamped(after, record(2020, 1, 4, 0, 0), NOW + timedelta(days=2))[0] == NOW - timedelta(days=1)
    glucose = Reading(kind=Kind.GLUCOSE_ISF, value=6.1, into_session=timedelta(0))
    assert stamped(after, glucose)[0] == datetime(2026, 6, 30, 18, 0, tzinfo=UTC)


def test_what_another_version_remembered_is_forgotten_and_no_fault() -> None:
    assert stamped(DeviceTime(OSLO, "7", "{}"), record(2026, 6, 30, 8, 0))[1] is ClockTrust.DEVICE
