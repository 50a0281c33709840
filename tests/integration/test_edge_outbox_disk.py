"""A disk that is full, read-only, hanging or damaged: measuring goes on, alarms go out, and it is said."""

import asyncio
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.vocabulary import Event, EventType, Item, Kind, Mode, Observation
from devices.wire.messages import Lane
from edge.core.shrink import Room
from edge.errors import OutboxError, OutboxFull
from edge.outbox import Outbox
from edge.outbox_thread import Accepted, OutboxThread

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "C0:00:00:00:00:01"
SOS = Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW)
FILLER = Event(device=DEVICE, type=EventType.SMOKE, occurred_at=NOW)
FALL = Event(device=DEVICE, type=EventType.FALL, occurred_at=NOW)
BULK, ALARM = Lane.BULK, Lane.ALARM


def spo2(second: int) -> Observation:
    at = NOW + timedelta(seconds=second)
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=at, value=93.0, mode=Mode.CONTINUOUS)


async def accept(thread: OutboxThread, *items: Item, urgent: bool = False) -> Accepted[dict[Lane, int]]:
    lanes = [(ALARM if isinstance(item, Event) else BULK, item) for item in items]
    return await thread.accept(lambda outbox: outbox.append(lanes, NOW), urgent=urgent)


def items_of(outbox: Outbox, lane: Lane) -> list[Item]:
    return [item for _, item in outbox.read(lane, 1, 10**9)[0]]


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[OutboxThread]:
    thread = OutboxThread(path)
    yield thread
    await thread.close()


async def fill_the_disk(thread: OutboxThread) -> None:
    """To the last row. SQLite raises the limit to the present size: the file cannot grow."""
    await thread.do(lambda outbox: outbox._db.execute("PRAGMA max_page_count = 1").fetchall())
    for lane, item in ((BULK, spo2(0)), (ALARM, FILLER)):
        with pytest.raises(OutboxFull):
            for _ in range(500):
                await thread.do(lambda outbox, lane=lane, item=item: outbox.append([(lane, item)], NOW))  # type: ignore[misc]


async def free_the_disk(thread: OutboxThread) -> None:
    await thread.do(lambda outbox: outbox._db.execute("PRAGMA max_page_count = 1000000").fetchall())


async def test_on_a_full_disk_an_alarm_is_accepted_in_memory_and_says_that_it_is_not_safe(tmp_path: Path) -> None:
    async with opened(tmp_path / "outbox.db") as thread:
        await fill_the_disk(thread)
        accepted = await accept(thread, SOS)
        assert accepted == Accepted(value={ALARM: 1}, is_safe=False)
        assert thread.spare is not None
        assert items_of(thread.spare, ALARM) == [SOS]
        assert "free some space" in thread.why_spare
        assert thread.spare.id != await thread.do(lambda outbox: outbox.id)


async def test_a_devices_own_records_are_not_forgotten_because_of_what_is_only_in_memory(tmp_path: Path) -> None:
    async with opened(tmp_path / "outbox.db") as thread:
        await thread.do(lambda outbox: outbox._db.execute("PRAGMA query_only = 1").fetchall())
        await accept(thread, SOS)
        with pytest.raises(OutboxError):
            await thread.do(lambda outbox: outbox.remember_record(DEVICE, 7))


async def test_when_the_disk_is_back_what_waits_in_memory_moves_to_it_alarms_first(tmp_path: Path) -> None:
    switched: list[int] = []
    async with opened(tmp_path / "outbox.db") as thread:
        thread.switched = lambda: switched.append(1)
        await fill_the_disk(thread)
        before = len(await thread.do(lambda outbox: items_of(outbox, BULK)))
        await accept(thread, *(spo2(i) for i in range(1_200)), SOS)
        with pytest.raises(OutboxFull):
            await thread.move_back(NOW)
        assert thread.spare is not None
        await free_the_disk(thread)
        assert await thread.move_back(NOW) == 1_201
        assert thread.spare is None
        assert len(switched) == 2
        assert [item for item in await thread.do(lambda outbox: items_of(outbox, ALARM)) if item != FILLER] == [SOS]
        assert len(await thread.do(lambda outbox: items_of(outbox, BULK))) == before + 1_200
        assert await thread.do(lambda outbox: outbox.count_aside()) == 0
        assert (await accept(thread, SOS)).is_safe


