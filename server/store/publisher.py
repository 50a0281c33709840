"""Says to gateways what they have to know: configurations, retained at the broker, and commands until they are done.

A thread with a connection of its own. Rows are the truth: a signal only says "look now". Everything is said again on a
new connection to the broker, which may have lost what it retained; so many a second that receipts find room between.
"""

import contextlib
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import psycopg

from devices.wire.codec import encode
from devices.wire.messages import Command
from devices.wire.topics import Topic
from server.store import commands, configs, pool, signals
from server.store.configs import Standing
from server.store.sealing import Seals

POLL_S: Final = 60.0  # a binding begins or ends, a signal was lost
REPEAT_S: Final = 10.0  # of a command
AT_ONCE: Final = 50  # configurations in one round
BETWEEN_S: Final = 0.25  # two rounds, while there is more to say
LOOK_S: Final = 1.0  # whether the connection is another one
BACK_OFF_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # the last one repeats; each is stretched by up to half
STOP_LIMIT_S: Final = 5.0

Prove = Callable[[Command], Command]
log = logging.getLogger(__name__)


class Line(Protocol):
    """A session with the broker. `connection`: the number of the present one, 0: there is none."""

    @property
    def connection(self) -> int: ...

    def publish(self, topic: Topic, payload: bytes) -> bool: ...


@dataclass(kw_only=True, slots=True)
class Tally:
    """Since the start."""

    made: int = 0
    configs: int = 0
    commands: int = 0
    failures: int = 0


class Publisher:
    def __init__(
        self,
        *,
        dsn: str,
        configs_by: Line,
        commands_by: Line,
        now: Callable[[], datetime],
        seals: Seals | None = None,
        repeat_s: float = REPEAT_S,
        prove: Prove = lambda command: command,
    ) -> None:
        """`prove` puts the proof to a command that gateways believe."""
        self.tally = Tally()
        self._seals = seals
        self._dsn = dsn
        self._configs_by = configs_by
        self._commands_by = commands_by
        self._now = now
        self._repeat_s = repeat_s
        self._prove = prove
        self._wanted: dict[int, Standing] = {}
        self._said: dict[int, Standing] = {}
        self._said_on = 0
        self._commanded_on = 0
        self._renew_at = 0.0
        self._command_at = 0.0
        self._repeat_at: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="monitor-publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def _run(self) -> None:
        """It never ends by itself: alarms come in by other threads, and must not end with this one."""
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with contextlib.closing(pool.connect(self._dsn, name="monitor-publisher", autocommit=True)) as conn:
                    signals.listen(conn, [signals.Channel.ENROLMENT, signals.Channel.COMMAND])
                    self._renew_at = self._command_at = 0.0
                    self._said.clear()  # what was said may not have been noted
                    while not self._stopping.is_set():
                        self._round(conn)
                        self._wait(conn)
            except psycopg.OperationalError as error:
                log.warning("publisher: the database is gone: %s", " ".join(str(error).split()))
            except Exception:
                log.exception("publisher: gateways are not told what they have to do")
            failures = 0 if time.monotonic() - began > POLL_S else failures + 1
            self.tally.failures += not self._stopping.is_set()
            self._stopping.wait(BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * random.uniform(1.0, 1.5))

    def _round(self, conn: psycopg.Connection) -> None:
        now = self._now()
        if time.monotonic() >= self._renew_at:
            self._renew_at = time.monotonic() + POLL_S
            self.tally.made += configs.renew(conn, now)
            self._wanted = {each.gateway_id: each for each in configs.standing(conn)}
        self._say_commands(conn, now)
        self._say_configs(conn, now)

    def _say_commands(self, conn: psycopg.Connection, now: datetime) -> None:
        connection = self._commands_by.connection
        if connection != self._commanded_on:
            self._repeat_at.clear()
            self._commanded_on, self._command_at = connection, 0.0
        if not connection or time.monotonic() < self._command_at:
            return
        began = self._command_at = time.monotonic()
        still_open = commands.still_open(conn, now)
        self._repeat_at = {id_: self._repeat_at.get(id_, 0.0) for id_ in still_open}
        for id_, (topic, command) in still_open.items():
            if began >= self._repeat_at[id_] and self._commands_by.publish(topic, encode(self._prove(command))):
                self._repeat_at[id_] = began + self._repeat_s
                self.tally.commands += 1
        self._command_at = min(self._repeat_at.values(), default=began + POLL_S)

    def _say_configs(self, conn: psycopg.Connection, now: datetime) -> None:
        connection = self._configs_by.connection
        if connection != self._said_on:
            self._said.clear()
            self._said_on = connection
        if not connection:
            return
        ids = [id_ for id_, each in self._wanted.items() if self._said.get(id_) != each][:AT_ONCE]
        if not ids:
            return
        told = [
            each
            for each, payload in configs.payloads(conn, ids, self._seals)
            if self._configs_by.publish(each.topic, payload)
        ]
        self._said.update((each.gateway_id, each) for each in told)
        self._wanted.update((each.gateway_id, each) for each in told)
        configs.published(conn, told, now)
        self.tally.configs += len(told)

    def _wait(self, conn: psycopg.Connection) -> None:
        has_more = self._said_on and any(self._said.get(id_) != each for id_, each in self._wanted.items())
        for channel, _ in signals.wait(conn, BETWEEN_S if has_more else LOOK_S):
            if channel is signals.Channel.COMMAND:
                self._command_at = 0.0
            else:
                self._renew_at = 0.0
