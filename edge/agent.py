"""The agent: makes the parts, starts them in order, keeps them running, and stops them in the opposite order."""

import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from devices.profiles import PROFILES
from devices.wire import codec
from devices.wire.messages import Lane, LinkState
from devices.wire.topics import Channel
from edge import status_file
from edge.adapters import doors_of
from edge.ble import BleRadio
from edge.config import Config
from edge.core import health
from edge.core.clock import NOT_BEFORE, own_time
from edge.core.delivery_words import Pace
from edge.core.health import Troubles
from edge.errors import ConfigError
from edge.inbound import Inbound
from edge.outbound import Outbound
from edge.outbox_thread import OutboxThread
from edge.uplink import Arrived, Identity, LineDown, LineEvent, LineUp, MqttUplink

STOP_RADIO_S: Final = 2.0
STOP_FLUSH_S: Final = 0.7
PART_AGAIN_S: Final = 5.0
STATUS_FILE_S: Final = 10.0
SILENT_HEARTBEATS: Final = 2.5

log = logging.getLogger(__name__)


class SystemClock:
    """Ours, and never earlier than what the outbox has seen: without a battery it stands in 1970 after a power cut."""

    def __init__(self) -> None:
        self._not_before = NOT_BEFORE
        self._known_s = time.monotonic()

    def learn(self, not_before: datetime) -> None:
        self._not_before = max(NOT_BEFORE, not_before)
        self._known_s = time.monotonic()

    def now(self) -> datetime:
        return own_time(datetime.now(UTC), self._not_before, timedelta(seconds=time.monotonic() - self._known_s))

    def is_wrong(self) -> bool:
        return datetime.now(UTC) < self._not_before

    def is_set(self) -> bool:
        return not self.is_wrong()

    def monotonic_s(self) -> float:
        return time.monotonic()


