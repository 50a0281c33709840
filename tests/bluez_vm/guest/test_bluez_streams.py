"""A chest strap that stays connected: every beat arrives, once, whatever happened to the link before."""

import asyncio

import pytest

from devices.profiles.base import uuid16
from devices.virtual.peripherals import HeartRate
from devices.virtual.radio import Air
from tests.bluez_vm.guest.bluez import BlueZ
from tests.bluez_vm.guest.gateway import PATIENCE_S, Gateway, gateway

pytestmark = pytest.mark.usefixtures("dongle")

STRAP = "F1:00:00:00:01:01"
HEART_RATE = uuid16(0x2A37)
DROPS = 4


async def until_heard(running: Gateway, strap: HeartRate) -> None:
    """A heart goes on beating: 40/min, until somebody hears it."""
    before = len(running.ears.said_by(STRAP, HEART_RATE))
    async with asyncio.timeout(PATIENCE_S):
        while len(running.ears.said_by(STRAP, HEART_RATE)) == before:
            await strap.publish(beat(40))
            await running.ears.pause()


def beat(pulse_per_min: int) -> bytes:
    """HRS 1.0, 3.1: flags 0x06 = 8-bit value, contact detected."""
    return bytes([0x06, pulse_per_min])


async def test_every_notification_arrives_once_and_in_order(air: Air) -> None:
    sent = [beat(50 + number) for number in range(200)]
    async with gateway({STRAP: "heart_rate"}) as running, HeartRate(air, name="STRAP", address=STRAP) as strap:
        await until_heard(running, strap)
        for measurement in sent:
            assert await strap.publish(measurement) == 1
        await running.ears.until(lambda: sent[-1] in running.ears.said_by(STRAP, HEART_RATE))
        assert [said for said in running.ears.said_by(STRAP, HEART_RATE) if said != beat(40)] == sent


async def test_notifications_do_not_multiply_with_the_drops_of_the_link(air: Air, bluez: BlueZ) -> None:
    """hbldh/bleak#2002: after N unsolicited drops each notification arrived N + 1 times."""
    async with gateway({STRAP: "heart_rate"}) as running, HeartRate(air, name="STRAP", address=STRAP) as strap:
        for drop in range(DROPS):
            await until_heard(running, strap)
            air.drop(strap)
            await bluez.until_connected(STRAP, False)
            assert not strap.connections, drop
        await until_heard(running, strap)
        sent = [beat(60 + number) for number in range(20)]
        for measurement in sent:
            assert await strap.publish(measurement) == 1
        await running.ears.until(lambda: sent[-1] in running.ears.said_by(STRAP, HEART_RATE))
        assert [said for said in running.ears.said_by(STRAP, HEART_RATE) if said != beat(40)] == sent


async def test_a_strap_that_was_out_of_range_is_heard_again(air: Air, bluez: BlueZ) -> None:
    async with gateway({STRAP: "heart_rate"}) as running, HeartRate(air, name="STRAP", address=STRAP) as strap:
        await until_heard(running, strap)
        air.set_range(strap, False)
        await bluez.until_connected(STRAP, False)
        air.set_range(strap, True)
        await until_heard(running, strap)


async def test_a_strap_whose_battery_was_changed_is_heard_again(air: Air, bluez: BlueZ) -> None:
    async with gateway({STRAP: "heart_rate"}) as running, HeartRate(air, name="STRAP", address=STRAP) as strap:
        await until_heard(running, strap)
        await strap.stop()
        await bluez.until_connected(STRAP, False)
        await strap.start()
        await until_heard(running, strap)
