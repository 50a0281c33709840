"""BlueZ beside bleak: our own pairing agent, switching adapters off and on, and noticing that bluetoothd restarted."""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final
from weakref import WeakSet

from bleak import BleakClient, BleakScanner
from bleak.backends.bluezdbus.manager import BlueZManager, get_global_bluez_manager
from bleak.backends.device import BLEDevice
from bleak.exc import BleakDBusError
from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from edge.doors import Detected, Dropped

BLUEZ: Final = "org.bluez"
ADAPTER, DEVICE, AGENT = "org.bluez.Adapter1", "org.bluez.Device1", "org.bluez.Agent1"
PROPERTIES: Final = "org.freedesktop.DBus.Properties"
AGENT_PATH: Final = "/no/hjemvakt/agent"
ROOT: Final = "/org/bluez"
WATCH: Final = (
    f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{BLUEZ}'",
    f"type='signal',sender='{BLUEZ}',member='PropertiesChanged',arg0='{ADAPTER}'",
    f"type='signal',sender='{BLUEZ}',member='InterfacesRemoved'",
)
POWER_OFF_S: Final = 1.0
CALL_S: Final = 10.0

log = logging.getLogger(__name__)


class Bluez:
    """One connection to the system bus for all adapters. An agent of NoInputNoOutput: it agrees to pair with devices
    that we visit, and with no others. bluetoothd pairs by itself when a device refuses our write for want of a key.

    `pairs` False: no agent of ours, for there is one at a time and a running gateway needs its own."""

    def __init__(self, *, pairs: bool = True) -> None:
        self._pairs = pairs
        self._bus: MessageBus | None = None
        self._opening = asyncio.Lock()
        self._is_gone = False
        self._waiting: dict[asyncio.Future[None], str | None] = {}
        self._clients: WeakSet[BleakClient] = WeakSet()  # of a visit, which is the only one that holds it

    async def open(self) -> None:
        async with self._opening:
            if self._bus is not None and self._bus.connected and not self._is_gone:
                return
            self.close()
            self._is_gone = False
            bus = MessageBus(bus_type=BusType.SYSTEM)
            try:
                self._bus = await bus.connect()
                bus.add_message_handler(self._answer)
                for rule in WATCH:
                    await self.call("/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s", [rule], BUS)
                if self._pairs:
                    await self.call("/org/bluez", "org.bluez.AgentManager1", "RegisterAgent", "os", [AGENT_PATH, NO_IO])
                    await self.call("/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", "o", [AGENT_PATH])
            except BaseException:
                bus.disconnect()
                self._bus = None
                raise
            # One for all: cancelling this wait would cancel what dbus-fast itself waits with.
            ended: Coroutine[Any, Any, None] = bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
            asyncio.ensure_future(ended).add_done_callback(partial(self._ended, bus))

    def close(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()  # bluetoothd forgets the agent with it

    async def gone(self, adapter: str | None) -> None:
        """bluetoothd or the system bus ended, or this adapter (None: any) was switched off or pulled out."""
        if self._is_gone:
            return
        gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[gone] = adapter
        try:
            await gone
        finally:
            del self._waiting[gone]

    def visited_by(self, client: BleakClient) -> None:
        """The device may pair with us until the client is dropped."""
        self._clients.add(client)

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

    def _ended(self, bus: MessageBus, ending: "asyncio.Future[None]") -> None:
        if not ending.cancelled():
            ending.exception()
        if bus is self._bus:
            self._is_gone = True
            self._tell(None)

    def _tell(self, adapter_path: str | None) -> None:
        for waiting, adapter in self._waiting.items():
            if not waiting.done() and (adapter_path is None or adapter is None or adapter_path == f"{ROOT}/{adapter}"):
                waiting.set_result(None)

    def _answer(self, message: Message) -> Message | None:
        if message.message_type is MessageType.SIGNAL:
            self._signalled(message)
            return None
        if message.message_type is not MessageType.METHOD_CALL or message.interface != AGENT:
            return None
        if message.member in ("Release", "Cancel"):
            return Message.new_method_return(message)
        name = str(message.body[0]).rsplit("/", 1)[-1] if message.body else ""
        if message.member in ("RequestConfirmation", "RequestAuthorization", "AuthorizeService"):
            if any(device_name(client.address) == name for client in self._clients):
                return Message.new_method_return(message)
            log.warning("%s wanted to pair with us by itself, refused", name)
        return Message.new_error(message, "org.bluez.Error.Rejected", "not asked for")

    def _signalled(self, message: Message) -> None:
        match message.member, message.body:
            case "NameOwnerChanged", [str(name), str(before), _] if name == BLUEZ and before:
                self._is_gone = True  # it had an owner, who is gone
                self._tell(None)
            case "PropertiesChanged", [str(interface), dict(changed), _] if interface == ADAPTER:
                if "Powered" in changed and not changed["Powered"].value:
                    self._tell(message.path)
            case "InterfacesRemoved", [str(path), list(interfaces)] if ADAPTER in interfaces:
                self._tell(path)


BUS, NO_IO = "org.freedesktop.DBus", "NoInputNoOutput"


class BluezDoor:
    """`adapter`: hci0; None: the first one that the machine has."""

    def __init__(self, bluez: Bluez, adapter: str | None = None) -> None:
        self.name = adapter or "hci"
        self._bluez, self._adapter = bluez, adapter
        self._known: BlueZManager | None = None

    async def open(self) -> None:
        await self._bluez.open()
        self._known = await get_global_bluez_manager()

    async def close(self) -> None:
        self._bluez.close()

    def scanner(self, detected: Detected) -> BleakScanner:
        return BleakScanner(detected, bluez={"adapter": self._adapter} if self._adapter else {})

    def client(self, device: BLEDevice, dropped: Dropped, timeout_s: float) -> BleakClient:
        client = BleakClient(device, dropped, timeout=timeout_s)
        self._bluez.visited_by(client)
        return client

    async def pair(self, client: BleakClient) -> None:
        await client.pair()

    def is_bonded(self, device: BLEDevice) -> bool:
        """What bleak last heard from bluetoothd; the properties in `device` are those of its first advertisement."""
        return self._known is not None and self._known.is_paired(device.details["path"])

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
        await self._bluez.gone(self._adapter)

    async def _power(self, path: str, *, on: bool) -> None:
        await self._bluez.call(path, PROPERTIES, "Set", "ssv", [ADAPTER, "Powered", Variant("b", on)])

    async def _path(self) -> str:
        if self._adapter is not None:
            return f"{ROOT}/{self._adapter}"
        (objects,) = await self._bluez.call("/", "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
        adapters = sorted(path for path, interfaces in objects.items() if ADAPTER in interfaces)
        if not adapters:
            raise BleakDBusError("org.bluez.Error.NotAvailable", ["the machine has no Bluetooth adapter"])
        return str(adapters[0])


def device_name(address: str) -> str:
    """The last part of its D-Bus path."""
    return "dev_" + address.upper().replace(":", "_")
