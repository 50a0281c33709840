"""What a sensor profile is: how to reach the sensor, and what its bytes mean."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from devices.vocabulary import EventType, Kind, Mode, Quality, Sign


def uuid16(short: int) -> str:
    """The 128-bit form of an assigned number, as bleak writes it."""
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, kw_only=True, slots=True, init=False)
class Reading:
    """A value as the device said it. `device_time` is the device's own local time, without a zone; None: it sent none.

    `value` is in the kind's UCUM unit and inside its possible range; None only with Quality.NO_READING. `into_session`:
    how long after the start of the sensor's session (SessionStarted), for a device that says no other time."""

    kind: Kind
    value: float | None
    quality: Quality
    sign: Sign
    mode: Mode
    device_time: datetime | None
    record: int | None
    slot: int
    into_session: timedelta | None

    def __init__(
        self,
        *,
        kind: Kind,
        value: float | None,
        quality: Quality = Quality.GOOD,
        sign: Sign = Sign.EXACT,
        mode: Mode = Mode.SPOT,
        device_time: datetime | None = None,
        record: int | None = None,
        slot: int = 0,
        into_session: timedelta | None = None,
    ) -> None:
        """By the setters of the slots: what a frozen dataclass writes by itself takes twice as long."""
        _set_kind(self, kind)
        _set_value(self, value)
        _set_quality(self, quality)
        _set_sign(self, sign)
        _set_mode(self, mode)
        _set_device_time(self, device_time)
        _set_record(self, record)
        _set_slot(self, slot)
        _set_into_session(self, into_session)


_set_kind, _set_value, _set_quality, _set_sign, _set_mode, *_set_rest = (
    Reading.__dict__[field.name].__set__ for field in fields(Reading)
)
_set_device_time, _set_record, _set_slot, _set_into_session = _set_rest


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionStarted:
    """When a continuous glucose sensor was started, by the clock that started it. `utc_offset` None: it did not say."""

    at: datetime
    utc_offset: timedelta | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceClock:
    """The device's own clock at the moment of the answer: local, without a zone. None: it is not set."""

    shows: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a device says of itself. `what`: model, manufacturer, serial, firmware, hardware, software, pnp."""

    what: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """Whether the sensor is on the body, as the sensor itself says in each message."""

    on_body: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Happening:
    type: EventType
    slot: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """A state that an advertiser repeats (door open or closed): an event only when it changes."""

    opened: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """A state that an advertiser repeats (bed or room occupied): an event only when it changes."""

    occupied: bool


Said = Reading | Contact | Happening | Switch | Presence | SessionStarted | DeviceClock | Identity


Decode = Callable[[str, bytes], tuple[Said, ...]]  # of a characteristic's UUID and its bytes


HOUR_S: Final = 3600.0
STREAM_SILENT_S: Final = HOUR_S  # longer than a shower, and than most walks out of range [proposal]
WORN_SILENT_S: Final = 12 * HOUR_S  # a day out is no fault of a pendant [proposal]
FIXED_SILENT_S: Final = 6 * HOUR_S  # what hangs on a wall is always in range [proposal]


class Reach(Enum):
    """How the gateway meets the device."""

    STREAM = auto()  # stay connected, values come as notifications
    SPOT = auto()  # on air for seconds after a measurement: connect at once, take what it has, disconnect
    ADVERT = auto()  # never connect: the advertisement carries the value


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """What is known of an advertiser before it speaks. `address`: capitals with colons. `key`: 16 bytes; None: it does
    not encrypt."""

    address: str
    key: bytes | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Advert:
    """What an advertiser said. `packet_id` tells a repeat from a new press; None when the device sends none. `counter`
    of an encrypted advertisement only grows: an older one is a replay."""

    packet_id: int | None
    said: tuple[Said, ...]
    counter: int | None = None


class SetsClock(Enum):
    """What the gateway does with the device's Current Time (2A2B) at each visit, before anything else."""

    NO = auto()  # it has none
    CHECKS = auto()  # read it, and correct its stored readings by what it is wrong
    SETS = auto()  # read it, then write ours if it is wrong or not set


@dataclass(frozen=True, kw_only=True, slots=True)
class Quirk:
    """`what` it does, in a sentence for a technician; `source`: where that was reported."""

    what: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """`read_first`: characteristics read before anything is subscribed, because what follows is understood by them.
    `subscribe`: characteristics to notify/indicate on, in this order. `racp`: the record access control point, for a
    device with stored records. `read`: characteristics read once at connect. `decode(uuid, data)` and
    `decode_advert(service_data, sender)` raise DecodeError on bytes outside the specification. `joined()` makes a
    decoder for one device whose messages only together say everything (segments, a user said in the one before):
    `decoder()` is the one to listen with. `write`: what a device waits for, after subscribing, before it sends.

    `thin_s`: a continuous stream goes to the server as one interval in so many seconds, unless the configuration
    says otherwise; 0: every value. `bonds`: its values need an encrypted link. `quirks`: what a real device of this
    kind does otherwise, each with its source.

    `measures`: what it says of a person. `silent_after_s`: one that speaks by itself (a beacon; a stream, while it is
    worn) and was not heard for so long has something wrong with it; None: it speaks only when it is used. `is_worn`: it
    goes where its wearer goes."""

    name: str
    reach: Reach
    service: str
    read_first: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    racp: str | None = None
    write: tuple[tuple[str, bytes], ...] = ()
    decode: Decode | None = None
    joined: Callable[[], Decode] | None = None
    decode_advert: Callable[[bytes, Sender], Advert] | None = None
    settle_s: float = 0.0  # wait after connecting, before subscribing: some meters need it
    clock: SetsClock = SetsClock.NO
    bonds: bool = False
    thin_s: float = 0.0
    measures: frozenset[Kind] = frozenset()
    silent_after_s: float | None = None
    is_worn: bool = False
    quirks: tuple[Quirk, ...] = ()

    def decoder(self) -> Decode | None:
        """For one device, as long as the gateway runs."""
        return self.decode if self.joined is None else self.joined()
