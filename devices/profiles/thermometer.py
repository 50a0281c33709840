"""Health Thermometer Service (1809), Temperature Measurement (2A1C). HTS 1.0, section 3.1."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from devices.gatt import Reader, date_time_bytes
from devices.ieee11073 import FLOAT_NAN, medfloat_word
from devices.profiles import battery
from devices.profiles.base import Profile, Reach, Said, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.units import celsius_from_fahrenheit
from devices.vocabulary import Kind

SERVICE: Final = uuid16(0x1809)
MEASUREMENT: Final = uuid16(0x2A1C)


class Flag(IntFlag):
    FAHRENHEIT = 0x01
    TIME = 0x02
    SITE = 0x04


class Site(IntEnum):
    """Temperature Type: where it was taken."""

    ARMPIT = 1
    BODY = 2
    EAR = 3
    FINGER = 4
    GASTRO_INTESTINAL = 5
    MOUTH = 6
    RECTUM = 7
    TOE = 8
    EARDRUM = 9


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    flags = Flag(reader.u8("flags"))
    value = reader.medfloat("temperature")
    device_time = reader.date_time("time stamp") if Flag.TIME in flags else None
    if Flag.SITE in flags:
        reader.u8("temperature type")
    reader.end()
    return (reading(Kind.BODY_TEMPERATURE, _celsius(value, flags), device_time=device_time),)


def _celsius(value: Decimal | None, flags: Flag) -> Decimal | None:
    if value is None or Flag.FAHRENHEIT not in flags:
        return value
    return celsius_from_fahrenheit(value)


PROFILE: Final = Profile(
    name="thermometer",
    reach=Reach.SPOT,
    service=SERVICE,
    subscribe=(MEASUREMENT,),
    read=(battery.LEVEL,),
    decode=by_characteristic({MEASUREMENT: decode_measurement, battery.LEVEL: battery.decode}),
)


def encode_measurement(*, celsius: float | None, at: datetime | None = None, site: Site | None = None) -> bytes:
    """`at` is the device's local time."""
    flags = Flag(0)
    flags |= Flag(0) if at is None else Flag.TIME
    flags |= Flag(0) if site is None else Flag.SITE
    word = FLOAT_NAN if celsius is None else medfloat_word(celsius, 1)
    time = b"" if at is None else date_time_bytes(at)
    return bytes((flags,)) + word.to_bytes(4, "little") + time + (b"" if site is None else bytes((site,)))
