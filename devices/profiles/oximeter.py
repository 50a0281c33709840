"""Pulse Oximeter Service (1822): spot-check (2A5E) and continuous (2A5F). PLXS 1.0.1, sections 3.2 and 3.3."""

from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from functools import lru_cache
from typing import Final

from devices.gatt import date_time, date_time_bytes
from devices.ieee11073 import SFLOAT_NAN, sfloat, sfloat_word
from devices.profiles import battery, current_time, device_information
from devices.profiles.base import STREAM_SILENT_S, Contact, Profile, Quirk, Reach, Reading, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic, reading
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import set_of, sfloat_in, time
from devices.vocabulary import Kind, Mode, Quality

SERVICE: Final = uuid16(0x1822)
SPOT: Final = uuid16(0x2A5E)
CONTINUOUS: Final = uuid16(0x2A5F)


class SpotFlag(IntFlag):
    TIME = 0x01
    STATUS = 0x02
    SENSOR = 0x04
    AMPLITUDE = 0x08
    CLOCK_NOT_SET = 0x10


class StreamFlag(IntFlag):
    FAST = 0x01
    SLOW = 0x02
    STATUS = 0x04
    SENSOR = 0x08
    AMPLITUDE = 0x10


class Status(IntFlag):
    """Measurement Status; bits 0 to 4 are reserved."""

    ONGOING = 1 << 5
    EARLY_ESTIMATE = 1 << 6
    VALIDATED = 1 << 7
    FULLY_QUALIFIED = 1 << 8
    FROM_MEMORY = 1 << 9
    DEMONSTRATION = 1 << 10
    TESTING = 1 << 11
    CALIBRATING = 1 << 12
    UNAVAILABLE = 1 << 13
    QUESTIONABLE = 1 << 14
    INVALID = 1 << 15


class Sensor(IntFlag):
    """Device and Sensor Status; bits 16 to 23 are reserved."""

    DISPLAY_UPDATING = 1 << 0
    EQUIPMENT_MALFUNCTION = 1 << 1
    PROCESSING_IRREGULAR = 1 << 2
    INADEQUATE_SIGNAL = 1 << 3
    POOR_SIGNAL = 1 << 4
    LOW_PERFUSION = 1 << 5
    ERRATIC_SIGNAL = 1 << 6
    NO_PULSATION = 1 << 7
    QUESTIONABLE_PULSE = 1 << 8
    ANALYSIS_ONGOING = 1 << 9
    INTERFERENCE = 1 << 10
    NOT_ON_USER = 1 << 11
    UNKNOWN_SENSOR = 1 << 12
    DISPLACED = 1 << 13
    SENSOR_MALFUNCTION = 1 << 14
    DISCONNECTED = 1 << 15


NOT_A_PATIENT: Final = Status.DEMONSTRATION | Status.TESTING
NO_VALUE: Final = Status.UNAVAILABLE | Status.INVALID
# ONGOING is not among them: a finger clip in use sets it in every message, the end of a spot check too (captured).
DOUBTFUL: Final = Status.EARLY_ESTIMATE | Status.CALIBRATING | Status.QUESTIONABLE
OFF_BODY: Final = Sensor.NOT_ON_USER | Sensor.DISPLACED | Sensor.DISCONNECTED
DOUBTFUL_SENSOR: Final = (
    Sensor.EQUIPMENT_MALFUNCTION
    | Sensor.PROCESSING_IRREGULAR
    | Sensor.INADEQUATE_SIGNAL
    | Sensor.POOR_SIGNAL
    | Sensor.LOW_PERFUSION
    | Sensor.ERRATIC_SIGNAL
    | Sensor.NO_PULSATION
    | Sensor.QUESTIONABLE_PULSE
    | Sensor.ANALYSIS_ONGOING
    | Sensor.INTERFERENCE
    | Sensor.UNKNOWN_SENSOR
    | Sensor.SENSOR_MALFUNCTION
)


