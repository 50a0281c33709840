"""Every object of BTHome v2: what it is called, how long it is, and what its bytes mean. bthome.io/format, April 2026;
0x64, 0x65 and 0xF0 to 0xF2 as bthome-ble 3.25 reads them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, auto
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.profiles.wording import name


class Object(IntEnum):
    """The objects that a profile listens to or an encoder writes."""

    PACKET_ID = 0x00
    BATTERY = 0x01
    OPENING = 0x11
    BATTERY_LOW = 0x15
    CO = 0x17
    DOOR = 0x1A
    GARAGE_DOOR = 0x1B
    GAS = 0x1C
    MOISTURE = 0x20
    MOTION = 0x21
    OCCUPANCY = 0x23
    PRESENCE = 0x25
    SMOKE = 0x29
    VIBRATION = 0x2C
    WINDOW = 0x2D
    BUTTON = 0x3A
    COMMAND = 0x3B
    TEXT = 0x53
    RAW = 0x54
    FIRMWARE_4 = 0xF1
    FIRMWARE_3 = 0xF2


class Press(IntEnum):
    NONE = 0x00
    SHORT = 0x01
    DOUBLE = 0x02
    TRIPLE = 0x03
    LONG = 0x04
    LONG_DOUBLE = 0x05
    LONG_TRIPLE = 0x06
    HOLD = 0x80
    RELEASE = 0x81  # the end of a HOLD that was said before


class Turn(IntEnum):
    NONE = 0x00
    LEFT = 0x01
    RIGHT = 0x02


class Order(IntEnum):
    OFF = 0x00
    ON = 0x01
    TOGGLE = 0x02
    STEP_UP = 0x03
    STEP_DOWN = 0x04


class Form(Enum):
    NUMBER = auto()
    STATE = auto()
    BUTTON = auto()
    DIMMER = auto()
    COMMAND = auto()
    TIME = auto()
    TEXT = auto()
    RAW = auto()
    VERSION = auto()


@dataclass(frozen=True, kw_only=True, slots=True)
class Dimmed:
    """`turn` as sent: a later edition may have more than Turn."""

    turn: int
    steps: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    order: int
    arguments: bytes


Value = Decimal | bool | int | Dimmed | Ordered | datetime | str | bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """`size` in bytes after the object id; None: the object says its own length. `states`: of 0 and of 1."""

    name: str
    form: Form
    size: int | None
    unit: str = ""
    factor: Decimal = Decimal(1)
    signed: bool = False
    states: tuple[str, str] = ("off", "on")


# id: name, bytes (negative: signed), unit, factor
_NUMBERS: Final = {
    0x00: ("packet id", 1, "", "1"),
    0x01: ("battery", 1, "%", "1"),
    0x02: ("temperature", -2, "°C", "0.01"),
    0x03: ("humidity", 2, "%", "0.01"),
    0x04: ("pressure", 3, "hPa", "0.01"),
    0x05: ("illuminance", 3, "lux", "0.01"),
    0x06: ("mass", 2, "kg", "0.01"),
    0x07: ("mass", 2, "lb", "0.01"),
    0x08: ("dew point", -2, "°C", "0.01"),
    0x09: ("count", 1, "", "1"),
    0x0A: ("energy", 3, "kWh", "0.001"),
    0x0B: ("power", 3, "W", "0.01"),
    0x0C: ("voltage", 2, "V", "0.001"),
    0x0D: ("PM2.5", 2, "µg/m³", "1"),
    0x0E: ("PM10", 2, "µg/m³", "1"),
    0x12: ("CO2", 2, "ppm", "1"),
    0x13: ("TVOC", 2, "µg/m³", "1"),
    0x14: ("moisture", 2, "%", "0.01"),
    0x2E: ("humidity", 1, "%", "1"),
    0x2F: ("moisture", 1, "%", "1"),
    0x3D: ("count", 2, "", "1"),
    0x3E: ("count", 4, "", "1"),
    0x3F: ("rotation", -2, "°", "0.1"),
    0x40: ("distance", 2, "mm", "1"),
    0x41: ("distance", 2, "m", "0.1"),
    0x42: ("duration", 3, "s", "0.001"),
    0x43: ("current", 2, "A", "0.001"),
    0x44: ("speed", 2, "m/s", "0.01"),
    0x45: ("temperature", -2, "°C", "0.1"),
    0x46: ("UV index", 1, "", "0.1"),
    0x47: ("volume", 2, "L", "0.1"),
    0x48: ("volume", 2, "mL", "1"),
    0x49: ("volume flow rate", 2, "m³/h", "0.001"),
    0x4A: ("voltage", 2, "V", "0.1"),
    0x4B: ("gas", 3, "m³", "0.001"),
    0x4C: ("gas", 4, "m³", "0.001"),
    0x4D: ("energy", 4, "kWh", "0.001"),
    0x4E: ("volume", 4, "L", "0.001"),
    0x4F: ("water", 4, "L", "0.001"),
    0x51: ("acceleration", 2, "m/s²", "0.001"),
    0x52: ("gyroscope", 2, "°/s", "0.001"),
    0x55: ("volume storage", 4, "L", "0.001"),
    0x56: ("conductivity", 2, "µS/cm", "1"),
    0x57: ("temperature", -1, "°C", "1"),
    0x58: ("temperature", -1, "°C", "0.35"),
    0x59: ("count", -1, "", "1"),
    0x5A: ("count", -2, "", "1"),
    0x5B: ("count", -4, "", "1"),
    0x5C: ("power", -4, "W", "0.01"),
    0x5D: ("current", -2, "A", "0.001"),
    0x5E: ("direction", 2, "°", "0.01"),
    0x5F: ("precipitation", 2, "mm", "0.1"),
    0x60: ("channel", 1, "", "1"),
    0x61: ("rotational speed", 2, "rpm", "1"),
    0x62: ("speed", -4, "m/s", "0.000001"),
    0x63: ("acceleration", -4, "m/s²", "0.000001"),
    0x64: ("light level", 1, "", "1"),
    0x65: ("settings revision", 1, "", "1"),
    0xF0: ("device type", 2, "", "1"),
}
# id: name, the word for 0, the word for 1
_STATES: Final = {
    0x0F: ("generic", "off", "on"),
    0x10: ("power", "off", "on"),
    0x11: ("opening", "closed", "open"),
    0x15: ("battery", "normal", "low"),
    0x16: ("charging", "no", "yes"),
    0x17: ("carbon monoxide", "not detected", "detected"),
    0x18: ("cold", "normal", "cold"),
    0x19: ("connectivity", "disconnected", "connected"),
    0x1A: ("door", "closed", "open"),
    0x1B: ("garage door", "closed", "open"),
    0x1C: ("gas", "clear", "detected"),
    0x1D: ("heat", "normal", "hot"),
    0x1E: ("light", "none", "detected"),
    0x1F: ("lock", "locked", "unlocked"),
    0x20: ("moisture", "dry", "wet"),
    0x21: ("motion", "clear", "detected"),
    0x22: ("moving", "no", "yes"),
    0x23: ("occupancy", "clear", "detected"),
    0x24: ("plug", "unplugged", "plugged in"),
    0x25: ("presence", "away", "home"),
    0x26: ("problem", "none", "detected"),
    0x27: ("running", "no", "yes"),
    0x28: ("safety", "unsafe", "safe"),
    0x29: ("smoke", "clear", "detected"),
    0x2A: ("sound", "clear", "detected"),
    0x2B: ("tamper", "off", "on"),
    0x2C: ("vibration", "clear", "detected"),
    0x2D: ("window", "closed", "open"),
}
_OTHERS: Final = {
    0x3A: Facts(name="button", form=Form.BUTTON, size=1),
    0x3B: Facts(name="command", form=Form.COMMAND, size=None),
    0x3C: Facts(name="dimmer", form=Form.DIMMER, size=2),
    0x50: Facts(name="timestamp", form=Form.TIME, size=4),
    0x53: Facts(name="text", form=Form.TEXT, size=None),
    0x54: Facts(name="raw", form=Form.RAW, size=None),
    0xF1: Facts(name="firmware", form=Form.VERSION, size=4),
    0xF2: Facts(name="firmware", form=Form.VERSION, size=3),
}


def _all() -> Iterator[tuple[int, Facts]]:
    for number, (what, size, unit, factor) in _NUMBERS.items():
        signed, size = size < 0, abs(size)
        yield number, Facts(name=what, form=Form.NUMBER, size=size, unit=unit, factor=Decimal(factor), signed=signed)
    for number, (what, no, yes) in _STATES.items():
        yield number, Facts(name=what, form=Form.STATE, size=1, states=(no, yes))
    yield from _OTHERS.items()


OBJECTS: Final = MappingProxyType(dict(sorted(_all())))


def value_of(number: int, content: bytes) -> Value:
    """`content` is as long as the table says. A state is true when it is not 0."""
    facts = OBJECTS[number]
    match facts.form:
        case Form.NUMBER:
            return int.from_bytes(content, "little", signed=facts.signed) * facts.factor
        case Form.STATE:
            return content[0] != 0
        case Form.BUTTON:
            return content[0]
        case Form.DIMMER:
            return Dimmed(turn=content[0], steps=content[1])
        case Form.COMMAND:
            return Ordered(order=content[0], arguments=content[1:])
        case Form.TIME:
            return datetime.fromtimestamp(int.from_bytes(content, "little"), UTC)
        case Form.TEXT:
            return _text(content)
        case Form.VERSION:
            return ".".join(str(part) for part in reversed(content))
        case Form.RAW:
            return content


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(f"text is not UTF-8: {content.hex(' ')}") from error


def words(number: int, content: bytes) -> str:
    facts, value = OBJECTS[number], value_of(number, content)
    match value:
        case bool():
            said = facts.states[value]
        case Dimmed(turn=turn, steps=steps):
            said = f"{_word(Turn, turn)}, {steps} steps"
        case Ordered(order=order, arguments=arguments):
            said = " ".join((_word(Order, order), arguments.hex(" "))).strip()
        case int():
            said = _word(Press, value)
        case datetime():
            said = f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case bytes():
            said = value.hex(" ")
        case str():
            said = repr(value) if facts.form is Form.TEXT else value
        case Decimal():
            said = f"{value:f} {facts.unit}".strip()
    return f"{facts.name}: {said}"


def _word(known: type[IntEnum], number: int) -> str:
    return name(known(number)) if number in set(known) else f"{number:#04x}, which has no meaning yet"
