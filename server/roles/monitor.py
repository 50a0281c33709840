"""The monitor: MQTT in, store, detect and alert in one transaction, receipt after the commit.

Two lanes that never wait for each other: alarms and heartbeats, and bulk. Each has a session with the broker, a bounded
mailbox and a worker with a connection of its own. A third thread tells gateways what they have to do.
"""

import contextlib
import gc
import logging
import random
import threading
import time
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

import psycopg

from devices.wire.topics import Channel, Topic
from server.inlet import BrokerAddress, Session
from server.store import intake, pool, rolelife, signals
from server.store.arrival import Arrival
from server.store.ingest import Watch
from server.store.lane import STUCK_AFTER_S, LaneWorker
from server.store.mailbox import Mailbox
from server.store.publisher import Publisher
from server.store.rolelife import BEAT_S

LANES: Final = {"alarm": (Channel.ALARM, Channel.STATUS), "bulk": (Channel.OBS,)}
REFRESH_S: Final = 600.0  # limits are read again this often even if the signal that they changed was lost
RETRY_S: Final = 1.0
# Objects. A message is a dozen lists that die with its transaction, without a cycle among them: to look through those
# of a thousand messages again and again took a sixth of our processor.
YOUNG_MAX: Final = 50_000

log = logging.getLogger(__name__)


class LaneEndedError(Exception):
    """A thread of the monitor is gone."""


class Lane:
    def __init__(self, name: str, *, dsn: str, address: BrokerAddress, watch: Watch, stuck_after_s: float) -> None:
        self.mailbox = Mailbox()
        self.unknown_fields = 0
        self.session = Session(address, client_id=f"hjemvakt-monitor-{name}", channels=LANES[name], take=self._take)
        self.worker = LaneWorker(
            name=f"monitor-{name}",
            dsn=dsn,
            mailbox=self.mailbox,
            watch=watch,
            publish=self._publish,
            now=lambda: datetime.now(UTC),
            stuck_after_s=stuck_after_s,
        )

    def _take(self, arrival: Arrival) -> None:
        """Decoded here, in the session's thread, while the worker waits for the database."""
        try:
            opened = intake.open_one(arrival)
            self.unknown_fields += intake.unknown_in(opened)
        except Exception as error:  # the outer edge: a fault of ours must not stop everybody's messages
            log.exception("a message cannot be opened")
            opened = intake.unusable(arrival, f"{type(error).__name__}: {error}")
        self.mailbox.put(opened)

    def _publish(self, topic: Topic, payload: bytes) -> None:
        self.session.publish(topic, payload)

    def start(self) -> None:
        self.worker.start()
        self.session.start()

    def stop(self) -> None:
        self.session.stop()
        self.worker.stop()

    @property
    def hears(self) -> bool:
        """A worker that gets nowhere hears nothing, whatever the broker delivers."""
        return self.session.hears and self.worker.keeps_up

    @property
    def is_alive(self) -> bool:
        return self.session.is_alive and self.worker.is_alive


class Monitor:
    def __init__(self, *, dsn: str, mqtt_url: str, stuck_after_s: float = STUCK_AFTER_S) -> None:
        self._dsn = dsn
        self._watch = Watch()
        address = BrokerAddress.parse(mqtt_url)
        self.lanes = {
            name: Lane(name, dsn=dsn, address=address, watch=self._watch, stuck_after_s=stuck_after_s) for name in LANES
        }
        self.publisher = Publisher(
            dsn=dsn,
            configs_by=self.lanes["bulk"].session,
            commands_by=self.lanes["alarm"].session,
            now=lambda: datetime.now(UTC),
        )
        self._stopping = threading.Event()
        self._started = datetime.now(UTC)
        self._refreshed = time.monotonic()

    def run(self) -> None:
        """Until `stop`. Bounded: what it holds in memory is two mailboxes, a panel and the caches of two workers."""
        for lane in self.lanes.values():
            lane.start()
        self.publisher.start()
        collected = gc.get_threshold()
        gc.set_threshold(YOUNG_MAX, *collected[1:])
        try:
            while not self._stopping.is_set():
                self._watch_over()
                self._check_lanes()
                self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))
        finally:
            gc.set_threshold(*collected)
            self.publisher.stop()
            for lane in self.lanes.values():
                lane.stop()

    def stop(self) -> None:
        self._stopping.set()

    def _watch_over(self) -> None:
        """Say that we are alive as long as we hear, and learn when limits changed."""
        try:
            with contextlib.closing(pool.connect(self._dsn, name="monitor", autocommit=True)) as conn:
                signals.listen(conn, [signals.Channel.ENROLMENT])
                self._watch.forget()
                while not self._stopping.is_set():
                    self._check_lanes()
                    self._beat(conn)
                    self._listen(conn)
        except psycopg.Error as error:
            log.warning("monitor: the database is gone: %s", " ".join(str(error).split()))

    def _check_lanes(self) -> None:
        """A thread that ended by a fault of ours takes the process along: whoever started it starts it again."""
        for name, lane in self.lanes.items():
            if not self._stopping.is_set() and not lane.is_alive:
                raise LaneEndedError(f"the lane {name} has ended")

    def _beat(self, conn: psycopg.Connection) -> None:
        if all(lane.hears for lane in self.lanes.values()):
            detail = {name: asdict(lane.worker.tally) | self._box(lane) for name, lane in self.lanes.items()}
            detail["publisher"] = asdict(self.publisher.tally)
            rolelife.monitor_hears(conn, datetime.now(UTC), self._started, detail)
        rolelife.watch(conn, rolelife.CLOCK, datetime.now(UTC), watched_since=self._started)

    def _box(self, lane: Lane) -> dict[str, int]:
        return {"turned_away": lane.mailbox.turned_away, "unknown_fields": lane.unknown_fields}

    def _listen(self, conn: psycopg.Connection) -> None:
        changed = {payload for _, payload in signals.wait(conn, BEAT_S)}
        if time.monotonic() - self._refreshed > REFRESH_S or not all(payload.isdecimal() for payload in changed):
            self._watch.forget()
            self._refreshed = time.monotonic()
        elif changed:
            self._watch.forget({int(payload) for payload in changed})
