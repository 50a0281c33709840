"""From bytes to the disk: thinned, refused, kept over a kill, told to the home; a full disk, alarms first."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.limits import Level, Limit
from devices.profiles import bthome, heart_rate, thermometer
from devices.vocabulary import Event, EventType, Gap, GapReason, Item, Kind, Observation
from devices.wire.messages import Command, Lane
from edge import committer as committer_module
from edge import open_values as open_values_module
from edge.config import DeviceConfig
from edge.core import rows
from edge.core.health import Troubles
from edge.core.shrink import Room
from edge.inbound import Inbound
from edge.open_values import OpenValues
from edge.outbox_thread import OutboxThread
from edge.own_clock import SystemClock

pytestmark = pytest.mark.integration

STRAP, BUTTON, EAR = "C0:00:00:00:00:01", "C0:00:00:00:00:02", "C0:00:00:00:00:03"
RED = {0: {Kind.HEART_RATE: Limit(red_high=130)}}
THINNED = DeviceConfig(address=STRAP, profile="heart_rate", cadence_s=3600, limits=RED)
WHOLE = replace(THINNED, cadence_s=0)
OTHERS = (DeviceConfig(address=BUTTON, profile="bthome_sos"), DeviceConfig(address=EAR, profile="thermometer"))
BEAT = heart_rate.encode_measurement(per_min=72)


class Ears:
    """A home that writes down what it is told."""

    def __init__(self) -> None:
        self.items: list[tuple[Item, Level]] = []
        self.rows: list[tuple[Lane, int, Item]] = []

    def heard(self, item: Item, level: Level) -> None:
        self.items.append((item, level))

    def kept(self, rows: Sequence[tuple[Lane, int, Item]]) -> None:
        self.rows += rows

    def arrived(self, lane: Lane, mark: int) -> None: ...

    def renumbered(self) -> None: ...

    def line(self, is_up: bool) -> None: ...

    def acknowledged(self, command: Command) -> None: ...


class Rig:
    def __init__(self, directory: Path, *devices: DeviceConfig) -> None:
        self.outbox = OutboxThread(directory / "outbox.db", Room())
        self.troubles, self.home = Troubles(), Ears()
        self.commits: list[dict[Lane, int]] = []
        self.open = directory / open_values_module.NAME
        self.inbound = Inbound(
            (*(devices or (WHOLE,)), *OTHERS),
            ZoneInfo("Europe/Oslo"),
            self.outbox,
            SystemClock(),
            self.troubles,
            lambda _outbox, newest: self.commits.append(dict(newest)),
            self.home,
            OpenValues(self.open),
        )

    async def rows(self, lane: Lane = Lane.BULK) -> list[Item]:
        rows, _ = await self.outbox.do(lambda outbox: outbox.read(lane, 1, 10**9))
        return [item for _, item in rows]

    async def pulses(self) -> list[Observation]:
        return [row for row in await self.rows() if isinstance(row, Observation) and row.kind is Kind.HEART_RATE]

    def beat(self, *pulses_per_min: int) -> None:
        for per_min in pulses_per_min:
            self.inbound.notified(STRAP, heart_rate.MEASUREMENT, heart_rate.encode_measurement(per_min=per_min))

    def press(self, packet_id: int) -> None:
        press = bthome.encode_button(press=bthome.Press.SHORT, packet_id=packet_id, battery_percent=80)
        self.inbound.advertised(BUTTON, press)


@asynccontextmanager
async def running(directory: Path, *devices: DeviceConfig) -> AsyncIterator[Rig]:
    """Ends as a killed agent does: nothing is flushed."""
    rig = Rig(directory, *devices)
    rig.inbound.recall(await rig.outbox.do(lambda outbox: outbox.remembered()))
    task = asyncio.create_task(rig.inbound.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rig.outbox.close()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - a file and a list, which nobody signals
            await asyncio.sleep(0.02)


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
        (report, *_) = rig.inbound.reports({})
        assert report.refused == 1


async def test_a_stream_is_thinned_and_its_first_value_is_there_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as rig:
        rig.beat(70)
        await until(lambda: bool(rig.commits))
        assert [row.value for row in await rig.pulses()] == [70]
        rig.beat(71, 75, 73)
        assert await rig.inbound.flush(10)
        (_, interval) = await rig.pulses()
        assert (interval.n, interval.low, interval.value, interval.high) == (3, 71, 73, 75)


async def test_a_window_that_is_over_is_written_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path, replace(THINNED, cadence_s=0.2)) as rig:
        rig.beat(70, 71, 72)
        await until(lambda: any(isinstance(row, Observation) and row.n == 2 for _, _, row in rig.home.rows))


async def test_values_around_a_red_limit_and_around_a_call_for_help_are_raw(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as rig:
        rig.beat(70, 71, 72, 140, 73)
        assert await rig.inbound.flush(10)
        assert [(row.n, row.value) for row in await rig.pulses()] == [(1, pulse) for pulse in (70, 71, 72, 140, 73)]
    (tmp_path / "other").mkdir()
    async with running(tmp_path / "other", THINNED) as rig:
        rig.beat(70, 71, 72)
        rig.press(1)
        rig.beat(73)
        assert await rig.inbound.flush(10)
        assert [row.n for row in await rig.pulses()] == [1, 1, 1, 1]


async def test_what_a_killed_agent_held_is_an_interval_of_the_next_and_its_gap_begins_after_it(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as first:
        first.beat(70, 71, 72)
        assert await first.inbound.flush(10)  # these are on the disk, and in the file too
        first.beat(80, 81, 82, 83)
        await until(lambda: first.open.exists() and first.open.read_bytes().count(b"\n") == 6)
        last = first.home.items[-1][0]
    async with running(tmp_path, THINNED) as second:
        second.beat(90)
        assert await second.inbound.flush(10)
        rows = await second.pulses()
        assert [(row.n, row.low, row.high) for row in rows] == [
            (1, None, None),
            (2, 71, 72),
            (4, 80, 83),
            (1, None, None),
        ]
        (gap,) = [row for row in await second.rows() if isinstance(row, Gap)]
        assert isinstance(last, Observation)
        assert gap.why is GapReason.AGENT_RESTARTED
        assert abs(gap.from_at - last.taken_at) < timedelta(milliseconds=2)  # the file keeps whole milliseconds
    async with running(tmp_path, THINNED) as third:
        assert await third.inbound.flush(10)
        assert len(await third.pulses()) == 4  # and not again


async def test_what_was_only_in_memory_when_the_agent_was_killed_is_declared(tmp_path: Path) -> None:
    """The disk took nothing for a while, so between its newest row and the open values there is a hole."""
    async with running(tmp_path, THINNED) as first:
        first.beat(70, 71)
        assert await first.inbound.flush(10)
        on_disk = first.home.items[-1][0]
        first.beat(80, 81)
        await until(lambda: first.open.exists() and first.open.read_bytes().count(b"\n") >= 3)
        lines = first.open.read_bytes().splitlines(keepends=True)
    held = [item for line in lines[-2:] if isinstance(item := rows.decode("o", line), Observation)]
    later = [replace(value, taken_at=value.taken_at + timedelta(seconds=30)) for value in held]
    first.open.write_bytes(b"".join(rows.encode(value)[1] + b"\n" for value in later))
    async with running(tmp_path, THINNED) as second:
        assert await second.inbound.flush(10)
        (gap,) = [row for row in await second.rows() if isinstance(row, Gap)]
    assert isinstance(on_disk, Observation)
    assert (gap.why, gap.to_at) == (GapReason.AGENT_RESTARTED, later[0].taken_at)
    assert abs(gap.from_at - on_disk.taken_at) < timedelta(seconds=1)


async def test_a_damaged_file_of_open_values_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as first:
        first.beat(70, 71, 72)
        await until(lambda: first.open.exists() and first.open.read_bytes().count(b"\n") == 2)
        first.open.write_bytes(first.open.read_bytes()[:-9] + bytes(4096))
    async with running(tmp_path, THINNED) as second:
        assert await second.inbound.flush(10)
        assert [row.value for row in await second.pulses()] == [70, 71]


async def test_the_file_of_open_values_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_values_module, "REWRITTEN_BYTES", 2_000)
    async with running(tmp_path, THINNED) as rig:
        for _ in range(20):
            rig.beat(*range(70, 80))
            assert await rig.inbound.flush(10)
        assert rig.open.stat().st_size < 10_000
        assert sum(row.n for row in await rig.pulses()) == 200


async def test_the_home_hears_every_raw_value_with_its_level_and_what_was_kept(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as rig:
        rig.beat(70, 140)
        rig.press(1)
        heard = [(item.value, level) for item, level in rig.home.items if isinstance(item, Observation)]
        assert heard == [(70, Level.INSIDE), (140, Level.RED_HIGH), (80, Level.INSIDE)]
        assert [item.type for item, _ in rig.home.items if isinstance(item, Event)] == [EventType.SOS]
        assert rig.home.rows == []  # nothing waits for the disk
        assert await rig.inbound.flush(10)
        for lane in Lane:
            assert [(seq, row) for where, seq, row in rig.home.rows if where is lane] == list(
                enumerate(await rig.rows(lane), 1)
            )


async def test_a_new_configuration_keeps_what_is_in_memory(tmp_path: Path) -> None:
    async with running(tmp_path, THINNED) as rig:
        rig.beat(70, 71, 72)
        rig.inbound.configure((WHOLE, OTHERS[0]))  # every value from now on; no thermometer any more
        rig.beat(73, 74)
        rig.inbound.notified(EAR, thermometer.MEASUREMENT, thermometer.encode_measurement(celsius=38.4))
        rig.press(1)
        rig.inbound.configure((*OTHERS,))
        rig.beat(75)
        rig.inbound.configure((THINNED, *OTHERS))
        rig.beat(76)
        assert await rig.inbound.flush(10)
        assert [row.n for row in await rig.pulses()] == [1, 2, 1, 1, 1]
        assert all(row.kind is not Kind.BODY_TEMPERATURE for row in await rig.rows() if isinstance(row, Observation))
        assert len(await rig.rows(Lane.ALARM)) == 1
        assert [report.device for report in rig.inbound.reports({})] == [BUTTON, EAR, STRAP]


async def test_what_is_held_and_what_waits_moves_with_our_clock(tmp_path: Path) -> None:
    rig = Rig(tmp_path, THINNED)  # not running: all of it waits
    began = SystemClock().now() - timedelta(minutes=1)
    rig.beat(70, 71, 72)
    before = [item.taken_at for item, _ in rig.home.items if isinstance(item, Observation)]
    rig.inbound.jumped(timedelta(hours=5), began)
    task = asyncio.create_task(rig.inbound.run())
    assert await rig.inbound.flush(10)
    assert [row.taken_at for row in await rig.pulses()] == [at + timedelta(hours=5) for at in before[:2]]
    task.cancel()
    await rig.outbox.close()


async def test_while_the_disk_takes_nothing_it_goes_on_in_memory_and_no_record_is_forgotten_in_its_device(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as rig:
        rig.beat(72)
        assert await rig.inbound.flush(10)
        await rig.outbox.do(lambda outbox: outbox._db.execute("PRAGMA max_page_count = 1").fetchall())
        for _ in range(2_000):
            rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        rig.press(1)
        assert await rig.inbound.flush(30)
        assert not await rig.inbound.remember(EAR, 7)
        spare = rig.outbox.spare
        assert spare is not None
        assert len(spare.read(Lane.ALARM, 1, 10)[0]) == 1
        assert [row for row in rig.home.rows if row[0] is Lane.BULK][1:] == []  # "saved" is said of the disk alone
        await rig.outbox.do(lambda outbox: outbox._db.execute("PRAGMA max_page_count = 1000000").fetchall())
        await rig.outbox.move_back(SystemClock().now())
        assert len(await rig.pulses()) == 2_001
        assert await rig.inbound.remember(EAR, 7)


async def test_when_memory_is_full_too_the_oldest_stream_values_go_and_are_declared_and_alarms_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "HELD", 100)
    rig = Rig(tmp_path)  # not running: nothing is written
    rig.press(1)
    rig.inbound.notified(EAR, thermometer.MEASUREMENT, thermometer.encode_measurement(celsius=38.4))
    rig.beat(*[60 + beat // 10 for beat in range(500)])
    task = asyncio.create_task(rig.inbound.run())
    assert await rig.inbound.flush(10)
    assert await rig.inbound.flush(10)  # the declaration itself
    rows = await rig.rows()
    (gap,) = [row for row in rows if isinstance(row, Gap)]
    kept = [row for row in rows if isinstance(row, Observation)]
    assert gap.why is GapReason.NOT_WRITTEN and gap.device == STRAP
    lost = [item for item, _ in rig.home.items if isinstance(item, Observation) and item not in kept]
    assert (gap.from_at, gap.to_at) == pytest.approx(
        (lost[0].taken_at, lost[-1].taken_at), abs=timedelta(seconds=0.002)
    )
    assert len(lost) == 403  # of 503 items (an alarm, a battery, a temperature) a hundred
    assert 38.4 in [row.value for row in kept]
    assert len(await rig.rows(Lane.ALARM)) == 1
    task.cancel()
    await rig.outbox.close()


async def test_a_record_is_remembered_only_after_what_was_heard_is_written(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        rig.inbound.notified(STRAP, heart_rate.MEASUREMENT, BEAT)
        assert await rig.inbound.remember(STRAP, 7)
        assert len(await rig.rows(Lane.BULK)) == 1
        assert await rig.outbox.do(lambda outbox: outbox.last_records()) == {STRAP: 7}
