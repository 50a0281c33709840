"""Which adapters there are: those of BlueZ, or those of virtual homes."""

from pathlib import Path
from typing import TYPE_CHECKING

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice

from edge.config import RadioConfig
from edge.doors import Detected, Door, Dropped

if TYPE_CHECKING:
    from devices.virtual.remote import RemoteAdapter


def doors_of(radio: RadioConfig, bonds: Path | None, *, pairs: bool = True) -> tuple[Door, ...]:
    """`bonds`: the file in which the virtual radio keeps its keys (None: in memory); BlueZ keeps its own. `pairs`
    False: only to listen."""
    if radio.virtual:
        from devices.virtual.remote import RemoteAdapter  # imports Bumble: 20 MB that a real gateway does without

        return tuple(
            VirtualDoor(f"virtual{number}", RemoteAdapter(address, bonds))
            for number, address in enumerate(radio.virtual)
        )
    from edge.bluez import Bluez, BluezDoor  # imports dbus-fast, which is only there on Linux

    bluez = Bluez(pairs=pairs)
    return tuple(BluezDoor(bluez, adapter) for adapter in radio.adapters or (None,))


class VirtualDoor:
    def __init__(self, name: str, adapter: "RemoteAdapter") -> None:
        from devices.virtual.backend import backends

        self.name = name
        self._adapter = adapter
        self._scanner, self._client = backends(adapter)

    async def open(self) -> None:
        await self._adapter.on()

    async def close(self) -> None:
        await self._adapter.close()

    def scanner(self, detected: Detected) -> BleakScanner:
        return BleakScanner(detected, backend=self._scanner)

    def client(self, device: BLEDevice, dropped: Dropped, timeout_s: float) -> BleakClient:
        return BleakClient(device, dropped, timeout=timeout_s, backend=self._client)

    async def pair(self, client: BleakClient) -> None:
        await client.pair()

    def is_bonded(self, device: BLEDevice) -> bool:
        return self._adapter.is_bonded(device.details)

    async def forget(self, device: BLEDevice) -> None:
        await self._adapter.forget(device.details)

    async def power_cycle(self) -> None:
        await self._adapter.off()
        await self._adapter.on()

    async def gone(self) -> None:
        await self._adapter.gone()
