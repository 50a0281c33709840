"""Health Thermometer Service (1809), Temperature Measurement (2A1C). HTS 1.0, section 3.1."""

from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from devices.gatt import date_time, date_time_bytes
from devices.ieee11073 import FLOAT_NAN, medfloat, medfloat_word
from devices.profiles import battery, current_time, device_information
from devices.profiles.base import Profile, Reach, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import float_in, one_of, set_of, time
from devices.units import celsius_from_fahrenheit
from devices.vocabulary import Kind

SERVICE: Final = uuid16(0x1809)
MEASUREMENT: Final = uuid16(0x2A1C)
_TEMPERATURE: Final = Kind.BODY_TEMPERATURE


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


LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(Flag)),
    Field(name="temperature", code="I", unless=Flag.FAHRENHEIT, words=float_in("°C")),
    Field(name="temperature", code="I", when=Flag.FAHRENHEIT, words=float_in("°F")),
    Field(name="time stamp", code="7s", when=Flag.TIME, words=time),
    Field(name="temperature type", code="B", when=Flag.SITE, words=one_of(Site)),
)


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    _, celsius, fahrenheit, seven, _ = LAYOUT.unpack(data)
    value = _celsius(fahrenheit) if celsius is None else medfloat(celsius)
    device_time = None if seven is None else date_time(seven, "time stamp")
    return (reading(_TEMPERATURE, value, device_time=device_time),)


def _celsius(fahrenheit: int) -> Decimal | None:
    value = medfloat(fahrenheit)
    return None if value is None else celsius_from_fahrenheit(value)


def explain(data: bytes) -> list[str]:
    return list(LAYOUT.explain(LAYOUT.unpack(data)))


PROFILE: Final = Profile(
    name="thermometer",
    reach=Reach.SPOT,
    measures=frozenset({Kind.BODY_TEMPERATURE}),
    service=SERVICE,
    subscribe=(MEASUREMENT,),
    read=(battery.LEVEL, *device_information.READ),
    decode=by_characteristic(
        {
            MEASUREMENT: decode_measurement,
            battery.LEVEL: battery.decode,
            **device_information.DECODERS,
            **current_time.DECODERS,
        }
    ),
    clock=SetsClock.CHECKS,
)


def encode_measurement(*, celsius: float | None, at: datetime | None = None, site: Site | None = None) -> bytes:
    """`at` is the device's local time."""
    flags = Flag(0)
    flags |= Flag(0) if at is None else Flag.TIME
    flags |= Flag(0) if site is None else Flag.SITE
    word = FLOAT_NAN if celsius is None else medfloat_word(celsius, 1)
    local = b"" if at is None else date_time_bytes(at)
    return bytes((flags,)) + word.to_bytes(4, "little") + local + (b"" if site is None else bytes((site,)))
