"""Continuous Glucose Monitoring Service (181F): measurement (2AA7), feature (2AA8), status (2AA9), session start (2AAA)
and run time (2AAB), and stored records through the record access control point. CGMS 1.0.2, sections 3.1 to 3.5 and
3.11; GATT Specification Supplement.

A record's time is only minutes into the session, so its filter at the control point is that offset. There is no word
for a sensor that warms up: it sends no number, or 0.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import IntEnum, IntFlag
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from devices.gatt import Reader, date_time_bytes
from devices.ieee11073 import sfloat
from devices.profiles import battery, current_time, device_information, racp
from devices.profiles.base import STREAM_SILENT_S, Decode, Profile, Quirk, Reach, Reading, Said, SessionStarted, uuid16
from devices.profiles.cgm_record import CRC_BYTES, Annunciation, Record, check_crc, parse_record, protected, records
from devices.profiles.current_time import Summer
from devices.profiles.decoding import by_characteristic, possible
from devices.profiles.wording import moment, set_of, sfloat_in
from devices.units import glucose_mg_per_dl_from_mmol_per_l, glucose_mmol_per_l_from_mg_per_dl
from devices.vocabulary import KINDS, Kind, Mode, Quality, Sign

SERVICE: Final = uuid16(0x181F)
MEASUREMENT: Final = uuid16(0x2AA7)
FEATURE: Final = uuid16(0x2AA8)
STATUS: Final = uuid16(0x2AA9)
SESSION_START: Final = uuid16(0x2AAA)
RUN_TIME: Final = uuid16(0x2AAB)

# What makes a number doubtful. Not: an alert, which is about the patient, or a low battery; a calibration that is only
# recommended, pending or not allowed just now; a time that should be set, for the time here is the offset.
DOUBTFUL: Final = (
    Annunciation.SESSION_STOPPED
    | Annunciation.SENSOR_TYPE_WRONG
    | Annunciation.SENSOR_MALFUNCTION
    | Annunciation.GENERAL_FAULT
    | Annunciation.CALIBRATION_REQUIRED
    | Annunciation.TOO_HOT
    | Annunciation.TOO_COLD
)
# A sensor that says "too low" without a number: of Dexcom G6/G7 (40-400 mg/dL), FreeStyle Libre 2/3 (40-500) and
# Guardian 4 (50-400) the narrowest ends, so that "below 2.8" and "above 22.2" are true of each of them [R, manuals].
LO_MMOL_PER_L: Final = Decimal("2.8")
HI_MMOL_PER_L: Final = Decimal("22.2")


class Feature(IntFlag):
    CALIBRATION = 1 << 0
    PATIENT_ALERTS = 1 << 1
    HYPO_ALERTS = 1 << 2
    HYPER_ALERTS = 1 << 3
    RATE_ALERTS = 1 << 4
    DEVICE_SPECIFIC_ALERT = 1 << 5
    SENSOR_MALFUNCTION = 1 << 6
    SENSOR_TEMPERATURE = 1 << 7
    RESULT_OUT_OF_RANGE = 1 << 8
    LOW_BATTERY = 1 << 9
    SENSOR_TYPE_ERROR = 1 << 10
    GENERAL_FAULT = 1 << 11
    E2E_CRC = 1 << 12
    SEVERAL_BONDS = 1 << 13
    SEVERAL_SESSIONS = 1 << 14
    TREND = 1 << 15
    QUALITY = 1 << 16


NO_CRC: Final = 0xFFFF  # what a feature has in its place


class Fluid(IntEnum):
    """Type. Others make no difference here: what a sensor of this service measures is taken to be interstitial."""

    INTERSTITIAL = 9
    CONTROL_SOLUTION = 10


class Place(IntEnum):
    """Sample Location."""

    CONTROL_SOLUTION = 4
    SUBCUTANEOUS = 5


_DOUBTFUL, _OUT_OF_RANGE = int(DOUBTFUL), int(Annunciation.RESULT_TOO_LOW | Annunciation.RESULT_TOO_HIGH)
_GOOD, _QUESTIONABLE, _NO_READING, _DEMONSTRATION = Quality
_KIND, _CONTINUOUS = Kind.GLUCOSE_ISF, Mode.CONTINUOUS
VALUES_KEPT: Final = 1024


def _said(record: Record, is_control: bool) -> Reading:
    word, offset_min, annunciation = record
    value, sign = _value(word, annunciation & _OUT_OF_RANGE)
    trust = _QUESTIONABLE if annunciation & _DOUBTFUL else _GOOD
    quality = _DEMONSTRATION if is_control else trust
    return Reading(
        kind=_KIND,
        value=value,
        quality=_NO_READING if value is None else quality,
        sign=sign,
        mode=_CONTINUOUS,
        record=offset_min,
        into_session=timedelta(minutes=offset_min),
    )


@lru_cache(maxsize=VALUES_KEPT)
def _value(word: int, out_of_range: int) -> tuple[float | None, Sign]:
    """0 without a word for "too low" is what a sensor sends that has no value yet."""
    number = sfloat(word)
    sign = _sign(number, out_of_range)
    if sign is not Sign.EXACT:
        return float(_limit(number, sign)), sign
    if not number:
        return None, sign
    return possible(_KIND, glucose_mmol_per_l_from_mg_per_dl(number)), sign


def _sign(mg_per_dl: Decimal | None, out_of_range: int) -> Sign:
    if out_of_range & Annunciation.RESULT_TOO_LOW:
        return Sign.BELOW
    if out_of_range:
        return Sign.ABOVE
    if mg_per_dl is not None and mg_per_dl.is_infinite():
        return Sign.BELOW if mg_per_dl < 0 else Sign.ABOVE
    return Sign.EXACT


def _limit(mg_per_dl: Decimal | None, sign: Sign) -> Decimal:
    """The end of the sensor's range: the number that it sent, if that is one."""
    if mg_per_dl is not None and mg_per_dl.is_finite():
        value = glucose_mmol_per_l_from_mg_per_dl(mg_per_dl)
        if KINDS[_KIND].lowest <= value <= KINDS[_KIND].highest:
            return value
    return LO_MMOL_PER_L if sign is Sign.BELOW else HI_MMOL_PER_L


