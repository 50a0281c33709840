"""The monitor: MQTT in, store, detect and alert in one transaction, receipt after the commit.

Two lanes that never wait for each other: alarms and heartbeats, and bulk. Each has a session with the broker, a bounded
mailbox and a worker with a connection of its own. Two more threads tell gateways what they have to do,
and try again what was set aside.
"""

import contextlib
import gc
import logging
import random
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

from devices.wire.topics import Channel, Topic
from server.crew import Crew
from server.doors import MONITORS
from server.inlet import BrokerAddress, Session
from server.own_certificate import CommandProof, Proof
from server.store import intake, pool, rolelife, signals
from server.store.arrival import Arrival
from server.store.ingest import Fence, Watch
from server.store.lane import STUCK_AFTER_S, LaneWorker
from server.store.mailbox import Mailbox
from server.store.publisher import Line, Publisher
from server.store.retrying import Retrier
from server.store.rolelife import BEAT_S
from server.store.sealing import Seals
from server.stream import StreamSession
from server.teller import Teller

LANES: Final = {"alarm": (Channel.ALARM, Channel.STATUS), "bulk": (Channel.OBS,)}
REFRESH_S: Final = 600.0  # limits are read again this often even if the signal that they changed was lost
RETRY_S: Final = 1.0
# Objects. A message is a dozen lists that die with its transaction, without a cycle among them: to look through those
# of a thousand messages again and again took a sixth of our processor.
YOUNG_MAX: Final = 50_000
# A worker that has its answer from the database would wait so long for the thread that decodes, at each statement.
TURN_S: Final = 0.0005

log = logging.getLogger(__name__)


class LaneEndedError(Exception):
    """A thread of the monitor is gone."""


def _now() -> datetime:
    return datetime.now(UTC)


Connect = Callable[[str, Sequence[Channel], Callable[[Arrival], None], Proof], Session | StreamSession]


class Lane:
    def __init__(
        self, name: str, *, dsn: str, connect: Connect, watch: Watch, stuck_after_s: float, fence: Fence | None = None
    ) -> None:
        self.mailbox = Mailbox()
        self.unknown_fields = 0
        client_id = MONITORS + name  # which brokers take from the certificate
        self.session = connect(client_id, LANES[name], self._take, Proof(dsn=dsn, name=client_id, now=_now))
        self.worker = LaneWorker(
            name=f"monitor-{name}",
            dsn=dsn,
            mailbox=self.mailbox,
            watch=watch,
            publish=self._publish,
            now=_now,
            stuck_after_s=stuck_after_s,
            fence=fence,
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
    def __init__(
        self,
        *,
        dsn: str,
        mqtt_url: str,
        nats_url: str | None = None,
        stuck_after_s: float = STUCK_AFTER_S,
        seals: Seals | None = None,
    ) -> None:
        """`nats_url`: it is one of several, and pulls from there; None: it hears everything by MQTT. `seals` None:
        gateways are not told the keys of sensors."""
        self._dsn = dsn
        self._seals = seals
        self._watch = Watch()
        self._addresses = BrokerAddress.parse_all(mqtt_url)
        self._started = _now()
        self._crew = None if nats_url is None else Crew(dsn=dsn, nats_url=nats_url, started=self._started)
        connect = self._hear_all if self._crew is None else self._crew.session
        fence = None if self._crew is None else self._crew.member.hold
        self.lanes = {
            name: Lane(name, dsn=dsn, connect=connect, watch=self._watch, stuck_after_s=stuck_after_s, fence=fence)
            for name in LANES
        }
        self.publisher = self._tells()
        monitor = None if self._crew is None else self._crew.member.name
        self._retrier = Retrier(dsn=dsn, watch=self._watch, now=_now, monitor=monitor)
        self._stopping = threading.Event()
        self._refreshed = time.monotonic()

    def _hear_all(
        self, client_id: str, channels: Sequence[Channel], take: Callable[[Arrival], None], proof: Proof
    ) -> Session:
        return Session(*self._addresses, client_id=client_id, channels=channels, take=take, tls=proof)

    def _tells(self) -> Publisher | Teller:
        """Of several monitors one, by a session of its own."""
        bulk, alarm = self.lanes["bulk"].session, self.lanes["alarm"].session
        if isinstance(bulk, Session) and isinstance(alarm, Session):
            return self._publisher(bulk, alarm)
        return Teller(
            dsn=self._dsn, now=_now, addresses=self._addresses, publisher=lambda line: self._publisher(line, line)
        )

    def _publisher(self, configs_by: Line, commands_by: Line) -> Publisher:
        return Publisher(
            dsn=self._dsn,
            configs_by=configs_by,
            commands_by=commands_by,
            now=_now,
            seals=self._seals,
            prove=CommandProof(dsn=self._dsn, now=_now),
        )

    def run(self) -> None:
        """Until `stop`. Bounded: what it holds in memory is two mailboxes, a panel and the caches of two workers."""
        for lane in self.lanes.values():
            lane.start()
        self.publisher.start()
        self._retrier.start()
        collected, turn_s = gc.get_threshold(), sys.getswitchinterval()
        gc.set_threshold(YOUNG_MAX, *collected[1:])
        sys.setswitchinterval(TURN_S)
        try:
            while not self._stopping.is_set():
                self._watch_over()
                self._check_lanes()
                self._stopping.wait(RETRY_S * random.uniform(0.5, 1.5))
        finally:
            gc.set_threshold(*collected)
            sys.setswitchinterval(turn_s)
            self._retrier.stop()
            self.publisher.stop()
            for lane in self.lanes.values():
                lane.stop()
            if self._crew is not None:
                self._crew.leave()

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
        lanes = self.lanes.values()
        if self._crew is not None:
            keeps_up = all(lane.worker.keeps_up for lane in lanes)
            self._crew.beat(conn, keeps_up=keeps_up, detail=self._detail(), now=_now(), anew=self._watch.forget)
        elif all(lane.hears for lane in lanes):
            rolelife.monitor_hears(conn, _now(), self._started, self._detail())
        rolelife.watch(conn, rolelife.CLOCK, _now(), watched_since=self._started)

    def _detail(self) -> dict[str, Any]:
        detail = {name: asdict(lane.worker.tally) | self._box(lane) for name, lane in self.lanes.items()}
        return {**detail, "publisher": asdict(self.publisher.tally)}

    def _box(self, lane: Lane) -> dict[str, int]:
        return {"turned_away": lane.mailbox.turned_away, "unknown_fields": lane.unknown_fields}

    def _listen(self, conn: psycopg.Connection) -> None:
        changed = {payload for _, payload in signals.wait(conn, BEAT_S)}
        if time.monotonic() - self._refreshed > REFRESH_S or not all(payload.isdecimal() for payload in changed):
            self._watch.forget()
            self._refreshed = time.monotonic()
        elif changed:
            self._watch.forget({int(payload) for payload in changed})
