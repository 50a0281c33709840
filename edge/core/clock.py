"""Device time -> UTC, with a stated trust. A clock in 1970 or in the future never becomes `taken_at`."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.vocabulary import ClockTrust

AGREES: Final = timedelta(minutes=2)  # meters show whole minutes, and nobody sets them by the second
OLDEST: Final = timedelta(days=3 * 366)  # more than a meter's memory holds
A_CLOCKS_YEARS: Final = range(1900, 9000)  # far outside what a zone can be applied to


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    at: datetime
    trust: ClockTrust


def to_utc(local: datetime, zone: ZoneInfo, now: datetime) -> datetime:
    """A time that comes twice in autumn: the later one that is not in the future. One that never comes in spring is
    shown by a clock that was not put forward; it is read as that."""
    one, two = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max(one, two) if max(one, two) <= now + AGREES else min(one, two)


def stamp(
    *,
    device_time: datetime | None,
    is_stored: bool,
    zone: ZoneInfo,
    now: datetime,
    ahead_by: timedelta | None = None,
    is_set: bool = True,
) -> Stamp:
    """`device_time`: local, without a zone. `is_stored`: from the device's memory, so it may be of any age.

    `ahead_by`: how much later the device's clock is than ours, if both were read at one moment; None: not known.
    `is_set`: whether our own clock is; else the device may well be right and we are late."""
    if device_time is None or device_time.year not in A_CLOCKS_YEARS:
        return Stamp(at=now, trust=ClockTrust.ARRIVAL)
    # While ours may be late, nothing says that the later of two equal hours has not been.
    at = to_utc(device_time, zone, now if is_set else now + OLDEST)
    return stamp_utc(at=at, is_stored=is_stored, now=now, ahead_by=ahead_by, is_set=is_set)


def stamp_utc(
    *, at: datetime, is_stored: bool, now: datetime, ahead_by: timedelta | None = None, is_set: bool = True
) -> Stamp:
    """`stamp`, when the device's time is known in UTC."""
    if not is_set and now < at <= now + OLDEST and (ahead_by is None or ahead_by > AGREES):
        return Stamp(at=at, trust=ClockTrust.DEVICE)
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