class Sensor:
    """One sensor's messages, by what its feature said."""

    def __init__(self) -> None:
        self._needs_crc = self._is_control = False

    def feature(self, data: bytes) -> tuple[Said, ...]:
        found = parse_feature(data)
        self._needs_crc, self._is_control = Feature.E2E_CRC in found.can, found.is_control
        return ()

    def measurement(self, data: bytes) -> tuple[Said, ...]:
        return tuple(_said(parse_record(each), self._is_control) for each in records(data, self._needs_crc))


def decode_measurement(data: bytes) -> tuple[Said, ...]:
    return Sensor().measurement(data)


@dataclass(frozen=True, kw_only=True, slots=True)
class Features:
    can: Feature
    is_control: bool


def parse_feature(data: bytes) -> Features:
    """The place of the E2E-CRC is always there; 0xFFFF when the sensor has none."""
    reader = Reader(data)
    can, fluid_and_place = Feature(reader.u24("feature")), reader.u8("type and sample location")
    reader.u16("E2E-CRC")
    reader.end()
    if Feature.E2E_CRC in can:
        check_crc(data, "the feature")
    is_control = fluid_and_place & 0xF == Fluid.CONTROL_SOLUTION or fluid_and_place >> 4 == Place.CONTROL_SOLUTION
    return Features(can=can, is_control=is_control)


def _checked_end(reader: Reader, data: bytes, what: str) -> None:
    """The E2E-CRC, if there is one."""
    if reader.left == CRC_BYTES:
        check_crc(data, what)
        reader.u16("E2E-CRC")
    reader.end()


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    offset_min: int
    annunciation: int


def parse_status(data: bytes) -> Condition:
    reader = Reader(data)
    condition = Condition(offset_min=reader.u16("time offset"), annunciation=reader.u24("status"))
    _checked_end(reader, data, "the status")
    return condition


def decode_status(data: bytes) -> tuple[Said, ...]:
    """Checked, but nothing in it is a reading: each measurement says the same of itself."""
    parse_status(data)
    return ()


def decode_session_start(data: bytes) -> tuple[Said, ...]:
    """Nothing, of a sensor that was started by somebody who did not tell it the time."""
    reader = Reader(data)
    at = reader.date_time("session start")
    zone = current_time.parse_local_time(reader.raw(2, "time zone and summer time"))
    _checked_end(reader, data, "the session start")
    return () if at is None else (SessionStarted(at=at, utc_offset=zone.utc_offset),)


