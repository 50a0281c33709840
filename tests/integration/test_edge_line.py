"""Gateway -> broker -> a small server with the contract's rules: kills, cuts, and lines that are only half open."""

import asyncio
from pathlib import Path

import nats
import pytest

from devices.wire.messages import Lane, LinkState, LostWhy
from edge.uplink import LineDown, LineUp
from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import ContractServer
from tests.integration.edge_line_rig import NOW, SOS, running, spo2

pytestmark = pytest.mark.integration


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


async def test_the_broker_may_die_and_come_back(tmp_path: Path, free_port: int, own_place: Path) -> None:
    home = own_place / "dying"
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


async def test_the_broker_keeps_no_queue_for_what_a_gateway_hears(tmp_path: Path, broker: EmbeddedBroker) -> None:
    """Three servers would keep each of them on each: some hundred gateways, and they do nothing else."""
    line = await nats.connect(f"nats://127.0.0.1:{broker.nats_port}")

    async def queues() -> set[str]:
        return {each.name for each in await line.jetstream().consumers_info("$MQTT_msgs")}

    try:
        before = await queues()
        async with running(tmp_path, broker.port) as gateway:
            await gateway.until_line(LineUp)
            assert not await queues() - before
    finally:
        await line.close()
