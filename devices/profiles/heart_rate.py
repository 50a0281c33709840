"""Heart Rate Service (180D): chest straps and watches. Heart Rate Service 1.0, section 3.1."""

from collections.abc import Sequence
from decimal import Decimal
from enum import IntFlag
from functools import lru_cache
from struct import iter_unpack
from typing import Final

from devices.errors import DecodeError
from devices.profiles import battery, device_information
from devices.profiles.base import STREAM_SILENT_S, Contact, Profile, Quirk, Reach, Reading, Said, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.profiles.layout import Field, Layout, Values
from devices.profiles.wording import number_in, set_of
from devices.vocabulary import KINDS, Kind, Mode

SERVICE: Final = uuid16(0x180D)
MEASUREMENT: Final = uuid16(0x2A37)
RR_PER_S: Final = 1024  # RR intervals count 1/1024 s
RR_POSSIBLE_MS: Final = (KINDS[Kind.RR_INTERVAL].lowest, KINDS[Kind.RR_INTERVAL].highest)
RATES_KEPT, INTERVALS_KEPT = 512, 1024


class Flag(IntFlag):
    WIDE = 0x01  # the rate has 16 bits
    CONTACT = 0x02
    CONTACT_SUPPORTED = 0x04
    ENERGY = 0x08
    RR = 0x10


# Plain numbers: to ask an IntFlag takes longer than to read the whole message.
_CONTACT, _CONTACT_SUPPORTED, _RR = int(Flag.CONTACT), int(Flag.CONTACT_SUPPORTED), int(Flag.RR)
_ON, _OFF = Contact(on_body=True), Contact(on_body=False)

LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(Flag)),
    Field(name="heart rate", code="B", unless=Flag.WIDE, words=number_in("/min")),
    Field(name="heart rate", code="H", when=Flag.WIDE, words=number_in("/min")),
    Field(name="energy expended", code="H", when=Flag.ENERGY, words=number_in("kJ")),
)


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    """Off the body there is no value: what the strap then sends is its last guess."""
    (flags, short, wide, _energy), intervals = _parse(data)
    if flags & _CONTACT_SUPPORTED and not flags & _CONTACT:
        return (_OFF,)
    rate = _rate(short if wide is None else wide)
    intervals_said = [_interval(each) for each in intervals]
    return (_ON, rate, *intervals_said) if flags & _CONTACT_SUPPORTED else (rate, *intervals_said)


def _parse(data: bytes) -> tuple[Values, tuple[int, ...]]:
    """The fields, and the RR intervals: as many as fill the message, the oldest first."""
    values, at = LAYOUT.unpack_head(data)
    left = len(data) - at
    if not left:
        return values, ()
    if not data[0] & _RR:
        raise DecodeError(f"{left} surplus bytes at the end of {data.hex(' ')}")
    if left % 2:
        raise DecodeError(f"RR interval needs 2 bytes, 1 is left of {data.hex(' ')}")
    return values, tuple(each for (each,) in iter_unpack("<H", data[at:]))


# The same few hundred values come every second of every strap.
@lru_cache(maxsize=RATES_KEPT)
def _rate(per_min: int) -> Reading:
    """0: straps send that until they find a beat."""
    return reading(Kind.HEART_RATE, Decimal(per_min) if per_min else None, mode=Mode.CONTINUOUS)


@lru_cache(maxsize=INTERVALS_KEPT)
def _interval(count: int) -> Reading:
    """An interval that no heart makes is an artefact of the strap, and a break in the row of beats; the rate beside it
    is still good."""
    ms = count * 1000 / RR_PER_S
    lowest, highest = RR_POSSIBLE_MS
    return reading(Kind.RR_INTERVAL, Decimal(ms) if lowest <= ms <= highest else None, mode=Mode.CONTINUOUS)


def explain(data: bytes) -> list[str]:
    values, intervals = _parse(data)
    said = list(LAYOUT.explain(values))
    if intervals:
        said.append("RR intervals: " + ", ".join(f"{each * 1000 / RR_PER_S:.1f}" for each in intervals) + " ms")
    return said


PROFILE: Final = Profile(
    name="heart_rate",
    reach=Reach.STREAM,
    service=SERVICE,
    subscribe=(MEASUREMENT,),
    read=(battery.LEVEL, *device_information.READ),
    decode=by_characteristic(
        {MEASUREMENT: decode_measurement, battery.LEVEL: battery.decode, **device_information.DECODERS}
    ),
    thin_s=15.0,
    measures=frozenset({Kind.HEART_RATE, Kind.RR_INTERVAL}),
    silent_after_s=STREAM_SILENT_S,
    is_worn=True,
    quirks=(
        Quirk(
            what="An optical sensor on the arm that cannot tell contact goes on sending rates after it was taken off.",
            source="github.com/polarofficial/polar-ble-sdk/issues/131: Polar OH1 and Verity Sense",
        ),
        Quirk(
            what="A chest strap switches itself off some seconds after it left the chest, and wakes when worn.",
            source="github.com/polarofficial/polar-ble-sdk/issues/302: Polar H10",
        ),
    ),
)


def encode_measurement(
    *, per_min: int, on_body: bool | None = None, energy_kj: int | None = None, rr_s: Sequence[float] = ()
) -> bytes:
    flags = Flag(0)
    if per_min > 0xFF:
        flags |= Flag.WIDE
    if on_body is not None:
        flags |= Flag.CONTACT_SUPPORTED | (Flag.CONTACT if on_body else Flag(0))
    if energy_kj is not None:
        flags |= Flag.ENERGY
    if rr_s:
        flags |= Flag.RR
    rate = per_min.to_bytes(2 if Flag.WIDE in flags else 1, "little")
    energy = b"" if energy_kj is None else energy_kj.to_bytes(2, "little")
    intervals = b"".join(round(each * RR_PER_S).to_bytes(2, "little") for each in rr_s)
    return bytes((flags,)) + rate + energy + intervals
