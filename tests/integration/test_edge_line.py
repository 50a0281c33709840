"""Gateway -> broker -> a small server with the contract's rules: kills, cuts, and lines that are only half open."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.vocabulary import Event, EventType, Item, Kind, Mode, Observation
from devices.wire import codec
from devices.wire.messages import Lane, LinkState, LostWhy
from devices.wire.topics import Channel
from edge.config import Broker
from edge.core import health
from edge.core.delivery_words import Pace
from edge.core.health import Troubles
from edge.outbound import Outbound
from edge.outbox_thread import OutboxThread
from edge.own_clock import SystemClock
from edge.uplink import Arrived, Identity, LineDown, LineEvent, LineUp, MqttUplink
from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import BUCKET, GATEWAY, ContractServer

pytestmark = pytest.mark.integration

DEVICE = "C0:00:00:00:00:01"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FAST = Pace(retry_first_s=0.3, retry_cap_s=1.0, doubt_s=0.1, hold_s=0.1, rebuild_first_s=1.0, rebuild_cap_s=2.0)


def spo2(second: int) -> Observation:
    at = NOW + timedelta(seconds=second)
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=at, value=95.0, mode=Mode.CONTINUOUS)


SOS = Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW)


class Gateway:
    """The agent's way out: real outbox, outbound and uplink, without the radio."""

    def __init__(self, directory: Path, port: int, *, keepalive_s: int = 30) -> None:
        self.troubles = Troubles()
        self.outbox = OutboxThread(directory / "outbox.db")
        self.outbound = Outbound(GATEWAY, self.outbox, SystemClock(), self.troubles, self._hello, FAST)
        self.line: list[LineEvent] = []
        self.line_changed = asyncio.Event()
        broker = Broker(host="127.0.0.1", port=port, tls=False)
        self.uplink = MqttUplink(broker, self._identity, self._hear, keepalive_s)
        self.outbound.uplink = self.uplink

    def _me(self) -> health.Self:
        assert self.outbound.outbox_id is not None
        return health.Self(gateway=GATEWAY, outbox=self.outbound.outbox_id, run="0" * 16, version="test", every_s=30)

    def _identity(self) -> Identity:
        will = codec.encode(health.last_will(self._me()))
        client_id = f"{GATEWAY}-{self.outbound.outbox_id}"
        return Identity(gateway=GATEWAY, bucket=BUCKET, client_id=client_id, last_will=will)

    def status(self, state: LinkState, *, hello: bool) -> bytes:
        return codec.encode(
            health.status(self._me(), state, at=NOW, waiting={}, set_aside=0, devices=[], troubles=[], hello=hello)
        )

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
        name, newest = await self.outbox.do(lambda outbox: (outbox.id, outbox.append(lanes, NOW)))
        self.outbound.committed(name, newest)

    async def until_line(self, kind: type[LineEvent], count: int = 1, limit_s: float = 30) -> None:
        async with asyncio.timeout(limit_s):
            while sum(isinstance(event, kind) for event in self.line) < count:
                self.line_changed.clear()
                await self.line_changed.wait()


@asynccontextmanager
async def running(directory: Path, port: int, **options: int) -> AsyncIterator[Gateway]:
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


@pytest.fixture
def server(broker: EmbeddedBroker) -> Iterator[ContractServer]:
    server = ContractServer(broker.port)
    yield server
    server.stop()


