"""What a spot-check device is that keeps its measurements: silent until it has measured, on the air for some seconds
then, and each measurement is kept until a reader has confirmed it, the oldest first."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers.base import Advertising
from devices.virtual.gatt_servers.connectable import INDICATIONS_ON, ConnectablePeripheral, service
from devices.virtual.radio import Air

ON_THE_AIR_S = 10.0
MEMORY_SLOTS = 30


class SpotMeter(ConnectablePeripheral):
    """Subclasses say which characteristics there are. When the memory is full the oldest message is lost and counted
    in `lost`."""

    def __init__(self, air: Air, *, on_the_air_s: float = ON_THE_AIR_S, **common: Any) -> None:
        super().__init__(air, **common)
        self.lost = 0
        self._unsent: deque[tuple[Characteristic[bytes], bytes]] = deque()
        self._on_the_air_s = on_the_air_s
        self._silence: asyncio.TimerHandle | None = None
        self._sending: set[Connection] = set()

    def characteristics(self) -> Sequence[Characteristic[Any]]:
        raise NotImplementedError

    def is_ready(self, reader: Connection) -> bool:
        """For subclasses that want something of the reader first."""
        return True

    @property
    def unsent(self) -> tuple[bytes, ...]:
        """What no reader has confirmed yet, oldest first."""
        return tuple(value for _, value in self._unsent)

    def services(self) -> Sequence[Service]:
        return [service(self.service_uuid, *self.characteristics())]

    def indicating(self, about: Characteristic[bytes]) -> Characteristic[bytes]:
        about.on(about.EVENT_SUBSCRIPTION, self._on_subscription)
        return about

    def keep(self, *messages: tuple[Characteristic[bytes], bytes]) -> None:
        for message in messages:
            if len(self._unsent) == MEMORY_SLOTS:
                self._unsent.popleft()
                self.lost += 1
            self._unsent.append(message)
        self.wake()

    def wake(self) -> None:
        """Somebody pressed its button: with something to say it goes on the air."""
        if not self.is_started:
            return
        for reader in self.connections:
            self.begin_sending(reader)
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(self._on_the_air_s, self._go_silent)
        self.changed()

    def advertising(self) -> Advertising | None:
        return super().advertising() if self._unsent and self._silence is not None else None

    async def stop(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        await super().stop()

    def on_disconnected(self, connection: Connection) -> None:
        super().on_disconnected(connection)
        self._sending.discard(connection)
        if self._unsent and self.is_started:
            self.wake()

    def _go_silent(self) -> None:
        self._silence = None
        self.changed()

    def _on_subscription(self, reader: Connection, _notify: bool, indicate: bool) -> None:
        if indicate:
            self.begin_sending(reader)

    def begin_sending(self, reader: Connection) -> None:
        if reader not in self._sending and self.is_ready(reader):
            self._sending.add(reader)
            self._spawn(self._send(reader))

    async def _send(self, reader: Connection) -> None:
        try:
            while self._unsent and self.is_subscribed(reader, self._unsent[0][0], INDICATIONS_ON):
                message = self._unsent[0]
                if not await self.indicate(*message, reader):
                    return
                if self._unsent and self._unsent[0] is message:
                    self._unsent.popleft()
        finally:
            self._sending.discard(reader)