async def test_what_the_server_has_already_is_kept_for_it_and_the_home_awaits_only_the_rest(tmp_path: Path) -> None:
    """It may be restored from a backup, and ask for all of it again."""
    async with opened(tmp_path / "outbox.db") as thread:
        await fill_the_disk(thread)
        before = len(await thread.do(lambda outbox: items_of(outbox, ALARM)))
        await accept(thread, spo2(0), spo2(1), SOS)
        await accept(thread, FALL)
        await thread.do_spare(lambda outbox: outbox.set_mark(ALARM, 1))
        await thread.do_spare(lambda outbox: outbox.set_mark(BULK, 1))
        await free_the_disk(thread)
        awaited: list[tuple[Lane, int, Item]] = []
        assert await thread.move_back(NOW, awaited.extend) == 4
        assert awaited == [(ALARM, before + 2, FALL)]


async def test_a_disk_that_is_still_full_is_not_taken_back_even_if_memory_is_empty(tmp_path: Path) -> None:
    async with opened(tmp_path / "outbox.db") as thread:
        await fill_the_disk(thread)
        thread.use_spare("for the test")
        with pytest.raises(OutboxFull):
            await thread.move_back(NOW)
        await free_the_disk(thread)
        assert await thread.move_back(NOW) == 0
        assert thread.spare is None


async def test_memory_has_an_end_too_and_alarms_are_kept_longest(tmp_path: Path) -> None:
    async with opened(tmp_path / "outbox.db") as thread:
        thread.use_spare("for the test")
        assert thread.spare is not None
        thread.spare._room = Room(bytes=2**20)
        for start in range(0, 24_000, 1_000):
            await accept(thread, *(spo2(start + i) for i in range(1_000)), SOS)
            while (await thread.do_spare(lambda outbox: outbox.make_room(NOW))).more:
                pass
        assert len(items_of(thread.spare, ALARM)) == 24
        assert sum(item.n for item in items_of(thread.spare, BULK) if isinstance(item, Observation)) == 24_000
        assert len(items_of(thread.spare, BULK)) < 10_000


async def test_an_alarm_does_not_wait_for_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    released = threading.Event()
    async with opened(tmp_path / "outbox.db") as thread:
        await thread.do(lambda outbox: outbox.id)
        hanging = asyncio.create_task(thread.do(lambda _: released.wait(60)))
        try:
            accepted = await accept(thread, SOS, urgent=True)
            assert not accepted.is_safe
            assert "has not answered for 2 s" in thread.why_spare
            assert thread.spare is not None
            assert items_of(thread.spare, ALARM) == [SOS]
        finally:
            released.set()
        assert await hanging
        await thread.move_back(NOW)  # the disk took it in the end: twice is once, by device, type and time
        assert await thread.do(lambda outbox: items_of(outbox, ALARM)) == [SOS, SOS]


async def test_a_disk_that_could_not_even_be_read_at_the_start_is_used_when_it_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "not yet mounted"
    async with opened(folder / "outbox.db") as thread:
        assert not (await accept(thread, SOS)).is_safe
        with pytest.raises(OutboxError):
            await thread.move_back(NOW)
        folder.mkdir()
        assert await thread.move_back(NOW) == 1
        assert await thread.do(lambda outbox: items_of(outbox, ALARM)) == [SOS]


