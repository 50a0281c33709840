"""Real brokers with a guard beside them, and clients that show certificates of our authority."""

import os
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

from edge.identity import new_key, request
from edge.uplink import ClosedWhenRefused
from server import pki
from server.nkeys import AccountKey
from server.own_certificate import Held, showing
from server.roles.broker import EmbeddedBroker, Guarded, shipped_broker
from server.roles.guard import Guard, kept_in
from server.store import authority, signals
from server.store.sealing import Seals
from tests.integration.enrol_rig import wake
from tests.integration.monitor_rig import LIMIT_S, await_true
from tests.integration.mosquitto_rig import SHIPPED, mosquitto
from tests.ports import listens

BUCKET = 0  # of every home of the small town
HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What somebody shows to the broker."""

    pem: str
    key: str

    @property
    def serial(self) -> str:
        return pki.read(self.pem).serial

    @property
    def key_hash(self) -> str:
        return pki.key_of(request(self.key))


def ours(owner: str) -> pki.Authority:
    """The authority itself, as only the clock role has it."""
    with psycopg.connect(owner) as conn:
        return authority.ours(conn, Seals(bytes(32)), datetime.now(UTC))


def signed_by(signer: pki.Authority, name: str, at: datetime | None = None) -> Shown:
    key = new_key()
    return Shown(pem=pki.issue(signer, request(key), name, at or datetime.now(UTC)).pem, key=key)


def enrolled(town: Any, name: str) -> Shown:
    """A gateway that was let in; the thread of the clock role signs."""
    key = new_key()
    home = town.one("select home_id from gateway where name = %s", name)
    asked = town.one(
        """insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway, home_id)
           values (%s, %s, %s, %s, now(), now(), 'accepted', %s, %s) returning id""",
        *(key[-40:-30] + name, pki.key_of(request(key)), request(key), key.encode()[-80:], name, home),
    )
    town.sql("select pg_notify(%s, '')", signals.Channel.TRUST)
    certificates = "select count(*) from certificate where enrolment_id = %s"
    await_true(lambda: town.one(certificates, asked) == 1)
    return Shown(pem=town.one("select certificate from certificate where enrolment_id = %s", asked), key=key)


def revoke(town: Any, name: str, why: str = "stolen") -> None:
    """As the route does it, for whoever may."""
    town.sql(
        """update certificate set revoked_at = now(), why = %s where revoked_at is null
           and gateway_id = (select id from gateway where name = %s)""",
        *(why, name),
    )
    town.sql("select pg_notify(%s, '')", signals.Channel.TRUST)


@dataclass(kw_only=True)
class Broker:
    port: int
    authority: str
    pid: int | None = None

    @contextmanager
    def client(
        self, shown: Shown | None, client_id: str, *, will: str | None = None, trusts: str = ""
    ) -> Iterator["Client"]:
        made = Client(client_id=client_id)
        trusted = trusts or self.authority
        context = ssl.create_default_context(cadata=trusted)
        if shown is not None:
            context = showing(Held(certificate=shown.pem, key=shown.key, authority=trusted))
        context.sslsocket_class = ClosedWhenRefused
        made.connect(self.port, context, will)
        try:
            yield made
        finally:
            made.end()


@dataclass(kw_only=True)
class Client:
    client_id: str
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    granted: list[bool] = field(default_factory=list)
    accepted: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    """Refused, or in and thrown out."""
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def connect(self, port: int, context: ssl.SSLContext, will: str | None) -> None:
        self.paho = mqtt.Client(
            CallbackAPIVersion.VERSION2, self.client_id, clean_session=True, reconnect_on_failure=False
        )
        self.paho.tls_set_context(context)
        if will is not None:
            self.paho.will_set(will, b"a will", 1)
        self.paho.on_connect = self._connected
        self.paho.on_disconnect = lambda *_: self.over.set()
        self.paho.on_message = self._message
        self.paho.on_subscribe = self._subscribed
        try:
            self.paho.connect("127.0.0.1", port)
        except OSError:
            self.over.set()
            return
        self.paho.loop_start()

    def _connected(self, _c: Any, _u: Any, _f: Any, reason: Any, _p: Any) -> None:
        (self.over if reason.is_failure else self.accepted).set()

    def _message(self, _c: Any, _u: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.heard.append((message.topic, bytes(message.payload)))
            self._changed.notify_all()

    def _subscribed(self, _c: Any, _u: Any, _mid: int, reasons: Any, _p: Any) -> None:
        with self._changed:
            self.granted += [not reason.is_failure for reason in reasons]
            self._changed.notify_all()

    def comes_in(self) -> "Client":
        assert self.accepted.wait(LIMIT_S)
        return self

    def stays_out(self) -> bool:
        assert self.over.wait(LIMIT_S)
        return not self.accepted.is_set()

    def listens(self, *topics: str, qos: int = 1) -> list[bool]:
        """Which of them the broker grants; mosquitto grants all, and then says nothing."""
        before = len(self.granted)
        self.paho.subscribe([(topic, qos) for topic in topics])
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.granted) >= before + len(topics), LIMIT_S)
        return self.granted[before:]

    def says(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Until the broker has acknowledged it, which it does for what it throws away, too."""
        self.paho.publish(topic, payload, 1, retain).wait_for_publish(LIMIT_S)

    def hears(self, topic: str, payload: bytes) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: (topic, payload) in self.heard, LIMIT_S), self.heard

    def cut(self) -> None:
        """The line, without a word."""
        line = self.paho.socket()
        assert line is not None
        line.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        self.paho.on_disconnect = None
        self.paho.disconnect()
        self.paho.loop_stop()


