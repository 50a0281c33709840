"""The clock: ends deadlines that nobody met, makes partitions ahead of time, clears away what is over.

One leader by an advisory lock, on the connection that it also works on: a leader whose connection is gone is no leader.
The others stand by.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

import psycopg

from server.notify import Sender
from server.store import duty, escalations, expiry, facts, homes, housekeeping, pool, proofs, rebinding, rolelife
from server.store.assessor import Assessor
from server.store.keeper import Keeper
from server.store.ledger import Ledger
from server.ways.carrier import Carrier

POLL_S: Final = 1.0
RETRY_S: Final = 1.0
CHORES_EVERY_S: Final = 3600.0
PROOFS_EVERY_S: Final = 10.0

log = logging.getLogger(__name__)


class Clock:
    def __init__(self, *, dsn: str, carrier: Carrier | None = None) -> None:
        """`carrier`: the ways out of the house; None: there are none."""
        self._dsn = dsn
        self._carrier = carrier or Carrier()
        self._stopping = threading.Event()
        self._started = datetime.now(UTC)
        self._chores_at = self._proofs_at = 0.0
        self._told_of_facts_until: datetime | None = None
        self.leads = threading.Event()

    def run(self) -> None:
        with self._beside(Keeper), self._beside(Assessor), self._beside(partial(Sender, carrier=self._carrier)):
            self._work()

    @contextlib.contextmanager
    def _beside(self, worker: Callable[..., Keeper | Assessor | Sender]) -> Iterator[None]:
        """In a thread and on a connection of its own: it may take long, and the clock must not."""
        working = worker(dsn=self._dsn, now=lambda: datetime.now(UTC))
        thread = threading.Thread(target=working.run, name=type(working).__name__.lower())
        thread.start()
        try:
            yield
        finally:
            working.stop()
            thread.join()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                with contextlib.closing(pool.connect(self._dsn, name="clock", autocommit=True)) as conn:
                    self._stand_by(conn)
                    self._lead(conn)
            except psycopg.Error as error:
                log.warning("clock: the database is gone: %s", " ".join(str(error).split()))
            finally:
                self.leads.clear()
            self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))

    def stop(self) -> None:
        self._stopping.set()

    def _stand_by(self, conn: psycopg.Connection) -> None:
        while not self._stopping.is_set() and not housekeeping.take_the_lead(conn):
            self._stopping.wait(POLL_S)

    def _lead(self, conn: psycopg.Connection) -> None:
        self._chores_at = time.monotonic()
        self._told_of_facts_until = None
        ledger = Ledger(conn)
        while not self._stopping.is_set():
            self.leads.set()
            self._round(conn, ledger, datetime.now(UTC))
            self._stopping.wait(POLL_S)

    def _round(self, conn: psycopg.Connection, ledger: Ledger, now: datetime) -> None:
        rolelife.clock_leads(conn, now, self._started)
        deaf_since = rolelife.watch(conn, rolelife.MONITOR, now, watched_since=self._started)
        while expiry.expire_due(conn, now, monitor_hears=deaf_since is None) and not self._stopping.is_set():
            pass
        while escalations.go_on(conn, now) and not self._stopping.is_set():
            pass
        duty.watch(conn, now)
        homes.renew(conn, now)
        if time.monotonic() >= self._proofs_at:
            asked = proofs.ask(conn, now)
            self._proofs_at = time.monotonic() + (0.0 if asked == proofs.AT_ONCE else PROOFS_EVERY_S)
        ledger.round(now, monitor_hears=deaf_since is None)
        self._told_of_facts_until = facts.tell_of_turns(conn, self._told_of_facts_until, now)
        rebinding.refile_some(conn, now)
        if time.monotonic() >= self._chores_at:
            housekeeping.chores(conn, now)
            self._chores_at = time.monotonic() + CHORES_EVERY_S
