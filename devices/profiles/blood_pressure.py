"""Blood Pressure Service (1810): measurement (2A35) and intermediate cuff pressure (2A36). BLS 1.1.1, sections 3.1
and 3.2; GATT Specification Supplement.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from functools import lru_cache
from typing import Final

from devices.gatt import date_time, date_time_bytes
from devices.ieee11073 import SFLOAT_NAN, sfloat, sfloat_word
from devices.profiles import battery, current_time, device_information
from devices.profiles.base import Profile, Quirk, Reach, Reading, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic, possible, slot_of
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import set_of, sfloat_in, time, user
from devices.units import KPA_PER_MMHG, mmhg_from_kpa
from devices.vocabulary import Kind, Quality, Sign

SERVICE: Final = uuid16(0x1810)
MEASUREMENT: Final = uuid16(0x2A35)
CUFF: Final = uuid16(0x2A36)


class Flag(IntFlag):
    KPA = 0x01  # else mmHg
    TIME = 0x02
    PULSE = 0x04
    USER = 0x08
    STATUS = 0x10


class Status(IntFlag):
    """Measurement Status. Pulse range: bits 3 and 4 together are a number, 0 is inside."""

    BODY_MOVED = 1 << 0
    CUFF_LOOSE = 1 << 1
    PULSE_IRREGULAR = 1 << 2
    PULSE_TOO_FAST = 1 << 3
    PULSE_TOO_SLOW = 1 << 4
    POSITION_WRONG = 1 << 5  # the wrist not at the height of the heart


# Movement, a loose cuff and a wrong position make the oscillations another's than the artery's. So does an irregular
# pulse: the method takes one beat to be as the next (ESH 2021 on measuring at home: repeat, or measure otherwise).
DOUBTFUL: Final = Status.BODY_MOVED | Status.CUFF_LOOSE | Status.PULSE_IRREGULAR | Status.POSITION_WRONG
# The specification does not say whether it is the meter's own limit or one that somebody set: so the pulse is doubted,
# and is not taken for a limit. The pressures were measured all the same.
PULSE_OUTSIDE: Final = Status.PULSE_TOO_FAST | Status.PULSE_TOO_SLOW
# An infinite pressure says "outside my range" without naming it. Of Omron M7 Intelli IT (60-260, 40-215 mmHg, pulse
# 40-180), A&D UA-651 (60-279, 40-200) and Beurer BM 85 (60-255, 40-200, pulse 40-180) the narrowest ends: true of each
# of them [R, from their manuals, to be checked].
RANGE: Final = {
    Kind.SYSTOLIC: (Decimal(60), Decimal(255)),
    Kind.DIASTOLIC: (Decimal(40), Decimal(200)),
    Kind.PULSE_RATE: (Decimal(40), Decimal(180)),
}
_DOUBTFUL, _PULSE_OUTSIDE = int(DOUBTFUL), int(PULSE_OUTSIDE)
_KPA: Final = int(Flag.KPA)


def _layout(*pressures: str) -> Layout:
    """Bits 5 to 7 of the flags are reserved, and some meters set them (captured: 0xDE)."""
    in_mmhg = (Field(name=name, code="H", unless=Flag.KPA, words=sfloat_in("mmHg")) for name in pressures)
    in_kpa = (Field(name=name, code="H", when=Flag.KPA, words=sfloat_in("kPa")) for name in pressures)
    return Layout(
        Field(name="flags", code="B", words=set_of(Flag)),
        *in_mmhg,
        *in_kpa,
        Field(name="time stamp", code="7s", when=Flag.TIME, words=time),
        Field(name="pulse rate", code="H", when=Flag.PULSE, words=sfloat_in("/min")),
        Field(name="user id", code="B", when=Flag.USER, words=user),
        Field(name="measurement status", code="H", when=Flag.STATUS, words=set_of(Status)),
    )


LAYOUT: Final = _layout("systolic", "diastolic", "mean arterial")
CUFF_LAYOUT: Final = _layout("cuff pressure", "unused pressure", "unused pressure")


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    values = LAYOUT.unpack(data)
    flags, (seven, pulse, user, status) = values[0], values[7:]
    in_kpa = flags & _KPA
    systolic, diastolic, mean = values[4:7] if in_kpa else values[1:4]
    local = None if seven is None else date_time(seven, "time stamp")
    slot, status = 0 if user is None else slot_of(user), status or 0
    trust = _QUESTIONABLE if status & _DOUBTFUL else _GOOD
    said = [
        _say(_SYSTOLIC, _systolic(systolic, in_kpa), trust, local, slot),
        _say(_DIASTOLIC, _diastolic(diastolic, in_kpa), trust, local, slot),
    ]
    if (average := _mean(mean, in_kpa))[0] is not None:  # its field is always there; many meters never work it out
        said.append(_say(_MEAN, average, trust, local, slot))
    if pulse is not None:
        said.append(_say(_PULSE, _pulse(pulse, 0), _QUESTIONABLE if status & _PULSE_OUTSIDE else trust, local, slot))
    return tuple(said)


_SYSTOLIC, _DIASTOLIC, _MEAN, _PULSE = Kind.SYSTOLIC, Kind.DIASTOLIC, Kind.MEAN_ARTERIAL, Kind.PULSE_RATE
_GOOD, _QUESTIONABLE, _NO_READING = Quality.GOOD, Quality.QUESTIONABLE, Quality.NO_READING
Value = tuple[float | None, Sign]
VALUES_KEPT: Final = 1024


def _value_of(kind: Kind) -> Callable[[int, int], Value]:
    @lru_cache(maxsize=VALUES_KEPT)
    def value(word: int, in_kpa: int) -> Value:
        number = sfloat(word)
        if number is None or (number.is_infinite() and kind not in RANGE):
            return None, Sign.EXACT
        if number.is_infinite():
            return float(RANGE[kind][number > 0]), Sign.ABOVE if number > 0 else Sign.BELOW
        return possible(kind, mmhg_from_kpa(number) if in_kpa else number), Sign.EXACT

    return value


_systolic, _diastolic, _mean, _pulse = (_value_of(kind) for kind in (_SYSTOLIC, _DIASTOLIC, _MEAN, _PULSE))


def _say(kind: Kind, found: Value, trust: Quality, local: datetime | None, slot: int) -> Reading:
    value, sign = found
    quality = _NO_READING if value is None else trust
    return Reading(kind=kind, value=value, quality=quality, sign=sign, device_time=local, slot=slot)


def decode_cuff(data: bytes) -> tuple[Said, ...]:
    """The pressure in the cuff while it is pumped up or let out: checked, but nobody's blood pressure."""
    seven = CUFF_LAYOUT.unpack(data)[7]
    if seven is not None:
        date_time(seven, "time stamp")
    return ()


