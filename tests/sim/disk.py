"""The gateway's disk: real SQLite on a real file, whose power can go at any write, just before or just after it.

What is committed to the file is what the gateway accepted: it is read back from the file itself after each commit.
"""

import asyncio
import contextlib
import random
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from devices.vocabulary import Item
from devices.wire.messages import Lane
from edge.core import rows
from edge.outbox_thread import OutboxThread

T = TypeVar("T")


class PowerCutError(Exception):
    """Nothing of this process runs on."""


@dataclass(kw_only=True, eq=False)
class Disk:
    """`cut_per_write`: how likely the power goes at a commit. `full_until_s`: until then there is no room."""

    dice: random.Random
    path: Path
    cut_per_write: float = 0.0
    full_until_s: float = 0.0
    slow_s: float = 0.005
    accepted: dict[tuple[str, Lane, int], Item] = field(default_factory=dict)
    accepted_s: dict[tuple[str, Lane, int], float] = field(default_factory=dict)
    commits: int = 0
    _seen: dict[tuple[str, str], int] = field(default_factory=dict)

    def committing(self) -> None:
        if asyncio.get_running_loop().time() < self.full_until_s:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        if self.dice.random() < self.cut_per_write / 2:
            raise PowerCutError

    def committed(self, db: sqlite3.Connection) -> None:
        self.commits += 1
        self._note(db)
        if self.dice.random() < self.cut_per_write / 2:
            raise PowerCutError

    def _note(self, db: sqlite3.Connection) -> None:
        found = db.execute("SELECT outbox FROM identity").fetchone()
        if found is None:
            return
        (outbox,) = found
        for lane in Lane:
            since = self._seen.get((outbox, lane), 0)
            for seq, letter, content in db.execute(
                "SELECT seq, type, content FROM item WHERE lane = ? AND seq > ? ORDER BY seq", (lane, since)
            ):
                self.accepted[outbox, lane, seq] = rows.decode(letter, content)
                self.accepted_s[outbox, lane, seq] = asyncio.get_running_loop().time()
                self._seen[outbox, lane] = seq


class _Connection(sqlite3.Connection):
    disk: Disk
    is_file = True

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql != "COMMIT" or not self.is_file:
            return super().execute(sql, *parameters)
        self.disk.committing()
        cursor = super().execute(sql)
        self.disk.committed(self)
        return cursor


@contextlib.contextmanager
def instead_of(disk: Disk) -> Iterator[None]:
    """Inside, sqlite3.connect opens files on this disk."""
    usual = sqlite3.connect

    def connect(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
        found = usual(database, *args, factory=_Connection, **kwargs)
        assert isinstance(found, _Connection)
        found.disk, found.is_file = disk, str(database) != ":memory:"
        found.execute("PRAGMA cache_size = -256")
        return found

    sqlite3.connect = connect  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite3.connect = usual


class SimOutboxThread(OutboxThread):
    """No thread: the work is done in the loop, after the time that the disk takes. `power_gone` ends this life."""

    def __init__(self, disk: Disk, power_gone: Callable[[], None]) -> None:
        super().__init__(disk.path)
        self._disk, self._power_gone = disk, power_gone
        self._dead = False

    async def _run(self, job: Callable[[], T]) -> T:
        await asyncio.sleep(self._disk.dice.random() * self._disk.slow_s)
        if self._dead:
            await asyncio.Event().wait()
        try:
            return job()
        except PowerCutError:
            self._power_gone()
            await asyncio.Event().wait()
            raise

    def pull_the_plug(self) -> None:
        """As after a kill -9: what was not committed is not there."""
        self._dead = True
        for task in list(self._late):
            task.cancel()
        for outbox in (self._outbox, self.spare):
            if outbox is not None:
                outbox.abandon()
        self._outbox = self.spare = None
        self._executor.shutdown(wait=False)
