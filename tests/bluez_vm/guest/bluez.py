"""org.bluez as a technician with busctl sees it. Waiting is for a signal, never for a while."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, TypeVar

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
PATIENCE_S: Final = 30.0

Objects = dict[str, dict[str, dict[str, Any]]]
T = TypeVar("T")


class Refused(Exception):
    """BlueZ, or the bus in its place, answered with an error."""


class BlueZ:
    def __init__(self, bus: MessageBus) -> None:
        self._bus = bus
        self._stirred = asyncio.Event()

    async def listen(self) -> None:
        for rule in ("sender='org.bluez'", "member='NameOwnerChanged',arg0='org.bluez'"):
            await self._ask("org.freedesktop.DBus", "/org/freedesktop/DBus", "AddMatch", "s", [f"type='signal',{rule}"])
        self._bus.add_message_handler(self._on_message)

    def _on_message(self, message: Message) -> None:
        if message.message_type is MessageType.SIGNAL:
            self._stirred.set()

    async def objects(self) -> Objects:
        """Nothing while bluetoothd is not there."""
        try:
            body = await self._ask(
                "org.bluez", "/", "GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager"
            )
        except Refused:
            return {}
        return {
            path: {
                interface: {name: value.value for name, value in properties.items()}
                for interface, properties in interfaces.items()
            }
            for path, interfaces in body[0].items()
        }

    async def until(self, found: Callable[[Objects], T | None], limit_s: float = PATIENCE_S) -> T:
        async with asyncio.timeout(limit_s):
            while True:
                self._stirred.clear()
                if (value := found(await self.objects())) is not None:
                    return value
                await self._stirred.wait()

    async def pid(self) -> int:
        """Of bluetoothd, once it is there."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self._stirred.clear()
                with contextlib.suppress(Refused):
                    bus = "org.freedesktop.DBus"
                    body = await self._ask(
                        bus, "/org/freedesktop/DBus", "GetConnectionUnixProcessID", "s", ["org.bluez"]
                    )
                    return int(body[0])
                await self._stirred.wait()

    async def until_gone(self, killed: int) -> None:
        """Another bluetoothd is there in its place."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.pid() == killed:
                self._stirred.clear()
                await self._stirred.wait()

    async def powered_adapter(self, address: str) -> str:
        """Its path, once it is there; bluetoothd switches a new adapter on by itself (AutoEnable)."""
        return await self.until(lambda objects: _path_of(objects, ADAPTER, address, Powered=True))

    async def until_connected(self, address: str, is_connected: bool = True) -> str:
        return await self.until(lambda objects: _path_of(objects, DEVICE, address, Connected=is_connected))

    async def device(self, address: str) -> dict[str, Any] | None:
        objects = await self.objects()
        path = _path_of(objects, DEVICE, address)
        return objects[path][DEVICE] if path else None

    async def remove(self, address: str) -> None:
        path = await self.until(lambda objects: _path_of(objects, DEVICE, address))
        await self._ask("org.bluez", path.rsplit("/", 1)[0], "RemoveDevice", "o", [path], interface=ADAPTER)

    async def set_powered(self, adapter: str, is_powered: bool) -> None:
        body = [ADAPTER, "Powered", Variant("b", is_powered)]
        await self._ask("org.bluez", adapter, "Set", "ssv", body, interface="org.freedesktop.DBus.Properties")

    async def _ask(
        self, name: str, path: str, member: str, signature: str = "", body: list[Any] | None = None, interface: str = ""
    ) -> list[Any]:
        async with asyncio.timeout(PATIENCE_S):
            answer = await self._bus.call(
                Message(
                    destination=name,
                    path=path,
                    interface=interface or name,
                    member=member,
                    signature=signature,
                    body=body or [],
                )
            )
        if answer.message_type is MessageType.ERROR:
            raise Refused(f"{member}: {answer.error_name} {answer.body}")
        return list(answer.body)


def _path_of(objects: Objects, interface: str, address: str, **properties: Any) -> str | None:
    for path, interfaces in objects.items():
        has = interfaces.get(interface, {})
        if has.get("Address") == address and all(has.get(name) == value for name, value in properties.items()):
            return path
    return None


@contextlib.asynccontextmanager
async def bluez_on_the_bus() -> AsyncIterator[BlueZ]:
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    try:
        bluez = BlueZ(bus)
        await bluez.listen()
        yield bluez
    finally:
        bus.disconnect()
        await bus.wait_for_disconnect()  # type: ignore[no-untyped-call]
