"""The way out with a disk that cannot be written, and with a clock that was never set."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.limits import Level
from devices.vocabulary import ClockTrust, Event, EventType, Item, Kind, Observation
from devices.wire.messages import Command, Lane, LostWhy
from edge import outbound as outbound_module
from edge.core.own_time import NOT_BEFORE
from edge.core.shrink import Room
from edge.errors import OutboxDamaged
from edge.outbox import Outbox
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.own_clock import SystemClock
from edge.uplink import LineUp
from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import ContractServer
from tests.integration.edge_line_rig import DEVICE, NOW, SOS, Gateway, running, spo2

pytestmark = pytest.mark.integration

FALL = Event(device=DEVICE, type=EventType.FALL, occurred_at=NOW)
BY_THE_HOUR = timedelta(hours=1)


async def break_the_disk(gateway: Gateway, *, is_broken: bool = True) -> None:
    await gateway.outbox.do(lambda outbox: outbox._db.execute(f"PRAGMA query_only = {int(is_broken)}").fetchall())


async def test_an_alarm_goes_out_while_the_disk_cannot_be_written(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "DISK_AGAIN_S", 0.2)
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(spo2(0))
        await server.until(lambda: len(server.accepted) == 1)
        of_the_file = gateway.outbound.outbox_id
        await break_the_disk(gateway)
        await gateway.accept(spo2(1), SOS)
        await server.until(lambda: len(server.accepted) == 3)
        assert any("in memory only" in said for said in gateway.troubles.sentences())
        assert gateway.outbound.outbox_id == of_the_file  # the gateway goes by one name all the time
        await break_the_disk(gateway, is_broken=False)
        await gateway.until_the_disk_is_back()
        await gateway.accept(FALL)
        await server.until(lambda: FALL in server.accepted and len(server.accepted) == 6)  # two of them once more
        assert set(server.accepted) == {spo2(0), spo2(1), SOS, FALL}
        assert gateway.troubles.sentences() == []
        assert {status.outbox for status in server.statuses} == {of_the_file}
    assert server.doubled == 0


async def test_what_is_on_a_disk_that_cannot_be_written_still_goes_out(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    server.is_deaf = True
    async with running(tmp_path, broker.port) as gateway:
        await gateway.until_line(LineUp)
        await gateway.accept(*(spo2(i) for i in range(100)), SOS)
        await break_the_disk(gateway)
        await gateway.accept(FALL)
        server.is_deaf = False
        await server.until(lambda: len(set(map(repr, server.accepted))) == 102)


async def test_what_was_in_memory_is_on_the_disk_when_that_comes_back_before_the_line(
    tmp_path: Path, free_port: int, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "DISK_AGAIN_S", 0.1)
    async with running(tmp_path, free_port) as gateway:  # nobody listens there
        await break_the_disk(gateway)
        await gateway.accept(SOS, *(spo2(i) for i in range(1_300)))
        await break_the_disk(gateway, is_broken=False)
        await gateway.until_the_disk_is_back()
    async with running(tmp_path, broker.port):
        await server.until(lambda: len(server.accepted) == 1_301)
    assert server.doubled == 0


async def test_a_gateway_whose_disk_is_not_there_at_the_start_alarms_and_then_uses_it(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "DISK_AGAIN_S", 0.2)
    monkeypatch.setattr(outbound_module, "RETRY_S", 0.2)
    folder = tmp_path / "later"
    async with running(folder, broker.port) as gateway:
        await gateway.accept(SOS)
        await server.until(lambda: server.accepted == [SOS])
        folder.mkdir()
        await gateway.until_the_disk_is_back()
        await gateway.accept(FALL)
        # The SOS comes again, under its number in the file: the server knows it by device, type and time.
        await server.until(lambda: server.accepted == [SOS, SOS, FALL])
        assert (folder / "outbox.db").exists()


async def test_the_server_is_told_what_a_full_outbox_thinned(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    for start in range(0, 20_000, 1_000):
        outbox.append([(Lane.BULK, spo2(start + i)) for i in range(1_000)], datetime.now(UTC))
    outbox.append([(Lane.ALARM, SOS)], datetime.now(UTC))
    outbox.close()
    thread = OutboxThread(tmp_path / "outbox.db", Room(bytes=2**20))
    while (await thread.do(lambda outbox: outbox.make_room(datetime.now(UTC)))).more:
        pass
    await thread.close()
    async with running(tmp_path, broker.port, room=Room(bytes=2**20)):
        await server.until(lambda: server.marks == {Lane.ALARM: 1, Lane.BULK: 20_000})
    rows = {seq for lane, seq in server.stored if lane is Lane.BULK}
    lost = {seq: why for (lane, seq), why in server.lost.items() if lane is Lane.BULK}
    assert rows.isdisjoint(lost)
    assert rows | set(lost) == set(range(1, 20_001))
    assert set(lost.values()) == {LostWhy.THINNED}
    assert sum(item.n for item in server.accepted if isinstance(item, Observation)) == 20_000


async def test_rows_thinned_while_they_are_being_sent_are_stored_or_declared_and_nothing_else(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.carrier.ROOM_AGAIN_S", 0.0)
    outbox = Outbox(tmp_path / "outbox.db")
    for start in range(0, 40_000, 1_000):
        outbox.append([(Lane.BULK, spo2(start + i)) for i in range(1_000)], datetime.now(UTC))
    outbox.close()
    async with running(tmp_path, broker.port, room=Room(bytes=2**20)):
        await server.until(lambda: server.marks[Lane.BULK] == 40_000)
    assert {why for (lane, _), why in server.lost.items() if lane is Lane.BULK} <= {LostWhy.THINNED}
    assert sum(item.n for item in server.accepted if isinstance(item, Observation)) == 40_000


async def test_when_somebody_else_finds_the_damage_delivery_goes_on_with_the_new_outbox(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    def find_it_damaged(outbox: Outbox) -> None:
        raise OutboxDamaged("a page of it cannot be read")

    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(*(spo2(i) for i in range(50)))
        await server.until(lambda: len(server.accepted) == 50)
        before = gateway.outbound.outbox_id
        with pytest.raises(OutboxReplaced):
            await gateway.outbox.do(find_it_damaged)
        await gateway.accept(spo2(50), SOS)
        await server.until(lambda: {SOS, spo2(50)} <= set(server.accepted))
        assert gateway.outbound.outbox_id != before
        assert any("set aside as outbox.db.damaged-" in said for said in gateway.troubles.sentences())


class Lamp:
    """A home that only notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[Lane, int] | str] = []

    def arrived(self, lane: Lane, mark: int) -> None:
        self.told.append((lane, mark))

    def renumbered(self) -> None:
        self.told.append("renumbered")

    def heard(self, item: Item, level: Level) -> None: ...

    def kept(self, rows: Sequence[tuple[Lane, int, Item]]) -> None: ...

    def line(self, is_up: bool) -> None: ...

    def acknowledged(self, command: Command) -> None: ...