@contextmanager
def guarding(owner: str, broker: str, directory: Path, key: AccountKey) -> Iterator[Guard]:
    guard = Guard(dsn=owner, broker=broker, directory=directory, hosts=HOSTS, key=key)
    thread = threading.Thread(target=guard.run)
    thread.start()
    try:
        yield guard
    finally:
        end(guard, owner)
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def end(guard: Guard, owner: str) -> None:
    """Before its broker ends: it would ask for that one again and again."""
    guard.stop()
    wake(owner)


@contextmanager
def nats(owner: str, home: Path, port: int) -> Iterator[Broker]:
    """As `hjemvakt serve` starts it."""
    key, directory = AccountKey(bytes(range(32))), home / "door"
    directory.mkdir(parents=True)
    guarded = Guarded(directory=directory, host="127.0.0.1", key=key)
    server = EmbeddedBroker(home, port=port, nats_port=free_port(), guarded=guarded)
    server.choose_ports()
    with guarding(owner, f"nats://127.0.0.1:{server.nats_port}", directory, key) as guard:
        await_true(lambda: kept_in(directory) is not None)
        server.start()
        try:
            yield Broker(port=port, authority=(directory / "authority.pem").read_text(), pid=server.pid)
        finally:
            end(guard, owner)
            if server.pid is not None:
                os.kill(server.pid, signal.SIGKILL)  # nobody wants what it keeps
            server.stop()


@contextmanager
def shipped_nats(owner: str, home: Path, port: int) -> Iterator[Broker]:
    """A nats-server of its own, with the configuration that we ship."""
    home.mkdir(parents=True)
    own_port = free_port()
    text = (SHIPPED.parent / "nats" / "hjemvakt.conf").read_text(encoding="utf-8")
    for ours, here in (
        ("/var/lib/hjemvakt-guard", str(home)),
        ("/var/lib/nats", str(home / "store")),
        ("127.0.0.1:4222\n", f"127.0.0.1:{own_port}\n"),
        ("0.0.0.0:8883\n", f"127.0.0.1:{port}\n"),
    ):
        assert ours in text
        text = text.replace(ours, here)
    (home / "hjemvakt.conf").write_text(f"{text}log_file: {home / 'nats.log'}\n")
    with guarding(owner, f"nats://127.0.0.1:{own_port}", home, AccountKey(bytes(range(32)))):
        await_true(lambda: kept_in(home) is not None)
        server = subprocess.Popen([shipped_broker(), "--config", home / "hjemvakt.conf"])
        try:
            await_true(lambda: listens(port) or server.poll() is not None)
            assert server.poll() is None, (home / "nats.log").read_text()
            yield Broker(port=port, authority=(home / "authority.pem").read_text())
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def mosquitto_guarded(owner: str, home: Path, port: int) -> Iterator[Broker]:
    home.mkdir(parents=True)
    with guarding(owner, f"mosquitto:{home}/mosquitto.pid", home, AccountKey(bytes(32))):
        await_true(lambda: kept_in(home) is not None and (home / "revoked.pem").exists())
        with mosquitto(home, port):
            yield Broker(port=port, authority=(home / "authority.pem").read_text())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def topic(name: str, channel: str) -> str:
    return f"hv/1/{BUCKET}/{name}/{channel}"
