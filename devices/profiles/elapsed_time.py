"""Elapsed Time (2BF2), and the nine bytes of it that stand in a health observation: a clock that counts from the year
2000, in local time or in UTC. ETS 1.0; GATT Specification Supplement, Elapsed Time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntFlag
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.profiles.base import DeviceClock, Said, uuid16

ELAPSED_TIME: Final = uuid16(0x2BF2)
EPOCH: Final = datetime(2000, 1, 1)  # noqa: DTZ001 - of a clock in its own time
QUARTER: Final = timedelta(minutes=15)
MICROSECONDS: Final = 1_000_000
RESOLUTION_S: Final = tuple(map(Decimal, ("1", "0.1", "0.001", "0.0001")))
NEEDS_SET: Final = 0x01  # of the clock status


class Flag(IntFlag):
    """Bits 2 and 3 are the resolution as a number."""

    TICKS = 1 << 0  # a counter that is no time of day
    UTC = 1 << 1  # else local time
    OFFSET = 1 << 4  # zone and summer time are said
    CURRENT = 1 << 5  # by the clock as it is set now


@dataclass(frozen=True, kw_only=True, slots=True)
class Elapsed:
    """`since`: 2000, in UTC if the device knows its zone, else in its local time."""

    since: timedelta
    is_utc: bool


def read(reader: Reader) -> Elapsed | None:
    """None: no time of day, or one of a clock that was set since."""
    flags, count = reader.u8("time flags"), int.from_bytes(reader.raw(6, "time"), "little")
    reader.u8("time source")
    quarters = int.from_bytes(reader.raw(1, "time offset"), signed=True)
    if flags & Flag.TICKS or not flags & Flag.CURRENT:
        return None
    try:
        since = timedelta(microseconds=int(count * RESOLUTION_S[flags >> 2 & 3] * MICROSECONDS))
        EPOCH + since
    except OverflowError as error:
        raise DecodeError(f"time {count} since 2000 is in no calendar") from error
    if flags & Flag.OFFSET and not flags & Flag.UTC:
        return Elapsed(since=since - quarters * QUARTER, is_utc=True)
    return Elapsed(since=since, is_utc=bool(flags & Flag.UTC))


def decode(data: bytes) -> tuple[Said, ...]:
    """A clock in UTC is not compared: what it dates needs no zone of ours."""
    reader = Reader(data)
    elapsed = read(reader)
    status = reader.u8("clock status")
    reader.u8("clock capabilities")
    reader.end()
    if status & NEEDS_SET:
        return (DeviceClock(shows=None),)
    if elapsed is None or elapsed.is_utc:
        return ()
    return (DeviceClock(shows=EPOCH + elapsed.since),)


def encode(since: timedelta, *, is_utc: bool) -> bytes:
    """As in an observation, in whole seconds."""
    flags = Flag.CURRENT | (Flag.UTC if is_utc else Flag(0))
    return bytes((flags,)) + (since // timedelta(seconds=1)).to_bytes(6, "little") + bytes(2)


def encode_clock(since: timedelta, *, is_utc: bool, needs_set: bool = False) -> bytes:
    return encode(since, is_utc=is_utc) + bytes((NEEDS_SET if needs_set else 0, 0))
