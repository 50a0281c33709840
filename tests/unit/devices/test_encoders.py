"""The bytes of the virtual devices, each against bytes written by hand or captured, never against our own decoder."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from devices.profiles import (
    battery,
    bthome,
    current_time,
    device_information,
    dispenser,
    glucose,
    heart_rate,
    oximeter,
    pendant,
    thermometer,
)
from devices.profiles.base import Sender
from devices.profiles.bthome import Object, Press

MORNING = datetime(2025, 3, 9, 7, 5, 30)  # noqa: DTZ001 - a device's local time

CASES = {
    "heart rate as a Polar H7 sends it": (
        heart_rate.encode_measurement(per_min=77, on_body=True, rr_s=[790 / 1024]),
        "16 4d 16 03",
    ),
    "heart rate in 16 bits with energy": (
        heart_rate.encode_measurement(per_min=260, energy_kj=515, rr_s=[1.0, 0.5]),
        "19 04 01 03 02 00 04 00 02",
    ),
    "strap off": (heart_rate.encode_measurement(per_min=72, on_body=False), "04 48"),
    "oximeter stream": (oximeter.encode_continuous(spo2_percent=91, pulse_per_min=88), "00 5b 00 58 00"),
    "oximeter stream as a ChoiceMMed sends it": (
        oximeter.encode_continuous(
            spo2_percent=98, pulse_per_min=78, status=oximeter.Status.ONGOING, sensor=oximeter.Sensor(0)
        ),
        "0c 62 00 4e 00 20 00 00 00 00",
    ),
    "oximeter without a finger": (
        oximeter.encode_continuous(spo2_percent=None, pulse_per_min=None, sensor=oximeter.Sensor.NOT_ON_USER),
        "08 ff 07 ff 07 00 08 00",
    ),
    "oximeter spot check": (
        oximeter.encode_spot(spo2_percent=95, pulse_per_min=72, at=MORNING),
        "01 5f 00 48 00 e9 07 03 09 07 05 1e",
    ),
    "oximeter stream with amplitude": (
        oximeter.encode_continuous(spo2_percent=91, pulse_per_min=88, amplitude_percent=1.5),
        "10 5b 00 58 00 0f f0",
    ),
    "oximeter spot check before its clock was set": (
        oximeter.encode_spot(spo2_percent=95, pulse_per_min=72, at=MORNING, clock_is_set=False, amplitude_percent=20),
        "19 5f 00 48 00 e9 07 03 09 07 05 1e c8 f0",
    ),
    "a clock, half a second past, on a Sunday": (
        current_time.encode(MORNING.replace(microsecond=500_000)),
        "e9 07 03 09 07 05 1e 07 80 02",
    ),
    "a clock set by hand for summer time": (
        current_time.encode(MORNING, reason=current_time.Reason.MANUAL | current_time.Reason.SUMMER_TIME),
        "e9 07 03 09 07 05 1e 07 00 09",
    ),
    "a clock that is not set": (current_time.encode_not_set(), "00 00 00 00 00 00 00 00 00 00"),
    "Norway in summer": (
        current_time.encode_local_time(zone=timedelta(hours=1), summer=current_time.Summer.AN_HOUR),
        "04 04",
    ),
    "the west of the date line": (
        current_time.encode_local_time(zone=timedelta(hours=-9, minutes=-30), summer=current_time.Summer.STANDARD),
        "da 00",
    ),
    "no zone": (current_time.encode_local_time(zone=None, summer=None), "80 ff"),
    "a model": (device_information.encode_text("H10"), "48 31 30"),
    "a PnP ID": (
        device_information.encode_pnp_id(
            source=device_information.Vendor.USB, vendor=0x1050, product=0x0407, version=(2, 1, 3)
        ),
        "02 50 10 07 04 13 02",
    ),
    "glucose in mol/L": (
        glucose.encode_measurement(record=5, at=MORNING, mmol_per_l=5.5),
        "06 05 00 e9 07 03 09 07 05 1e 37 c0 11",
    ),
    "glucose in kg/L: 3.9 mmol/L is 70 mg/dL": (
        glucose.encode_measurement(record=1, at=MORNING, mmol_per_l=3.9, in_mol=False),
        "02 01 00 e9 07 03 09 07 05 1e 46 b0 11",
    ),
    "glucose LO": (
        glucose.encode_measurement(record=1, at=MORNING, mmol_per_l=0.6, status=glucose.Status.RESULT_TOO_LOW),
        "0e 01 00 e9 07 03 09 07 05 1e 06 c0 11 40 00",
    ),
    "control solution": (
        glucose.encode_measurement(record=1, at=MORNING, mmol_per_l=5.5, fluid=glucose.Fluid.CONTROL_SOLUTION),
        "06 01 00 e9 07 03 09 07 05 1e 37 c0 1a",
    ),
    "glucose of a meter whose clock was moved back an hour": (
        glucose.encode_measurement(record=1, at=MORNING, mmol_per_l=5.5, offset_min=-60),
        "07 01 00 e9 07 03 09 07 05 1e c4 ff 37 c0 11",
    ),
    "temperature": (
        thermometer.encode_measurement(
            celsius=36.0,
            at=datetime(2018, 3, 10, 21, 52),  # noqa: DTZ001 - a device's local time
            site=thermometer.Site.BODY,
        ),
        "06 68 01 00 ff e2 07 03 0a 15 34 00 02",
    ),
    "no temperature": (thermometer.encode_measurement(celsius=None), "00 ff ff 7f 00"),
    "battery": (battery.encode_level(97), "61"),
    "door opened": (bthome.encode_door(opened=True, packet_id=9, battery_percent=100), "40 00 09 01 64 1a 01"),
    "button": (
        bthome.encode_button(press=Press.SHORT, packet_id=1, battery_percent=93),
        "44 00 01 01 5d 3a 01",
    ),
    "a frame with numbers, in order of their ids": (
        bthome.encode_frame(
            [
                (0x03, bthome.encode_number(0x03, Decimal("50.55"))),
                (0x02, bthome.encode_number(0x02, Decimal("25.06"))),
            ]
        ),
        "40 02 ca 09 03 bf 13",  # bthome.io/format and /encryption: 25.06 °C and 50.55 %
    ),
    "the same, sealed": (
        bthome.sealed(
            bytes.fromhex("40 02 ca 09 03 bf 13"),
            sender=Sender(address="54:48:E6:8F:80:A5", key=bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")),
            counter=0x00112233,
        ),
        "41 e4 45 f3 c9 96 2b 33 22 11 00 6c 7c 45 19",  # bthome.io/encryption
    ),
    "a pendant: a fall that was taken back": (
        pendant.encode(fell=True, took_back=True, packet_id=4, battery_percent=93),
        "44 00 04 01 5d 3a 00 3a 01 3a 01",
    ),
    "a pendant: a press": (
        pendant.encode(pressed=True, packet_id=1, battery_percent=93),
        "44 00 01 01 5d 3a 01 3a 00 3a 00",
    ),
    "a dispenser: taken": (
        dispenser.encode(taken=True, packet_id=1, battery_percent=100),
        "44 00 01 01 64 3a 01 3a 00",
    ),
    "a dispenser: missed": (
        dispenser.encode(missed=True, packet_id=2, battery_percent=100),
        "44 00 02 01 64 3a 00 3a 01",
    ),
    "a bed": (
        bthome.encode_detector(detector=Object.OCCUPANCY, detected=True, packet_id=3, battery_percent=80),
        "40 00 03 01 50 23 01",
    ),
    "smoke": (
        bthome.encode_detector(detector=Object.SMOKE, detected=True, packet_id=2, battery_percent=50),
        "40 00 02 01 32 29 01",
    ),
}


@pytest.mark.parametrize(("encoded", "by_hand"), CASES.values(), ids=CASES.keys())
def test_a_virtual_device_sends_the_bytes_of_a_real_one(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)
