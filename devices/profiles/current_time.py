"""Current Time Service (1805): a device's own clock (2A2B), read and written, and its zone (2A0F). CTS 1.1, sections
3.1 and 3.2; GATT Specification Supplement, Current Time, Day of Week, Exact Time 256, Time Zone, DST Offset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, IntFlag
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader, date_time_bytes
from devices.profiles.base import DeviceClock, Said, uuid16
from devices.profiles.wording import moment, name, set_of

SERVICE: Final = uuid16(0x1805)
CURRENT_TIME: Final = uuid16(0x2A2B)
LOCAL_TIME_INFORMATION: Final = uuid16(0x2A0F)
FRACTIONS: Final = 256  # of a second
MICROSECONDS: Final = 1_000_000
QUARTER: Final = timedelta(minutes=15)
ZONE_UNKNOWN, DST_UNKNOWN = -128, 255
ZONE_QUARTERS: Final = range(-48, 57)  # UTC-12:00 to UTC+14:00


class Day(IntEnum):
    UNKNOWN = 0
    MONDAY = 1
    TUESDAY = 2
    WEDNESDAY = 3
    THURSDAY = 4
    FRIDAY = 5
    SATURDAY = 6
    SUNDAY = 7


class Reason(IntFlag):
    """Adjust Reason: why the clock was last set."""

    MANUAL = 0x01
    EXTERNAL_REFERENCE = 0x02
    TIME_ZONE = 0x04
    SUMMER_TIME = 0x08


class Summer(IntEnum):
    """DST Offset, in quarters of an hour."""

    STANDARD = 0
    HALF_AN_HOUR = 2
    AN_HOUR = 4
    TWO_HOURS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class CurrentTime:
    """`local` None: the device does not know the date."""

    local: datetime | None
    day: Day
    reason: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalTimeInformation:
    """None: the device does not know it."""

    zone: timedelta | None
    summer: timedelta | None

    @property
    def utc_offset(self) -> timedelta | None:
        return None if self.zone is None or self.summer is None else self.zone + self.summer


def parse(data: bytes) -> CurrentTime:
    """The day of the week follows from the date: a device that has a wrong one still has a clock."""
    reader = Reader(data)
    local = reader.date_time("current time")
    day = reader.u8("day of week")
    fractions = reader.u8("fractions of a second")
    reason = reader.u8("adjust reason")
    reader.end()
    if day > Day.SUNDAY:
        raise DecodeError(f"day of week {day}: 1 is Monday, 7 is Sunday, 0 is not known")
    if local is not None:
        local = local.replace(microsecond=fractions * MICROSECONDS // FRACTIONS)
    return CurrentTime(local=local, day=Day(day), reason=reason)


def decode(data: bytes) -> tuple[Said, ...]:
    return (DeviceClock(shows=parse(data).local),)


def encode(local: datetime, *, reason: Reason = Reason.EXTERNAL_REFERENCE) -> bytes:
    """To write into a device: `local` is the time that its display should show."""
    fractions = local.microsecond * FRACTIONS // MICROSECONDS
    return date_time_bytes(local) + bytes((local.isoweekday(), fractions, reason))


def encode_not_set() -> bytes:
    """What a device answers whose battery was changed."""
    return bytes(10)


def parse_local_time(data: bytes) -> LocalTimeInformation:
    reader = Reader(data)
    zone = int.from_bytes(reader.raw(1, "time zone"), signed=True)
    summer = reader.u8("summer time")
    reader.end()
    if zone not in ZONE_QUARTERS and zone != ZONE_UNKNOWN:
        raise DecodeError(f"time zone of {zone} quarters of an hour: -48 to 56, or -128 for not known")
    if summer not in {*Summer, DST_UNKNOWN}:
        raise DecodeError(f"summer time of {summer} quarters of an hour: 0, 2, 4 or 8, or 255 for not known")
    return LocalTimeInformation(
        zone=None if zone == ZONE_UNKNOWN else zone * QUARTER,
        summer=None if summer == DST_UNKNOWN else summer * QUARTER,
    )


def decode_local_time(data: bytes) -> tuple[Said, ...]:
    """Checked, but the gateway knows its own zone better."""
    parse_local_time(data)
    return ()


def encode_local_time(*, zone: timedelta | None, summer: Summer | None) -> bytes:
    quarters = ZONE_UNKNOWN if zone is None else zone // QUARTER
    return quarters.to_bytes(1, signed=True) + bytes((DST_UNKNOWN if summer is None else summer,))


def explain(data: bytes) -> list[str]:
    said = parse(data)
    return [
        f"current time: {moment(said.local)}",
        f"day of week: {name(said.day)}",
        f"last set because of: {set_of(Reason)(said.reason)}",
    ]


def explain_local_time(data: bytes) -> list[str]:
    said = parse_local_time(data)
    return [f"time zone: {_offset(said.zone)}", f"summer time: {_offset(said.summer)}"]


def _offset(offset: timedelta | None) -> str:
    if offset is None:
        return "not known"
    minutes = offset // timedelta(minutes=1)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


DECODERS: Final[Mapping[str, Callable[[bytes], tuple[Said, ...]]]] = MappingProxyType(
    {CURRENT_TIME: decode, LOCAL_TIME_INFORMATION: decode_local_time}
)