# Plain numbers: to ask an IntFlag takes longer than to read the whole message.
_NOT_A_PATIENT, _NO_VALUE, _DOUBTFUL = int(NOT_A_PATIENT), int(NO_VALUE), int(DOUBTFUL)
_OFF_BODY, _DOUBTFUL_SENSOR = int(OFF_BODY), int(DOUBTFUL_SENSOR)
_CLOCK_NOT_SET: Final = int(SpotFlag.CLOCK_NOT_SET)
_ON, _OFF = Contact(on_body=True), Contact(on_body=False)
_SENSOR_CODE: Final = "Hx"  # of its 24 bits the upper eight are reserved

SPOT_LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(SpotFlag)),
    Field(name="SpO2", code="H", words=sfloat_in("%")),
    Field(name="pulse rate", code="H", words=sfloat_in("/min")),
    Field(name="timestamp", code="7s", when=SpotFlag.TIME, words=time),
    Field(name="measurement status", code="H", when=SpotFlag.STATUS, words=set_of(Status)),
    Field(name="device and sensor status", code=_SENSOR_CODE, when=SpotFlag.SENSOR, words=set_of(Sensor)),
    Field(name="pulse amplitude index", code="H", when=SpotFlag.AMPLITUDE, words=sfloat_in("%")),
)
STREAM_LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(StreamFlag)),
    Field(name="SpO2", code="H", words=sfloat_in("%")),
    Field(name="pulse rate", code="H", words=sfloat_in("/min")),
    Field(name="fast SpO2", code="H", when=StreamFlag.FAST, words=sfloat_in("%")),
    Field(name="fast pulse rate", code="H", when=StreamFlag.FAST, words=sfloat_in("/min")),
    Field(name="slow SpO2", code="H", when=StreamFlag.SLOW, words=sfloat_in("%")),
    Field(name="slow pulse rate", code="H", when=StreamFlag.SLOW, words=sfloat_in("/min")),
    Field(name="measurement status", code="H", when=StreamFlag.STATUS, words=set_of(Status)),
    Field(name="device and sensor status", code=_SENSOR_CODE, when=StreamFlag.SENSOR, words=set_of(Sensor)),
    Field(name="pulse amplitude index", code="H", when=StreamFlag.AMPLITUDE, words=sfloat_in("%")),
)


def decode_spot(data: bytes) -> tuple[Said, ...]:
    flags, spo2, pulse, seven, status, sensor, amplitude = SPOT_LAYOUT.unpack(data)
    local = None if seven is None else date_time(seven, "timestamp")
    if sensor is not None and sensor & _OFF_BODY:
        return (_OFF,)
    quality = _quality(status or 0, sensor or 0)
    device_time = None if flags & _CLOCK_NOT_SET else local
    values = (
        reading(kind, _value(kind, word), quality=quality, device_time=device_time)
        for kind, word in ((Kind.SPO2, spo2), (Kind.PULSE_RATE, pulse), (Kind.PERFUSION_INDEX, amplitude))
        if word is not None
    )
    return tuple(values) if sensor is None else (_ON, *values)


def decode_continuous(data: bytes) -> tuple[Said, ...]:
    """Of the three averages the normal one counts; fast and slow are read over."""
    _, spo2, pulse, _, _, _, _, status, sensor, amplitude = STREAM_LAYOUT.unpack(data)
    if sensor is not None and sensor & _OFF_BODY:
        return (_OFF,)
    quality = _quality(status or 0, sensor or 0)
    said: list[Said] = [] if sensor is None else [_ON]
    said += (_live(_SPO2, spo2, quality), _live(_PULSE_RATE, pulse, quality))
    if amplitude is not None:
        said.append(_live(_PERFUSION_INDEX, amplitude, quality))
    return tuple(said)


_SPO2, _PULSE_RATE, _PERFUSION_INDEX = Kind.SPO2, Kind.PULSE_RATE, Kind.PERFUSION_INDEX
LIVE_KEPT: Final = 1024


@lru_cache(maxsize=LIVE_KEPT)
def _live(kind: Kind, word: int, quality: Quality) -> Reading:
    """The same few hundred values come every second of every oximeter."""
    return reading(kind, _value(kind, word), quality=quality, mode=Mode.CONTINUOUS)


def _value(kind: Kind, word: int) -> Decimal | None:
    """Oximeters without a pulse send 0 as often as NaN; only of the index it is a value."""
    value = sfloat(word)
    return value if kind is Kind.PERFUSION_INDEX else value or None