async def test_a_damaged_file_is_set_aside_and_what_is_written_next_goes_to_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    async with opened(path) as thread:
        await accept(thread, *(spo2(i) for i in range(2_000)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
    async with opened(path) as thread:
        assert (await accept(thread, SOS)).is_safe
        assert thread.damage is not None
        assert "set aside as outbox.db.damaged-" in thread.damage
        fresh = await thread.do(lambda outbox: outbox.id)
    assert thread.damage.endswith(f"new outbox {fresh}")


READ_ONLY = """
import asyncio, os, sys
from datetime import UTC, datetime
from pathlib import Path
from devices.vocabulary import Event, EventType
from devices.wire.messages import Lane
from edge.outbox_thread import OutboxThread
os.setgroups([]); os.setgid(65534); os.setuid(65534)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOS = Event(device="C0:00:00:00:00:01", type=EventType.SOS, occurred_at=NOW)
async def main():
    thread = OutboxThread(Path(sys.argv[1]))
    accepted = await thread.accept(lambda outbox: outbox.append([(Lane.ALARM, SOS)], NOW))
    print(accepted.is_safe, len(thread.spare.read(Lane.ALARM, 1, 9)[0]), flush=True)
    await thread.close()
asyncio.run(main())
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not write")
@pytest.mark.parametrize("there", [True, False])
def test_a_disk_that_may_not_be_written_does_not_silence_an_alarm(there: bool) -> None:
    folder = Path(tempfile.mkdtemp(prefix="hv-read-only-"))  # pytest's own directories are root's alone
    if there:
        Outbox(folder / "outbox.db").close()
    folder.chmod(0o555)
    for file in folder.iterdir():
        file.chmod(0o444)
    try:
        said = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(folder / "outbox.db")],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            cwd=Path(__file__).parents[2],
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)
    assert said.stdout.split() == ["False", "1"]


WRITER = """
import asyncio, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from devices.vocabulary import Event, EventType, Kind, Mode, Observation
from devices.wire.messages import Lane
from edge.outbox_thread import OutboxThread
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
async def main():
    thread = OutboxThread(Path(sys.argv[1]))
    for i in range(1_000_000):
        at = NOW + timedelta(seconds=i)
        items = [(Lane.BULK, Observation(device="C0:00:00:00:00:01", kind=Kind.SPO2, taken_at=at, value=90,
                                         mode=Mode.CONTINUOUS))]
        if i % 7 == 0:
            items.append((Lane.ALARM, Event(device="C0:00:00:00:00:01", type=EventType.SOS, occurred_at=at)))
        accepted = await thread.accept(lambda outbox: outbox.append(items, NOW), urgent=True)
        for lane, newest in accepted.value.items():
            print(accepted.is_safe, lane, newest, flush=True)
asyncio.run(main())
"""


def _writer(path: Path, bytes_at_most: int | None = None) -> "subprocess.Popen[str]":
    def limit() -> None:
        if bytes_at_most is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_at_most, bytes_at_most))

    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # Python ignores SIGXFSZ, so writing past the limit is an error of the disk
        cwd=Path(__file__).parents[2],
    )


def _said(writer: "subprocess.Popen[str]", lines: int) -> list[tuple[bool, Lane, int]]:
    """The first `lines`, and whatever it said until it was killed."""
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(lines)]
    os.kill(writer.pid, signal.SIGKILL)
    said += writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    writer.stdout.close()
    whole = [line.split() for line in said if line.endswith("\n")]
    return [(safe == "True", Lane(lane), int(newest)) for safe, lane, newest in whole]


@pytest.mark.parametrize("lines", [50, 400])
def test_whatever_was_called_safe_is_there_after_kill_9_in_both_lanes(tmp_path: Path, lines: int) -> None:
    path = tmp_path / "outbox.db"
    said = _said(_writer(path), lines)
    outbox = Outbox(path)
    for lane in Lane:
        safe = [newest for is_safe, where, newest in said if is_safe and where is lane]
        seqs = [seq for seq, _ in outbox.read(lane, 1, 10**9)[0]]
        assert seqs == list(range(1, len(seqs) + 1))
        assert len(seqs) - max(safe) in (0, 1)


def test_a_file_that_may_not_grow_keeps_what_was_called_safe_and_the_rest_is_said_not_to_be(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    said = _said(_writer(path, 400_000), 3_000)
    assert {is_safe for is_safe, *_ in said} == {True, False}
    outbox = Outbox(path)
    for lane in Lane:
        safe = [newest for is_safe, where, newest in said if is_safe and where is lane]
        unsafe = [newest for is_safe, where, newest in said if not is_safe and where is lane]
        assert len(outbox.read(lane, 1, 10**9)[0]) >= max(safe)
        assert unsafe[:3] == [1, 2, 3]  # numbers of the outbox in memory
