"""Glucose Service (1808): measurement (2A18) and its context (2A34), fetched through the record access control point.

Glucose Service 1.0.1, sections 3.1 and 3.2; GATT Specification Supplement.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader, date_time_bytes
from devices.ieee11073 import SFLOAT_NAN, sfloat_word
from devices.profiles import battery, racp
from devices.profiles.base import Profile, Reach, Reading, Said, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.units import (
    MG_PER_DL_PER_KG_PER_L,
    MMOL_PER_MOL,
    glucose_mg_per_dl_from_mmol_per_l,
    glucose_mmol_per_l_from_mg_per_dl,
)
from devices.vocabulary import KINDS, Kind, Quality, Sign

SERVICE: Final = uuid16(0x1808)
MEASUREMENT: Final = uuid16(0x2A18)
CONTEXT: Final = uuid16(0x2A34)


class Flag(IntFlag):
    OFFSET = 0x01
    CONCENTRATION = 0x02
    MOL_PER_L = 0x04  # else kg/L
    STATUS = 0x08
    CONTEXT_FOLLOWS = 0x10


class Fluid(IntEnum):
    """Type. Others (plasma, venous, interstitial ...) make no difference here."""

    CAPILLARY_WHOLE_BLOOD = 1
    CONTROL_SOLUTION = 10


class Place(IntEnum):
    """Sample Location."""

    FINGER = 1
    CONTROL_SOLUTION = 4
    NOT_KNOWN = 15


class Status(IntFlag):
    """Sensor Status Annunciation."""

    BATTERY_LOW = 1 << 0
    SENSOR_FAULT = 1 << 1
    SAMPLE_TOO_SMALL = 1 << 2
    STRIP_INSERTED_WRONG = 1 << 3
    STRIP_TYPE_WRONG = 1 << 4
    RESULT_TOO_HIGH = 1 << 5  # higher than the device can process
    RESULT_TOO_LOW = 1 << 6
    TOO_HOT = 1 << 7
    TOO_COLD = 1 << 8
    STRIP_PULLED_EARLY = 1 << 9
    GENERAL_FAULT = 1 << 10
    TIME_FAULT = 1 << 11


DOUBTFUL: Final = (
    Status.SENSOR_FAULT
    | Status.SAMPLE_TOO_SMALL
    | Status.STRIP_INSERTED_WRONG
    | Status.STRIP_TYPE_WRONG
    | Status.TOO_HOT
    | Status.TOO_COLD
    | Status.STRIP_PULLED_EARLY
    | Status.GENERAL_FAULT
)
# A meter that says LO or HI without its range: the narrowest range among common meters is 20..500 mg/dL (FreeStyle
# owner's booklets), so "below 1.1" and "above 27.7" are true of every one of them.
LO_MMOL_PER_L: Final = Decimal("1.1")
HI_MMOL_PER_L: Final = Decimal("27.7")
OFFSET_UNKNOWN: Final = (0x7FFF, -0x8000)  # overrun, underrun


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    flags = Flag(reader.u8("flags"))
    record = reader.u16("sequence number")
    base = reader.date_time("base time")
    offset_min = reader.s16("time offset") if Flag.OFFSET in flags else 0
    value, control = None, False
    if Flag.CONCENTRATION in flags:
        value = _mmol_per_l(reader.sfloat("concentration"), flags)
        fluid_and_place = reader.u8("type and sample location")
        control = fluid_and_place & 0xF == Fluid.CONTROL_SOLUTION or fluid_and_place >> 4 == Place.CONTROL_SOLUTION
    status = Status(reader.u16("sensor status")) if Flag.STATUS in flags else Status(0)
    reader.end()
    local = None if Status.TIME_FAULT in status else _local_time(base, offset_min)
    return (_judge(value, status, control, record, local),)


def _mmol_per_l(value: Decimal | None, flags: Flag) -> Decimal | None:
    if value is None:
        return None
    if Flag.MOL_PER_L in flags:
        return value * MMOL_PER_MOL
    return glucose_mmol_per_l_from_mg_per_dl(value * MG_PER_DL_PER_KG_PER_L)


def _local_time(base: datetime | None, offset_min: int) -> datetime | None:
    """The time on the meter's display: the offset follows a user who changes the clock."""
    if base is None or offset_min in OFFSET_UNKNOWN:
        return None
    try:
        return base + timedelta(minutes=offset_min)
    except OverflowError as error:
        raise DecodeError(f"base time {base} with an offset of {offset_min} minutes is no date") from error


