"""The clock: ends deadlines that nobody met, makes partitions ahead of time, clears away what is over.

Beside it work the keeper, the assessor, the sender and the signer, each one of its sort, too.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Final

import psycopg

from server.notify import Sender
from server.signing import Signer
from server.store import (
    duty,
    duty_plans,
    escalations,
    expiry,
    facts,
    fleet,
    homes,
    housekeeping,
    measured,
    outages,
    proofs,
    rebinding,
    rolelife,
)
from server.store.assessor import Assessor
from server.store.keeper import Keeper
from server.store.ledger import Ledger
from server.store.sealing import Seals
from server.store.standby import Standby
from server.ways.carrier import Carrier

POLL_S: Final = 1.0
CHORES_EVERY_S: Final = 3600.0
PROOFS_EVERY_S: Final = 10.0


def _now() -> datetime:
    return datetime.now(UTC)


class Clock(Standby):
    name = "clock"
    lock = 0x686A656D6B6C6B6B  # "hjemklkk"

    def __init__(
        self,
        *,
        dsn: str,
        carrier: Carrier | None = None,
        seals: Seals | None = None,
        authority_command: str | None = None,
    ) -> None:
        """`carrier`: the ways out of the house; None: there are none. Without `seals` and without `authority_command`
        no gateway is let in."""
        super().__init__(dsn=dsn, now=_now)
        self._carrier = carrier or Carrier()
        self._signer = partial(Signer, seals=seals, command=authority_command)
        self._signs = seals is not None or authority_command is not None
        self._started = _now()
        self._chores_at = self._proofs_at = 0.0
        self._told_of_facts_until: datetime | None = None
        self.leads = threading.Event()

    def run(self) -> None:
        workers: list[Callable[..., Standby]] = [Keeper, Assessor, partial(Sender, carrier=self._carrier)]
        with contextlib.ExitStack() as stack:
            if self._signs:
                workers.append(self._signer)
            for worker in workers:
                stack.enter_context(self._beside(worker))
            super().run()

    @contextlib.contextmanager
    def _beside(self, worker: Callable[..., Standby]) -> Iterator[None]:
        """In a thread and on a connection of its own: it may take long, and the clock must not."""
        working = worker(dsn=self._dsn, now=_now)
        thread = threading.Thread(target=working.run, name=working.name)
        thread.start()
        try:
            yield
        finally:
            working.stop()
            thread.join()

    def work(self, conn: psycopg.Connection) -> None:
        try:
            self._lead(conn)
        finally:
            self.leads.clear()

    def _lead(self, conn: psycopg.Connection) -> None:
        self._chores_at = time.monotonic()
        self._told_of_facts_until = None
        ledger = Ledger(conn)
        while not self._stopping.is_set():
            self.leads.set()
            self._round(conn, ledger, self._now())
            self._stopping.wait(POLL_S)

    def _round(self, conn: psycopg.Connection, ledger: Ledger, now: datetime) -> None:
        rolelife.clock_leads(conn, now, self._started)
        deaf_since = rolelife.watch(conn, rolelife.MONITOR, now, watched_since=self._started)
        while expiry.expire_due(conn, now, monitor_hears=deaf_since is None) and not self._stopping.is_set():
            pass
        while escalations.go_on(conn, now) and not self._stopping.is_set():
            pass
        outages.watch(conn, now)
        measured.watch(conn, now)
        duty_plans.carry_out(conn, now)
        duty.watch(conn, now)
        homes.renew(conn, now)
        fleet.go_on(conn, now)
        if time.monotonic() >= self._proofs_at:
            asked = proofs.ask(conn, now)
            self._proofs_at = time.monotonic() + (0.0 if asked == proofs.AT_ONCE else PROOFS_EVERY_S)
        ledger.round(now, monitor_hears=deaf_since is None)
        self._told_of_facts_until = facts.tell_of_turns(conn, self._told_of_facts_until, now)
        rebinding.refile_some(conn, now)
        if time.monotonic() >= self._chores_at:
            housekeeping.chores(conn, now)
            self._chores_at = time.monotonic() + CHORES_EVERY_S
