"""What the clock role keeps for screens: hours of every stream, and the small charts of the board.

In a thread and on a connection of its own, for it may take long, and the clock must not. There is one by an advisory
lock, the others stand by. Screens stay right without it, they only become slow.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg

from server.store import hours, pool, sparks

EVERY_S: Final = 10.0
STANDBY_S: Final = 1.0
RETRY_S: Final = 1.0
REST: Final = 4  # times as long as the work took: at most a fifth of a core
CHARTS_AT_ONCE: Final = 5000

log = logging.getLogger(__name__)


class Keeper:
    def __init__(self, *, dsn: str, now: Callable[[], datetime]) -> None:
        self._dsn = dsn
        self._now = now
        self._stopping = threading.Event()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with contextlib.closing(pool.connect(self._dsn, name="keeper", autocommit=True)) as conn:
                    self._stand_by(conn)
                    self._keep(conn)
            except psycopg.Error as error:
                log.warning("keeper: the database is gone: %s", " ".join(str(error).split()))
            self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))

    def stop(self) -> None:
        self._stopping.set()

    def _stand_by(self, conn: psycopg.Connection) -> None:
        while not self._stopping.is_set() and not hours.take_the_keeping(conn):
            self._stopping.wait(STANDBY_S)

    def _keep(self, conn: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            began_s = time.monotonic()
            self._round(conn, self._now())
            self._stopping.wait(max(EVERY_S, REST * (time.monotonic() - began_s)))

    def _round(self, conn: psycopg.Connection, now: datetime) -> None:
        """Charts first, and again between the hours of a long past: they are what a board waits for."""
        hours.seal(conn, now)
        while not self._stopping.is_set():
            sparks.keep(conn, now, most=CHARTS_AT_ONCE)
            if not hours.keep(conn):
                break
        while not self._stopping.is_set() and sparks.keep(conn, now, most=CHARTS_AT_ONCE) == CHARTS_AT_ONCE:
            pass