def _judge(value: Decimal | None, status: Status, control: bool, record: int, local: datetime | None) -> Reading:
    sign = _sign(value, status)
    if sign is not Sign.EXACT:
        value = _limit(value, sign)
    trust = Quality.QUESTIONABLE if status & DOUBTFUL else Quality.GOOD
    quality = Quality.DEMONSTRATION if control else trust
    return reading(Kind.GLUCOSE, value, quality=quality, sign=sign, device_time=local, record=record)


def _sign(value: Decimal | None, status: Status) -> Sign:
    if status & Status.RESULT_TOO_LOW:
        return Sign.BELOW
    if status & Status.RESULT_TOO_HIGH:
        return Sign.ABOVE
    if value is not None and value.is_infinite():
        return Sign.BELOW if value < 0 else Sign.ABOVE
    return Sign.EXACT


def _limit(value: Decimal | None, sign: Sign) -> Decimal:
    """The end of the meter's range: the number that it sent, if that is one."""
    facts = KINDS[Kind.GLUCOSE]
    if value is not None and facts.lowest <= value <= facts.highest:
        return value
    return LO_MMOL_PER_L if sign is Sign.BELOW else HI_MMOL_PER_L


class ContextFlag(IntFlag):
    CARBOHYDRATE = 0x01
    MEAL = 0x02
    TESTER_AND_HEALTH = 0x04
    EXERCISE = 0x08
    MEDICATION = 0x10
    MEDICATION_LITRES = 0x20  # else kilograms
    HBA1C = 0x40
    EXTENDED = 0x80


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What the person told the meter about a measurement; the numbers are those of the specification's lists."""

    record: int
    meal: int | None


def parse_context(data: bytes) -> Context:
    reader = Reader(data)
    flags = ContextFlag(reader.u8("flags"))
    record = reader.u16("sequence number")
    if ContextFlag.EXTENDED in flags:
        reader.u8("extended flags")
    if ContextFlag.CARBOHYDRATE in flags:
        reader.u8("carbohydrate id")
        reader.sfloat("carbohydrate")
    meal = reader.u8("meal") if ContextFlag.MEAL in flags else None
    if ContextFlag.TESTER_AND_HEALTH in flags:
        reader.u8("tester and health")
    if ContextFlag.EXERCISE in flags:
        reader.u16("exercise duration")
        reader.u8("exercise intensity")
    if ContextFlag.MEDICATION in flags:
        reader.u8("medication id")
        reader.sfloat("medication")
    if ContextFlag.HBA1C in flags:
        reader.sfloat("HbA1c")
    reader.end()
    return Context(record=record, meal=meal)


def decode_context(data: bytes) -> tuple[Said, ...]:
    """Checked, but nothing in it is a reading."""
    parse_context(data)
    return ()


PROFILE: Final = Profile(
    name="glucose",
    reach=Reach.SPOT,
    service=SERVICE,
    subscribe=(MEASUREMENT, CONTEXT),
    read=(battery.LEVEL,),
    racp=racp.CONTROL_POINT,
    decode=by_characteristic({MEASUREMENT: decode_measurement, CONTEXT: decode_context, battery.LEVEL: battery.decode}),
)


def encode_measurement(
    *,
    record: int,
    at: datetime,
    mmol_per_l: float | None,
    offset_min: int | None = None,
    in_mol: bool = True,
    fluid: Fluid = Fluid.CAPILLARY_WHOLE_BLOOD,
    place: Place = Place.FINGER,
    status: Status | None = None,
) -> bytes:
    """`at` is the device's local time. With `in_mol` false it goes out as whole mg/dL, like a meter sold in the USA."""
    flags = Flag.CONCENTRATION | (Flag.MOL_PER_L if in_mol else Flag(0))
    flags |= Flag(0) if offset_min is None else Flag.OFFSET
    flags |= Flag(0) if status is None else Flag.STATUS
    offset = b"" if offset_min is None else offset_min.to_bytes(2, "little", signed=True)
    return (
        bytes((flags,))
        + record.to_bytes(2, "little")
        + date_time_bytes(at)
        + offset
        + _concentration_word(mmol_per_l, in_mol).to_bytes(2, "little")
        + bytes((place << 4 | fluid,))
        + (b"" if status is None else status.to_bytes(2, "little"))
    )


def _concentration_word(mmol_per_l: float | None, in_mol: bool) -> int:
    if mmol_per_l is None:
        return SFLOAT_NAN
    value = Decimal(repr(float(mmol_per_l)))
    if in_mol:
        return sfloat_word(float(value / MMOL_PER_MOL), 4)  # tenths of mmol/L
    return sfloat_word(float(glucose_mg_per_dl_from_mmol_per_l(value) / MG_PER_DL_PER_KG_PER_L), 5)
