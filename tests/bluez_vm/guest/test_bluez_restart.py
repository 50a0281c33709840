"""What lies between us and the radio dies and comes back; our process does not."""

import os
import signal
from collections.abc import AsyncIterator

import pytest

from devices.virtual.peripherals import BTHomeAdvertiser, HeartRate
from devices.virtual.radio import Air
from tests.bluez_vm.guest.bluez import BlueZ
from tests.bluez_vm.guest.dongle import Dongle
from tests.bluez_vm.guest.gateway import Gateway, gateway
from tests.bluez_vm.guest.test_bluez_streams import until_heard

STRAP, BUTTON = "F1:00:00:00:01:01", "F1:00:00:00:01:02"
SILENT_S = 600.0  # the watchdog of the scanner, which would hide that nobody noticed


class Home:
    """A strap that streams and a button: what must be there again afterwards."""

    def __init__(self, running: Gateway, strap: HeartRate, button: BTHomeAdvertiser) -> None:
        self.running, self.strap, self.button = running, strap, button
        self._presses = 0

    async def is_heard(self) -> None:
        await until_heard(self.running, self.strap)
        self._presses += 1
        press = bytes.fromhex("44 00") + bytes([self._presses]) + bytes.fromhex("01 5d 3a 01")
        self.button.set_idle(press)  # pressed until it is heard: how long that takes is not the matter here
        await self.running.ears.until(lambda: (BUTTON, press) in self.running.ears.adverts)
        self.button.set_idle(None)


@pytest.fixture
async def home(air: Air, dongle: Dongle) -> AsyncIterator[Home]:
    button = BTHomeAdvertiser(air, name="SOS", address=BUTTON, idle_interval_ms=200.0)
    strap = HeartRate(air, name="STRAP", address=STRAP)
    async with gateway({STRAP: "heart_rate", BUTTON: "bthome_sos"}, silent_s=SILENT_S) as running, strap, button:
        made = Home(running, strap, button)
        await made.is_heard()
        yield made


async def test_streams_and_adverts_come_back_after_bluetoothd_was_killed(home: Home, bluez: BlueZ) -> None:
    for _ in range(2):
        killed = await bluez.pid()
        os.kill(killed, signal.SIGKILL)
        await bluez.until_gone(killed)
        await home.is_heard()


async def test_streams_and_adverts_come_back_after_the_adapter_was_switched_off_and_on(
    home: Home, bluez: BlueZ, dongle: Dongle
) -> None:
    adapter = await bluez.powered_adapter(dongle.address)
    await bluez.set_powered(adapter, False)
    await bluez.set_powered(adapter, True)
    await home.is_heard()


async def test_streams_and_adverts_come_back_after_the_adapter_was_pulled_out_and_plugged_in(
    home: Home, dongle: Dongle
) -> None:
    await dongle.pull_out()
    await dongle.plug_in()
    await home.is_heard()


async def test_the_status_says_that_there_is_no_adapter_and_ends_saying_so(
    home: Home, dongle: Dongle, bluez: BlueZ
) -> None:
    await dongle.pull_out()
    await home.running.until_troubled()
    await dongle.plug_in()
    await home.is_heard()
    assert home.running.troubles.sentences() == []
