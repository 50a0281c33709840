"""Fields of characteristics in words for a technician: what `Field.words` of a layout are made of."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag

from devices.gatt import date_time
from devices.ieee11073 import medfloat, sfloat
from devices.profiles.decoding import UNKNOWN_USER, slot_of


def name(word: IntEnum | IntFlag) -> str:
    return (word.name or str(int(word))).lower().replace("_", " ")


def set_of(words: type[IntFlag]) -> Callable[[int], str]:
    """The names of the bits that are set; those that the specification has not named are said as a number."""

    def say(bits: int) -> str:
        named = [name(word) for word in words if bits & word]
        if reserved := bits & ~sum(words):
            named.append(f"reserved {reserved:#x}")
        return ", ".join(named) or "none"

    return say


def one_of(words: type[IntEnum]) -> Callable[[int], str]:
    def say(number: int) -> str:
        return name(words(number)) if number in set(words) else f"{number}, which has no meaning yet"

    return say


def sfloat_in(unit: str, factor: Decimal = Decimal(1)) -> Callable[[int], str]:
    return lambda word: _number(sfloat(word), factor, unit)


def float_in(unit: str) -> Callable[[int], str]:
    return lambda word: _number(medfloat(word), Decimal(1), unit)


def _number(value: Decimal | None, factor: Decimal, unit: str) -> str:
    if value is None:
        return "no reading"
    if value.is_infinite():
        return "below the device's range" if value < 0 else "above the device's range"
    return f"{_plain(value * factor)} {unit}".strip()


def _plain(value: Decimal) -> str:
    """Without an exponent and idle zeros, as long as that stays readable."""
    return f"{value.normalize():f}" if -9 <= value.adjusted() <= 12 else f"{value.normalize()}"


def number_in(unit: str) -> Callable[[int], str]:
    return lambda number: f"{number} {unit}".strip()


def time(seven: bytes) -> str:
    return moment(date_time(seven, "time"))


def moment(local: datetime | None) -> str:
    return "not known" if local is None else f"{local:%Y-%m-%d %H:%M:%S}"


def silent(_value: object) -> None:
    """Of a field that another line already says."""
    return


def user(number: int) -> str:
    return "not known" if number == UNKNOWN_USER else f"{number} (slot {slot_of(number)})"
