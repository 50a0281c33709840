"""Workers of which one works and the others stand by."""

import contextlib
import logging
import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Final

import psycopg

from server.store import pool, queries

SQL: Final = queries.load("standby")
STANDBY_S: Final = 1.0
RETRY_S: Final = 1.0

log = logging.getLogger(__name__)


class Standby(ABC):
    """Whose turn it is an advisory lock says, on the connection that is also worked on: a worker whose connection is
    gone is none. `run` belongs in a thread of its own."""

    name: ClassVar[str]
    lock: ClassVar[int]

    def __init__(self, *, dsn: str, now: Callable[[], datetime]) -> None:
        self._dsn = dsn
        self._now = now
        self._stopping = threading.Event()

    @abstractmethod
    def work(self, conn: psycopg.Connection) -> None:
        """Until `_stopping`, or the database is gone. `conn` is in autocommit mode."""

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with contextlib.closing(pool.connect(self._dsn, name=self.name, autocommit=True)) as conn:
                    if self._is_our_turn(conn):
                        self.work(conn)
            except psycopg.Error as error:
                log.warning("%s: the database is gone: %s", self.name, " ".join(str(error).split()))
            self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))

    def stop(self) -> None:
        self._stopping.set()

    def _is_our_turn(self, conn: psycopg.Connection) -> bool:
        """Waits for it; False: it did not come before the end."""
        while not self._stopping.is_set():
            if conn.execute(SQL["take"], {"lock": self.lock}).fetchone() == (True,):
                return True
            self._stopping.wait(STANDBY_S)
        return False