def explain(data: bytes) -> list[str]:
    return list(LAYOUT.explain(LAYOUT.unpack(data)))


def explain_cuff(data: bytes) -> list[str]:
    return list(CUFF_LAYOUT.explain(CUFF_LAYOUT.unpack(data)))


SENT_ONCE: Final = Quirk(
    what="Each stored measurement is sent once: what was confirmed to another phone or gateway is not sent again.",
    source="obniz, parts/Ble/UA651BLE: only data that was not sent before; the meter then ends the link itself",
)
OWN_CLOCK: Final = Quirk(
    what="A&D UA-651BLE has no Current Time: its clock is Date Time (2A08), set when it is paired or by its buttons.",
    source="obniz, parts/Ble/UA651BLE; bluevery, examples for A&D_UA-651BLE",
)
MEASURES: Final = frozenset({Kind.SYSTOLIC, Kind.DIASTOLIC, Kind.MEAN_ARTERIAL, Kind.PULSE_RATE})
PROFILE: Final = Profile(
    name="blood_pressure",
    reach=Reach.SPOT,
    measures=MEASURES,
    service=SERVICE,
    subscribe=(MEASUREMENT, CUFF),
    read=(battery.LEVEL, *device_information.READ),
    decode=by_characteristic(
        {
            MEASUREMENT: decode_measurement,
            CUFF: decode_cuff,
            battery.LEVEL: battery.decode,
            **device_information.DECODERS,
            **current_time.DECODERS,
        }
    ),
    settle_s=0.1,
    clock=SetsClock.CHECKS,
    quirks=(
        Quirk(
            what="Beurer BM 85 loses its first measurement if it is subscribed to within 100 ms after connecting.",
            source="github.com/derdilla/blood-pressure-monitor-fl issue 729",
        ),
        Quirk(
            what="boso medicus sends a failed measurement with every number missing and no status bit set.",
            source="github.com/derdilla/blood-pressure-monitor-fl issue 80, comment of 23 June 2024",
        ),
        SENT_ONCE,
        OWN_CLOCK,
    ),
)
# The same bytes from a family of meters that needs more before it speaks.
OMRON: Final = Profile(
    name="blood_pressure_omron",
    reach=Reach.SPOT,
    measures=MEASURES,
    service=SERVICE,
    subscribe=(MEASUREMENT, CUFF),
    read=(battery.LEVEL, *device_information.READ),
    decode=PROFILE.decode,
    settle_s=0.1,
    clock=SetsClock.SETS,
    bonds=True,
    quirks=(
        Quirk(
            what="Without a time it sends nothing; it takes one once a visit, if its own is ten minutes wrong or more.",
            source="blessed-android example, BluetoothHandler: devices named BLEsmart_",
        ),
        Quirk(
            what="One reading does not prove that it is paired: press its button again and see it reconnect.",
            source="github.com/eigger/hass-omron issues 24 and 92",
        ),
        Quirk(
            what="Models without the Blood Pressure Service (most HEM-7xxx T of today) have a protocol of their own.",
            source="github.com/userx14/omblepy",
        ),
        SENT_ONCE,
    ),
)


