"""Continuous glucose: the checksum of the specification, what a feature promises, and the encoder's bytes by hand."""

from datetime import datetime, timedelta

import pytest
from bluetooth_sig.gatt.characteristics.cgm_measurement import CGMMeasurementCharacteristic
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.profiles import PROFILES, cgm, cgm_record, racp
from devices.profiles.base import Decode, Reading, SessionStarted
from devices.profiles.cgm import Annunciation, Feature
from devices.profiles.current_time import Summer
from devices.vocabulary import Quality

MORNING = datetime(2025, 3, 9, 7, 5, 30)  # noqa: DTZ001 - a device's local time
# Captured: github.com/nordicsemi/Android-nRF-Connect issue 174.
CAPTURED = bytes.fromhex("0d 43 73 00 2c 01 03 24 00 1a 00 3e 04")
WITHOUT_CRC = bytes.fromhex("06 00 64 00 05 00")
# E2E-CRC supported; interstitial fluid, or control solution, under the skin. Checksums bit by bit, as below.
PROMISES_CRC = bytes.fromhex("00 10 00 59 f0 49")
CONTROL = bytes.fromhex("00 00 00 5a ff ff")


@pytest.fixture
def decode() -> Decode:
    decoder = PROFILES["cgm"].decoder()
    assert decoder is not None
    return decoder


def bit_by_bit(data: bytes) -> int:
    """CGMS 3.11 as it is written: a register of 16 bits, fed with each byte's least significant bit first."""
    register = [1] * 16  # register[0] is the bit that leaves
    for byte in data:
        for place in range(8):
            feedback = register.pop(0) ^ (byte >> place & 1)
            register.append(feedback)
            register[3] ^= feedback  # x12
            register[10] ^= feedback  # x5
    return sum(bit << place for place, bit in enumerate(register))


def test_the_checksum_is_that_of_the_specifications_example() -> None:
    """CGMS 3.11: 3E 01 02 03 04 05 06 07 08 09 is followed by 01 2F."""
    assert cgm_record.e2e_crc(bytes.fromhex("3E 01 02 03 04 05 06 07 08 09")).to_bytes(2, "little") == b"\x01\x2f"


def test_the_checksum_is_the_one_of_the_catalogue() -> None:
    """reveng.sourceforge.io, CRC-16/MCRF4XX: check 0x6f91."""
    assert cgm_record.e2e_crc(b"123456789") == 0x6F91


@given(st.binary(max_size=40))
def test_the_checksum_of_anything_is_what_a_shift_register_makes_of_it(data: bytes) -> None:
    assert cgm_record.e2e_crc(data) == bit_by_bit(data)


@given(st.integers(0, 8 * len(CAPTURED) - 1))
def test_a_bit_that_turned_over_is_always_noticed(bit: int) -> None:
    damaged = bytearray(CAPTURED)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecodeError):
        cgm.decode_measurement(bytes(damaged))


def test_a_record_without_the_checksum_that_the_feature_promised_is_refused(decode: Decode) -> None:
    assert decode(cgm.MEASUREMENT, WITHOUT_CRC)
    decode(cgm.FEATURE, PROMISES_CRC)
    assert decode(cgm.MEASUREMENT, CAPTURED)
    with pytest.raises(DecodeError, match="promises"):
        decode(cgm.MEASUREMENT, WITHOUT_CRC)


def test_a_sensor_in_control_solution_is_no_patients(decode: Decode) -> None:
    decode(cgm.FEATURE, CONTROL)
    (said,) = decode(cgm.MEASUREMENT, WITHOUT_CRC)
    assert isinstance(said, Reading) and said.quality is Quality.DEMONSTRATION


def test_a_damaged_feature_promises_nothing(decode: Decode) -> None:
    with pytest.raises(DecodeError):
        decode(cgm.FEATURE, PROMISES_CRC[:-1] + b"\x00")
    assert decode(cgm.MEASUREMENT, WITHOUT_CRC)


def test_when_the_session_began_is_read_before_the_first_record() -> None:
    profile = PROFILES["cgm"]
    assert profile.read_first == (cgm.FEATURE, cgm.SESSION_START)
    assert profile.subscribe == (cgm.MEASUREMENT,)
    assert profile.thin_s == 0  # every value


def test_records_are_asked_for_by_their_minute() -> None:
    """CGMS 3.8, table 3.22: filter type 1 is the time offset."""
    assert racp.report(from_record=300) == bytes.fromhex("01 03 01 2c 01")