class Agent:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._clock, self._troubles = SystemClock(), Troubles()
        self._run_id = secrets.token_hex(8)
        self._outbox = OutboxThread(config.data_dir / "outbox.db")
        quiet_s = SILENT_HEARTBEATS * config.heartbeat_s  # a heartbeat asks for a receipt
        self._outbound = Outbound(
            config.gateway,
            self._outbox,
            self._clock,
            self._troubles,
            self._say_hello,
            Pace(
                rebuild_first_s=max(quiet_s, Pace().rebuild_first_s), rebuild_cap_s=max(quiet_s, Pace().rebuild_cap_s)
            ),
        )
        self._inbound = Inbound(
            config.devices, config.zone, self._outbox, self._clock, self._troubles, self._outbound.committed
        )
        self._uplink = MqttUplink(config.broker, self._identity, self._line)
        self._outbound.uplink = self._uplink
        self._radio: BleRadio | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stop.set)
        log.info("gateway %s starts, run %s, %d devices", self._config.gateway, self._run_id, len(self._config.devices))
        opening = asyncio.create_task(self._open())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set():
            opening.cancel()
        else:
            opening.result()
            await self._work()
        stopping.cancel()
        await self._outbox.close()
        log.info("gateway %s stopped", self._config.gateway)

    async def _open(self) -> None:
        await self._outbound.load()
        remembered, records, newest = await self._outbox.do(
            lambda outbox: (outbox.remembered(), outbox.last_records(), outbox.newest_accepted())
        )
        self._clock.learn(newest or NOT_BEFORE)
        self._inbound.recall(remembered)
        profiles = {device.address: PROFILES[device.profile] for device in self._config.devices}
        self._radio = BleRadio(
            profiles,
            records,
            self._inbound,
            self._clock,
            self._troubles,
            doors=doors_of(self._config.radio, self._config.data_dir / "bonds.json"),
            zone=self._config.zone,
            canary=self._config.radio.canary,
        )

    async def _work(self) -> None:
        assert self._radio is not None
        async with contextlib.AsyncExitStack() as stack:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    name: group.create_task(self._keep_running(name, part))
                    for name, part in (
                        ("inbound", self._inbound.run),
                        ("outbound", self._outbound.run),
                        ("uplink", self._uplink.run),
                        ("radio", self._radio.run),
                        ("heartbeat", self._heartbeat),
                        ("status file", self._write_status_file),
                        ("watchdog", self._watchdog),
                    )
                }
                await self._stop.wait()
                await self._wind_down(tasks)

    async def _wind_down(self, tasks: "dict[str, asyncio.Task[None]]") -> None:
        """Radio first, so that nothing new comes; then disk; then a goodbye to the server. Less than 5 s together."""
        log.info("stopping")
        _notify("STOPPING=1")
        tasks["radio"].cancel()
        await asyncio.wait({tasks["radio"]}, timeout=STOP_RADIO_S)
        if not await self._inbound.flush(STOP_FLUSH_S):
            log.error("stopped before everything heard was written")
        await self._outbound.flush(STOP_FLUSH_S)
        await self._uplink.farewell(self._status(LinkState.OFFLINE, hello=False))
        self._save_status_file()
        for task in tasks.values():
            task.cancel()

    async def _keep_running(self, name: str, part: Callable[[], Awaitable[None]]) -> None:
        """The outer edge of every part: our own bug in one must not silence the others."""
        while True:
            try:
                await part()
            except Exception as error:
                log.exception("%s failed and starts again", name)
                self._troubles.begin(name, f"{name} failed: {type(error).__name__}: {error}")
            await asyncio.sleep(PART_AGAIN_S)

    def _identity(self) -> Identity:
        return Identity(
            gateway=self._config.gateway,
            bucket=self._config.bucket,
            client_id=f"{self._config.gateway}-{self._outbound.outbox_id}",
            last_will=codec.encode(health.last_will(self._me())),
        )

    def _me(self) -> health.Self:
        assert self._outbound.outbox_id is not None
        return health.Self(
            gateway=self._config.gateway,
            outbox=self._outbound.outbox_id,
            run=self._run_id,
            version=_version(),
            every_s=self._config.heartbeat_s,
        )

    def _line(self, event: LineEvent) -> None:
        match event:
            case LineUp():
                log.info("connected to the broker %s:%d", self._config.broker.host, self._config.broker.port)
                self._troubles.end("line")
                self._outbound.line_is_up()
            case LineDown(why):
                broker = self._config.broker
                sentence = (
                    f"no connection to the broker {broker.host}:{broker.port} ({why}): "
                    "is it running, and is mqtt right in the configuration?"
                )
                if self._troubles.begin("line", sentence):
                    log.warning("%s Trying again; what is heard is kept here", sentence)
                self._outbound.line_is_down()
            case Arrived(_, payload):
                self._outbound.receipt(payload)

    def _say_hello(self) -> None:
        self._uplink.publish(Channel.STATUS, self._status(LinkState.ONLINE, hello=True))

    def _status(self, state: LinkState, *, hello: bool) -> bytes:
        if self._clock.is_wrong():
            self._troubles.begin("clock", "the gateway's own clock is wrong: check its network time")
        else:
            self._troubles.end("clock")
        message = health.status(
            self._me(),
            state,
            at=self._clock.now(),
            waiting=self._outbound.waiting(),
            set_aside=self._outbound.set_aside,
            devices=self._inbound.reports(self._radio.states() if self._radio else {}),
            troubles=self._troubles.sentences(),
            hello=hello,
        )
        return codec.encode(message)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(self._config.heartbeat_s)
            self._say_hello()

    async def _write_status_file(self) -> None:
        while True:
            self._save_status_file()
            await asyncio.sleep(STATUS_FILE_S)

    def _save_status_file(self) -> None:
        waiting = self._outbound.waiting()
        names = {device.address: device for device in self._config.devices}
        devices = [
            status_file.DeviceLine(
                address=report.device,
                name=names[report.device].name,
                profile=names[report.device].profile,
                state=report.state,
                seen_at=report.seen_at,
                battery_percent=report.battery_percent,
                refused=report.refused,
            )
            for report in self._inbound.reports(self._radio.states() if self._radio else {})
        ]
        with contextlib.suppress(OSError):  # a full disk is told by the outbox
            status_file.write(
                self._config.data_dir,
                status_file.StatusFile(
                    gateway=self._config.gateway,
                    outbox=self._outbound.outbox_id,
                    pid=os.getpid(),
                    at=self._clock.now(),
                    connected=self._outbound.is_connected,
                    receipt_at=self._outbound.receipt_at,
                    waiting_alarm=waiting.get(Lane.ALARM, 0),
                    waiting_bulk=waiting.get(Lane.BULK, 0),
                    set_aside=self._outbound.set_aside,
                    devices=devices,
                    troubles=self._troubles.sentences(),
                ),
            )

    async def _watchdog(self) -> None:
        """systemd restarts us when the event loop stands still."""
        _notify("READY=1")
        period_s = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6 / 2
        while period_s:
            _notify("WATCHDOG=1")
            await asyncio.sleep(period_s)
        await asyncio.Event().wait()


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Two agents on one outbox would confuse the server; the lock ends with the process."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / "agent.lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"data_dir {directory} cannot be used ({error.strerror}): write one that this user may write to"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"data_dir {directory} is in use by another gateway: stop that one, or give this one its own data_dir"
            ) from error
        yield


def _version() -> str:
    try:
        return version("hjemvakt")
    except PackageNotFoundError:
        return "unknown"


def _notify(word: str) -> None:
    """sd_notify(3); nothing without systemd."""
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
            door.sendto(word.encode(), "\0" + address[1:] if address.startswith("@") else address)