async def test_accepted_rows_reach_the_server_once_and_leave_the_waiting_rows(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(*(spo2(i) for i in range(1_000)), SOS)
        await server.until(lambda: len(server.stored) == 1_001)
        assert await gateway.outbound.flush(10)
        assert server.stored[Lane.ALARM, 1] == SOS
        assert server.stored[Lane.BULK, 1_000] == spo2(999)
        assert server.doubled == 0
        assert gateway.outbound.waiting() == {Lane.ALARM: 0, Lane.BULK: 0}


async def test_what_was_forgotten_is_sent_again_after_a_restore(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(*(spo2(i) for i in range(100)))
        await server.until(lambda: len(server.stored) == 100)
        assert await gateway.outbound.flush(10)
        server.restore({Lane.ALARM: 0, Lane.BULK: 40}, "e2")
        await gateway.accept(spo2(100))
        await server.until(lambda: len(server.stored) == 101)
        assert server.doubled == 0


async def test_the_broker_may_die_and_come_back(tmp_path: Path, free_port: int, short_dir: Path) -> None:
    home = short_dir / f"dying-{free_port}"
    broker = EmbeddedBroker(home, port=free_port)
    broker.start()
    server = ContractServer(broker.port)
    try:
        async with running(tmp_path, broker.port) as gateway:
            await gateway.accept(*(spo2(i) for i in range(50)))
            await server.until(lambda: len(server.stored) == 50)
            await asyncio.to_thread(broker.stop)
            await gateway.until_line(LineDown)
            await gateway.accept(*(spo2(i) for i in range(50, 150)), SOS)
            await asyncio.to_thread(broker.start)
            await server.until(lambda: len(server.stored) == 151)
            assert server.doubled == 0
    finally:
        server.stop()
        broker.stop()


async def test_an_alarm_arrives_before_the_backlog_that_was_there_first(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        server.is_deaf = True
        await gateway.until_line(LineUp)
        await gateway.accept(*(spo2(i) for i in range(5_000)))
        await gateway.accept(SOS)
        server.is_deaf = False
        await server.until(lambda: len(server.stored) == 5_001)
        assert server.arrivals.index(Lane.ALARM) < 10


async def test_a_row_the_server_cannot_read_is_set_aside_and_the_rest_goes_on(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    server.unreadable = lambda item: item == spo2(33)
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(*(spo2(i) for i in range(60)))
        await server.until(lambda: server.marks[Lane.BULK] == 60)
        assert server.lost == {(Lane.BULK, 34): LostWhy.UNDECODABLE}
        assert len(server.stored) == 59
        assert gateway.outbound.set_aside == 1


async def test_a_row_damaged_on_disk_is_declared_lost_and_the_rest_goes_on(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        await gateway.outbox.do(lambda outbox: outbox.append([(Lane.BULK, spo2(i)) for i in range(10)], NOW))
        await gateway.outbox.do(lambda outbox: outbox._db.execute("UPDATE item SET content = 'x' WHERE seq = 4"))
        await gateway.accept(spo2(10))
        await server.until(lambda: server.marks[Lane.BULK] == 11)
        assert server.lost == {(Lane.BULK, 4): LostWhy.DAMAGED}
        assert len(server.stored) == 10


async def test_a_connection_on_which_no_receipt_comes_is_rebuilt(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    server.is_deaf = True
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(SOS)
        await gateway.until_line(LineUp, count=2)
        server.is_deaf = False
        await server.until(lambda: len(server.stored) == 1)


async def test_an_outbox_that_is_an_old_copy_goes_on_under_a_new_name(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    server.marks[Lane.BULK] = 500  # of the life that the copy does not know
    async with running(tmp_path, broker.port) as gateway:
        before = gateway.outbound.outbox_id
        await gateway.accept(*(spo2(i) for i in range(5)))
        await server.until(lambda: server.outbox not in (None, before) and len(server.stored) == 5)


async def test_a_half_open_line_is_noticed_and_replaced(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    stalling = Stall(broker.port)
    port = await stalling.start()
    try:
        async with running(tmp_path, port, keepalive_s=1) as gateway:
            await gateway.accept(spo2(0))
            await server.until(lambda: len(server.stored) == 1)
            stalling.is_stalled = True
            await gateway.accept(spo2(1))
            await gateway.until_line(LineDown)
            stalling.is_stalled = False
            await server.until(lambda: len(server.stored) == 2)
            assert server.doubled == 0
    finally:
        await stalling.stop()


async def test_the_broker_says_that_the_gateway_is_lost_or_the_gateway_says_goodbye(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        await server.until(lambda: bool(server.statuses))
        gateway.uplink.rebuild("test")
        await server.until(lambda: server.statuses[-1].state is LinkState.LOST)
        await gateway.until_line(LineUp, count=2)
        await gateway.uplink.farewell(gateway.status(LinkState.OFFLINE, hello=False))
        await server.until(lambda: server.statuses[-1].state is LinkState.OFFLINE)


class Stall:
    """A relay that can stop moving bytes without closing anything."""

    def __init__(self, port: int) -> None:
        self.is_stalled = False
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._copy(source, sink))
            self._tasks.add(task)

    async def _copy(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                if not self.is_stalled:
                    sink.write(data)
        except ConnectionError:
            pass
        finally:
            sink.close()
