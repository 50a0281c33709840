"""The air of one virtual home: peripherals, how well each is heard, and the adapters that listen."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol, Self

from bumble import hci
from bumble.device import Device

from devices.virtual.adapter import Adapter, Line, QuietHost
from devices.virtual.backend import bleak_on
from devices.virtual.controller import HUNG_UP_BY_PERIPHERAL, SUPERVISION_TIMEOUT, VirtualController, VirtualLink

ADAPTER_ADDRESS = "5C:F3:70:00:00:01"


class Addressed(Protocol):
    @property
    def address(self) -> str: ...


class Stoppable(Protocol):
    async def stop(self) -> None: ...


class Air:
    """`Air()` is the air alone; `await Air.open()` brings an adapter in the same process with it."""

    def __init__(self) -> None:
        self.link = VirtualLink()
        self.adapter = Adapter(self._open_local_line)
        self._peripherals: dict[str, VirtualController] = {}
        self._running: dict[str, Stoppable] = {}
        self._out_of_range: set[str] = set()
        self._rssi_dbm: dict[str, int] = {}

    @classmethod
    async def open(cls) -> "Air":
        air = cls()
        await air.on()
        return air

    async def on(self) -> None:
        await self.adapter.on()

    async def off(self) -> None:
        """Switch the local adapter off: its links end and it says so when it is used."""
        await self.adapter.off()

    async def close(self) -> None:
        await self.adapter.close()
        for peripheral in list(self._running.values()):
            await peripheral.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        with bleak_on(self.adapter):
            yield

    def drop(self, peripheral: Addressed) -> None:
        """The link is lost: both ends see a supervision timeout."""
        if controller := self._peripherals.get(peripheral.address):
            controller.drop_all(SUPERVISION_TIMEOUT)

    def set_range(self, peripheral: Addressed, is_in_range: bool) -> None:
        """Out of range nothing is heard and the link drops. May be said before the peripheral starts."""
        (self._out_of_range.discard if is_in_range else self._out_of_range.add)(peripheral.address)
        if controller := self._peripherals.get(peripheral.address):
            controller.in_range = is_in_range
            if not is_in_range:
                controller.drop_all(SUPERVISION_TIMEOUT)

    def set_deaf(self, peripheral: Addressed, is_deaf: bool) -> None:
        """It is heard, but hears nobody: an attempt to connect has no end."""
        self._peripherals[peripheral.address].is_deaf = is_deaf

    def set_rssi(self, peripheral: Addressed, rssi_dbm: int) -> None:
        self._rssi_dbm[peripheral.address] = rssi_dbm
        if controller := self._peripherals.get(peripheral.address):
            controller.rssi_dbm = rssi_dbm

    def attach_peripheral(self, name: str, address: str, owner: Stoppable) -> Device:
        """A Bumble device on this air, not yet powered on. Closing the air stops its owner."""
        if address in self._peripherals:
            raise ValueError(f"{name}: another peripheral already has the address {address}")
        controller = VirtualController(name, link=self.link)
        controller.in_range = address not in self._out_of_range
        controller.rssi_dbm = self._rssi_dbm.get(address, controller.rssi_dbm)
        self._peripherals[address] = controller
        self._running[address] = owner
        return Device(name=name, address=hci.Address(address), host=QuietHost(controller, controller))

    def detach_peripheral(self, address: str) -> None:
        self._running.pop(address, None)
        if controller := self._peripherals.pop(address, None):
            controller.host = None
            controller.drop_all(HUNG_UP_BY_PERIPHERAL)
            self.detach(controller)

    def attach_central(self, address: str = ADAPTER_ADDRESS) -> VirtualController:
        """A controller for a host that scans and connects."""
        public = hci.Address(address, hci.Address.PUBLIC_DEVICE_ADDRESS)
        controller = VirtualController(f"adapter {address}", link=self.link, public_address=public)
        self.link.centrals.add(controller)
        return controller

    def detach(self, controller: VirtualController) -> None:
        controller.host = None
        controller.reset()
        self.link.remove_controller(controller)

    async def _open_local_line(self, _on_broken: Callable[[], None]) -> Line:
        controller = self.attach_central()
        return Line(source=controller, sink=controller, close=lambda: self.detach(controller))
