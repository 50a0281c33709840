"""Devices that speak only to whom they are paired with, and an agent of our own that agrees to it."""

import pytest

from devices.virtual.peripherals import Glucose
from devices.virtual.radio import Air
from tests.bluez_vm.guest.bluez import BlueZ
from tests.bluez_vm.guest.gateway import gateway
from tests.bluez_vm.guest.test_bluez_records import MEASUREMENT, METER, record

pytestmark = pytest.mark.usefixtures("dongle")


def bonding_meter(air: Air) -> Glucose:
    """Its control point refuses a reader that it has no key of."""
    return Glucose(air, name="METER", address=METER, needs_bond=True)


async def test_a_meter_that_wants_a_bond_is_paired_with_and_read(air: Air, bluez: BlueZ) -> None:
    async with gateway({METER: "glucose"}) as running, bonding_meter(air) as meter:
        meter.measure(record(1))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 1)
        assert running.ears.said_by(METER, MEASUREMENT) == [record(1)]
        device = await bluez.device(METER)
        assert device is not None and device["Paired"] and device["Bonded"]
        assert await meter.bonds.get_all()


async def test_a_bond_outlives_a_new_battery_and_no_pairing_mode_is_needed_again(air: Air, bluez: BlueZ) -> None:
    async with gateway({METER: "glucose"}) as running, bonding_meter(air) as meter:
        meter.measure(record(1))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 1)
        await meter.stop()
        meter.is_pairing = False
        await bluez.until_connected(METER, False)
        await meter.start()
        meter.measure(record(2))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 2)
        assert running.ears.said_by(METER, MEASUREMENT) == [record(1), record(2)]


async def test_a_meter_that_lost_its_bond_is_paired_anew_and_read(air: Air, bluez: BlueZ) -> None:
    """bluez#433: the host has a key that the device no longer knows, and would try it for ever."""
    async with gateway({METER: "glucose"}) as running, bonding_meter(air) as meter:
        meter.measure(record(1))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 1)
        await bluez.until_connected(METER, False)
        await meter.forget_bonds()
        meter.measure(record(2))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 2)
        assert running.ears.said_by(METER, MEASUREMENT) == [record(1), record(2)]
        assert await meter.bonds.get_all()


async def test_a_bond_that_bluez_lost_is_made_anew(air: Air, bluez: BlueZ) -> None:
    async with gateway({METER: "glucose"}) as running, bonding_meter(air) as meter:
        meter.measure(record(1))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 1)
        await bluez.until_connected(METER, False)
        await bluez.remove(METER)
        meter.measure(record(2))
        await running.ears.until(lambda: running.ears.remembered.get(METER) == 2)
        assert running.ears.said_by(METER, MEASUREMENT) == [record(1), record(2)]
