"""The agent: makes the parts, starts them in order, keeps them running, and stops them in the opposite order."""

import asyncio
import contextlib
import logging
import secrets
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from devices.profiles import PROFILES
from devices.profiles.base import Profile
from devices.vocabulary import NO_DEVICE, Event, EventType, Item
from devices.wire.messages import Command, Lane, LinkState
from devices.wire.topics import Channel
from edge.adapters import doors_of
from edge.ble import BleRadio
from edge.bulletin import Bulletin
from edge.config import Config, DeviceConfig, Post
from edge.core.alone import RING_FOR_S
from edge.core.around import SAY_EVERY_S, Around
from edge.core.commands import ACKNOWLEDGED, LISTEN, PROVE, Commands
from edge.core.delivery_words import Pace
from edge.core.health import Troubles
from edge.core.own_time import NOT_BEFORE
from edge.core.shrink import Room
from edge.credentials import Credentials
from edge.errands import Do, Errands
from edge.errors import OutboxError
from edge.home import LocalHome
from edge.identity import Identity, IdentityFiles
from edge.inbound import Inbound
from edge.open_values import OpenValues
from edge.orders import Orders
from edge.outbound import Outbound
from edge.outbox import Outbox
from edge.outbox_thread import OutboxThread
from edge.overhearing import Overhearing
from edge.own_clock import SystemClock
from edge.remote_config import RemoteConfig
from edge.systemd import feed_watchdog, notify, still_starting
from edge.upgrading import Upgrading
from edge.uplink import Arrived, Caller, LineDown, LineEvent, LineUp, MqttUplink

STOP_RADIO_S: Final = 2.0
STOP_FLUSH_S: Final = 0.7
PART_AGAIN_S: Final = 5.0
STATUS_FILE_S: Final = 10.0
SILENT_HEARTBEATS: Final = 2.5
MOST_RECALLED: Final = 50

T = TypeVar("T")

log = logging.getLogger(__name__)


