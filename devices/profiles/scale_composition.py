"""Body Composition Measurement (2A9C): BCS 1.0, section 3.2; GATT Specification Supplement."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from types import MappingProxyType
from typing import Final

from devices.gatt import Reader
from devices.profiles.base import Said
from devices.profiles.decoding import slot_of
from devices.profiles.scale_weight import (
    NOBODY,
    TENTH,
    UNSUCCESSFUL,
    Message,
    Whose,
    cm_from_steps,
    in_tenths,
    kg_from_steps,
    known,
    mass_steps,
    time_and_user,
)
from devices.profiles.wording import moment, name, set_of
from devices.vocabulary import KINDS, Kind


class CompositionFlag(IntFlag):
    POUNDS = 0x0001
    TIME = 0x0002
    USER = 0x0004
    BASAL_METABOLISM = 0x0008
    MUSCLE_PERCENTAGE = 0x0010
    MUSCLE_MASS = 0x0020
    FAT_FREE_MASS = 0x0040
    SOFT_LEAN_MASS = 0x0080
    BODY_WATER = 0x0100
    IMPEDANCE = 0x0200
    WEIGHT = 0x0400
    HEIGHT = 0x0800
    SEVERAL_PACKETS = 0x1000


# What follows user and time, in this order, two bytes each. Those without a kind are the same numbers in another form,
# or of no use to anybody here.
NUMBERS: Final[Mapping[CompositionFlag, tuple[Kind, Callable[[int, bool], Decimal]] | None]] = MappingProxyType(
    {
        CompositionFlag.BASAL_METABOLISM: None,
        CompositionFlag.MUSCLE_PERCENTAGE: None,
        CompositionFlag.MUSCLE_MASS: (Kind.MUSCLE_MASS, kg_from_steps),
        CompositionFlag.FAT_FREE_MASS: None,
        CompositionFlag.SOFT_LEAN_MASS: None,
        CompositionFlag.BODY_WATER: (Kind.BODY_WATER, kg_from_steps),
        CompositionFlag.IMPEDANCE: None,
        CompositionFlag.WEIGHT: (Kind.WEIGHT, kg_from_steps),
        CompositionFlag.HEIGHT: (Kind.HEIGHT, cm_from_steps),
    }
)
_NUMBERS_MASK: Final = int(sum(NUMBERS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    flags: int
    message: Message

    def goes_on_from(self, first: "Packet") -> bool:
        """A second packet says neither whose it is nor what the first one said [R: BCS 3.2.1.1 asks for the former]."""
        several = self.flags & first.flags & CompositionFlag.SEVERAL_PACKETS
        return bool(several) and self.message.whose == NOBODY and not self.flags & first.flags & _NUMBERS_MASK


def parse(data: bytes) -> Packet:
    reader = Reader(data)
    flags, fat = reader.u16("flags"), reader.u16("body fat")
    at = reader.date_time("time stamp") if flags & CompositionFlag.TIME else None
    slot = slot_of(reader.u8("user id")) if flags & CompositionFlag.USER else None
    values = {Kind.BODY_FAT: fat * TENTH}
    for flag, kept in NUMBERS.items():
        if flags & flag:
            steps = reader.u16(name(flag))
            if kept is not None:
                kind, convert = kept
                values[kind] = convert(steps, bool(flags & CompositionFlag.POUNDS))
    reader.end()
    measured = {Kind.BODY_FAT: None} if fat == UNSUCCESSFUL else known(values)
    return Packet(flags=flags, message=Message(whose=Whose(slot=slot, at=at), values=measured))


def decode(data: bytes) -> tuple[Said, ...]:
    return parse(data).message.said()


def explain(data: bytes) -> list[str]:
    packet = parse(data)
    slot, at = packet.message.whose
    lines = [f"flags: {set_of(CompositionFlag)(packet.flags)}"]
    lines += [] if at is None else [f"time stamp: {moment(at)}"]
    lines += [] if slot is None else [f"user: slot {slot}"]
    for kind, value in packet.message.values.items():
        said = "unsuccessful" if value is None else f"{value:.2f} {KINDS[kind].ucum}"
        lines.append(f"{kind.replace('_', ' ')}: {said}")
    return lines


def encode(
    *,
    fat_percent: float | None,
    at: datetime | None = None,
    of_user: int | None = None,
    muscle_kg: float | None = None,
    water_kg: float | None = None,
    weight_kg: float | None = None,
    is_one_of_several: bool = False,
) -> bytes:
    flags = CompositionFlag.SEVERAL_PACKETS if is_one_of_several else CompositionFlag(0)
    flags |= CompositionFlag(0) if at is None else CompositionFlag.TIME
    flags |= CompositionFlag(0) if of_user is None else CompositionFlag.USER
    content = b""
    for flag, kg in (
        (CompositionFlag.MUSCLE_MASS, muscle_kg),
        (CompositionFlag.BODY_WATER, water_kg),
        (CompositionFlag.WEIGHT, weight_kg),
    ):
        if kg is not None:
            flags |= flag
            content += mass_steps(kg, False)
    fat = UNSUCCESSFUL.to_bytes(2, "little") if fat_percent is None else in_tenths(fat_percent)
    return flags.to_bytes(2, "little") + fat + time_and_user(at, of_user) + content