def encode_measurement(
    *,
    systolic_mmhg: float | None,
    diastolic_mmhg: float | None,
    mean_mmhg: float | None = None,
    at: datetime | None = None,
    pulse_per_min: float | None = None,
    of_user: int | None = None,
    status: Status | None = None,
    in_kpa: bool = False,
) -> bytes:
    """`at` is the device's local time; `of_user` 255 is somebody unknown. In kPa with one decimal."""
    return _encode((systolic_mmhg, diastolic_mmhg, mean_mmhg), at, pulse_per_min, of_user, status, in_kpa)


def encode_cuff(*, cuff_mmhg: float) -> bytes:
    return _encode((cuff_mmhg, None, None), None, None, None, None, False)


def _encode(
    pressures: tuple[float | None, ...],
    at: datetime | None,
    pulse_per_min: float | None,
    of_user: int | None,
    status: Status | None,
    in_kpa: bool,
) -> bytes:
    present = (in_kpa, at is not None, pulse_per_min is not None, of_user is not None, status is not None)
    flags = sum(flag for flag, is_there in zip(Flag, present, strict=True) if is_there)
    return (
        bytes((flags,))
        + b"".join(_pressure_word(each, in_kpa).to_bytes(2, "little") for each in pressures)
        + (b"" if at is None else date_time_bytes(at))
        + (b"" if pulse_per_min is None else sfloat_word(pulse_per_min, 0).to_bytes(2, "little"))
        + (b"" if of_user is None else bytes((of_user,)))
        + (b"" if status is None else status.to_bytes(2, "little"))
    )


def _pressure_word(mmhg: float | None, in_kpa: bool) -> int:
    if mmhg is None:
        return SFLOAT_NAN
    return sfloat_word(float(Decimal(repr(float(mmhg))) * KPA_PER_MMHG), 1) if in_kpa else sfloat_word(mmhg, 0)
