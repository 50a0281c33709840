"""One live connection to a peripheral: ATT procedures that never outlive the link and never mix up their answers."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError
from bumble import att, core, hci
from bumble.device import Connection
from bumble.gatt import GATT_CLIENT_CHARACTERISTIC_CONFIGURATION_DESCRIPTOR as CCCD
from bumble.gatt_client import CharacteristicProxy, ServiceProxy

from devices.virtual.adapter import outcome
from devices.virtual.adverts import uuid_text

LARGEST_MTU = 517
NOTIFY, INDICATE = 0x10, 0x20
KEY_IS_WRONG = (  # Core 5.4 vol 1 part F 1.3: it has none for us, or another one
    hci.HCI_ErrorCode.AUTHENTICATION_FAILURE_ERROR,
    hci.HCI_ErrorCode.PIN_OR_KEY_MISSING_ERROR,
    hci.HCI_ErrorCode.CONNECTION_TERMINATED_DUE_TO_MIC_FAILURE_ERROR,
)
PROPERTY_NAMES: dict[int, CharacteristicPropertyName] = {  # Core 5.4 vol 3 part G 3.3.1.1, and bleak's words for them
    0x01: "broadcast",
    0x02: "read",
    0x04: "write-without-response",
    0x08: "write",
    NOTIFY: "notify",
    INDICATE: "indicate",
    0x40: "authenticated-signed-writes",
    0x80: "extended-properties",
}
T = TypeVar("T")


class Session:
    def __init__(self, connection: Connection, on_lost: Callable[[], None]) -> None:
        self.connection = connection
        self.gatt = connection.gatt_client
        self._on_lost = on_lost
        self._lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running: set[asyncio.Future[Any]] = set()
        self._ended_by = 0
        connection.on(connection.EVENT_DISCONNECTION, self._end)
        if connection.device.lookup_connection(connection.handle) is not connection:
            self._end(0)  # it was lost before anybody could listen

    @property
    def is_alive(self) -> bool:
        return not self._lost.done()

    def _end(self, reason: int) -> None:
        if self._lost.done():
            return
        self._ended_by = reason
        self._lost.set_result(None)
        # A procedure may survive its cancellation (asyncio.wait_for of Python 3.11): its next packet ends it.
        self.gatt.send_gatt_pdu = _refuse  # type: ignore[method-assign,assignment]
        for task in self._running:
            task.cancel()
        self._on_lost()

    async def request(self, procedure: Coroutine[Any, Any, T]) -> T:
        """Run one procedure. It runs on if the caller gives up: else the next one would be given its late answer."""
        if self._lost.done():
            procedure.close()
            raise BleakError("Not connected")
        task = asyncio.ensure_future(procedure)
        self._running.add(task)
        task.add_done_callback(self._finished)
        either: set[asyncio.Future[Any]] = {task, self._lost}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not task.done() or task.cancelled():
            raise BleakError("disconnected while waiting for an answer")
        try:
            return outcome(task)
        except att.ATT_Error as error:
            raise BleakGATTProtocolError(int(error.error_code)) from error
        except (core.BaseBumbleError, TimeoutError) as error:
            raise BleakError(str(error) or type(error).__name__) from error

    def _finished(self, task: asyncio.Future[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()

    async def disconnect(self) -> None:
        if self.is_alive:
            await self.connection.disconnect()

    async def discover(self, wanted: set[str] | None) -> BleakGATTServiceCollection:
        """All services, or only the `wanted` ones."""
        await self.request(self.gatt.request_mtu(LARGEST_MTU))
        await self.request(self.gatt.discover_services())
        found = BleakGATTServiceCollection()
        for proxy in self.gatt.services:
            if wanted is None or uuid_text(bytes(proxy.uuid)) in wanted:
                await self._discover_service(proxy, found)
        return found

    async def _discover_service(self, proxy: ServiceProxy, found: BleakGATTServiceCollection) -> None:
        service = BleakGATTService(proxy, proxy.handle, uuid_text(bytes(proxy.uuid)))
        found.add_service(service)
        for characteristic_proxy in await self.request(proxy.discover_characteristics()):
            characteristic = self._characteristic(characteristic_proxy, service)
            found.add_characteristic(characteristic)
            for descriptor in await self.request(characteristic_proxy.discover_descriptors()):
                uuid = uuid_text(bytes(descriptor.type))
                found.add_descriptor(BleakGATTDescriptor(descriptor, descriptor.handle, uuid, characteristic))

    def _characteristic(self, proxy: CharacteristicProxy[bytes], service: BleakGATTService) -> BleakGATTCharacteristic:
        return BleakGATTCharacteristic(
            proxy,
            proxy.handle,
            uuid_text(bytes(proxy.uuid)),
            [name for bit, name in PROPERTY_NAMES.items() if proxy.properties & bit],
            lambda: self.gatt.mtu - 3,
            service,
        )

    async def subscribe(self, proxy: CharacteristicProxy[bytes], deliver: Callable[[bytes], None]) -> None:
        """Notifications rather than indications where a characteristic has both, as bleak promises."""
        if proxy.properties & NOTIFY:
            subscribers, bits = self.gatt.notification_subscribers, b"\x01\x00"
        elif proxy.properties & INDICATE:
            subscribers, bits = self.gatt.indication_subscribers, b"\x02\x00"
        else:
            raise BleakError(f"characteristic {proxy.uuid} can neither notify nor indicate")
        subscribers[proxy.handle] = {deliver}
        try:
            await self._configure(proxy, bits)
        except BaseException:
            subscribers.pop(proxy.handle, None)
            raise

    async def unsubscribe(self, proxy: CharacteristicProxy[bytes]) -> None:
        try:
            await self._configure(proxy, b"\x00\x00")
        finally:
            self.gatt.notification_subscribers.pop(proxy.handle, None)
            self.gatt.indication_subscribers.pop(proxy.handle, None)

    async def _configure(self, proxy: CharacteristicProxy[bytes], bits: bytes) -> None:
        descriptor = proxy.get_descriptor(CCCD)
        if descriptor is None:
            raise BleakError(f"characteristic {proxy.uuid} has no client configuration descriptor")
        await self.request(self.gatt.write_value(descriptor, bits, with_response=True))

    async def pair(self) -> None:
        """Encrypt with the bond that there is, or make one. A refusal is the error that BlueZ makes of it."""
        if self.connection.is_encrypted:
            return
        device, peer = self.connection.device, str(self.connection.peer_address)
        bond = await device.keystore.get(peer) if device.keystore is not None else None
        try:
            await self.request(self.connection.pair() if bond is None else self.connection.encrypt())
        except BleakError as error:
            if self._is_refusal(error.__cause__):
                raise BleakDBusError("org.bluez.Error.AuthenticationFailed", ["Authentication Failed"]) from error
            raise

    def _is_refusal(self, error: BaseException | None) -> bool:
        if not isinstance(error, core.ProtocolError):
            return self._ended_by in KEY_IS_WRONG
        return error.error_namespace == "smp" or error.error_code in KEY_IS_WRONG


def _refuse(_pdu: bytes) -> None:
    raise core.InvalidStateError("the link is gone")