def test_the_start_and_the_minutes_make_the_time() -> None:
    (start,) = cgm.decode_session_start(bytes.fromhex("ea 07 09 1c 0e 05 1e ec 04"))
    (said,) = cgm.decode_measurement(WITHOUT_CRC)
    assert isinstance(start, SessionStarted) and isinstance(said, Reading)
    assert start.utc_offset is not None and said.into_session is not None
    # 14:05:30 in New York's summer is 18:05:30 UTC; five minutes later.
    assert start.at - start.utc_offset + said.into_session == datetime(2026, 9, 28, 18, 10, 30)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("encoded", "by_hand"),
    [
        (cgm_record.encode_measurement(offset_min=5, mg_per_dl=100), "06 00 64 00 05 00"),
        (cgm_record.encode_measurement(offset_min=5, mg_per_dl=100, with_crc=True), "08 00 64 00 05 00 98 bc"),
        (cgm_record.encode_measurement(offset_min=5, mg_per_dl=None), "06 00 ff 07 05 00"),
        (
            cgm_record.encode_measurement(offset_min=10, mg_per_dl=55, annunciation=Annunciation.BELOW_HYPO),
            "07 20 37 00 0a 00 04",
        ),
        # -1.3 mg/dL/min is -13e-1: 0xfff3; 95 %.
        (
            cgm_record.encode_measurement(
                offset_min=300,
                mg_per_dl=120,
                annunciation=Annunciation.SESSION_STOPPED
                | Annunciation.CALIBRATION_REQUIRED
                | Annunciation.ABOVE_PATIENT_HIGH,
                trend_per_min=-1.3,
                quality_percent=95,
            ),
            "0d e3 78 00 2c 01 01 08 02 f3 ff 5f 00",
        ),
        (cgm.encode_feature(Feature.CALIBRATION | Feature.TREND | Feature.QUALITY), "01 80 01 59 ff ff"),
        (cgm.encode_feature(Feature.E2E_CRC), "00 10 00 59 f0 49"),
        (
            cgm.encode_status(
                offset_min=10,
                annunciation=Annunciation.TIME_SYNC_REQUIRED | Annunciation.SESSION_STOPPED,
                with_crc=True,
            ),
            "0a 00 01 01 00 24 3f",
        ),
        (
            cgm.encode_session_start(MORNING, zone=timedelta(hours=1), summer=Summer.STANDARD, with_crc=True),
            "e9 07 03 09 07 05 1e 04 00 d4 14",
        ),
        (cgm.encode_session_start(None, zone=None, summer=None), "00 00 00 00 00 00 00 80 ff"),
        (cgm.encode_run_time(hours=240, with_crc=True), "f0 00 b0 8c"),
    ],
)
def test_a_virtual_sensor_sends_the_bytes_of_a_real_one(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)


def test_bytes_are_explained_to_a_technician_in_words() -> None:
    assert cgm.explain(CAPTURED) == ["300 min into the session: 115 mg/dL, time sync required, calibration not allowed"]
    assert cgm.explain_status(bytes.fromhex("0a 00 01 01 00")) == [
        "10 min into the session: session stopped, time sync required"
    ]
    assert cgm.explain_feature(CONTROL)[1] == "fluid: control solution: nobody's blood"
    assert cgm.explain_feature(PROMISES_CRC)[0] == "feature: e2e crc"
    assert cgm.explain_run_time(bytes.fromhex("f0 00")) == ["run time: 240 h"]
    assert cgm.explain_session_start(bytes.fromhex("ea 07 09 1c 0e 05 1e ec 04"))[0] == (
        "session start: 2026-09-28 14:05:30"
    )


@given(
    st.sampled_from([flags for flags in range(256) if not flags & 0x1C]),
    st.lists(st.integers(1, 255), min_size=3, max_size=3),
    st.integers(0, 0xFFFF),
)
def test_octets_are_where_another_library_finds_them(flags: int, octets: list[int], offset: int) -> None:
    """bluetooth-sig, by R. Barnard, from the GATT Specification Supplement."""
    present = [octet for flag, octet in zip((0x80, 0x40, 0x20), octets, strict=True) if flags & flag]
    tail = bytes(present) + bytes(2 * ((flags & 1) + (flags >> 1 & 1)))
    record = bytes((6 + len(tail), flags)) + b"\x64\x00" + offset.to_bytes(2, "little") + tail
    (other,) = CGMMeasurementCharacteristic().parse_value(bytearray(record)).records
    (ours,) = (cgm_record.parse_record(each) for each in cgm_record.records(record, False))
    theirs = (other.status_octet or 0) | (other.cal_temp_octet or 0) << 8 | (other.warning_octet or 0) << 16
    assert (ours.annunciation, ours.offset_min) == (theirs, other.time_offset)


@given(data=st.binary(max_size=30), feature=st.binary(min_size=6, max_size=6))
def test_no_bytes_in_any_order_raise_anything_but_a_decode_error(data: bytes, feature: bytes) -> None:
    decoder = PROFILES["cgm"].decoder()
    assert decoder is not None
    for uuid, message in ((cgm.FEATURE, feature), (cgm.MEASUREMENT, data)):
        try:
            decoder(uuid, message)
        except DecodeError as error:
            assert str(error)
