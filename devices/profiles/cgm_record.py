"""A record of a continuous glucose sensor (2AA7), and the E2E-CRC that it and the sensor's other words may end with.
CGMS 1.0.2, sections 3.1 and 3.11."""

from binascii import crc_hqx
from collections.abc import Iterator
from enum import IntFlag
from typing import Final, NamedTuple

from devices.errors import DecodeError
from devices.ieee11073 import SFLOAT_NAN, sfloat_word


class Flag(IntFlag):
    TREND = 0x01
    QUALITY = 0x02
    WARNING_OCTET = 0x20
    CALIBRATION_OCTET = 0x40
    STATUS_OCTET = 0x80


class Annunciation(IntFlag):
    """Sensor Status Annunciation: three octets, of which a measurement sends those that are not 0."""

    SESSION_STOPPED = 1 << 0
    BATTERY_LOW = 1 << 1
    SENSOR_TYPE_WRONG = 1 << 2
    SENSOR_MALFUNCTION = 1 << 3
    DEVICE_SPECIFIC_ALERT = 1 << 4
    GENERAL_FAULT = 1 << 5
    TIME_SYNC_REQUIRED = 1 << 8
    CALIBRATION_NOT_ALLOWED = 1 << 9
    CALIBRATION_RECOMMENDED = 1 << 10
    CALIBRATION_REQUIRED = 1 << 11
    TOO_HOT = 1 << 12
    TOO_COLD = 1 << 13
    CALIBRATION_PENDING = 1 << 14
    BELOW_PATIENT_LOW = 1 << 16
    ABOVE_PATIENT_HIGH = 1 << 17
    BELOW_HYPO = 1 << 18
    ABOVE_HYPER = 1 << 19
    FALLS_FAST = 1 << 20
    RISES_FAST = 1 << 21
    RESULT_TOO_LOW = 1 << 22  # lower than the device can process
    RESULT_TOO_HIGH = 1 << 23


CRC_BYTES: Final = 2
HEAD_BYTES: Final = 6  # size, flags, concentration, time offset
_PLAIN: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def e2e_crc(data: bytes) -> int:
    """CRC-CCITT, x16 + x12 + x5 + 1, from 0xFFFF, each byte from its least significant bit (CGMS 3.11). The library
    counts from the most significant bit: so its input and its result are mirrored."""
    mirrored = crc_hqx(bytes(data).translate(_PLAIN), 0xFFFF)
    return _PLAIN[mirrored & 0xFF] << 8 | _PLAIN[mirrored >> 8]


def check_crc(data: bytes, what: str) -> None:
    content, found = data[:-CRC_BYTES], int.from_bytes(data[-CRC_BYTES:], "little")
    if found != (right := e2e_crc(content)):
        raise DecodeError(f"{what} has E2E-CRC {found:#06x}, its bytes make {right:#06x}: {data.hex(' ')}")


def _size(flags: int) -> int:
    octets = sum(bool(flags & flag) for flag in (Flag.STATUS_OCTET, Flag.CALIBRATION_OCTET, Flag.WARNING_OCTET))
    return HEAD_BYTES + octets + 2 * sum(bool(flags & flag) for flag in (Flag.TREND, Flag.QUALITY))


_SIZES: Final = tuple(_size(flags) for flags in range(256))  # without E2E-CRC
_STATUS_OCTET, _CALIBRATION_OCTET, _WARNING_OCTET = (
    int(each) for each in (Flag.STATUS_OCTET, Flag.CALIBRATION_OCTET, Flag.WARNING_OCTET)
)
_ANY_OCTET: Final = _STATUS_OCTET | _CALIBRATION_OCTET | _WARNING_OCTET


def records(data: bytes, needs_crc: bool) -> Iterator[bytes]:
    """The records of one message, without their E2E-CRC."""
    if not data:
        raise DecodeError("size needs 1 bytes, 0 are left")
    at = 0
    while at < len(data):
        size, left = data[at], len(data) - at
        if size < HEAD_BYTES or size > left:
            raise DecodeError(
                f"a record of {size} bytes: at least {HEAD_BYTES}, and {left} are left of {data.hex(' ')}"
            )
        record = data[at : at + size]
        at += size
        without = _SIZES[record[1]]
        if size == without + CRC_BYTES:
            check_crc(record, "the record")
        elif size != without:
            raise DecodeError(f"a record of {size} bytes: its flags {record[1]:#04x} make {without}, or 2 more")
        elif needs_crc:
            raise DecodeError(f"a record without the E2E-CRC that its feature promises: {record.hex(' ')}")
        yield record[:without]


class Record(NamedTuple):
    """`word`: mg/dL as an SFLOAT."""

    word: int
    offset_min: int
    annunciation: int


def parse_record(record: bytes) -> Record:
    """Trend and quality are not kept: the first is in the values, and what the second means only its maker knows."""
    flags, at, annunciation = record[1], HEAD_BYTES, 0
    if flags & _ANY_OCTET:
        for octet, shift in ((_STATUS_OCTET, 0), (_CALIBRATION_OCTET, 8), (_WARNING_OCTET, 16)):
            if flags & octet:
                annunciation |= record[at] << shift
                at += 1
    return Record(record[2] | record[3] << 8, record[4] | record[5] << 8, annunciation)


def encode_measurement(
    *,
    offset_min: int,
    mg_per_dl: float | None,
    annunciation: Annunciation | None = None,
    trend_per_min: float | None = None,
    quality_percent: float | None = None,
    with_crc: bool = False,
) -> bytes:
    """One record. Of the annunciation the octets that are not 0 are sent; the trend has tenths of mg/dL."""
    octets = (annunciation or Annunciation(0)).to_bytes(3, "little")
    present = zip((Flag.STATUS_OCTET, Flag.CALIBRATION_OCTET, Flag.WARNING_OCTET), octets, strict=True)
    flags = int(sum(flag for flag, octet in present if octet))
    tail = bytes(octet for octet in octets if octet)
    for flag, value, decimals in ((Flag.TREND, trend_per_min, 1), (Flag.QUALITY, quality_percent, 0)):
        if value is not None:
            flags |= flag
            tail += sfloat_word(value, decimals).to_bytes(2, "little")
    word = SFLOAT_NAN if mg_per_dl is None else sfloat_word(mg_per_dl, 0)
    size = HEAD_BYTES + len(tail) + (CRC_BYTES if with_crc else 0)
    record = bytes((size, flags)) + word.to_bytes(2, "little") + offset_min.to_bytes(2, "little") + tail
    return protected(record, with_crc)


def protected(content: bytes, with_crc: bool) -> bytes:
    return content + e2e_crc(content).to_bytes(CRC_BYTES, "little") if with_crc else content
