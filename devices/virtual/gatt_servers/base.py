"""What every virtual peripheral has: a name, an address, an advert that follows its state, a record of what it said."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Self

from bumble.device import AdvertisingType, Connection, Device
from bumble.keys import MemoryKeyStore
from bumble.pairing import PairingConfig, PairingDelegate

from devices.virtual.adapter import unplug
from devices.virtual.radio import Air

FAST_ADVERTISING_MS = 100.0

OnSaid = Callable[[str, str, bytes], None]  # address, 128-bit UUID of characteristic or service data, bytes
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advertising:
    data: bytes
    is_connectable: bool
    interval_ms: float = FAST_ADVERTISING_MS


class Peripheral:
    """Subclasses say in `advertising` what should be on the air now, and call `changed` when that may be different.

    It pairs without a display or keys (JustWorks), and keeps its bonds when it is off. `is_pairing`: a new reader may
    pair; real devices allow that in pairing mode only. `keeps_bonds` False: a bond is forgotten with its link.
    """

    def __init__(self, air: Air, *, name: str, address: str, on_said: OnSaid | None = None) -> None:
        self.air = air
        self.name = name
        self.address = address
        self._on_said = on_said
        self.bonds = MemoryKeyStore()
        self.is_pairing = self.keeps_bonds = True
        self._device: Device | None = None
        self._changed = asyncio.Event()
        self._aired: Advertising | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeper: asyncio.Task[None] | None = None

    def advertising(self) -> Advertising | None:
        """None is silence."""
        return None

    def changed(self) -> None:
        self._changed.set()

    @property
    def device(self) -> Device:
        assert self._device is not None, f"{self.name} has not been started"
        return self._device

    @property
    def is_started(self) -> bool:
        return self._device is not None

    @property
    def connections(self) -> list[Connection]:
        return list(self._device.connections.values()) if self._device is not None else []

    async def start(self) -> None:
        assert self._device is None, f"{self.name} is already started"
        self._device = device = self.air.attach_peripheral(self.name, self.address, self)
        device.keystore = self.bonds
        device.pairing_config_factory = self._pairing_config
        self._prepare(device)
        await device.power_on()
        device.on(device.EVENT_CONNECTION, self._on_connection)
        self._aired = None
        self._keeper = self._spawn(self._keep_advertising(device))

    def _prepare(self, device: Device) -> None:
        """Before the device is switched on: services, bonds."""

    async def stop(self) -> None:
        """Switch off: links end, nothing is on the air, memory stays."""
        device, self._device = self._device, None
        if device is None or self._keeper is None:
            return
        self.changed()
        await self._keeper  # never cancelled: Bumble would lose its place in the middle of a command
        self.air.detach_peripheral(self.address)
        unplug(device)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def forget_bonds(self) -> None:
        """As after a reset, or a new battery."""
        await self.bonds.delete_all()

    def _pairing_config(self, _connection: Connection) -> PairingConfig:
        return PairingConfig(delegate=_Delegate(self))

    def said(self, uuid: str, data: bytes) -> None:
        if self._on_said is not None:
            self._on_said(self.address, uuid, data)

    def on_disconnected(self, connection: Connection) -> None:
        """For subclasses: the link is already gone."""

    def _on_connection(self, connection: Connection) -> None:
        self._aired = None  # the controller stops advertising when somebody connects
        connection.on(connection.EVENT_DISCONNECTION, lambda _reason: self._on_disconnection(connection))
        self.changed()

    def _on_disconnection(self, connection: Connection) -> None:
        self.on_disconnected(connection)
        if not self.keeps_bonds:
            self.bonds.all_keys.clear()
        self.changed()

    async def _keep_advertising(self, device: Device) -> None:
        while self._device is device:
            self._changed.clear()
            wanted = self.advertising() if not device.connections else None
            if wanted != self._aired:
                self._aired = wanted  # first: a connection made meanwhile resets it
                await _advertise(device, wanted)
            else:
                await self._changed.wait()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("virtual device %s: %s", self.name, error, exc_info=error)


class _Delegate(PairingDelegate):
    def __init__(self, peripheral: Peripheral) -> None:
        super().__init__()
        self._peripheral = peripheral

    async def accept(self) -> bool:
        return self._peripheral.is_pairing


async def _advertise(device: Device, wanted: Advertising | None) -> None:
    if wanted is None:
        await device.stop_advertising()
        return
    await device.start_advertising(
        AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE if wanted.is_connectable else AdvertisingType.UNDIRECTED,
        advertising_data=wanted.data,
        advertising_interval_min=wanted.interval_ms,
        advertising_interval_max=wanted.interval_ms,
    )
