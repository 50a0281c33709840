"""Glucose Service (1808): measurement (2A18), fetched through the record access control point.

Glucose Service 1.0.1, section 3.1; GATT Specification Supplement.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from devices.errors import DecodeError
from devices.gatt import date_time, date_time_bytes
from devices.ieee11073 import SFLOAT_NAN, sfloat, sfloat_word
from devices.profiles import battery, current_time, device_information, glucose_context, racp
from devices.profiles.base import Profile, Quirk, Reach, Reading, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import number_in, one_of, set_of, sfloat_in, time
from devices.units import (
    MG_PER_DL_PER_KG_PER_L,
    MMOL_PER_MOL,
    glucose_mg_per_dl_from_mmol_per_l,
    glucose_mmol_per_l_from_mg_per_dl,
)
from devices.vocabulary import KINDS, Kind, Quality, Sign

SERVICE: Final = uuid16(0x1808)
MEASUREMENT: Final = uuid16(0x2A18)
CONTEXT: Final = glucose_context.CONTEXT


class Flag(IntFlag):
    OFFSET = 0x01
    CONCENTRATION = 0x02
    MOL_PER_L = 0x04  # else kg/L
    STATUS = 0x08
    CONTEXT_FOLLOWS = 0x10


class Fluid(IntEnum):
    """Type. Only control solution and interstitial fluid make a difference here."""

    CAPILLARY_WHOLE_BLOOD = 1
    CAPILLARY_PLASMA = 2
    VENOUS_WHOLE_BLOOD = 3
    VENOUS_PLASMA = 4
    ARTERIAL_WHOLE_BLOOD = 5
    ARTERIAL_PLASMA = 6
    UNDETERMINED_WHOLE_BLOOD = 7
    UNDETERMINED_PLASMA = 8
    INTERSTITIAL_FLUID = 9
    CONTROL_SOLUTION = 10


class Place(IntEnum):
    """Sample Location."""

    FINGER = 1
    ALTERNATE_SITE = 2
    EARLOBE = 3
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


def _fluid_and_place(both: int) -> str:
    return f"{one_of(Fluid)(both & 0xF)}, {one_of(Place)(both >> 4)}"


LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(Flag)),
    Field(name="sequence number", code="H"),
    Field(name="base time", code="7s", words=time),
    Field(name="time offset", code="h", when=Flag.OFFSET, words=number_in("min")),
    Field(
        name="concentration",
        code="H",
        when=Flag.CONCENTRATION,
        unless=Flag.MOL_PER_L,
        words=sfloat_in("mg/dL", MG_PER_DL_PER_KG_PER_L),
    ),
    Field(
        name="concentration",
        code="H",
        when=Flag.CONCENTRATION | Flag.MOL_PER_L,
        words=sfloat_in("mmol/L", MMOL_PER_MOL),
    ),
    Field(name="type and sample location", code="B", when=Flag.CONCENTRATION, words=_fluid_and_place),
    Field(name="sensor status", code="H", when=Flag.STATUS, words=set_of(Status)),
)


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    _, record, seven, offset_min, kg_per_l, mol_per_l, fluid_and_place, bits = LAYOUT.unpack(data)
    value = _from_kg_per_l(kg_per_l) if mol_per_l is None else _from_mol_per_l(mol_per_l)
    status = Status(bits or 0)
    base = date_time(seven, "base time")
    local = None if Status.TIME_FAULT in status else _local_time(base, offset_min or 0)
    fluid, place = (0, 0) if fluid_and_place is None else (fluid_and_place & 0xF, fluid_and_place >> 4)
    control = fluid == Fluid.CONTROL_SOLUTION or place == Place.CONTROL_SOLUTION
    kind = Kind.GLUCOSE_ISF if fluid == Fluid.INTERSTITIAL_FLUID else Kind.GLUCOSE
    return (_judge(kind, value, status, control, record, local),)


def explain(data: bytes) -> list[str]:
    return list(LAYOUT.explain(LAYOUT.unpack(data)))


def _from_mol_per_l(word: int) -> Decimal | None:
    value = sfloat(word)
    return None if value is None else value * MMOL_PER_MOL


def _from_kg_per_l(word: int | None) -> Decimal | None:
    value = None if word is None else sfloat(word)
    return None if value is None else glucose_mmol_per_l_from_mg_per_dl(value * MG_PER_DL_PER_KG_PER_L)


def _local_time(base: datetime | None, offset_min: int) -> datetime | None:
    """The time on the meter's display: the offset follows a user who changes the clock."""
    if base is None or offset_min in OFFSET_UNKNOWN:
        return None
    try:
        return base + timedelta(minutes=offset_min)
    except OverflowError as error:
        raise DecodeError(f"base time {base} with an offset of {offset_min} minutes is no date") from error


def _judge(
    kind: Kind, value: Decimal | None, status: Status, control: bool, record: int, local: datetime | None
) -> Reading:
    sign = _sign(value, status)
    if sign is not Sign.EXACT:
        value = _limit(value, sign)
    trust = Quality.QUESTIONABLE if status & DOUBTFUL else Quality.GOOD
    quality = Quality.DEMONSTRATION if control else trust
    return reading(kind, value, quality=quality, sign=sign, device_time=local, record=record)


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


PROFILE: Final = Profile(
    name="glucose",
    reach=Reach.SPOT,
    measures=frozenset({Kind.GLUCOSE}),
    service=SERVICE,
    subscribe=(MEASUREMENT, CONTEXT),
    read=(battery.LEVEL, *device_information.READ),
    racp=racp.CONTROL_POINT,
    decode=by_characteristic(
        {
            MEASUREMENT: decode_measurement,
            CONTEXT: glucose_context.decode,
            battery.LEVEL: battery.decode,
            **device_information.DECODERS,
            **current_time.DECODERS,
        }
    ),
    clock=SetsClock.CHECKS,
    quirks=(
        Quirk(
            what="Pairing starts on the meter: its menu, wireless, pair; it shows a code or waits for a yes.",
            source="github.com/NightscoutFoundation/xDrip/issues/208: Accu-Chek Guide",
        ),
        Quirk(
            what="Until it has measured once there is nothing to fetch, and it may look as if it could not be used.",
            source="github.com/NightscoutFoundation/xDrip/issues/208 and 634: Contour Next One",
        ),
        Quirk(
            what="Fetch its records before its clock is set: stored ones keep the time that they were given.",
            source="github.com/NightscoutFoundation/xDrip/issues/120",
        ),
    ),
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
