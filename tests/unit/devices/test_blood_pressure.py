"""Blood pressure: bytes of the encoder by hand, and every combination of flags against an independent reading."""

import struct
from datetime import datetime

import pytest

from devices.errors import DecodeError
from devices.profiles import PROFILES, blood_pressure
from devices.profiles.base import Reading, SetsClock
from devices.profiles.blood_pressure import Status
from devices.vocabulary import Kind

MORNING = datetime(2025, 3, 9, 7, 5, 30)  # noqa: DTZ001 - a device's local time
MORNING_BYTES = bytes.fromhex("e9 07 03 09 07 05 1e")


@pytest.mark.parametrize(
    ("encoded", "by_hand"),
    [
        (blood_pressure.encode_measurement(systolic_mmhg=120, diastolic_mmhg=80), "00 78 00 50 00 ff 07"),
        (
            blood_pressure.encode_measurement(
                systolic_mmhg=120,
                diastolic_mmhg=80,
                mean_mmhg=93,
                at=MORNING,
                pulse_per_min=72,
                of_user=0,
                status=Status(0),
            ),
            "1e 78 00 50 00 5d 00 e9 07 03 09 07 05 1e 48 00 00 00 00",
        ),
        # 120 mmHg = 15.998688 kPa, 80 = 10.665792: 160e-1 and 107e-1.
        (
            blood_pressure.encode_measurement(systolic_mmhg=120, diastolic_mmhg=80, in_kpa=True),
            "01 a0 f0 6b f0 ff 07",
        ),
        (
            blood_pressure.encode_measurement(
                systolic_mmhg=None, diastolic_mmhg=None, of_user=255, status=Status.CUFF_LOOSE
            ),
            "18 ff 07 ff 07 ff 07 ff 02 00",
        ),
        (blood_pressure.encode_cuff(cuff_mmhg=160), "00 a0 00 ff 07 ff 07"),
    ],
)
def test_a_virtual_meter_sends_the_bytes_of_a_real_one(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)


def message(flags: int) -> bytes:
    """BLS 1.1.1, table 3.2: what each flag adds, in the order of its bits."""
    optional = {0x02: MORNING_BYTES, 0x04: struct.pack("<H", 72), 0x08: bytes([4]), 0x10: struct.pack("<H", 0x0004)}
    head = struct.pack("<BHHH", flags, 0xF0A0, 0xF06B, 0xF07C)  # 16.0, 10.7, 12.4
    return head + b"".join(content for flag, content in optional.items() if flags & flag)


@pytest.mark.parametrize("flags", [flags for flags in range(256) if flags & 1])  # 16 mmHg is nobody's
def test_every_combination_of_flags_is_read_as_the_table_says(flags: int) -> None:
    said = blood_pressure.PROFILE.decode
    assert said is not None
    readings = said(blood_pressure.MEASUREMENT, message(flags))
    assert [each.kind for each in readings if isinstance(each, Reading)] == [
        Kind.SYSTOLIC,
        Kind.DIASTOLIC,
        Kind.MEAN_ARTERIAL,
        *([Kind.PULSE_RATE] if flags & 0x04 else []),
    ]
    for each in readings:
        assert isinstance(each, Reading)
        assert each.device_time == (MORNING if flags & 0x02 else None)
        assert each.slot == (5 if flags & 0x08 else 0)
        assert each.quality.name == ("QUESTIONABLE" if flags & 0x10 else "GOOD")


@pytest.mark.parametrize("flags", range(1, 32, 2))
@pytest.mark.parametrize("uuid", [blood_pressure.MEASUREMENT, blood_pressure.CUFF])
def test_a_byte_more_or_less_is_noticed_in_every_combination(flags: int, uuid: str) -> None:
    decode = blood_pressure.PROFILE.decode
    assert decode is not None
    decode(uuid, message(flags))
    for wrong in (message(flags)[:-1], message(flags) + b"\x00"):
        with pytest.raises(DecodeError):
            decode(uuid, wrong)


def test_bytes_are_explained_to_a_technician_in_words() -> None:
    # Captured: example-a.com/answer/78168365.
    assert blood_pressure.explain(bytes.fromhex("def6f416f3ff07e4070114082b00b2f2018000")) == [
        "flags: time, pulse, user, status, reserved 0xc0",
        "systolic: 127 mmHg",
        "diastolic: 79 mmHg",
        "mean arterial: no reading",
        "time stamp: 2020-01-20 08:43:00",
        "pulse rate: 69 /min",
        "user id: 1 (slot 2)",
        "measurement status: reserved 0x80",
    ]
    assert blood_pressure.explain_cuff(bytes.fromhex("00 a0 00 ff 07 ff 07"))[1] == "cuff pressure: 160 mmHg"


def test_what_real_meters_need_stands_in_their_profiles() -> None:
    """github.com/derdilla/blood-pressure-monitor-fl issue 729 (100 ms); blessed-android example (Omron's clock)."""
    assert PROFILES["blood_pressure"].settle_s >= 0.1
    assert PROFILES["blood_pressure_omron"].clock is SetsClock.SETS
    assert PROFILES["blood_pressure_omron"].bonds
    for name in ("blood_pressure", "blood_pressure_omron"):
        assert all(quirk.what and quirk.source for quirk in PROFILES[name].quirks)