async def test_the_home_is_told_when_an_alarm_is_with_the_server_and_when_numbers_begin_again(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbound_module, "DISK_AGAIN_S", 0.2)
    lamp = Lamp()
    async with running(tmp_path, broker.port, home=lamp) as gateway:
        await gateway.accept(SOS)
        await server.until(lambda: server.accepted == [SOS])
        assert await gateway.outbound.flush(10)
        await break_the_disk(gateway)
        await gateway.accept(FALL)
        await server.until(lambda: server.accepted == [SOS, FALL])
        assert await gateway.outbound.flush(10)
        await break_the_disk(gateway, is_broken=False)
        await gateway.until_the_disk_is_back()
    assert lamp.told == [(Lane.ALARM, 1), "renumbered", (Lane.ALARM, 1), "renumbered"]


class Unplugged:
    """The machine's wall clock without a battery: 1970 after each power cut, until somebody sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.set_to: datetime | None = None
        self._began = datetime.now(UTC)
        monkeypatch.setattr("edge.own_clock._wall", self._wall)

    def _wall(self) -> datetime:
        return (self.set_to or datetime(1970, 1, 1, tzinfo=UTC)) + (datetime.now(UTC) - self._began)


def taken_by(clock: SystemClock, trust: ClockTrust = ClockTrust.ARRIVAL) -> Observation:
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=clock.now(), value=93.0, clock=trust)


async def test_readings_of_a_gateway_that_nobody_told_the_time_arrive_with_the_right_one(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    Unplugged(monkeypatch)
    clock = SystemClock()
    server.clock = lambda: datetime.now(UTC)
    async with running(tmp_path, broker.port, clock=clock) as gateway:
        clock.on_jump(gateway.outbound.clock_jumped)
        wrong, press = taken_by(clock), Event(device=DEVICE, type=EventType.SOS, occurred_at=clock.now())
        of_the_device = Observation(
            device=DEVICE, kind=Kind.GLUCOSE, taken_at=NOW, value=5.5, clock=ClockTrust.DEVICE, record=3
        )
        assert wrong.taken_at - NOT_BEFORE < BY_THE_HOUR
        await gateway.accept(wrong, of_the_device, press)
        await server.until(lambda: len(server.accepted) == 3)
        assert clock.is_set()
        for item in server.accepted:
            match item:
                case Observation(kind=Kind.GLUCOSE):
                    assert item == of_the_device
                case Observation(taken_at=at) | Event(occurred_at=at):
                    assert abs(datetime.now(UTC) - at) < BY_THE_HOUR
        later = clock.now()
        assert abs(datetime.now(UTC) - later) < BY_THE_HOUR


async def test_what_was_taken_before_network_time_came_is_right_on_the_disk_before_it_is_sent(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Unplugged(monkeypatch)
    clock = SystemClock()
    async with running(tmp_path, free_port, clock=clock) as gateway:  # no line at all
        clock.on_jump(gateway.outbound.clock_jumped)
        first, second = taken_by(clock), taken_by(clock)
        await gateway.accept(first, second)
        machine.set_to = datetime.now(UTC)
        by = clock.now() - second.taken_at
        assert by > timedelta(days=30)
        await gateway.accept(third := taken_by(clock))
        rows, _ = await gateway.outbox.do(lambda outbox: outbox.read(Lane.BULK, 1, 9))
        one, two, three = [item for _, item in rows if isinstance(item, Observation)]
        assert two.taken_at - one.taken_at == second.taken_at - first.taken_at
        assert timedelta() <= three.taken_at - two.taken_at < BY_THE_HOUR
        assert three == third


async def test_a_batch_on_its_way_to_the_disk_when_the_clock_is_set_is_put_right_too(
    tmp_path: Path, free_port: int
) -> None:
    async with running(tmp_path, free_port) as gateway:
        began, by = NOW, timedelta(days=100)
        work = gateway.outbox.accept(lambda outbox: outbox.append([(Lane.ALARM, SOS)], NOW))
        under_way = asyncio.create_task(work)
        await asyncio.sleep(0)  # it has begun, with what it knew of the clock
        gateway.outbox.clock_jumped(by, began)
        await under_way
        (row,), _ = await gateway.outbox.do(lambda outbox: outbox.read(Lane.ALARM, 1, 9))
        assert row[1] == Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW + by)


async def test_rows_that_were_sent_stay_as_they_were_sent(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    async with running(tmp_path, broker.port) as gateway:
        await gateway.accept(spo2(0))
        await server.until(lambda: len(server.accepted) == 1)
        gateway.outbound.clock_jumped(timedelta(days=100), NOW)
        server.restore({Lane.ALARM: 0, Lane.BULK: 0}, "e2")
        await gateway.accept(spo2(1))
        await server.until(lambda: len(server.stored) == 2)
        assert server.stored[Lane.BULK, 1] == spo2(0)
