"""What the clock role keeps for screens: hours of every stream, and the small charts of the board. It also thins what
is old, if that is decided, and looks after TimescaleDB's compression.

In a thread and on a connection of its own, for it may take long, and the clock must not. Screens stay right without it,
they only become slow.
"""

import time
from datetime import datetime
from typing import Final

import psycopg

from server.store import columnstore, hours, retention, sparks
from server.store.standby import Standby

EVERY_S: Final = 10.0
REST: Final = 4  # times as long as the work took: at most a fifth of a core
CHARTS_AT_ONCE: Final = 5000
OLD_EVERY_S: Final = 3600.0


class Keeper(Standby):
    name = "keeper"
    lock = 0x686A656D6B656570  # "hjemkeep"

    def work(self, conn: psycopg.Connection) -> None:
        old_at_s = 0.0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            self._round(conn, self._now())
            if began_s >= old_at_s:
                retention.thin_some(conn, self._now())
                columnstore.compress_overdue(conn, self._now())
                old_at_s = began_s + OLD_EVERY_S
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
