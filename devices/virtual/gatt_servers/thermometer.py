"""Health Thermometer Service 1.0, as a spot-check device: silent until it has measured, on the air for ten seconds
then, and it keeps each measurement until a reader has confirmed it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from bumble.device import Connection
from bumble.gatt import Service

from devices.virtual.gatt_servers.base import Advertising
from devices.virtual.gatt_servers.connectable import (
    INDICATE,
    INDICATIONS_ON,
    READ,
    ConnectablePeripheral,
    characteristic,
    service,
)
from devices.virtual.radio import Air

MEASUREMENT, TEMPERATURE_TYPE = 0x2A1C, 0x2A1D
EAR = 3
ON_THE_AIR_S = 10.0
MEMORY_SLOTS = 30


class Thermometer(ConnectablePeripheral):
    """When its memory is full the oldest measurement is lost and counted in `lost`."""

    service_uuid = 0x1809

    def __init__(self, air: Air, *, temperature_type: int = EAR, on_the_air_s: float = ON_THE_AIR_S, **common: Any):
        super().__init__(air, **common)
        self.lost = 0
        self._unsent: deque[bytes] = deque()
        self._on_the_air_s = on_the_air_s
        self._silence: asyncio.TimerHandle | None = None
        self._sending: set[Connection] = set()
        self._measurement = characteristic(MEASUREMENT, INDICATE)
        self._type = characteristic(TEMPERATURE_TYPE, READ, bytes([temperature_type]))
        self._measurement.on(self._measurement.EVENT_SUBSCRIPTION, self._on_subscription)

    @property
    def unsent(self) -> tuple[bytes, ...]:
        """What no reader has confirmed yet, oldest first."""
        return tuple(self._unsent)

    def services(self) -> Sequence[Service]:
        return [service(self.service_uuid, self._measurement, self._type)]

    def measure(self, measurement: bytes) -> None:
        if len(self._unsent) == MEMORY_SLOTS:
            self._unsent.popleft()
            self.lost += 1
        self._unsent.append(measurement)
        self.wake()

    def wake(self) -> None:
        """Somebody pressed its button: with something to say it goes on the air."""
        for reader in self._subscribers(self._measurement, INDICATIONS_ON):
            self._begin_sending(reader)
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
            self._begin_sending(reader)

    def _begin_sending(self, reader: Connection) -> None:
        if reader not in self._sending:
            self._sending.add(reader)
            self._spawn(self._send(reader))

    async def _send(self, reader: Connection) -> None:
        try:
            while self._unsent and self.is_subscribed(reader, self._measurement, INDICATIONS_ON):
                measurement = self._unsent[0]
                if not await self.indicate(self._measurement, measurement, reader):
                    return
                if self._unsent and self._unsent[0] is measurement:
                    self._unsent.popleft()
        finally:
            self._sending.discard(reader)
