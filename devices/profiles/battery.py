"""Battery Level (2A19): one byte, 0 to 100 %. Read at connect, by the profiles of whole devices."""

from decimal import Decimal
from typing import Final

from devices.gatt import Reader
from devices.profiles.base import Said, uuid16
from devices.profiles.decoding import reading
from devices.vocabulary import Kind

LEVEL: Final = uuid16(0x2A19)


def decode(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    percent = reader.u8("battery level")
    reader.end()
    return (reading(Kind.BATTERY, Decimal(percent)),)


def encode_level(percent: int) -> bytes:
    return bytes((percent,))
