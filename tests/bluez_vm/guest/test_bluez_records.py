"""A glucose meter with a memory, read through its record access control point."""

import pytest

from devices.profiles.base import uuid16
from devices.virtual.peripherals import Glucose, HeartRate
from devices.virtual.radio import Air
from tests.bluez_vm.guest.gateway import gateway

pytestmark = pytest.mark.usefixtures("dongle")

METER = "F1:00:00:00:02:01"
MEASUREMENT = uuid16(0x2A18)
STORED = 50


def record(number: int) -> bytes:
    """GLS 1.0.1, 3.1: flags 0x06 = concentration in mol/L, type and location; 2026-01-05 08:MM:00; 60e-4 mol/L is
    6.0 mmol/L; capillary whole blood, finger."""
    return bytes([0x06]) + number.to_bytes(2, "little") + bytes.fromhex("ea0701050800003cc011")


async def test_all_stored_records_are_fetched_and_then_only_the_new_one(air: Air) -> None:
    async with gateway({METER: "glucose"}) as running, Glucose(air, name="METER", address=METER) as meter:
        ears = running.ears
        for number in range(1, STORED + 1):
            meter.measure(record(number))
        await ears.until(lambda: ears.remembered.get(METER) == STORED)
        assert ears.said_by(METER, MEASUREMENT) == [record(number) for number in range(1, STORED + 1)]
        meter.measure(record(STORED + 1))
        await ears.until(lambda: ears.remembered.get(METER) == STORED + 1)
        assert ears.said_by(METER, MEASUREMENT)[STORED:] == [record(STORED + 1)]


async def test_a_meter_that_is_on_the_air_for_seconds_is_read_while_a_stream_is_connected(air: Air) -> None:
    strap = "F1:00:00:00:02:02"
    async with (
        gateway({METER: "glucose", strap: "heart_rate"}) as running,
        HeartRate(air, name="STRAP", address=strap),
        Glucose(air, name="METER", address=METER) as meter,
    ):
        ears = running.ears
        await ears.until(lambda: bool(ears.said_by(strap, uuid16(0x2A19))))
        meter.measure(record(7))
        await ears.until(lambda: ears.remembered.get(METER) == 7, limit_s=10)
        assert ears.said_by(METER, MEASUREMENT) == [record(7)]


async def test_records_are_whole_although_the_link_dropped_in_the_middle(air: Air) -> None:
    async with (
        gateway({METER: "glucose"}) as running,
        Glucose(air, name="METER", address=METER, pace_s=0.05) as meter,
    ):
        ears = running.ears
        for number in range(1, STORED + 1):
            meter.measure(record(number))
        await ears.until(lambda: record(10) in ears.said_by(METER, MEASUREMENT))
        air.drop(meter)
        await ears.until(lambda: ears.remembered.get(METER) == STORED)
        assert set(ears.said_by(METER, MEASUREMENT)) == {record(number) for number in range(1, STORED + 1)}
