"""bleak's scanner and client on a Bumble adapter: what bleak's BlueZ backend does, without D-Bus."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import bleak
from bleak import BleakScanner
from bleak.args import SizedBuffer
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bumble import core, hci

from devices.virtual.adapter import Adapter, Report, uninterrupted
from devices.virtual.adverts import parse_advert
from devices.virtual.session import Session

DISCONNECT_S = 5.0
MTU_WHEN_UNKNOWN = 23
BLEAK_CHOOSES_BY = ("get_platform_scanner_backend_type", "get_platform_client_backend_type")


def backends(adapter: Adapter) -> "tuple[type[BumbleScanner], type[BumbleClient]]":
    """Classes for bleak's `backend=` argument."""
    scanner = type("BumbleScanner", (BumbleScanner,), {"adapter": adapter})
    client = type("BumbleClient", (BumbleClient,), {"adapter": adapter, "scanner": scanner})
    return scanner, client


@contextlib.contextmanager
def bleak_on(adapter: Adapter) -> Iterator[None]:
    """Every `BleakScanner(...)` and `BleakClient(...)` made in the process uses `adapter`, until the block ends."""
    scanner, client = backends(adapter)
    chosen_by_bleak = vars(bleak)
    before = {name: chosen_by_bleak[name] for name in BLEAK_CHOOSES_BY}
    chosen_by_bleak.update(
        zip(BLEAK_CHOOSES_BY, (lambda: (scanner, "bumble"), lambda: (client, "bumble")), strict=True)
    )
    try:
        yield
    finally:
        chosen_by_bleak.update(before)


class BumbleScanner(BaseBleakScanner):
    adapter: Adapter

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: str = "active",
        **_platform_arguments: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._is_running = False

    async def start(self) -> None:
        if self._is_running:
            raise BleakError("the scanner is already running")
        self.seen_devices = {}
        self._is_running = True
        try:
            await self.adapter.listen(self)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        self._is_running = False
        await self.adapter.stop_listening(self)

    def on_report(self, report: Report) -> None:
        advert = parse_advert(bytes(report.data))
        uuids = list(advert.service_uuids)
        if not self.is_allowed_uuid(uuids):
            return
        seen = AdvertisementData(
            local_name=advert.local_name,
            manufacturer_data=dict(advert.manufacturer_data),
            service_data=dict(advert.service_data),
            service_uuids=uuids,
            tx_power=advert.tx_power_dbm,
            rssi=report.rssi,
            platform_data=(report,),
        )
        address = report.address.to_string(False)
        device = self.create_or_update_device(address, address, advert.local_name, report.address, seen)
        # later, so that an exception in a callback stays out of Bumble
        asyncio.get_running_loop().call_soon(self._tell, device, seen)

    def _tell(self, device: BLEDevice, seen: AdvertisementData) -> None:
        if self._is_running:
            self.call_detection_callbacks(device, seen)


class BumbleClient(BaseBleakClient):
    adapter: Adapter
    scanner: type[BumbleScanner]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        services: set[str] | None = None,
        disconnected_callback: Any = None,
        timeout: float,
        **_platform_arguments: Any,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._device = address_or_ble_device if isinstance(address_or_ble_device, BLEDevice) else None
        self._wanted_services = services
        self._session: Session | None = None
        self._is_ready = False
        self._subscribed: set[int] = set()

    @property
    def name(self) -> str:
        known = self._device.name if self._device is not None else None
        return known or self.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return self._session.gatt.mtu if self._session is not None else MTU_WHEN_UNKNOWN

    @property
    def is_connected(self) -> bool:
        return self._is_ready and self._session is not None

    async def connect(self, pair: bool, **kwargs: Any) -> None:
        if self._session is not None:
            raise BleakError("Client is already connected")
        timeout: float = kwargs.get("timeout", self._timeout)
        peer = await self._find(timeout)
        async with asyncio.timeout(timeout):
            self._session = session = Session(await self.adapter.connect(peer), self._on_lost)
            try:
                if pair or await self.adapter.keystore.get(str(peer)) is not None:
                    await session.pair()
                self.services = await session.discover(self._wanted_services)
            except BaseException:
                await uninterrupted(self._hang_up(session))
                raise
        if not session.is_alive:
            raise BleakError("disconnected while connecting")
        self._is_ready = True

    async def _find(self, timeout: float) -> hci.Address:
        if self._device is None:
            self._device = await BleakScanner.find_device_by_address(self.address, timeout, backend=self.scanner)
        if self._device is None:
            raise BleakDeviceNotFoundError(self.address, f"Device with address {self.address} was not found.")
        details = self._device.details
        return details if isinstance(details, hci.Address) else hci.Address(self.address)

    def _on_lost(self) -> None:
        """The one place where a connection ends, whoever ended it."""
        was_ready, self._is_ready = self._is_ready, False
        self._session = self.services = None
        self._subscribed.clear()
        if was_ready and self._disconnected_callback is not None:
            asyncio.get_running_loop().call_soon(self._disconnected_callback)

    async def disconnect(self) -> None:
        if self._session is not None:
            await uninterrupted(self._hang_up(self._session))

    async def _hang_up(self, session: Session) -> None:
        try:
            async with asyncio.timeout(DISCONNECT_S):
                await session.disconnect()
        except core.BaseBumbleError:
            pass  # it was lost while we hung up
        if session is self._session:
            self._on_lost()

    def _live(self) -> Session:
        if self._session is None:
            raise BleakError("Not connected")
        return self._session

    async def pair(self, *_args: Any, **_kwargs: Any) -> None:
        await self._live().pair()

    async def unpair(self) -> None:
        await self.disconnect()
        await self.adapter.forget(await self._find(self._timeout))

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **_kwargs: Any
    ) -> bytearray:
        session = self._live()
        return bytearray(await session.request(session.gatt.read_value(characteristic.obj)))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **_kwargs: Any
    ) -> bytearray:
        session = self._live()
        return bytearray(await session.request(session.gatt.read_value(descriptor.obj)))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        session = self._live()
        await session.request(session.gatt.write_value(characteristic.obj, bytes(data), response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        session = self._live()
        await session.request(session.gatt.write_value(descriptor.obj, bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **_kwargs: Any
    ) -> None:
        session, handle, loop = self._live(), characteristic.handle, asyncio.get_running_loop()
        if handle in self._subscribed:
            raise BleakError("Characteristic notifications already started")
        self._subscribed.add(handle)

        def deliver(value: bytes) -> None:  # later, so that an exception in the callback stays out of Bumble
            loop.call_soon(callback, bytearray(value))

        try:
            await session.subscribe(characteristic.obj, deliver)
        except BaseException:
            self._subscribed.discard(handle)
            raise

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        session = self._live()
        if characteristic.handle in self._subscribed:
            self._subscribed.discard(characteristic.handle)
            await session.unsubscribe(characteristic.obj)
