"""A GATT server with battery and device information, as every connectable medical device has them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from bumble import att
from bumble.core import UUID
from bumble.device import Connection, Device
from bumble.gatt import Characteristic, Service

from devices.virtual.adverts import build_advert, uuid_text
from devices.virtual.gatt_servers.base import FAST_ADVERTISING_MS, Advertising, OnSaid, Peripheral
from devices.virtual.radio import Air

READ, WRITE, NOTIFY, INDICATE = (
    Characteristic.Properties.READ,
    Characteristic.Properties.WRITE,
    Characteristic.Properties.NOTIFY,
    Characteristic.Properties.INDICATE,
)
NO_PERMISSION = att.Attribute.Permissions(0)
READABLE, WRITEABLE = att.Attribute.READABLE, att.Attribute.WRITEABLE
NEEDS_ENCRYPTION = att.Attribute.WRITE_REQUIRES_ENCRYPTION
ATT_NOTIFICATION = 0x1B  # Core 5.4 vol 3 part F 3.4.7.1
NOTIFICATIONS_ON, INDICATIONS_ON = 0x01, 0x02  # Core 5.4 vol 3 part G 3.3.3.3

DEVICE_INFORMATION_SERVICE, BATTERY_SERVICE, BATTERY_LEVEL = 0x180A, 0x180F, 0x2A19


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceInformation:
    manufacturer: str = "Hjemvakt virtual"
    model: str = "V1"
    serial: str = "0"
    firmware: str = "1.0"


INFORMATION_UUIDS = {"manufacturer": 0x2A29, "model": 0x2A24, "serial": 0x2A25, "firmware": 0x2A26}


class ConnectablePeripheral(Peripheral):
    service_uuid: int  # the service by which scanners know it

    def __init__(
        self,
        air: Air,
        *,
        name: str,
        address: str,
        on_said: OnSaid | None = None,
        information: DeviceInformation | None = None,
        battery_percent: int = 100,
        advertising_interval_ms: float = FAST_ADVERTISING_MS,
    ) -> None:
        super().__init__(air, name=name, address=address, on_said=on_said)
        self._information = information or DeviceInformation()
        self._battery = characteristic(BATTERY_LEVEL, READ | NOTIFY, bytes([battery_percent]))
        self._interval_ms = advertising_interval_ms
        self._gone: dict[Connection, asyncio.Future[None]] = {}

    def services(self) -> Sequence[Service]:
        raise NotImplementedError

    def advertising(self) -> Advertising | None:
        return Advertising(
            data=build_advert(self.name, service_uuids=[self.service_uuid]),
            is_connectable=True,
            interval_ms=self._interval_ms,
        )

    async def set_battery(self, percent: int) -> None:
        self._battery.value = bytes([percent])
        self.notify(self._battery, bytes([percent]))

    def notify(self, about: Characteristic[bytes], value: bytes) -> int:
        """How many readers it was sent to."""
        readers = self._subscribers(about, NOTIFICATIONS_ON)
        for reader in readers:
            self.notify_one(reader, about, value)
        return len(readers)

    def notify_one(self, reader: Connection, about: Characteristic[bytes], value: bytes) -> None:
        """Straight to the link: Bumble's own way formats each packet for its log, and that is a fifth of the cost."""
        packet = bytes([ATT_NOTIFICATION]) + about.handle.to_bytes(2, "little") + value
        self.device.gatt_server.send_gatt_pdu(reader, packet[: reader.att_mtu])
        self.said(uuid_text(bytes(about.uuid)), value)

    async def indicate(self, about: Characteristic[bytes], value: bytes, reader: Connection) -> bool:
        """Whether the reader confirmed it. Bumble gives it 30 s; a lost link ends it at once."""
        if reader not in self.connections:
            return False
        gone = self._gone.setdefault(reader, asyncio.get_running_loop().create_future())
        sent = asyncio.ensure_future(self.device.indicate_subscriber(reader, about, value, force=True))
        self.said(uuid_text(bytes(about.uuid)), value)
        either: set[asyncio.Future[Any]] = {sent, gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sent.cancel()
        return sent.done() and not sent.cancelled() and sent.exception() is None

    def _subscribers(self, about: Characteristic[bytes], wanted: int) -> list[Connection]:
        if not self.is_started:
            return []
        return [
            reader
            for reader, configured in self.device.gatt_server.subscribers.items()
            if isinstance(reader, Connection) and configured.get(about.handle, b"\x00")[0] & wanted
        ]

    def is_subscribed(self, reader: Connection, about: Characteristic[bytes], wanted: int) -> bool:
        return reader in self._subscribers(about, wanted)

    def on_disconnected(self, connection: Connection) -> None:
        gone = self._gone.pop(connection, None)
        if gone is not None and not gone.done():
            gone.set_result(None)

    def _prepare(self, device: Device) -> None:
        device.add_services([*self.services(), self._information_service(), service(BATTERY_SERVICE, self._battery)])

    def _information_service(self) -> Service:
        texts = [
            characteristic(INFORMATION_UUIDS[entry.name], READ, getattr(self._information, entry.name).encode())
            for entry in fields(self._information)
        ]
        return service(DEVICE_INFORMATION_SERVICE, *texts)


def service(uuid: int, *characteristics: Characteristic[Any]) -> Service:
    return Service(UUID.from_16_bits(uuid), list(characteristics))


def characteristic(
    uuid: int,
    properties: Characteristic.Properties,
    value: bytes | att.AttributeValue[bytes] = b"",
    permissions: att.Attribute.Permissions = NO_PERMISSION,
) -> Characteristic[bytes]:
    if properties & READ:
        permissions |= READABLE
    return Characteristic(UUID.from_16_bits(uuid), properties, permissions, value)
