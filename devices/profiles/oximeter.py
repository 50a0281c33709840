"""Pulse Oximeter Service (1822): spot-check (2A5E) and continuous (2A5F). PLXS 1.0.1, sections 3.2 and 3.3."""

from datetime import datetime
from decimal import Decimal
from enum import IntFlag
from typing import Final

from devices.gatt import Reader, date_time_bytes
from devices.ieee11073 import SFLOAT_NAN, sfloat_word
from devices.profiles import battery
from devices.profiles.base import Contact, Profile, Reach, Said, uuid16
from devices.profiles.decoding import by_characteristic, reading
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


def decode_spot(data: bytes) -> tuple[Said, ...]:
    reader = Reader(data)
    flags = SpotFlag(reader.u8("flags"))
    spo2, pulse = reader.sfloat("SpO2"), reader.sfloat("pulse rate")
    local = reader.date_time("timestamp") if SpotFlag.TIME in flags else None
    status = Status(reader.u16("measurement status")) if SpotFlag.STATUS in flags else Status(0)
    sensor = Sensor(reader.u24("device and sensor status")) if SpotFlag.SENSOR in flags else None
    if SpotFlag.AMPLITUDE in flags:
        reader.sfloat("pulse amplitude index")
    reader.end()
    device_time = None if SpotFlag.CLOCK_NOT_SET in flags else local
    return _say(spo2, pulse, status, sensor, Mode.SPOT, device_time)


def decode_continuous(data: bytes) -> tuple[Said, ...]:
    """Of the three averages the normal one counts; fast and slow are read over."""
    reader = Reader(data)
    flags = StreamFlag(reader.u8("flags"))
    spo2, pulse = reader.sfloat("SpO2"), reader.sfloat("pulse rate")
    for flag, what in ((StreamFlag.FAST, "fast"), (StreamFlag.SLOW, "slow")):
        if flag in flags:
            reader.sfloat(f"{what} SpO2")
            reader.sfloat(f"{what} pulse rate")
    status = Status(reader.u16("measurement status")) if StreamFlag.STATUS in flags else Status(0)
    sensor = Sensor(reader.u24("device and sensor status")) if StreamFlag.SENSOR in flags else None
    if StreamFlag.AMPLITUDE in flags:
        reader.sfloat("pulse amplitude index")
    reader.end()
    return _say(spo2, pulse, status, sensor, Mode.CONTINUOUS, None)


def _say(
    spo2: Decimal | None,
    pulse: Decimal | None,
    status: Status,
    sensor: Sensor | None,
    mode: Mode,
    device_time: datetime | None,
) -> tuple[Said, ...]:
    if sensor is not None and sensor & OFF_BODY:
        return (Contact(on_body=False),)
    quality = _quality(status, sensor or Sensor(0))
    values = tuple(
        # Oximeters without a pulse send 0 as often as NaN.
        reading(kind, value or None, quality=quality, mode=mode, device_time=device_time)
        for kind, value in ((Kind.SPO2, spo2), (Kind.PULSE_RATE, pulse))
    )
    return values if sensor is None else (Contact(on_body=True), *values)


def _quality(status: Status, sensor: Sensor) -> Quality:
    if status & NOT_A_PATIENT:
        return Quality.DEMONSTRATION
    if status & NO_VALUE:
        return Quality.NO_READING
    return Quality.QUESTIONABLE if status & DOUBTFUL or sensor & DOUBTFUL_SENSOR else Quality.GOOD


PROFILE: Final = Profile(
    name="oximeter",
    reach=Reach.STREAM,
    service=SERVICE,
    subscribe=(CONTINUOUS, SPOT),
    read=(battery.LEVEL,),
    decode=by_characteristic({SPOT: decode_spot, CONTINUOUS: decode_continuous, battery.LEVEL: battery.decode}),
)


def encode_continuous(
    *,
    spo2_percent: float | None,
    pulse_per_min: float | None,
    status: Status | None = None,
    sensor: Sensor | None = None,
) -> bytes:
    flags = StreamFlag(0)
    flags |= StreamFlag(0) if status is None else StreamFlag.STATUS
    flags |= StreamFlag(0) if sensor is None else StreamFlag.SENSOR
    return bytes((flags,)) + _encode_values(spo2_percent, pulse_per_min) + _encode_states(status, sensor)


def encode_spot(
    *,
    spo2_percent: float | None,
    pulse_per_min: float | None,
    at: datetime | None = None,
    status: Status | None = None,
    sensor: Sensor | None = None,
) -> bytes:
    """`at` is the device's local time."""
    flags = SpotFlag(0)
    flags |= SpotFlag(0) if at is None else SpotFlag.TIME
    flags |= SpotFlag(0) if status is None else SpotFlag.STATUS
    flags |= SpotFlag(0) if sensor is None else SpotFlag.SENSOR
    values = _encode_values(spo2_percent, pulse_per_min)
    time = b"" if at is None else date_time_bytes(at)
    return bytes((flags,)) + values + time + _encode_states(status, sensor)


def _encode_values(*values: float | None) -> bytes:
    words = (SFLOAT_NAN if value is None else sfloat_word(value, 0) for value in values)
    return b"".join(word.to_bytes(2, "little") for word in words)


def _encode_states(status: Status | None, sensor: Sensor | None) -> bytes:
    return (b"" if status is None else status.to_bytes(2, "little")) + (
        b"" if sensor is None else sensor.to_bytes(3, "little")
    )
