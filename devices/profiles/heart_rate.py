"""Heart Rate Service (180D): chest straps and watches. Heart Rate Service 1.0, section 3.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import IntFlag
from typing import Final

from devices.gatt import Reader
from devices.profiles import battery
from devices.profiles.base import Contact, Profile, Reach, Said, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.vocabulary import Kind, Mode

SERVICE: Final = uuid16(0x180D)
MEASUREMENT: Final = uuid16(0x2A37)
RR_PER_S: Final = 1024  # RR intervals count 1/1024 s


class Flag(IntFlag):
    WIDE = 0x01  # the rate has 16 bits
    CONTACT = 0x02
    CONTACT_SUPPORTED = 0x04
    ENERGY = 0x08
    RR = 0x10


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """`on_body` is None when the sensor cannot tell. `per_min` 0 means that it found no beat."""

    per_min: int
    on_body: bool | None
    energy_kj: int | None
    rr_s: tuple[float, ...]


def parse(data: bytes) -> Measurement:
    reader = Reader(data)
    flags = Flag(reader.u8("flags"))
    per_min = reader.u16("heart rate") if Flag.WIDE in flags else reader.u8("heart rate")
    energy_kj = reader.u16("energy expended") if Flag.ENERGY in flags else None
    rr_s = []
    while Flag.RR in flags and reader.left:
        rr_s.append(reader.u16("RR interval") / RR_PER_S)
    reader.end()
    return Measurement(
        per_min=per_min,
        on_body=Flag.CONTACT in flags if Flag.CONTACT_SUPPORTED in flags else None,
        energy_kj=energy_kj,
        rr_s=tuple(rr_s),
    )


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    """Off the body there is no value: what the strap then sends is its last guess."""
    said = parse(data)
    if said.on_body is False:
        return (Contact(on_body=False),)
    per_min = Decimal(said.per_min) if said.per_min else None
    value = reading(Kind.HEART_RATE, per_min, mode=Mode.CONTINUOUS)
    return (value,) if said.on_body is None else (Contact(on_body=True), value)


PROFILE: Final = Profile(
    name="heart_rate",
    reach=Reach.STREAM,
    service=SERVICE,
    subscribe=(MEASUREMENT,),
    read=(battery.LEVEL,),
    decode=by_characteristic({MEASUREMENT: decode_measurement, battery.LEVEL: battery.decode}),
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
