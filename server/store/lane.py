"""A worker: drains a mailbox, files what waited in one transaction, then acknowledges and sends the receipts.

What arrives while a transaction runs waits for the next one, so batches grow with the load and an idle system answers
at once. Nothing is acknowledged before its commit.
"""

import logging
import random
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
import psycopg

from devices.wire.codec import encode
from devices.wire.columns import to_millis
from devices.wire.topics import Topic
from server.store import intake, pool
from server.store.devices import StaleNamesError
from server.store.ingest import Fence, Filed, Ingest, Watch
from server.store.intake import Opened, Parcel
from server.store.mailbox import Mailbox
from server.store.shares import NotOursError

WAIT_S: Final = 0.5
BACK_OFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)  # the last one repeats; each is stretched by up to half
STOP_LIMIT_S: Final = 5.0
STUCK_AFTER_S: Final = 10.0  # a batch takes a tenth of a second
LAG_BUCKETS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Tally:
    """Since the start of the worker. `lag_s`: from each message's arrival to its receipt, together; `within`: how many
    took at most so long as each of LAG_BUCKETS_S, and more than the one before; the last: longer than all."""

    messages: int = 0
    readings: int = 0
    transactions: int = 0
    at_fault: int = 0
    reconnects: int = 0
    lag_s: float = 0.0
    within: list[int] = field(default_factory=lambda: [0] * (len(LAG_BUCKETS_S) + 1))

    def confirm(self, lags_s: Sequence[float]) -> None:
        self.messages += len(lags_s)
        self.lag_s += sum(lags_s)
        for lag_s in lags_s:
            self.within[bisect_left(LAG_BUCKETS_S, lag_s)] += 1


class LaneWorker:
    def __init__(
        self,
        *,
        name: str,
        dsn: str,
        mailbox: Mailbox,
        watch: Watch,
        publish: Callable[[Topic, bytes], object],
        now: Callable[[], datetime],
        stuck_after_s: float = STUCK_AFTER_S,
        fence: Fence | None = None,
    ) -> None:
        self.tally = Tally()
        self._name = name
        self._dsn = dsn
        self._mailbox = mailbox
        self._watch = watch
        self._publish = publish
        self._now = now
        self._stuck_after_s = stuck_after_s
        self._fence = fence
        self._began_s: float | None = None
        self._ingest: Ingest | None = None
        self._conn: psycopg.Connection | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def keeps_up(self) -> bool:
        """False: what it took from the mailbox could not be committed for a while, for whatever reason."""
        began_s = self._began_s
        return began_s is None or time.monotonic() - began_s < self._stuck_after_s

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What was taken in but not committed is not acknowledged: it comes again."""
        self._stopping.set()
        self._mailbox.close()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        opened: list[Opened] = []
        failures = 0
        while not self._stopping.is_set():
            if not opened:
                opened = self._mailbox.take(WAIT_S)
                self._began_s = time.monotonic() if opened else None
            if not opened:
                continue
            try:
                self._file(opened)
            except NotOursError as error:
                log.warning("%s: %s", self._name, error)
                opened = _given_back(opened, error.buckets)
            except (psycopg.Error, StaleNamesError) as error:
                log.warning("%s: nothing was committed, trying again: %s", self._name, _one_line(error))
                self._start_afresh()
                self._stopping.wait(_back_off_s(failures))
                failures += 1
            else:
                failures, self._began_s = 0, None
        self._disconnect()

    def _file(self, opened: list[Opened]) -> None:
        """What is done leaves the list: after a lost connection only the rest is tried again. An acknowledgement that
        is said twice may confirm another message, which got the same number."""
        filed = self._attempt(opened)
        if isinstance(filed, Filed):
            self._done(opened, filed)
            opened.clear()
        many = len(opened) > 1
        while opened:
            each = opened[0]
            alone = self._attempt([each]) if many else filed
            self._done([each], self._file_aside(each, alone) if isinstance(alone, Exception) else alone)
            del opened[0]

    def _attempt(self, opened: Sequence[Opened]) -> Filed | Exception:
        """The error is the answer when the messages are at fault, not the database."""
        try:
            return self._connected().file(opened, self._now())
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            return error
        except (psycopg.Error, StaleNamesError, NotOursError):
            raise
        except Exception as error:
            log.exception("%s: a message cannot be filed", self._name)
            return error

    def _file_aside(self, each: Opened, error: Exception) -> Filed:
        """A poison message hurts itself alone; its watermark moves on. When not even that can be committed it stays
        with its gateway, which sends it again, and the others go on."""
        self.tally.at_fault += 1
        reason = f"{type(error).__name__}: {_one_line(error)}"
        if isinstance(each, Parcel):
            filed = self._attempt([intake.without_body(each, reason)])
            if isinstance(filed, Filed):
                return filed
        return self._connected().file([intake.unusable(each.arrival, reason)], self._now())

    def _done(self, opened: Sequence[Opened], filed: Filed) -> None:
        for each in opened:
            each.arrival.acknowledge()
        for topic, receipt in filed.receipts:
            self._publish(topic, encode(msgspec.structs.replace(receipt, at=to_millis(self._now()))))
        now = self._now()
        self.tally.confirm([max(0.0, (now - each.arrival.received_at).total_seconds()) for each in opened])
        self.tally.readings += filed.readings
        self.tally.transactions += 1

    def _connected(self) -> Ingest:
        if self._ingest is None:
            self._conn = pool.connect(self._dsn, name=self._name, autocommit=True)
            self._ingest = Ingest(self._conn, self._watch, self._fence)
        return self._ingest

    def _start_afresh(self) -> None:
        """The outcome of a COMMIT may be unknown: the next transaction reads the watermarks first, then the streams."""
        self.tally.reconnects += 1
        self._disconnect()
        self._watch.forget()

    def _disconnect(self) -> None:
        if self._conn is not None:
            self._conn.close()
        self._conn = self._ingest = None


def _given_back(opened: Sequence[Opened], buckets: Collection[int]) -> list[Opened]:
    """What is left: of these buckets another monitor files."""
    theirs = [each for each in opened if each.topic is not None and each.topic.bucket in buckets]
    for each in theirs:
        each.arrival.give_back()
    return [each for each in opened if each not in theirs]


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _back_off_s(failures: int) -> float:
    return BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * random.uniform(1.0, 1.5)
