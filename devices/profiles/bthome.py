"""BTHome v2 advertisements (service data FCD2): doors, buttons, smoke, water. Format: bthome.io/format, April 2026.

One table says how long every object is, for one unknown length would make all that follows unreadable.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.profiles.base import Advert, Happening, Profile, Reach, Said, Sender, Switch, uuid16
from devices.profiles.decoding import reading
from devices.vocabulary import EventType, Kind

SERVICE: Final = uuid16(0xFCD2)
ENCRYPTED: Final = 0x01
ADDRESS_INCLUDED: Final = 0x02  # reserved in the format today; older senders put their address there
ON_TRIGGER: Final = 0x04  # advertises only when something happens
VERSION: Final = 2


class Object(IntEnum):
    """The objects that a profile below listens to or an encoder writes."""

    PACKET_ID = 0x00
    BATTERY = 0x01
    OPENING = 0x11
    CO = 0x17
    DOOR = 0x1A
    GARAGE_DOOR = 0x1B
    MOISTURE = 0x20
    MOTION = 0x21
    SMOKE = 0x29
    WINDOW = 0x2D
    BUTTON = 0x3A
    COMMAND = 0x3B
    TEXT = 0x53
    RAW = 0x54


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


# Bytes after the object id, by size. Text, raw and command say their own length.
_BY_SIZE: Final = {
    1: bytes.fromhex("00 01 09 0f 10 11 3a 46 57 58 59 60 64 65") + bytes(range(0x15, 0x30)),
    2: bytes.fromhex("02 03 06 07 08 0c 0d 0e 12 13 14 3c 3d 3f 40 41 43 44 45 47 48 49 4a 51 52 56 5a 5d 5e 5f 61 f0"),
    3: bytes.fromhex("04 05 0a 0b 42 4b f2"),
    4: bytes.fromhex("3e 4c 4d 4e 4f 50 55 5b 5c 62 63 f1"),
}
SIZES: Final = MappingProxyType({number: size for size, numbers in _BY_SIZE.items() for number in numbers})


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """`objects`: (object id, its bytes) in the order sent, up to the first id that is not in the table: the format
    tells receivers to stop there, and senders to put newer objects last."""

    on_trigger: bool
    objects: tuple[tuple[int, bytes], ...]


def parse(service_data: bytes) -> Frame:
    reader = Reader(service_data)
    info = reader.u8("device information")
    if info >> 5 != VERSION:
        raise DecodeError(f"BTHome version {info >> 5}: this gateway reads {VERSION}")
    if info & ENCRYPTED:
        raise DecodeError("encrypted, and there is no key for this device")
    if info & ADDRESS_INCLUDED:
        reader.raw(6, "address")
    return Frame(on_trigger=bool(info & ON_TRIGGER), objects=tuple(_objects(reader)))


def _objects(reader: Reader) -> Iterator[tuple[int, bytes]]:
    while reader.left:
        number = reader.u8("object id")
        if (size := _size(number, reader)) is None:
            return
        yield number, reader.raw(size, f"object {number:#04x}")


def _size(number: int, reader: Reader) -> int | None:
    """None: not in the table."""
    match number:
        case Object.TEXT | Object.RAW:
            return reader.u8("length")
        case Object.COMMAND:
            return (reader.u8("length") & 0x1F) + 1  # the arguments, and the command itself
        case _:
            return SIZES.get(number)


Meaning = Callable[[int], tuple[Said, ...]]


def _battery(percent: int) -> tuple[Said, ...]:
    return (reading(Kind.BATTERY, Decimal(percent)),)


def _switch(state: int) -> tuple[Said, ...]:
    return (Switch(opened=state != 0),)


def _detected(event: EventType, state: int) -> tuple[Said, ...]:
    """The format says that a state "should be" 0 or 1: what is not 0 counts, for it may be smoke."""
    return (Happening(type=event),) if state else ()


def _pressed(event: EventType, press: int) -> tuple[Said, ...]:
    """Any press, also one that a later edition adds: who presses an alarm button longer still wants help."""
    return () if press in (Press.NONE, Press.RELEASE) else (Happening(type=event),)


def decode_advert(meanings: Mapping[int, Meaning], service_data: bytes, sender: Sender) -> Advert:
    packet_id, said = None, list[Said]()
    for number, content in parse(service_data).objects:
        if number == Object.PACKET_ID:
            packet_id = content[0]
        elif number in meanings:
            said += meanings[number](content[0])
    return Advert(packet_id=packet_id, said=tuple(said))


def _profile(name: str, meanings: Mapping[int, Meaning]) -> Profile:
    return Profile(
        name=name,
        reach=Reach.ADVERT,
        service=SERVICE,
        decode_advert=partial(decode_advert, {Object.BATTERY: _battery, **meanings}),
    )


DOOR: Final = _profile(
    "bthome_door",
    dict.fromkeys((Object.DOOR, Object.WINDOW, Object.OPENING, Object.GARAGE_DOOR), _switch),
)
SOS: Final = _profile("bthome_sos", {Object.BUTTON: partial(_pressed, EventType.SOS)})
FALL: Final = _profile("bthome_fall", {Object.BUTTON: partial(_pressed, EventType.FALL)})
SMOKE: Final = _profile(
    "bthome_smoke",
    {Object.SMOKE: partial(_detected, EventType.SMOKE), Object.CO: partial(_detected, EventType.CO)},
)
WATER: Final = _profile("bthome_water", {Object.MOISTURE: partial(_detected, EventType.WATER)})
MOTION: Final = _profile("bthome_motion", {Object.MOTION: partial(_detected, EventType.MOTION)})


def encode_advert(objects: Sequence[tuple[Object, int]], *, on_trigger: bool = False) -> bytes:
    """Service data of one-byte objects, put in order of their ids as the format asks."""
    content = b"".join(bytes((number, value)) for number, value in sorted(objects))
    return bytes((VERSION << 5 | (ON_TRIGGER if on_trigger else 0),)) + content


def encode_door(*, opened: bool, packet_id: int, battery_percent: int) -> bytes:
    return encode_advert(
        [
            (Object.PACKET_ID, packet_id),
            (Object.BATTERY, battery_percent),
            (Object.DOOR, int(opened)),
        ]
    )


def encode_button(*, press: Press, packet_id: int, battery_percent: int) -> bytes:
    return encode_advert(
        [
            (Object.PACKET_ID, packet_id),
            (Object.BATTERY, battery_percent),
            (Object.BUTTON, press),
        ],
        on_trigger=True,
    )


def encode_detector(*, detector: Object, detected: bool, packet_id: int, battery_percent: int) -> bytes:
    """Smoke, CO, moisture or motion."""
    return encode_advert(
        [
            (Object.PACKET_ID, packet_id),
            (Object.BATTERY, battery_percent),
            (detector, int(detected)),
        ]
    )
