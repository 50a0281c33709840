"""BlueZ beside bleak: our own pairing agent, switching adapters off and on, and noticing that bluetoothd restarted."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from edge.doors import Detected, Dropped

BLUEZ: Final = "org.bluez"
ADAPTER, DEVICE, AGENT = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.Agent1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
AGENT_PATH: Final = "/no/hjemvakt/agent"
WATCH: Final = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{BLUEZ}'"
POWER_OFF_S: Final = 1.0
CALL_S: Final = 10.0

log = logging.getLogger(__name__)


class Bluez:
    """One connection to the system bus for all adapters. An agent of NoInputNoOutput: it agrees to the pairings that we
    began, and to no others."""

    def __init__(self) -> None:
        self._bus: MessageBus | None = None
        self._opening = asyncio.Lock()
        self._gone = asyncio.Event()
        self._pairing: set[str] = set()

    async def open(self) -> None:
        async with self._opening:
            if self._bus is not None and self._bus.connected and not self._gone.is_set():
                return
            self.close()
            self._gone.clear()
            bus = MessageBus(bus_type=BusType.SYSTEM)
            try:
                self._bus = await bus.connect()
                bus.add_message_handler(self._answer)
                await self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", [WATCH], BUS)
                await self.call("/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", [AGENT_PATH, NO_IO])
                await self.call("/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", "o", [AGENT_PATH])
            except BaseException:
                bus.disconnect()
                self._bus = None
                raise

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()  # bluetoothd forgets the agent with it

    async def gone(self) -> None:
        """bluetoothd ended, or the system bus did."""
        assert self._bus is not None
        ended: Coroutine[Any, Any, None] = self._bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
        either: set[asyncio.Future[Any]] = {asyncio.ensure_future(self._gone.wait()), asyncio.ensure_future(ended)}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in either:
                waiting.cancel()

    @contextlib.contextmanager
    def pairing(self, address: str) -> Iterator[None]:
        name = device_name(address)
        self._pairing.add(name)
        try:
            yield
        finally:
            self._pairing.discard(name)

    async def call(
        self, path: str, interface: str, member: str, signature: str = "", body: Any = (), to: str = BLUEZ
    ) -> list[Any]:
        if self._bus is None:
            raise BleakDBusError("org.freedesktop.DBus.Error.Disconnected", ["not connected to the system bus"])
        message = Message(
            destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
        )
        async with asyncio.timeout(CALL_S):
            reply = await self._bus.call(message)
        assert reply is not None
        if reply.message_type is MessageType.ERROR:
            raise BleakDBusError(reply.error_name or "", reply.body)
        return reply.body

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is MessageType.SIGNAL and message.member == "NameOwnerChanged":
            if message.body[0] == BLUEZ and message.body[1]:  # it had an owner, who is gone
                self._gone.set()
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.interface != AGENT:
            return None
        if message.member in ("Release", "Cancel"):
            return Message.new_method_return(message)
        name = str(message.body[0]).rsplit("/", 1)[-1] if message.body else ""
        if message.member in ("RequestConfirmation", "RequestAuthorization", "AuthorizeService"):
            if name in self._pairing:
                return Message.new_method_return(message)
            log.warning("%s wanted to pair with us by itself, refused", name)
        return Message.new_error(message, "org.bluez.Error.Rejected", "not asked for")


BUS, NO_IO = "org.freedesktop.DBus", "NoInputNoOutput"


class BluezDoor:
    """`adapter`: hci0; None: the first one that the machine has."""

    def __init__(self, bluez: Bluez, adapter: str | None = None) -> None:
        self.name = adapter or "hci"
        self._bluez, self._adapter = bluez, adapter

    async def open(self) -> None:
        await self._bluez.open()

    async def close(self) -> None:
        self._bluez.close()

    def scanner(self, detected: Detected) -> BleakScanner:
        return BleakScanner(detected, bluez={"adapter": self._adapter} if self._adapter else {})

    def client(self, device: BLEDevice, dropped: Dropped, timeout_s: float) -> BleakClient:
        return BleakClient(device, dropped, timeout=timeout_s)

    async def pair(self, client: BleakClient) -> None:
        with self._bluez.pairing(client.address):
            await client.pair()

    async def forget(self, device: BLEDevice) -> None:
        path = f"{await self._path()}/{device_name(device.address)}"
        with contextlib.suppress(BleakDBusError):  # it is not there: forgotten already
            await self._bluez.call(await self._path(), ADAPTER, "RemoveDevice", "o", [path])

    async def power_cycle(self) -> None:
        path = await self._path()
        with contextlib.suppress(BleakDBusError):  # it hangs, or is off: on is what matters
            await self._power(path, on=False)
        await asyncio.sleep(POWER_OFF_S)
        await self._power(path, on=True)

    async def gone(self) -> None:
        await self._bluez.gone()

    async def _power(self, path: str, *, on: bool) -> None:
        await self._bluez.call(path, PROPERTIES, "Set", "ssv", [ADAPTER, "Powered", Variant("b", on)])

    async def _path(self) -> str:
        if self._adapter is not None:
            return f"/org/bluez/{self._adapter}"
        (objects,) = await self._bluez.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        adapters = sorted(path for path, interfaces in objects.items() if ADAPTER in interfaces)
        if not adapters:
            raise BleakDBusError("org.bluez.Error.NotAvailable", ["the machine has no Bluetooth adapter"])
        return str(adapters[0])


def device_name(address: str) -> str:
    """The last part of its D-Bus path."""
    return "dev_" + address.upper().replace(":", "_")
