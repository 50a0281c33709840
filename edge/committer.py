"""What was heard goes to the disk: alarms and spot readings at once, the rest in batches; and what an open interval
holds, to a file that survives a kill.

While the outbox takes nothing, items wait here in bounded memory (edge.core.waiting); they are not accepted yet."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from devices.vocabulary import CALLS_FOR_HELP, Event, EventType, Item, Mode, Observation
from devices.wire.messages import Lane
from edge.core.health import Troubles
from edge.core.shift import shifted
from edge.core.waiting import HELD, Row, Waiting
from edge.errors import OutboxError
from edge.open_values import OpenValues
from edge.outbox import Outbox
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.ports import Clock, Home

TOGETHER_S: Final = 0.5  # how long a value of a stream waits for company: what a kill may lose
TOGETHER_ROWS: Final = 500
RETRY_S: Final = (1.0, 10.0)  # first and longest
REMEMBER_S: Final = 10.0
MOST_OPENED: Final = 5_000  # values that wait for the file of open values; the oldest are in it when it is rewritten

log = logging.getLogger(__name__)

Committed = Callable[[str, Mapping[Lane, int]], None]
Notes = dict[tuple[str, str], str]  # (device, what): content, see Outbox.note


class Source(Protocol):
    """Who has more to say when time passes, and knows what belongs to the rows."""

    def settle(self) -> None: ...

    def due_s(self) -> float | None: ...

    def notes(self) -> Notes:
        """New since the last call."""

    def held(self) -> Iterable[Observation]:
        """By open intervals."""


class Committer:
    """`committed(outbox id, newest seq by lane)` is called after each commit. `home` may be given until `run`."""

    def __init__(
        self,
        outbox: OutboxThread,
        clock: Clock,
        troubles: Troubles,
        committed: Committed,
        home: Home | None,
        open_values: OpenValues | None,
    ) -> None:
        self._outbox, self._clock, self._troubles, self._committed = outbox, clock, troubles, committed
        self.home, self._open_values = home, open_values
        self._waiting = Waiting(HELD)
        self._opened: list[Observation] = []  # held by an interval, and not yet in the file of open values
        self._writing: asyncio.Task[None] | None = None
        self._notes: Notes = {}
        self._stirred, self._urgent, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._outbox_id: str | None = None
        self._jumps: list[tuple[timedelta, datetime]] = []  # while a batch is on its way

    def put(self, rows: Iterable[Item]) -> None:
        for row in rows:
            overtakes = calls_for_help(row) or _is_proof(row)
            self._waiting.put(Lane.ALARM if overtakes else Lane.BULK, row)
            self._empty.clear()
            if overtakes or _is_at_once(row):
                self.hurry()
            self._stirred.set()

    def opened(self, value: Observation) -> None:
        """An interval holds it now."""
        if self._open_values is not None:
            self._opened.append(value)

    def stir(self) -> None:
        """Look again soon: when something is due may have changed."""
        self._stirred.set()

    def hurry(self) -> None:
        self._urgent.set()
        self._stirred.set()

    def note(self, notes: Notes) -> None:
        self._notes |= notes

    def jumped(self, by: timedelta, since: datetime) -> None:
        self._jumps.append((by, since))
        self._waiting.jumped(by, since)

    async def flush(self, limit_s: float) -> bool:
        """Everything that was put is committed (False: not in time)."""
        self.hurry()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        return self._empty.is_set()

    async def remember(self, device: str, record: int) -> bool:
        if not await self.flush(REMEMBER_S) or self._outbox.spare is not None:
            return False  # in memory only: the device must keep it
        try:
            async with asyncio.timeout(REMEMBER_S):
                await self._outbox.do(lambda outbox: outbox.remember_record(device, record))
        except (TimeoutError, OutboxError):
            return False
        return True

    async def run(self, source: Source) -> None:
        failures = 0
        while True:
            await self._wait(source.due_s())
            source.settle()
            self._stirred.clear()
            self._urgent.clear()
            self._keep_open()
            while len(self._waiting):
                if await self._commit(source):
                    failures = 0
                else:
                    failures += 1
                    await asyncio.sleep(min(RETRY_S[0] * 2.0 ** min(failures - 1, 8), RETRY_S[1]))
            self._empty.set()

    async def _wait(self, due_s: float | None) -> None:
        """Until a window is over, something urgent was heard, or anything has had its time for company."""
        wait_s = None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())
        try:
            async with asyncio.timeout(wait_s):
                await self._stirred.wait()
        except TimeoutError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOGETHER_S if wait_s is None else min(TOGETHER_S, wait_s)):
                await self._urgent.wait()

    def _keep_open(self) -> None:
        """What an interval holds, in a file that survives a kill."""
        if self._open_values is not None and self._opened and self._is_file_free():
            self._write_open(partial(self._open_values.add, self._opened))

    def _rewrite_open(self, source: Source, *, is_safe: bool) -> None:
        """Now and then; and at once when what was open went into memory, from where it may reach the server: the next
        agent must not take it for its own."""
        file = self._open_values
        if file is None or len(self._waiting) or not self._is_file_free():
            return
        if not is_safe or (file.is_long() and self._outbox.spare is None):
            self._write_open(partial(file.rewrite, list(source.held())))

    def _is_file_free(self) -> bool:
        """One write at a time: a disk that hangs must not hold up an alarm, so nobody waits for it."""
        del self._opened[:-MOST_OPENED]
        return self._writing is None or self._writing.done()

    def _write_open(self, write: Callable[[], None]) -> None:
        self._opened = []
        self._writing = asyncio.create_task(self._write(write))

    async def _write(self, write: Callable[[], None]) -> None:
        with contextlib.suppress(OutboxError):
            await self._outbox.do(lambda _: write())

    async def _commit(self, source: Source) -> bool:
        now = self._clock.now()
        self._jumps.clear()
        self.note(source.notes())
        batch, notes = self._waiting.take(TOGETHER_ROWS), dict(self._notes)

        def append(outbox: Outbox) -> tuple[str, dict[Lane, int]]:
            for (device, what), content in notes.items():
                outbox.note(device, what, content)
            return outbox.id, outbox.append(batch, now)

        try:
            accepted = await self._outbox.accept(append, urgent=batch[0][0] is Lane.ALARM)
        except OutboxError as error:
            for by, since in self._jumps:
                batch = [(lane, shifted(item, by, since)) for lane, item in batch]
            self._waiting.put_back(batch)
            if isinstance(error, OutboxReplaced):
                return True  # once more, into the new one
            self._cannot_write(str(error))
            return False
        if accepted.is_safe:
            self._notes = {key: content for key, content in self._notes.items() if notes.get(key) != content}
        self._was_written(batch, *accepted.value, is_safe=accepted.is_safe)
        self._rewrite_open(source, is_safe=accepted.is_safe)
        return True

    def _was_written(self, batch: list[Row], name: str, newest: Mapping[Lane, int], *, is_safe: bool) -> None:
        if is_safe and self._troubles.end("outbox"):
            log.info("the outbox takes rows again; %d were dropped meanwhile", self._waiting.dropped)
        self.put(self._waiting.declare())
        self._committed(name, newest)
        if self.home is not None:
            if self._outbox_id not in (None, name):
                self.home.renumbered()
            # "Saved" is said of what is on the disk; an alarm under way counts wherever it lies.
            self.home.kept([row for row in _numbered(batch, newest) if is_safe or row[0] is Lane.ALARM])
        self._outbox_id = name

    def _cannot_write(self, why: str) -> None:
        dropped = self._waiting.dropped
        sentence = f"{why}; {dropped} readings dropped" if dropped else why
        if self._troubles.begin("outbox", sentence):
            log.error("readings wait in memory: %s", sentence)


def _numbered(batch: Iterable[Row], newest: Mapping[Lane, int]) -> list[tuple[Lane, int, Item]]:
    batch = list(batch)
    counts = {lane: sum(each is lane for each, _ in batch) for lane in newest}
    following = {lane: newest[lane] - counts[lane] + 1 for lane in newest}
    numbered = []
    for lane, item in batch:
        numbered.append((lane, following[lane], item))
        following[lane] += 1
    return numbered


def calls_for_help(item: Item) -> bool:
    return isinstance(item, Event) and item.type in CALLS_FOR_HELP


def _is_proof(item: Item) -> bool:
    """Of the way that calls for help go: it goes it too."""
    return isinstance(item, Event) and item.type is EventType.PROOF


def _is_at_once(item: Item) -> bool:
    """A spot reading may be forgotten by its device as soon as the radio has confirmed it; an event is news."""
    return isinstance(item, Event) or (isinstance(item, Observation) and item.mode is Mode.SPOT)
