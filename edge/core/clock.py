"""Device time -> UTC, with a stated trust. A clock in 1970 or in the future never becomes `taken_at`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.vocabulary import ClockTrust

AGREES: Final = timedelta(minutes=2)  # meters show whole minutes, and nobody sets them by the second
OLDEST: Final = timedelta(days=3 * 366)  # more than a meter's memory holds
A_CLOCKS_YEARS: Final = range(1900, 9000)  # far outside what a zone can be applied to
NOT_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)  # this software is younger than that: an earlier clock is unset


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    at: datetime
    trust: ClockTrust


def to_utc(local: datetime, zone: ZoneInfo, now: datetime) -> datetime:
    """In the hour that comes twice in autumn: the later one that is not in the future."""
    second = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    first = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return second if second <= now + AGREES else first


def stamp(
    *,
    device_time: datetime | None,
    is_stored: bool,
    zone: ZoneInfo,
    now: datetime,
    ahead_by: timedelta | None = None,
) -> Stamp:
    """`device_time`: local, without a zone. `is_stored`: from the device's memory, so it may be of any age.

    `ahead_by`: how much later the device's clock is than ours, if both were read at one moment; None: not known."""
    if device_time is None or device_time.year not in A_CLOCKS_YEARS:
        return Stamp(at=now, trust=ClockTrust.ARRIVAL)
    at = to_utc(device_time, zone, now)
    if ahead_by is not None and abs(ahead_by) > AGREES:
        corrected = at - ahead_by
        if is_stored and is_possible(corrected, now):
            return Stamp(at=corrected, trust=ClockTrust.CORRECTED)
        return Stamp(at=now, trust=ClockTrust.ARRIVAL)
    if abs(at - now) <= AGREES:
        return Stamp(at=min(at, now), trust=ClockTrust.CHECKED)
    if is_stored and is_possible(at, now):
        return Stamp(at=at, trust=ClockTrust.DEVICE if ahead_by is None else ClockTrust.CHECKED)
    return Stamp(at=now, trust=ClockTrust.ARRIVAL)


def is_possible(at: datetime, now: datetime) -> bool:
    return now - OLDEST <= at <= now + AGREES


def own_time(wall: datetime, not_before: datetime, since: timedelta) -> datetime:
    """Our own clock, when it may stand in 1970 after a power cut: never earlier than what we once saw.

    `since`: how long ago that was known. Until the clock is right the time goes on from there, so that what is heard
    stays in order and as far apart as it was."""
    known = max(not_before, NOT_BEFORE)
    return wall if wall >= known else known + since