def parse_run_time(data: bytes) -> timedelta:
    reader = Reader(data)
    run_time = timedelta(hours=reader.u16("run time"))
    _checked_end(reader, data, "the run time")
    return run_time


def decode_run_time(data: bytes) -> tuple[Said, ...]:
    """Checked: how long the sensor is meant to last is for its user, not for us."""
    parse_run_time(data)
    return ()


def explain(data: bytes) -> list[str]:
    lines = []
    for record in records(data, False):
        found = parse_record(record)
        number = sfloat_in("mg/dL")(found.word)
        lines.append(f"{found.offset_min} min into the session: {number}, {set_of(Annunciation)(found.annunciation)}")
    return lines


def explain_status(data: bytes) -> list[str]:
    found = parse_status(data)
    return [f"{found.offset_min} min into the session: {set_of(Annunciation)(found.annunciation)}"]


def explain_feature(data: bytes) -> list[str]:
    found = parse_feature(data)
    fluid = "control solution: nobody's blood" if found.is_control else "a person's"
    return [f"feature: {set_of(Feature)(found.can)}", f"fluid: {fluid}"]


def explain_run_time(data: bytes) -> list[str]:
    return [f"run time: {parse_run_time(data) // timedelta(hours=1)} h"]


def explain_session_start(data: bytes) -> list[str]:
    said = decode_session_start(data)
    started = said[0].at if said and isinstance(said[0], SessionStarted) else None
    return [f"session start: {moment(started)}", *current_time.explain_local_time(data[7:9])]


_DECODERS: Final[Mapping[str, Callable[[bytes], tuple[Said, ...]]]] = MappingProxyType(
    {
        STATUS: decode_status,
        SESSION_START: decode_session_start,
        RUN_TIME: decode_run_time,
        battery.LEVEL: battery.decode,
        **device_information.DECODERS,
    }
)


def joined() -> Decode:
    sensor = Sensor()
    return by_characteristic({**_DECODERS, MEASUREMENT: sensor.measurement, FEATURE: sensor.feature})


PROFILE: Final = Profile(
    name="cgm",
    reach=Reach.STREAM,
    measures=frozenset({Kind.GLUCOSE_ISF}),
    silent_after_s=STREAM_SILENT_S,
    is_worn=True,
    service=SERVICE,
    read_first=(FEATURE, SESSION_START),
    subscribe=(MEASUREMENT,),
    read=(STATUS, RUN_TIME, battery.LEVEL, *device_information.READ),
    racp=racp.CONTROL_POINT,
    decode=lambda uuid, data: joined()(uuid, data),
    joined=joined,
    bonds=True,
    quirks=(
        Quirk(
            what="A new sensor is a new session: its records are counted in minutes from 0 again.",
            source="CGMS 1.0.2, 3.1.1.4",
        ),
    ),
)


def whole_mg_per_dl(mmol_per_l: float) -> int:
    return round(glucose_mg_per_dl_from_mmol_per_l(Decimal(repr(float(mmol_per_l)))))


def encode_feature(can: Feature, *, fluid: Fluid = Fluid.INTERSTITIAL, place: Place = Place.SUBCUTANEOUS) -> bytes:
    content = can.to_bytes(3, "little") + bytes((place << 4 | fluid,))
    return protected(content, True) if Feature.E2E_CRC in can else content + NO_CRC.to_bytes(2, "little")


def encode_status(*, offset_min: int, annunciation: Annunciation, with_crc: bool = False) -> bytes:
    return protected(offset_min.to_bytes(2, "little") + annunciation.to_bytes(3, "little"), with_crc)


def encode_session_start(
    at: datetime | None, *, zone: timedelta | None, summer: Summer | None, with_crc: bool = False
) -> bytes:
    """`at` is local time, by zone and summer time; None: it was never told the time."""
    moment = bytes(7) if at is None else date_time_bytes(at)
    return protected(moment + current_time.encode_local_time(zone=zone, summer=summer), with_crc)


def encode_run_time(*, hours: int, with_crc: bool = False) -> bytes:
    return protected(hours.to_bytes(2, "little"), with_crc)
