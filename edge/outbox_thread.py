"""The outbox's own thread, and what takes its place while the disk cannot be written.

A commit with synchronous=FULL waits for the disk, on an SD card that tidies up for a second now and then; on the event
loop that would delay alarms, adverts and GATT time-outs alike.

A disk that is full, read-only or does not answer must not silence an alarm. `accept` then takes it into an outbox in
memory, with an id of its own, so that the server's watermarks stay true for both. It is not safe there, and says so:
nobody may forget a record in a device because of it. When the disk is back, `move_back` brings it there.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from devices.vocabulary import Item
from devices.wire.messages import Lane
from edge.core.shrink import Room
from edge.errors import OutboxDamaged, OutboxError
from edge.outbox import Outbox
from edge.outbox_db import IN_MEMORY
from edge.salvage import open_outbox, replace

PENDING: Final = 16  # further callers wait
URGENT_S: Final = 2.0  # a disk that tidies up takes a second
PATIENT_S: Final = 5.0  # for anything else, because an alarm may wait behind it
SPARE_ROOM: Final = Room(bytes=8 * 2**20)  # about 50,000 rows
MOVED_AT_ONCE: Final = 500

T = TypeVar("T")
Kept = Callable[[list[tuple[Lane, int, Item]]], None]


class OutboxReplaced(OutboxError):
    """The file was damaged; a new outbox with another id is in its place. Ask again, of the new one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Generic[T]):
    """`is_safe`: it is on the disk. Otherwise it is in memory, and delivery sends it from there."""

    value: T
    is_safe: bool