def _quality(status: int, sensor: int) -> Quality:
    if status & _NOT_A_PATIENT:
        return _DEMONSTRATION
    if status & _NO_VALUE:
        return _NO_READING
    return _QUESTIONABLE if status & _DOUBTFUL or sensor & _DOUBTFUL_SENSOR else _GOOD


_GOOD, _QUESTIONABLE, _NO_READING, _DEMONSTRATION = Quality


def explain_spot(data: bytes) -> list[str]:
    return list(SPOT_LAYOUT.explain(SPOT_LAYOUT.unpack(data)))


def explain_continuous(data: bytes) -> list[str]:
    return list(STREAM_LAYOUT.explain(STREAM_LAYOUT.unpack(data)))


PROFILE: Final = Profile(
    name="oximeter",
    reach=Reach.STREAM,
    service=SERVICE,
    subscribe=(CONTINUOUS, SPOT),
    read=(battery.LEVEL, *device_information.READ),
    decode=by_characteristic(
        {
            SPOT: decode_spot,
            CONTINUOUS: decode_continuous,
            battery.LEVEL: battery.decode,
            **device_information.DECODERS,
            **current_time.DECODERS,
        }
    ),
    clock=SetsClock.CHECKS,  # optional in the Pulse Oximeter Profile [R]
    thin_s=15.0,
    measures=frozenset({Kind.SPO2, Kind.PULSE_RATE, Kind.PERFUSION_INDEX}),
    silent_after_s=STREAM_SILENT_S,
    is_worn=True,
    quirks=(
        Quirk(
            what="Some have only the spot check, and say nothing before the finger is out again.",
            source="github.com/weliem/blessed-android/issues/81: Masimo MightySat",
        ),
    ),
)


def encode_continuous(
    *,
    spo2_percent: float | None,
    pulse_per_min: float | None,
    status: Status | None = None,
    sensor: Sensor | None = None,
    amplitude_percent: float | None = None,
) -> bytes:
    flags = StreamFlag(0)
    flags |= StreamFlag(0) if status is None else StreamFlag.STATUS
    flags |= StreamFlag(0) if sensor is None else StreamFlag.SENSOR
    flags |= StreamFlag(0) if amplitude_percent is None else StreamFlag.AMPLITUDE
    values = _encode_values(spo2_percent, pulse_per_min)
    return bytes((flags,)) + values + _encode_states(status, sensor) + _encode_amplitude(amplitude_percent)


def encode_spot(
    *,
    spo2_percent: float | None,
    pulse_per_min: float | None,
    at: datetime | None = None,
    status: Status | None = None,
    sensor: Sensor | None = None,
    amplitude_percent: float | None = None,
    clock_is_set: bool = True,
) -> bytes:
    """`at` is the device's local time."""
    flags = SpotFlag(0)
    flags |= SpotFlag(0) if at is None else SpotFlag.TIME
    flags |= SpotFlag(0) if status is None else SpotFlag.STATUS
    flags |= SpotFlag(0) if sensor is None else SpotFlag.SENSOR
    flags |= SpotFlag(0) if amplitude_percent is None else SpotFlag.AMPLITUDE
    flags |= SpotFlag(0) if clock_is_set else SpotFlag.CLOCK_NOT_SET
    values = _encode_values(spo2_percent, pulse_per_min)
    local = b"" if at is None else date_time_bytes(at)
    return bytes((flags,)) + values + local + _encode_states(status, sensor) + _encode_amplitude(amplitude_percent)


def _encode_values(*values: float | None) -> bytes:
    words = (SFLOAT_NAN if value is None else sfloat_word(value, 0) for value in values)
    return b"".join(word.to_bytes(2, "little") for word in words)


def _encode_states(status: Status | None, sensor: Sensor | None) -> bytes:
    return (b"" if status is None else status.to_bytes(2, "little")) + (
        b"" if sensor is None else sensor.to_bytes(3, "little")
    )


def _encode_amplitude(percent: float | None) -> bytes:
    return b"" if percent is None else sfloat_word(percent, 1).to_bytes(2, "little")
