"""Each test has a radio adapter of its own and an air of its own; bluetoothd is one for all, as on a gateway."""

import itertools
from collections.abc import AsyncIterator

import pytest

from devices.virtual.radio import Air
from tests.bluez_vm.guest.bluez import BlueZ, bluez_on_the_bus
from tests.bluez_vm.guest.dongle import Dongle

_numbers = itertools.count(1)


@pytest.fixture
async def bluez() -> AsyncIterator[BlueZ]:
    async with bluez_on_the_bus() as bus:
        yield bus


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    """Nothing of one test is heard in another: BlueZ keeps what it knows by adapter, and the adapters differ."""
    opened = Air()
    yield opened
    await opened.close()


@pytest.fixture
async def dongle(air: Air, bluez: BlueZ) -> AsyncIterator[Dongle]:
    plugged = Dongle(air, f"5C:F3:70:00:01:{next(_numbers):02X}")
    await plugged.plug_in()
    await bluez.powered_adapter(plugged.address)
    yield plugged
    await plugged.pull_out()
    await bluez.until(lambda objects: None if any("hci" in path for path in objects) else True)
