"""What the tests of the virtual radio listen with. To be heard takes a moment, and under load a longer one: it is
waited for. That nothing is heard is told after a short while."""

import asyncio
from collections.abc import Callable

from bleak import BleakScanner
from bleak.backends.device import BLEDevice

PATIENCE_S = 30
SHORT_WHILE_S = 0.3


async def find(name: str) -> BLEDevice:
    device = await BleakScanner.find_device_by_name(name, timeout=PATIENCE_S)
    assert device is not None, f"{name} is not on the air"
    return device


async def names_on_the_air() -> set[str | None]:
    return {device.name for device in await BleakScanner.discover(SHORT_WHILE_S)}


async def nobody_is_on_the_air() -> bool:
    """Sooner or later."""
    async with asyncio.timeout(PATIENCE_S):
        while await names_on_the_air():
            pass
    return True


def into(queue: "asyncio.Queue[bytes]") -> Callable[[object, bytearray], None]:
    return lambda _characteristic, data: queue.put_nowait(bytes(data))


def notifications() -> tuple["asyncio.Queue[bytes]", Callable[[object, bytearray], None]]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    return heard, into(heard)


async def next_of(queue: "asyncio.Queue[bytes]") -> bytes:
    return await asyncio.wait_for(queue.get(), PATIENCE_S)