class OutboxThread:
    """`switched` is called when `accept` begins to write to another outbox: its numbers are not those of before."""

    def __init__(self, path: Path, room: Room | None = None) -> None:
        self._path, self._room = path, room or Room()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._places = asyncio.Semaphore(PENDING)
        self._outbox: Outbox | None = None
        self._late: set[asyncio.Task[object]] = set()
        self._jumps: list[tuple[timedelta, datetime]] = []
        self.spare: Outbox | None = None
        self.why_spare = ""
        self.damage: str | None = None  # for the technician, since this start
        self.switched: Callable[[], None] = lambda: None

    async def do(self, work: Callable[[Outbox], T]) -> T:
        """On the file. OutboxReplaced, or OutboxError: not now."""
        return await self._on_file(work, len(self._jumps))

    async def _on_file(self, work: Callable[[Outbox], T], frame: int) -> T:
        """`frame`: how many jumps of our clock the work knows of."""
        return await self._run(lambda: self._do(work, frame))

    async def _run(self, job: Callable[[], T]) -> T:
        async with self._places:
            return await asyncio.get_running_loop().run_in_executor(self._executor, job)

    def _do(self, work: Callable[[Outbox], T], frame: int | None = None) -> T:
        if self._outbox is None:
            self._outbox, damage = _opened(self._path, self._room)
            self._outbox.frame = len(self._jumps)
            self.damage = damage or self.damage
        try:
            return self._outbox.in_frame(self._jumps, len(self._jumps) if frame is None else frame, work)
        except OutboxDamaged as error:
            self._outbox.abandon()
            self._outbox = None
            self._outbox, self.damage = _replaced(self._path, self._room, str(error))
            self._outbox.frame = len(self._jumps)
            raise OutboxReplaced(self.damage) from error

    async def accept(self, work: Callable[[Outbox], T], *, urgent: bool = False) -> Accepted[T]:
        """Do it on the file, or if that cannot be written, in memory; if it does not answer in time, in both (the
        server knows an observation and an event by device and time). OutboxReplaced: once more. OutboxError: memory is
        full, too."""
        frame = len(self._jumps)
        if self.spare is None:
            try:
                return Accepted(value=await self._in_time(work, frame, URGENT_S if urgent else PATIENT_S), is_safe=True)
            except OutboxReplaced:
                raise
            except OutboxError as error:
                self.use_spare(str(error))
        return Accepted(value=self._in_memory(work, frame), is_safe=False)

    async def _in_time(self, work: Callable[[Outbox], T], frame: int, limit_s: float) -> T:
        task = asyncio.create_task(self._on_file(work, frame))
        self._late.add(task)
        task.add_done_callback(self._no_longer_late)
        done, _ = await asyncio.wait({task}, timeout=limit_s)
        if not done:
            raise OutboxError(f"the disk of {self._path} has not answered for {limit_s:.0f} s")
        return task.result()

    def _no_longer_late(self, task: "asyncio.Task[object]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()  # it was told, or came too late to matter

    def use_spare(self, why: str) -> None:
        self.why_spare = why
        if self.spare is None:
            self.spare = Outbox(IN_MEMORY, SPARE_ROOM)
            self.spare.frame = len(self._jumps)
            self.switched()

    async def do_spare(self, work: Callable[[Outbox], T]) -> T:
        """`do`, in memory."""
        return self._in_memory(work, len(self._jumps))

    def _in_memory(self, work: Callable[[Outbox], T], frame: int) -> T:
        """Here and now, for nothing has to be waited for."""
        if self.spare is None:
            raise OutboxError("there is no outbox in memory any more")
        return self.spare.in_frame(self._jumps, frame, work)

    async def move_back(self, now: datetime, kept: Kept = lambda _: None) -> int:
        """What is in memory goes to the file, which takes over. OutboxError: the disk is not back yet. `kept` is told
        of the alarms that the server has not, with their numbers in the file.

        Also what the server has: it may have to be restored from a backup, and then asks for it again. Meanwhile it
        knows an observation and an event by device and time."""
        moved, count = dict.fromkeys(Lane, 0), 0
        alarms: list[tuple[Lane, int, Item]] = []
        await self.do(Outbox.try_to_write)
        while self.spare is not None:
            items = await self.do_spare(partial(Outbox.rows_after, after=moved, most=MOVED_AT_ONCE))
            newest = await self.do(partial(Outbox.append, items=[item[1:] for item in items], now=now))
            mark = (await self.do_spare(Outbox.stocks))[Lane.ALARM].mark if self.spare is not None else 0
            alarms.extend(_alarms_under_way(items, newest.get(Lane.ALARM, 0), mark))
            moved = moved | {lane: seq for seq, lane, _ in items}
            count += len(items)
            if not items and self.spare is not None:
                self.spare.abandon()
                self.spare = None
                self.switched()
        kept(alarms)
        return count

    def clock_jumped(self, by: timedelta, since: datetime) -> None:
        """What is not sent yet is put right before anything else is done with it."""
        self._jumps.append((by, since))

    async def close(self) -> None:
        await self._run(self._close)
        self._executor.shutdown(wait=False)

    def _close(self) -> None:
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None


def _alarms_under_way(items: list[tuple[int, Lane, Item]], newest: int, mark: int) -> Iterator[tuple[Lane, int, Item]]:
    """`newest`: the number in the file of the last alarm among them. `mark`: the server has so many of memory's."""
    alarms = [(seq, item) for seq, lane, item in items if lane is Lane.ALARM]
    for number, (seq, item) in enumerate(alarms, newest - len(alarms) + 1):
        if seq > mark:
            yield Lane.ALARM, number, item


def _opened(path: Path, room: Room) -> tuple[Outbox, str | None]:
    try:
        return open_outbox(path, datetime.now(UTC), room)
    except OSError as error:
        raise OutboxError(f"{path} is damaged, and no new one can be made ({error.strerror})") from error


def _replaced(path: Path, room: Room, why: str) -> tuple[Outbox, str]:
    try:
        return replace(path, datetime.now(UTC), why, room)
    except OSError as error:
        raise OutboxError(f"{why}, and no new one can be made ({error.strerror})") from error
