"""From bytes to the disk: refusals, a full disk, alarms kept first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.profiles import bthome, heart_rate
from devices.vocabulary import Event, EventType, Item, Observation
from devices.wire.messages import Lane
from edge import inbound as inbound_module
from edge.agent import SystemClock
from edge.config import DeviceConfig
from edge.core.health import Troubles
from edge.inbound import Inbound
from edge.outbox_thread import OutboxThread

pytestmark = pytest.mark.integration

STRAP, BUTTON = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
DEVICES = (DeviceConfig(address=STRAP, profile="heart_rate"), DeviceConfig(address=BUTTON, profile="bthome_sos"))
BEAT = heart_rate.encode_measurement(per_min=72)


class Rig:
    def __init__(self, directory: Path) -> None:
        self.outbox = OutboxThread(directory / "outbox.db")
        self.troubles = Troubles()
        self.commits: list[dict[Lane, int]] = []
        self.inbound = Inbound(
            DEVICES,
            ZoneInfo("Europe/Oslo"),
            self.outbox,
            SystemClock(),
            self.troubles,
            lambda _outbox, newest: self.commits.append(dict(newest)),
        )

    async def rows(self, lane: Lane) -> list[Item]:
        rows, _ = await self.outbox.do(lambda outbox: outbox.read(lane, 1, 10**9))
        return [item for _, item in rows]

    async def limit_pages(self, pages: int) -> None:
        await self.outbox.do(lambda outbox: outbox._db.execute(f"PRAGMA max_page_count = {pages}").fetchall())

    def press(self, packet_id: int) -> None:
        press = bthome.encode_button(press=bthome.Press.SHORT, packet_id=packet_id, battery_percent=80)
        self.inbound.advertised(BUTTON, press)


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Rig]:
    rig = Rig(directory)
    task = asyncio.create_task(rig.inbound.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rig.outbox.close()


async def test_what_is_heard_is_on_the_disk_and_told(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        rig.press(1)
        assert await rig.inbound.flush(10)
        assert [row.value for row in await rig.rows(Lane.BULK) if isinstance(row, Observation)] == [72, 80]
        assert [row.type for row in await rig.rows(Lane.ALARM) if isinstance(row, Event)] == [EventType.SOS]
        assert rig.commits[-1][Lane.ALARM] == 1


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x01\x48", b"\x00\x48\x00", b"\x00\xff\xff", bytes(range(250))])
async def test_bytes_that_break_the_specification_are_counted_and_nothing_else_happens(
    tmp_path: Path, data: bytes
) -> None:
    async with running(tmp_path) as rig:
        assert rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, data) == ()
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        assert await rig.inbound.flush(10)
        assert len(await rig.rows(Lane.BULK)) == 1
        (report, _) = rig.inbound.reports({})
        assert report.refused == 1


async def test_while_the_disk_is_full_readings_wait_and_then_all_are_written(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        assert await rig.inbound.flush(10)
        await rig.limit_pages(1)
        for _ in range(2_000):
            rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        rig.press(1)
        assert not await rig.inbound.flush(1)
        assert "free some space" in rig.troubles.sentences()[0]
        await rig.limit_pages(1_000_000)
        assert await rig.inbound.flush(30)
        assert rig.troubles.sentences() == []
        assert len([row for row in await rig.rows(Lane.BULK) if isinstance(row, Observation)]) == 2_002
        assert len(await rig.rows(Lane.ALARM)) == 1


async def test_when_memory_is_full_too_the_oldest_readings_go_and_alarms_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbound_module, "HELD", 100)
    rig = Rig(tmp_path)  # not running: nothing is written
    rig.press(1)
    for _ in range(500):
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
    task = asyncio.create_task(rig.inbound.run())
    assert await rig.inbound.flush(10)
    task.cancel()
    assert len(await rig.rows(Lane.ALARM)) == 1
    assert len(await rig.rows(Lane.BULK)) == 99
    await rig.outbox.close()


async def test_a_record_is_remembered_only_after_what_was_heard_is_written(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        assert await rig.inbound.remember(STRAP, 7)
        assert len(await rig.rows(Lane.BULK)) == 1
        assert await rig.outbox.do(lambda outbox: outbox.last_records()) == {STRAP: 7}
