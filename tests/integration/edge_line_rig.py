"""The agent's way out for tests: a real outbox, outbound and uplink, without the radio."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devices.vocabulary import Event, EventType, Item, Kind, Mode, Observation
from devices.wire import codec
from devices.wire.messages import Lane, LinkState
from devices.wire.topics import Channel
from edge.config import Broker
from edge.core import health
from edge.core.delivery_words import Pace
from edge.core.health import Troubles
from edge.core.shrink import Room
from edge.outbound import Outbound
from edge.outbox_thread import OutboxThread
from edge.own_clock import SystemClock
from edge.ports import Clock, Home
from edge.uplink import Arrived, Caller, LineDown, LineEvent, LineUp, MqttUplink
from tests.integration.edge_contract_server import BUCKET, GATEWAY

DEVICE = "C0:00:00:00:00:01"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAST = Pace(retry_first_s=0.3, retry_cap_s=1.0, doubt_s=0.1, hold_s=0.1, rebuild_first_s=1.0, rebuild_cap_s=2.0)


def spo2(second: int) -> Observation:
    at = NOW + timedelta(seconds=second)
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=at, value=95.0, mode=Mode.CONTINUOUS)


SOS = Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW)


class Gateway:
    def __init__(
        self,
        directory: Path,
        port: int,
        *,
        keepalive_s: int = 30,
        pace: Pace = FAST,
        clock: Clock | None = None,
        home: Home | None = None,
        room: Room | None = None,
    ) -> None:
        self.troubles = Troubles()
        self.outbox = OutboxThread(directory / "outbox.db", room)
        clock = clock or SystemClock()
        self.outbound = Outbound(GATEWAY, self.outbox, clock, self.troubles, self._hello, pace, home)
        self.back = asyncio.Event()
        self._told, self.outbox.switched = self.outbox.switched, self._switched
        self.line: list[LineEvent] = []
        self.line_changed = asyncio.Event()
        broker = Broker(host="127.0.0.1", port=port, tls=False)
        self.uplink = MqttUplink(broker, self._identity, self._hear, keepalive_s)
        self.outbound.uplink = self.uplink

    def _me(self) -> health.Self:
        assert self.outbound.outbox_id is not None
        return health.Self(gateway=GATEWAY, outbox=self.outbound.outbox_id, run="0" * 16, version="test", every_s=30)

    def _identity(self) -> Caller:
        will = codec.encode(health.last_will(self._me()))
        client_id = f"{GATEWAY}-{self.outbound.outbox_id}"
        return Caller(gateway=GATEWAY, bucket=BUCKET, client_id=client_id, last_will=will)

    def status(self, state: LinkState, *, hello: bool) -> bytes:
        return codec.encode(
            health.status(self._me(), state, at=NOW, waiting={}, set_aside=0, devices=[], troubles=[], hello=hello)
        )

    def _switched(self) -> None:
        self._told()
        if self.outbox.spare is None:
            self.back.set()

    def _hello(self) -> None:
        self.uplink.publish(Channel.STATUS, self.status(LinkState.ONLINE, hello=True))

    def _hear(self, event: LineEvent) -> None:
        self.line.append(event)
        self.line_changed.set()
        match event:
            case LineUp():
                self.outbound.line_is_up()
            case LineDown():
                self.outbound.line_is_down()
            case Arrived(_, payload):
                self.outbound.receipt(payload)

    async def accept(self, *items: Item) -> None:
        lanes = [(Lane.ALARM if isinstance(item, Event) else Lane.BULK, item) for item in items]
        accepted = await self.outbox.accept(lambda outbox: (outbox.id, outbox.append(lanes, NOW)))
        self.outbound.committed(*accepted.value)

    async def until_the_disk_is_back(self) -> None:
        async with asyncio.timeout(30):
            await self.back.wait()

    async def until_line(self, kind: type[LineEvent], count: int = 1, limit_s: float = 30) -> None:
        async with asyncio.timeout(limit_s):
            while sum(isinstance(event, kind) for event in self.line) < count:
                self.line_changed.clear()
                await self.line_changed.wait()


@asynccontextmanager
async def running(directory: Path, port: int, **options: Any) -> AsyncIterator[Gateway]:
    gateway = Gateway(directory, port, **options)
    await gateway.outbound.load()
    tasks = [asyncio.create_task(gateway.outbound.run()), asyncio.create_task(gateway.uplink.run())]
    try:
        yield gateway
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await gateway.outbox.close()
