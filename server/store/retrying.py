"""Tries messages again that were set aside: what they say is stored as if it came now, around the watermark.

A thread of the monitor with a connection of its own, over the panel that the lanes share. What of a message is stored
already is known by its natural key; the gateway hears nothing of it, for it has its receipt since long."""

import contextlib
import logging
import random
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg

from server.store import intake, pool, retries, signals
from server.store.arrival import Arrival
from server.store.devices import StaleNamesError
from server.store.ingest import Ingest, Watch
from server.store.intake import Parcel, Unusable
from server.store.retries import Outcome, Waiting

LOOK_S: Final = 0.5  # whether it is to stop
POLLS: Final = 60  # looks until one at the rows, too: a signal was lost
RETRY_S: Final = 2.0
STOP_LIMIT_S: Final = 5.0
GONE: Final = "The message is not kept any more: the newest 10,000 are."
NEVER_DONE: Final = f"It was begun {retries.BEGUN_MAX} times and never finished: it may be what ends the monitor."
OF_ITS_TIME: Final = "It says how a gateway was then: there is nothing in it to store."

log = logging.getLogger(__name__)


class Retrier:
    def __init__(self, *, dsn: str, watch: Watch, now: Callable[[], datetime], monitor: str | None = None) -> None:
        """`monitor`: which of several this is; it tries what came by its own buckets."""
        self._dsn = dsn
        self._monitor = monitor
        self._watch = watch
        self._now = now
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-retrier", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        """It never ends by itself: alarms come in by other threads, and must not end with this one."""
        while not self._stopping.is_set():
            try:
                with contextlib.closing(pool.connect(self._dsn, name="monitor-retrier", autocommit=True)) as conn:
                    signals.listen(conn, [signals.Channel.RETRY])
                    while not self._stopping.is_set():
                        self.look(conn)
                        self._wait(conn)
            except (psycopg.Error, StaleNamesError) as error:
                log.warning("retrier: nothing was committed, trying again: %s", " ".join(str(error).split()))
            self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))

    def _wait(self, conn: psycopg.Connection) -> None:
        for _ in range(POLLS):
            if self._stopping.is_set() or any(True for _ in signals.wait(conn, LOOK_S)):
                return

    def look(self, conn: psycopg.Connection) -> int:
        """All that waits; how many that were."""
        tried = 0
        while not self._stopping.is_set() and (waiting := retries.begin(conn, self._monitor)) is not None:
            self._try(conn, waiting)
            tried += 1
        return tried

    def _try(self, conn: psycopg.Connection, waiting: Waiting) -> None:
        opened = open_again(waiting)
        if isinstance(opened, Parcel):
            try:
                Ingest(conn, self._watch).file_again(waiting.id, opened, self._now())
            except (psycopg.DataError, psycopg.IntegrityError) as error:
                opened = _at_fault(error)
            except (psycopg.Error, StaleNamesError):
                self._watch.forget()  # the outcome of a COMMIT may be unknown
                raise
            except Exception as error:
                log.exception("retrier: a message cannot be filed")
                opened = _at_fault(error)
        if isinstance(opened, Outcome):
            with conn.transaction():
                if retries.hold(conn, waiting.id):
                    retries.answered(conn, waiting.id, opened, self._now())


def open_again(waiting: Waiting) -> Parcel | Outcome:
    """A batch of which something can be filed, or why nothing can."""
    if waiting.topic is None or waiting.payload is None or waiting.came_at is None:
        return Outcome(why=GONE)
    if waiting.begun > retries.BEGUN_MAX:
        return Outcome(why=NEVER_DONE)
    arrival = Arrival(
        topic=waiting.topic, payload=waiting.payload, received_at=waiting.came_at, acknowledge=_nobody_asks
    )
    match intake.open_one(arrival):
        case Parcel(aside=aside, strange=()) as parcel if aside is not None:
            return Outcome(refused=parcel.header.last - parcel.header.after, why=aside.reason)
        case Parcel() as parcel:
            return parcel
        case Unusable(aside=aside):
            return Outcome(why=aside.reason)
        case _:
            return Outcome(why=OF_ITS_TIME)


def _nobody_asks() -> None:
    """The broker was told when it was set aside."""


def _at_fault(error: Exception) -> Outcome:
    return Outcome(why=f"{type(error).__name__}: {' '.join(str(error).split())}")
