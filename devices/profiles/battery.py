"""Battery Level (2A19): one byte, 0 to 100 %. Read at connect, by the profiles of whole devices."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from devices.gatt import Reader
from devices.profiles.base import Reading, Said, uuid16
from devices.profiles.decoding import reading
from devices.vocabulary import Kind

LEVEL: Final = uuid16(0x2A19)


def decode(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    percent = reader.u8("battery level")
    reader.end()
    return (of_percent(percent),)


def explain(data: bytes) -> list[str]:
    decode(data)
    return [f"battery level: {data[0]} %"]


@lru_cache(maxsize=101)
def of_percent(percent: int) -> Reading:
    return reading(Kind.BATTERY, Decimal(percent))


def encode_level(percent: int) -> bytes:
    return bytes((percent,))
