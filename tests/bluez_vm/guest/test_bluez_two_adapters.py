"""Two adapters on one gateway: either can take over."""

from collections.abc import AsyncIterator

import pytest

from devices.virtual.peripherals import HeartRate
from devices.virtual.radio import Air
from edge.adapters import doors_of
from edge.config import RadioConfig
from tests.bluez_vm.guest.bluez import BlueZ
from tests.bluez_vm.guest.dongle import Dongle
from tests.bluez_vm.guest.gateway import gateway
from tests.bluez_vm.guest.test_bluez_streams import STRAP, until_heard


@pytest.fixture
async def second_dongle(air: Air, bluez: BlueZ, dongle: Dongle) -> AsyncIterator[Dongle]:
    plugged = Dongle(air, "5C:F3:70:00:02:01")
    await plugged.plug_in()
    await bluez.powered_adapter(plugged.address)
    yield plugged
    await plugged.pull_out()


async def test_a_stream_goes_on_through_the_other_adapter_when_its_own_is_pulled_out(
    air: Air, bluez: BlueZ, dongle: Dongle, second_dongle: Dongle
) -> None:
    by_path = {await bluez.powered_adapter(each.address): each for each in (dongle, second_dongle)}
    doors = doors_of(RadioConfig(adapters=tuple(path.rsplit("/", 1)[-1] for path in sorted(by_path))), None)
    async with (
        gateway({STRAP: "heart_rate"}, doors=doors) as running,
        HeartRate(air, name="STRAP", address=STRAP) as strap,
    ):
        await until_heard(running, strap)
        used, _device = (await bluez.until_connected(STRAP)).rsplit("/", 1)
        await by_path.pop(used).pull_out()
        await until_heard(running, strap)
        assert (await bluez.until_connected(STRAP)).startswith(next(iter(by_path)))
