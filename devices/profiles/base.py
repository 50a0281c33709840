"""What a sensor profile is: how to reach the sensor, and what its bytes mean."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from devices.vocabulary import EventType, Kind, Mode, Quality, Sign


def uuid16(short: int) -> str:
    """The 128-bit form of an assigned number, as bleak writes it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A value as the device said it. `device_time` is the device's own local time, without a zone; None: it sent none.

    `value` is in the kind's UCUM unit and inside its possible range; None only with Quality.NO_READING."""

    kind: Kind
    value: float | None
    quality: Quality = Quality.GOOD
    sign: Sign = Sign.EXACT
    mode: Mode = Mode.SPOT
    device_time: datetime | None = None
    record: int | None = None
    slot: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Whether the sensor is on the body, as the sensor itself says in each message."""

    on_body: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    type: EventType


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """A state that an advertiser repeats (door open or closed): an event only when it changes."""

    opened: bool


Said = Reading | Contact | Happening | Switch


class Reach(Enum):
    """How the gateway meets the device."""

    STREAM = auto()  # stay connected, values come as notifications
    SPOT = auto()  # on air for seconds after a measurement: connect at once, take what it has, disconnect
    ADVERT = auto()  # never connect: the advertisement carries the value


@dataclass(frozen=True, kw_only=True, slots=True)
class Advert:
    """What an advertiser said. `packet_id` tells a repeat from a new press; None when the device sends none."""

    packet_id: int | None
    said: tuple[Said, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """`subscribe`: characteristics to notify/indicate on, in this order. `racp`: the record access control point, for a
    device with stored records. `read`: characteristics read once at connect. `decode(uuid, data)` and
    `decode_advert(service_data)` raise DecodeError on bytes outside the specification."""

    name: str
    reach: Reach
    service: str
    subscribe: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    racp: str | None = None
    decode: Callable[[str, bytes], tuple[Said, ...]] | None = None
    decode_advert: Callable[[bytes], Advert] | None = None
    settle_s: float = 0.0  # wait after connecting, before subscribing: some meters need it
