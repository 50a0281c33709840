"""Devices on a simulated air, and bleak's two names for the agent: no radio stack, only what a stack does to its user.

A link drops, a call never answers, a notification of the second before a drop is lost, an advertisement is missed. Each
device remembers what it said and to whom it got through: that is the truth that the server's rows are compared with.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Final

from bleak.exc import BleakError

from devices.profiles.base import uuid16

BATTERY: Final = uuid16(0x2A19)


@dataclass(kw_only=True, eq=False)
class Troubled:
    """How bad the air is. Chances are per second, per advertisement or per call."""

    drop_per_s: float = 0.0
    advert_missed: float = 0.0
    call_hangs: float = 0.0
    call_fails: float = 0.0


@dataclass(kw_only=True, eq=False)
class Air:
    dice: random.Random
    trouble: Troubled = field(default_factory=Troubled)
    devices: dict[str, "Device"] = field(default_factory=dict)
    scanners: "list[SimScanner]" = field(default_factory=list)
    clients: "list[SimClient]" = field(default_factory=list)
    hushed: bool = False  # the adapter is deaf: nobody is heard and no link holds

    def advertise(self, device: "Device", service_data: dict[str, bytes]) -> bool:
        """Whether a scanner heard it."""
        if self.hushed or self.dice.random() < self.trouble.advert_missed:
            return False
        for scanner in self.scanners:
            scanner.heard(device, service_data)
        return bool(self.scanners)

    def all_links_down(self) -> None:
        for client in list(self.clients):
            client.drop()


class Device:
    """`serve` runs for as long as the device has a battery."""

    service: str = ""

    def __init__(self, air: Air, address: str) -> None:
        self.air, self.address = air, address
        self.link: SimClient | None = None
        air.devices[address] = self

    def characteristics(self) -> tuple[str, ...]:
        return ()

    async def read(self, uuid: str) -> bytes:
        raise BleakError(f"{uuid} cannot be read")

    async def write(self, uuid: str, data: bytes) -> None:
        raise BleakError(f"{uuid} cannot be written")

    def linked(self) -> None:
        """A gateway connected."""

    def unlinked(self) -> None: ...

    async def serve(self) -> None: ...

    def on_air(self) -> bool:
        """Whether it can be connected to now."""
        return True

    def notify(self, uuid: str, data: bytes) -> bool:
        return self.link is not None and self.link.deliver(uuid, data)


class SimScanner:
    def __init__(self, air: Air, heard: Callable[[Any, Any], None]) -> None:
        self._air, self._heard = air, heard

    async def start(self) -> None:
        if self._air.hushed and self._air.dice.random() < 0.5:
            raise BleakError("no adapter")
        await asyncio.sleep(0.05)
        self._air.scanners.append(self)

    async def stop(self) -> None:
        if self in self._air.scanners:
            self._air.scanners.remove(self)

    def heard(self, device: Device, service_data: dict[str, bytes]) -> None:
        advert = SimpleNamespace(
            rssi=-60, service_data=service_data, service_uuids=[], local_name=None, manufacturer_data={}, tx_power=None
        )
        self._heard(SimpleNamespace(address=device.address, name=None, details={}), advert)


class _Services:
    def __init__(self, uuids: tuple[str, ...]) -> None:
        self._known = {uuid: SimpleNamespace(uuid=uuid, properties=["notify", "read", "write"]) for uuid in uuids}

    def get_characteristic(self, uuid: str) -> Any:
        return self._known.get(str(uuid))


class SimClient:
    def __init__(self, air: Air, device: Any, dropped: Callable[[Any], None] | None) -> None:
        self._air, self._device, self._dropped = air, air.devices[device.address], dropped
        self._notified: dict[str, Callable[[Any, bytearray], None]] = {}
        self.address = device.address
        self.is_connected = False
        self.services = _Services(self._device.characteristics())

    async def _call(self) -> None:
        """Every call can take a moment, hang or fail; a dropped link fails it."""
        await asyncio.sleep(0.02 + 0.05 * self._air.dice.random())
        luck = self._air.dice.random()
        if luck < self._air.trouble.call_hangs:
            await asyncio.sleep(3600)
        if luck < self._air.trouble.call_hangs + self._air.trouble.call_fails:
            raise BleakError("in progress")

    async def connect(self, **_: Any) -> None:
        await self._call()
        if self._air.hushed or not self._device.on_air() or self._device.link is not None:
            raise BleakError("not there")
        self.is_connected, self._device.link = True, self
        self._air.clients.append(self)
        self._device.linked()

    async def pair(self, **_: Any) -> None:
        await self._checked()

    async def disconnect(self) -> None:
        self._end()
        await asyncio.sleep(0.01)

    async def _checked(self) -> None:
        await self._call()
        if not self.is_connected:
            raise BleakError("not connected")

    async def start_notify(self, characteristic: Any, callback: Callable[[Any, bytearray], None], **_: Any) -> None:
        await self._checked()
        self._notified[characteristic.uuid] = callback

    async def read_gatt_char(self, characteristic: Any, **_: Any) -> bytearray:
        await self._checked()
        return bytearray(await self._device.read(_uuid(characteristic)))

    async def write_gatt_char(self, characteristic: Any, data: bytes, response: bool | None = None) -> None:
        await self._checked()
        await self._device.write(_uuid(characteristic), bytes(data))

    def deliver(self, uuid: str, data: bytes) -> bool:
        callback = self._notified.get(uuid)
        if not self.is_connected or callback is None:
            return False
        callback(SimpleNamespace(uuid=uuid), bytearray(data))
        return True

    def drop(self) -> None:
        was_connected = self.is_connected
        self._end()
        if was_connected and self._dropped is not None:
            self._dropped(self)

    def _end(self) -> None:
        self.is_connected = False
        self._notified.clear()
        if self in self._air.clients:
            self._air.clients.remove(self)
        if self._device.link is self:
            self._device.link = None
            self._device.unlinked()


def _uuid(characteristic: Any) -> str:
    return str(getattr(characteristic, "uuid", characteristic))


async def drops(air: Air) -> None:
    """For ever: links that end by themselves."""
    while True:
        await asyncio.sleep(1.0)
        for client in list(air.clients):
            if air.hushed or air.dice.random() < air.trouble.drop_per_s:
                client.drop()


Answer = Callable[[], Awaitable[None]]
