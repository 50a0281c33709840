"""What gateways are told, through the real broker: configurations that stay there, commands until they are done."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, Queue
from secrets import token_hex

import psycopg
import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from devices.vocabulary import Event, EventType
from devices.wire.codec import decode_command, decode_config, encode
from devices.wire.messages import Command, GatewayConfig, Lane, LinkState, Status
from devices.wire.topics import Channel
from server.alerts.model import Alert
from server.inlet import BrokerAddress, Session
from server.roles.broker import EmbeddedBroker
from server.roles.monitor import Monitor
from server.store import alerts, commands, configs, housekeeping, pool
from server.store.publisher import AT_ONCE, Publisher
from tests.conftest import Database
from tests.integration.ingest_rig import BUTTON, DOOR, OUTBOX, OXIMETER, RUN, WORLD, batch
from tests.integration.monitor_rig import LIMIT_S, Gateway, await_true, running

pytestmark = pytest.mark.integration


class Home:
    """Hears what one gateway is told."""

    def __init__(self, port: int, gateway: str) -> None:
        self.configs: Queue[tuple[GatewayConfig, bool]] = Queue()
        self.commands: Queue[Command] = Queue()
        self._ready: Queue[bool] = Queue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=f"home-{token_hex(4)}")
        self._client.on_message = self._message
        self._client.on_subscribe = lambda *_: self._ready.put(True)
        self._client.on_connect = lambda *_: self._client.subscribe(f"hv/1/7/{gateway}/down/#", qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._ready.get(timeout=LIMIT_S)

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        if message.topic.endswith(Channel.CONFIG):
            self.configs.put((decode_config(bytes(message.payload)), message.retain))
        if message.topic.endswith(Channel.COMMAND):
            self.commands.put(decode_command(bytes(message.payload)))

    def await_config(self, is_it: Callable[[GatewayConfig], bool] = lambda _: True) -> tuple[GatewayConfig, bool]:
        while True:
            config, retained = self.configs.get(timeout=LIMIT_S)
            if is_it(config):
                return config, retained

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def name() -> str:
    """Of its own: the broker keeps what other tests retained."""
    return f"gw-{token_hex(4)}"


@pytest.fixture
def dsn(database: Database, name: str) -> str:
    with psycopg.connect(database.owner) as conn:
        conn.execute(WORLD.encode())
        conn.execute("update gateway set name = %s where id = 1", (name,))
    return database.owner


@pytest.fixture
def home(broker: EmbeddedBroker, name: str) -> Iterator[Home]:
    it = Home(broker.port, name)
    yield it
    it.stop()


def tell(dsn: str, statement: str, *parameters: object) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(statement.encode(), parameters)


def one(dsn: str, question: str, *parameters: object) -> object:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(question.encode(), parameters).fetchone()
    return None if row is None else row[0]


def addresses(config: GatewayConfig) -> list[str]:
    return [device.address for device in config.devices or []]


def test_a_gateway_gets_its_configuration_and_one_that_comes_later_gets_it_too(
    dsn: str, broker: EmbeddedBroker, name: str, home: Home
) -> None:
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)):
        config, _ = home.await_config()
        assert (config.gateway, addresses(config)) == (name, [OXIMETER, BUTTON, DOOR])
        await_true(lambda: one(dsn, "select published_at is not null from gateway_config where gateway_id = 1") is True)
    late = Home(broker.port, name)  # the monitor is down
    try:
        assert late.await_config() == (config, True)
    finally:
        late.stop()


def test_a_change_is_told_as_soon_as_it_is_signalled(dsn: str, broker: EmbeddedBroker, home: Home) -> None:
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)):
        first, _ = home.await_config()
        with psycopg.connect(dsn) as conn:
            conn.execute("update device set cadence_s = 5 where address = %s", (OXIMETER,))
            conn.execute("notify hjemvakt_enrolment")
        second, _ = home.await_config(lambda config: config.version > first.version)
    assert (second.devices or [])[0].cadence_s == 5


def test_a_broker_that_lost_what_it_retained_is_told_again(
    dsn: str, name: str, short_dir: Path, free_port: int
) -> None:
    own = EmbeddedBroker(short_dir / "forgetful", port=free_port)
    own.start()
    with running(Monitor(dsn=dsn, mqtt_url=own.url)):
        await_true(lambda: one(dsn, "select count(*) from gateway_config where published_at is not null") == 2)
        assert own.pid is not None
        os.kill(own.pid, signal.SIGKILL)
        await_true(lambda: not own.is_alive())
        own.stop()
        empty = EmbeddedBroker(short_dir / "without-memory", port=free_port)
        empty.start()
        try:
            listener = Home(free_port, name)
            config, _ = listener.await_config()
            assert addresses(config) == [OXIMETER, BUTTON, DOOR]
            listener.stop()
        finally:
            empty.stop()


def test_many_gateways_are_told_in_portions_and_each_once(dsn: str, broker: EmbeddedBroker, name: str) -> None:
    more = """insert into gateway (name, home_id, bucket, enrolled)
              select %s || n, 1, 7, true from generate_series(1, 120) n"""
    tell(dsn, more, name)
    heard = Home(broker.port, "+")
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)) as monitor:
        await_true(lambda: monitor.publisher.tally.configs >= 122)
        assert AT_ONCE < 122
        mine = set()
        while len(mine) < 121:
            config, retained = heard.await_config(lambda config: config.gateway.startswith(name))
            assert retained or config.gateway not in mine
            mine.add(config.gateway)
        assert monitor.publisher.tally.configs == 122
    heard.stop()


@pytest.fixture
def session(broker: EmbeddedBroker) -> Iterator[Session]:
    it = Session(
        BrokerAddress.parse(broker.url),
        client_id=f"session-{token_hex(4)}",
        channels=[Channel.STATUS],
        take=lambda arrival: arrival.acknowledge(),
    )
    it.start()
    await_true(lambda: it.hears)
    yield it
    it.stop()


@pytest.fixture
def publisher(dsn: str, session: Session) -> Iterator[Publisher]:
    it = Publisher(dsn=dsn, configs_by=session, commands_by=session, now=lambda: datetime.now(UTC), repeat_s=0.1)
    it.start()
    yield it
    it.stop()


def acknowledge(dsn: str) -> None:
    """As the api does it, by the owner of the database."""
    with pool.connect(dsn, name="test") as conn:
        alert = alerts.hold_alert(conn, 1)
        assert isinstance(alert, Alert)
        commands.acknowledged(conn, alert, datetime.now(UTC))


def press(dsn: str, broker: EmbeddedBroker, name: str) -> datetime:
    """SOS through a real monitor; when it was pressed."""
    at = datetime.now(UTC).replace(microsecond=250_000)
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)):
        gateway = Gateway(broker.port, f"presses-{name}")
        pressed = Event(device=BUTTON, type=EventType.SOS, occurred_at=at)
        gateway.send_until_confirmed(batch([pressed], lane=Lane.ALARM, gateway=name))
        gateway.stop()
    return at


def test_a_command_is_said_again_until_the_gateway_has_done_it(
    dsn: str, broker: EmbeddedBroker, name: str, home: Home, publisher: Publisher
) -> None:
    at = press(dsn, broker, name)
    acknowledge(dsn)
    command = home.commands.get(timeout=LIMIT_S)
    assert home.commands.get(timeout=LIMIT_S) == command
    assert (command.command, command.device, command.type) == ("acknowledged", BUTTON, EventType.SOS)
    assert command.occurred_at == int(at.timestamp() * 1000)
    assert command.until is not None and command.at is not None and command.until - command.at == 600_000
    status = Status(gateway=name, state=LinkState.ONLINE, outbox=OUTBOX, started=RUN, done=[str(command.id)])
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)):
        gateway = Gateway(broker.port, f"does-{name}")
        gateway.send(status)
        await_true(lambda: one(dsn, "select done_at is not null from gateway_command") is True)
        gateway.stop()
    _drain(home.commands)
    said = publisher.tally.commands
    tell(dsn, "notify hjemvakt_command")
    await_true(lambda: publisher.tally.commands == said)
    with pytest.raises(Empty):
        home.commands.get(timeout=1.0)


def test_a_command_whose_time_is_over_is_not_said(
    dsn: str, broker: EmbeddedBroker, name: str, home: Home, publisher: Publisher
) -> None:
    press(dsn, broker, name)
    acknowledge(dsn)
    home.commands.get(timeout=LIMIT_S)
    tell(dsn, "update gateway_command set until_at = now() - interval '1 s'")
    _drain(home.commands)
    with pytest.raises(Empty):
        home.commands.get(timeout=1.0)


def test_commands_that_are_over_are_cleared_away(dsn: str) -> None:
    row = "insert into gateway_command values (%s, 1, '{}', now(), now() - %s::interval)"
    tell(dsn, row, "a" * 16, "2 days")
    tell(dsn, row, "b" * 16, "1 hour")
    with pool.connect(dsn, name="test", autocommit=True) as conn:
        housekeeping.chores(conn, datetime.now(UTC))
    assert one(dsn, "select string_agg(id, ',') from gateway_command") == "b" * 16


def _drain(commands_: "Queue[Command]") -> None:
    """Until none has come for a while."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        try:
            commands_.get(timeout=0.5)
        except Empty:
            return
    raise AssertionError("they never end")


def test_the_payload_on_the_wire_is_what_the_contract_allows(dsn: str) -> None:
    with pool.connect(dsn, name="test", autocommit=True) as conn:
        configs.renew(conn, datetime.now(UTC))
        for _, payload in configs.payloads(conn, [1, 2]):
            assert encode(decode_config(payload)) == payload
