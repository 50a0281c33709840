"""The outbox's own thread.

A commit with synchronous=FULL waits for the disk, on an SD card that tidies up for a second now and then; on the event
loop that would delay alarms, adverts and GATT time-outs alike.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from edge.errors import OutboxDamaged, OutboxError
from edge.outbox import Outbox
from edge.salvage import open_outbox, replace

PENDING: Final = 16  # further callers wait

T = TypeVar("T")


class OutboxReplaced(OutboxError):
    """The file was damaged; a new outbox with another id is in its place. Ask again, of the new one."""


class OutboxThread:
    def __init__(self, path: Path) -> None:
        self._path = path
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="outbox")
        self._places = asyncio.Semaphore(PENDING)
        self._outbox: Outbox | None = None
        self.damage: str | None = None  # for the technician, since this start

    async def do(self, work: Callable[[Outbox], T]) -> T:
        """OutboxReplaced, or OutboxError: not now."""
        async with self._places:
            return await asyncio.get_running_loop().run_in_executor(self._executor, self._do, work)

    def _do(self, work: Callable[[Outbox], T]) -> T:
        if self._outbox is None:
            self._outbox, damage = open_outbox(self._path, datetime.now(UTC))
            self.damage = damage or self.damage
        try:
            return work(self._outbox)
        except OutboxDamaged as error:
            self._outbox.abandon()
            self._outbox, self.damage = replace(self._path, datetime.now(UTC), str(error))
            raise OutboxReplaced(self.damage) from error

    async def close(self) -> None:
        async with self._places:
            await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=False)

    def _close(self) -> None:
        if self._outbox is not None:
            self._outbox.close()
            self._outbox = None
