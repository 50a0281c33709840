"""`hjemvakt-gateway decode`: bytes in words, for a technician. The bytes are those of the vectors."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from devices.profiles.explained import EXPLAINED
from edge.errors import AskedWrong
from edge.explain import explain

FOLDER = Path(__file__).parents[2] / "vectors"
CASES = {
    "a continuous oximeter with every field": (
        "2A5F",
        "1f 5a 00 64 00 59 00 65 00 5c 00 63 00 80 01 20 00 00 0f f0",
        [
            "flags: fast, slow, status, sensor, amplitude",
            "SpO2: 90 %",
            "pulse rate: 100 /min",
            "fast SpO2: 89 %",
            "fast pulse rate: 101 /min",
            "slow SpO2: 92 %",
            "slow pulse rate: 99 /min",
            "measurement status: validated, fully qualified",
            "device and sensor status: low perfusion",
            "pulse amplitude index: 1.5 %",
            "oximeter: on the body",
            "oximeter: spo2 90 %, questionable, continuous",
            "oximeter: pulse_rate 100 /min, questionable, continuous",
            "oximeter: perfusion_index 1.5 %, questionable, continuous",
        ],
    ),
    "a strap with an interval": (
        "0x2A37",
        "16:4d:16:03",
        [
            "flags: contact, contact supported, rr",
            "heart rate: 77 /min",
            "RR intervals: 771.5 ms",
            "heart_rate: on the body",
            "heart_rate: heart_rate 77 /min, continuous",
            "heart_rate: rr_interval 771.484 ms, continuous",
        ],
    ),
    "a thermometer with a time": (
        "00002a1c-0000-1000-8000-00805f9b34fb",
        "06-68-01-00-FF-E2-07-03-0A-15-34-00-02",
        [
            "flags: time, site",
            "temperature: 36 °C",
            "time stamp: 2018-03-10 21:52:00",
            "temperature type: body",
            "thermometer: body_temperature 36 Cel, device time 2018-03-10 21:52:00",
        ],
    ),
    "LO": (
        "2A18",
        "0e 01 00 e9 07 03 09 07 05 1e ff 07 11 40 00",
        [
            "flags: concentration, mol per l, status",
            "sequence number: 1",
            "base time: 2025-03-09 07:05:30",
            "concentration: no reading",
            "type and sample location: capillary whole blood, finger",
            "sensor status: result too low",
            "glucose: glucose below 1.1 mmol/L, record 1, device time 2025-03-09 07:05:30",
        ],
    ),
    "a question about records": ("2A52", "01 03 01 05 00", ["request: report, records: from 5"]),
    "a range of records": ("2A52", "04 04 01 05 00 09 00", ["request: count, records: between 5 to 9"]),
    "an abort": ("2A52", "03 00", ["request: abort"]),
    "an answer about records": ("2A52", "06 00 01 06", ["answer to report: no records"]),
    "a count of records": ("2A52", "05 00 2c 01", ["answer: 300 records"]),
    "a clock": (
        "2A2B",
        "ea 07 0b 16 0e 1e 05 07 80 05",
        ["current time: 2026-11-22 14:30:05", "day of week: sunday", "last set because of: manual, time zone"],
    ),
    "a clock that is not set": (
        "2A2B",
        "00 00 00 00 00 00 00 00 00 00",
        ["current time: not known", "day of week: unknown", "last set because of: none"],
    ),
    "a zone": ("2A0F", "da 04", ["time zone: -09:30", "summer time: +01:00"]),
    "a zone that is not known": ("2A0F", "80 ff", ["time zone: not known", "summer time: not known"]),
    "a serial number": ("2A25", "41 37 00", ["serial: A7"]),
    "a battery": ("2A19", "61", ["battery level: 97 %"]),
    "reserved bits": ("2A5E", "00 5b 00 58 00", ["flags: none", "SpO2: 91 %", "pulse rate: 88 /min"]),
}


@pytest.mark.parametrize(("characteristic", "data", "lines"), CASES.values(), ids=CASES.keys())
def test_every_field_and_flag_is_said(characteristic: str, data: str, lines: list[str]) -> None:
    assert explain(characteristic, data)[: len(lines)] == lines


def test_every_object_of_an_advertisement_is_said() -> None:
    """Shelly BLU Motion, github.com/m-schaeffler/node-red-my-nodes: 68,0,164,1,100,46,56,69,43,255 is a BLU H&T."""
    lines = explain("FCD2", "44 00 a4 01 64 2e 38 45 2b ff 3a 01 66 07")
    assert lines[:6] == [
        "packet id: 164",
        "battery: 100 %",
        "humidity: 56 %",
        "temperature: -21.3 °C",
        "button: short",
        "object 0x66 is not known: not read from there on: 66 07",
    ]
    assert "bthome_sos, pendant: sos" in lines


def test_bytes_that_are_refused_are_refused_with_the_reason() -> None:
    assert explain("2A5F", "04 5b 00 58 00") == [
        "oximeter: refused: measurement status needs 2 bytes, 0 are left of 04 5b 00 58 00"
    ]
    assert explain("2A2B", "ea 07") == ["refused: current time needs 7 bytes, 2 are left of ea 07"]


def test_an_unknown_characteristic_is_answered_with_those_that_are_known() -> None:
    with pytest.raises(AskedWrong, match=r"no profile reads 2A01; known are 2A0F, 2A18, .*2A5F.*FCD2"):
        explain("2A01", "00")


@pytest.mark.parametrize("data", ["0", "zz", "00:4"])
def test_what_is_not_bytes_is_said_so(data: str) -> None:
    with pytest.raises(AskedWrong, match="pairs of hex digits"):
        explain("2A37", data)


def vectors() -> list[dict[str, Any]]:
    return [
        vector | {"profile": vector.get("profile") or table.get("profile")}
        for path in sorted(FOLDER.glob("*.toml"))
        for table in [tomllib.loads(path.read_text(encoding="utf-8"))]
        for vector in table["vector"]
        if "bytes" in vector
    ]


def test_every_vector_is_explained_or_refused_as_its_profile_does() -> None:
    for vector in vectors():
        short = f"{vector.get('uuid', 0xFCD2):04X}"
        if f"0000{short.lower()}-0000-1000-8000-00805f9b34fb" not in EXPLAINED or "error" in vector:
            continue
        lines = explain(short, vector["bytes"])
        assert lines or vector["bytes"] == "40", vector["name"]
        refused = [line for line in lines if "refused" in line and vector["profile"] in line.split(": ")[0]]
        assert refused == [] or "key" in vector, vector["name"]
        assert not any(re.search(r"0x[0-9a-f]+, which has no meaning", line) for line in lines) or short == "FCD2"