class Agent:
    """`identity`: of an enrolled gateway, and where its files are. Its post is not in the configuration's file."""

    def __init__(self, config: Config, post: Post, identity: tuple[Identity, IdentityFiles] | None = None) -> None:
        self._config, self._post = config, post
        self._run_id = secrets.token_hex(8)
        self._clock, self._troubles, self._commands = SystemClock(), Troubles(), Commands(self._run_id)
        self._around, self._stirred = Around(), asyncio.Event()
        room = Room(bytes=config.outbox.most_mib * 2**20, days=config.outbox.days)
        self._outbox = OutboxThread(config.data_dir / "outbox.db", room)
        quiet_s = SILENT_HEARTBEATS * config.heartbeat_s  # a heartbeat asks for a receipt
        self._home = LocalHome(config.home, config.zone, self._clock, self._troubles, self._write, quiet_s)
        usual = Pace()
        self._outbound = Outbound(
            post.gateway,
            self._outbox,
            self._clock,
            self._troubles,
            self._say_hello,
            Pace(rebuild_first_s=max(quiet_s, usual.rebuild_first_s), rebuild_cap_s=max(quiet_s, usual.rebuild_cap_s)),
            home=self._home,
        )
        self._setup = RemoteConfig(
            post.gateway, config.data_dir, config.devices, self._troubles, self._apply, self._say_hello
        )
        self._setup.load()
        self._inbound = Inbound(
            self._setup.devices,
            config.zone,
            self._outbox,
            self._clock,
            self._troubles,
            self._outbound.committed,
            home=self._home,
            open_values=OpenValues(config.data_dir / "open.jsonl"),
        )
        self._bulletin = Bulletin(
            config,
            post.gateway,
            self._run_id,
            self._clock,
            self._troubles,
            self._inbound,
            self._outbound,
            self._setup,
            self._commands,
            self._around,
            upgrading := Upgrading(config.data_dir, self._say_hello),
        )
        self._uplink = MqttUplink(post.broker, self._caller, self._line)
        self._outbound.uplink = self._uplink
        self._radio: BleRadio | None = None
        self._is_unanswered = True  # since the line is up
        self._stop = asyncio.Event()
        self._credentials = (
            None
            if identity is None
            else Credentials(
                *identity,
                self._clock,
                self._troubles,
                try_new=lambda: self._uplink.rebuild("to use the new certificate"),
                revoked=self._stop.set,
            )
        )
        if self._credentials is not None:
            credentials = self._credentials
            self._bulletin.certificate = lambda: credentials.shown
            self._bulletin.takes_orders = True
        self._orders = Orders(
            config.data_dir,
            self._bulletin,
            self._setup,
            self._clock,
            upgrading,
            self._credentials,
            radio=lambda: self._radio,
            stop=self._stop.set,
        )
        self._errands = Errands(
            post.gateway,
            config.data_dir,
            self._commands,
            self._clock,
            self._troubles,
            trusted=self._credentials,
            does=self._does(),
            say=self._say_hello,
        )
        self._errands.load()
        self._upgrading = upgrading
        self._name_devices()

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signal_number, self._stop.set)
        log.info("gateway %s starts, run %s, %d devices", self._post.gateway, self._run_id, len(self._setup.devices))
        opening = asyncio.create_task(self._open())
        stopping = asyncio.create_task(self._stop.wait())
        starting = asyncio.create_task(still_starting(lambda: "; ".join(self._troubles.sentences())))
        await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        starting.cancel()
        if self._stop.is_set():
            opening.cancel()
        else:
            opening.result()
            await self._work()
        stopping.cancel()
        await self._outbox.close()
        log.info("gateway %s stopped", self._post.gateway)

    async def _open(self) -> None:
        """A disk that cannot be read must not keep us from measuring; nothing is known then."""
        await self._outbound.load()
        known = await self._known(lambda outbox: outbox.newest_accepted() or NOT_BEFORE, NOT_BEFORE)
        self._clock.learn(known if self._credentials is None else max(known, self._credentials.begins))
        self._clock.on_jump(lambda by, _since: self._home.jumped(by))
        self._clock.on_jump(self._inbound.jumped)
        self._clock.on_jump(self._outbound.clock_jumped)
        self._inbound.recall(await self._known(lambda outbox: outbox.remembered(), {}))
        self._home.recall(await self._known(_waiting_alarms, []), self._clock.now() - timedelta(seconds=RING_FOR_S))
        doors = doors_of(self._config.radio, self._config.data_dir / "bonds.json")
        self._radio = BleRadio(
            self._profiles(),
            await self._last_records(),
            self._inbound,
            self._clock,
            self._troubles,
            doors=doors,
            zone=self._config.zone,
            canary=self._config.radio.canary,
            overheard=Overhearing(self._around, self._clock, lambda: self._by_address),
        )
        self._bulletin.radio, self._bulletin.adapters = self._radio, [door.name for door in doors]

    async def _known(self, ask: Callable[[Outbox], T], otherwise: T) -> T:
        try:
            return await self._outbox.do(ask)
        except OutboxError:  # told by the outbox itself
            return otherwise

    async def _last_records(self) -> Mapping[str, int]:
        return await self._known(lambda outbox: outbox.last_records(), {})

    def _profiles(self) -> dict[str, Profile]:
        return {device.address: PROFILES[device.profile] for device in self._setup.devices}

    async def _apply(self, devices: tuple[DeviceConfig, ...]) -> None:
        """The server's new configuration, at once."""
        records = await self._last_records()
        self._stirred.set()
        self._name_devices()
        self._inbound.configure(devices)
        if self._radio is not None:
            self._radio.set_devices(self._profiles(), records)

    def _name_devices(self) -> None:
        self._by_address = {device.address: device for device in self._setup.devices}
        self._home.names({device.address: device.name for device in self._setup.devices})

    async def _work(self) -> None:
        assert self._radio is not None
        async with asyncio.TaskGroup() as group:
            tasks = {
                name: group.create_task(self._keep_running(name, part))
                for name, part in (
                    ("inbound", self._inbound.run),
                    ("outbound", self._outbound.run),
                    ("radio", self._radio.run),
                    ("home", self._home.run),
                    ("configuration", self._setup.run),
                    ("errands", self._errands.run),
                    ("upgrade", self._upgrading.run),
                    ("uplink", self._uplink.run),
                    ("heartbeat", self._heartbeat),
                    ("certificate", self._renew),
                    ("status file", self._write_status_file),
                    ("watchdog", lambda: feed_watchdog(self._ask_disk, self._bulletin.line)),
                )
            }
            await asyncio.sleep(0)  # all of them are on their way now
            notify("READY=1", f"STATUS={self._bulletin.line()}")
            await self._stop.wait()
            await self._wind_down(tasks)

    async def _wind_down(self, tasks: "dict[str, asyncio.Task[None]]") -> None:
        """Radio first, so that nothing new comes; then disk; then a goodbye to the server. Less than 5 s together."""
        log.info("stopping")
        notify("STOPPING=1")
        for name in ("radio", "home", "configuration"):
            tasks[name].cancel()
        await asyncio.wait({tasks["radio"]}, timeout=STOP_RADIO_S)
        if not await self._inbound.flush(STOP_FLUSH_S):
            log.error("stopped before everything heard was written")
        await self._outbound.flush(STOP_FLUSH_S)
        await self._uplink.farewell(self._bulletin.status(LinkState.OFFLINE, hello=False))
        self._bulletin.save()
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

    def _caller(self) -> Caller:
        """An enrolled gateway is called what its certificate says, so that nobody takes its place. One that nobody
        vouches for is told from its copy by the outbox."""
        name = self._post.gateway
        return Caller(
            gateway=name,
            bucket=self._post.bucket,
            client_id=f"{name}-{self._outbound.outbox_id}" if self._credentials is None else name,
            last_will=self._bulletin.last_will(),
            tls=None if self._credentials is None else self._credentials.show(),
        )

    async def _renew(self) -> None:
        if self._credentials is not None:
            await self._credentials.run()
        await self._stop.wait()

    def _line(self, event: LineEvent) -> None:
        match event:
            case LineUp(deaf_to):
                self._line_is_up(deaf_to)
            case LineDown(why, is_refusal, was_up):
                self._judge_refusal(why, is_refusal, was_up)
                broker = self._post.broker
                sentence = (
                    f"no connection to the broker {broker.host}:{broker.port} ({why}): "
                    "is it running, and is mqtt right in the configuration?"
                )
                if self._troubles.begin("line", sentence):
                    log.warning("%s Trying again; what is heard is kept here", sentence)
                self._outbound.line_is_down()
                self._home.line(is_up=False)
                self._bulletin.save()
            case Arrived(Channel.RECEIPT, payload):
                self._receipt(payload)
            case Arrived(Channel.CONFIG, payload):
                self._setup.hear(payload)
            case Arrived(Channel.COMMAND, payload):
                self._errands.hear(payload)

    def _line_is_up(self, deaf_to: Iterable[Channel]) -> None:
        log.info("connected to the broker %s:%d", self._post.broker.host, self._post.broker.port)
        if self._credentials is not None:
            self._credentials.connected()
        self._troubles.end("line")
        self._troubles.end("deaf")
        if channels := ", ".join(deaf_to):
            self._troubles.begin("deaf", f"the broker does not let us hear {channels}: check its access rules")
        self._outbound.line_is_up()
        self._home.line(is_up=True)
        self._is_unanswered = True

    def _judge_refusal(self, why: str, is_refusal: bool, was_up: bool) -> None:
        if self._credentials is not None:
            if is_refusal:
                self._credentials.refused(why)
            if not was_up:
                self._credentials.came_to_nothing()

    def _receipt(self, payload: bytes) -> None:
        unreadable = self._outbound.unreadable_receipts
        self._outbound.receipt(payload)
        if self._outbound.unreadable_receipts == unreadable:
            self._home.answered()
            if self._is_unanswered:
                self._is_unanswered = False
                self._bulletin.save()

    def _does(self) -> dict[str, Do]:
        """What each command means. Those that only a proof opens are in edge/orders.py."""
        return {
            ACKNOWLEDGED: self._acknowledged,
            PROVE: self._prove,
            LISTEN: self._listen,
            **self._orders.does(),
        }

    async def _acknowledged(self, command: Command) -> None:
        self._home.acknowledged(command)

    async def _prove(self, _: Command) -> None:
        self._write([Event(device=NO_DEVICE, type=EventType.PROOF, occurred_at=self._clock.now())])

    async def _listen(self, command: Command) -> None:
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        self._around.listen(command, now, now_s, is_clock_set=self._clock.is_set())
        self._stirred.set()

    def _write(self, items: Iterable[Item]) -> None:
        self._inbound.write(items)

    def _say_hello(self) -> None:
        self._uplink.publish(Channel.STATUS, self._bulletin.status(LinkState.ONLINE, hello=True))

    async def _ask_disk(self) -> None:
        await self._known(lambda _outbox: None, None)

    async def _heartbeat(self) -> None:
        """More often while a technician listens, and at once when one begins."""
        while True:
            is_listening = self._around.until(self._clock.monotonic_s()) is not None
            usual_s = self._setup.heartbeat_s(self._config.heartbeat_s)
            wait_s = min(SAY_EVERY_S, usual_s) if is_listening else usual_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._stirred.wait()
            self._stirred.clear()
            self._say_hello()

    async def _write_status_file(self) -> None:
        while True:
            self._bulletin.save()
            await asyncio.sleep(STATUS_FILE_S)


def _waiting_alarms(outbox: Outbox) -> list[tuple[Lane, int, Event]]:
    """The newest of them, for the lamp; delivery has them all."""
    stock = outbox.stocks()[Lane.ALARM]
    first = max(stock.mark + 1, stock.oldest, stock.newest - MOST_RECALLED + 1)
    rows, _ = outbox.read(Lane.ALARM, first, stock.newest)
    return [(Lane.ALARM, seq, item) for seq, item in rows if isinstance(item, Event)]
