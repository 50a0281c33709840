"""BTHome v2 devices: no connection, each event is service data in a few adverts. https://bthome.io/format"""

import asyncio
from typing import Any

from devices.virtual.adverts import build_advert, uuid_text
from devices.virtual.gatt_servers.base import FAST_ADVERTISING_MS, Advertising, Peripheral
from devices.virtual.radio import Air

SERVICE_DATA = 0xFCD2
BURST_S = 1.0
SHORTEST_BURST_S = 0.3  # of an event that another one follows: still three adverts
WAITING_EVENTS = 16


class BTHomeAdvertiser(Peripheral):
    """A door contact, an SOS button or a fall pendant: what it says is up to whoever publishes.

    Between events it airs `idle` every `idle_interval_ms`, or nothing. Events queue; with `WAITING_EVENTS` of them
    waiting, `publish` waits too.
    """

    def __init__(
        self,
        air: Air,
        *,
        idle: bytes | None = None,
        idle_interval_ms: float = 5000.0,
        burst_s: float = BURST_S,
        **common: Any,
    ) -> None:
        super().__init__(air, **common)
        self._idle_interval_ms = idle_interval_ms
        self._burst_s = burst_s
        self._idle = idle
        self._event: bytes | None = None
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(WAITING_EVENTS)
        self._next = asyncio.Event()

    def set_idle(self, payload: bytes | None) -> None:
        self._idle = payload
        self.changed()

    async def publish(self, payload: bytes) -> None:
        """Service data after the UUID: device information, packet id, objects."""
        await self._waiting.put(payload)
        self._next.set()

    def advertising(self) -> Advertising | None:
        payload = self._event or self._idle
        if payload is None:
            return None
        return Advertising(
            data=build_advert(self.name, service_data=[(SERVICE_DATA, payload)]),
            is_connectable=False,
            interval_ms=FAST_ADVERTISING_MS if self._event else self._idle_interval_ms,
        )

    async def start(self) -> None:
        self._event = None
        await super().start()
        self._spawn(self._air_events())

    async def _air_events(self) -> None:
        while True:
            self._event = await self._waiting.get()
            self._next.clear()
            self.changed()
            self.said(uuid_text(SERVICE_DATA.to_bytes(2, "little")), self._event)
            await asyncio.sleep(min(SHORTEST_BURST_S, self._burst_s))
            await self._rest_of_the_burst()
            self._event = None
            self.changed()

    async def _rest_of_the_burst(self) -> None:
        if self._waiting.empty() and self._burst_s > SHORTEST_BURST_S:
            try:
                async with asyncio.timeout(self._burst_s - SHORTEST_BURST_S):
                    await self._next.wait()
            except TimeoutError:
                pass
