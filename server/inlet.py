"""MQTT in: sessions that hand over what arrives, and acknowledge only what was committed.

A session is a thread with one paho client per connection. A fixed client id makes a second monitor push the first one
out; a clean session leaves no queue behind in the broker. Nothing that arrives can end the thread.
"""

import logging
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from devices.wire.topics import MANNERS, Channel, Topic, everybody
from server.errors import ConfigError, ServerError
from server.line import ClosedWhenRefused, Line
from server.store.arrival import Arrival

KEEPALIVE_S: Final = 30
CONNECT_LIMIT_S: Final = 10.0
LOOP_S: Final = 0.5
BACK_OFF_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)  # the last one repeats; each is stretched by up to half
STOP_LIMIT_S: Final = 5.0
PORTS: Final[Mapping[str, int]] = {"mqtt": 1883, "mqtts": 8883}

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class BrokerAddress:
    host: str
    port: int
    tls: bool
    user: str | None
    password: str | None

    @classmethod
    def parse_all(cls, urls: str) -> "tuple[BrokerAddress, ...]":
        """With commas between: servers of one cluster."""
        return tuple(cls.parse(url.strip()) for url in urls.split(","))

    @classmethod
    def parse(cls, url: str) -> "BrokerAddress":
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ConfigError(f"HJEMVAKT_MQTT_URL {_without_password(parts)!r} must look like mqtt://host:1883.")
        return cls(
            host=parts.hostname,
            port=parts.port or PORTS[parts.scheme],
            tls=parts.scheme == "mqtts",
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
        )


def _without_password(parts: SplitResult) -> str:
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


class _Client(Client):
    """paho over a line: `_create_socket` is where it makes its own wrapper for WebSockets, too."""

    def _create_socket(self) -> Line:
        under = super()._create_socket()
        assert isinstance(under, socket.socket), "TCP, or TLS over it"
        return Line(under)

    @property
    def line(self) -> Line:
        """Of a client that has just connected."""
        line = self.socket()
        assert isinstance(line, Line)
        return line


class Session:
    """One connection to the broker, again and again until `stop`. Without `channels` it only speaks."""

    def __init__(
        self,
        *addresses: BrokerAddress,
        client_id: str,
        channels: Sequence[Channel],
        take: Callable[[Arrival], None],
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
    ) -> None:
        """When one of `addresses` does not answer it is the next one's turn. `take` is called in the session's thread,
        and must not wait: pings go unanswered meanwhile. `tls`: whom we trust and what we show, asked at each
        connection to an address that wants it."""
        self._addresses = addresses
        self._address = addresses[0]
        self._client_id = client_id
        self._channels = channels
        self._take = take
        self._tls = tls
        self._client: _Client | None = None
        self._line: Line | None = None
        self._stopping = threading.Event()
        self._hears = threading.Event()
        self._connections = 0
        self._thread = threading.Thread(target=self._run, name=client_id, daemon=True)

    @property
    def hears(self) -> bool:
        return self._hears.is_set()

    @property
    def connection(self) -> int:
        """The number of the present connection; 0: there is none. What was published on an earlier one may be lost."""
        return self._connections if self.hears else 0

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        line = self._line
        if line is not None:
            line.wake()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def publish(self, topic: Topic, payload: bytes) -> bool:
        """From any thread. What cannot be sent now (False) is not sent: a receipt is repeated, never queued."""
        client, line = self._client, self._line
        if client is None or line is None or line.is_full or not self.hears:
            return False
        manner = MANNERS[topic.channel]
        sent = client.publish(str(topic), payload, qos=manner.qos, retain=manner.retain)
        return sent.rc is MQTTErrorCode.MQTT_ERR_SUCCESS

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began = time.monotonic()
            self._address = self._addresses[failures % len(self._addresses)]
            try:
                self._one_connection()
            except Exception as error:  # noqa: BLE001 - the outer edge of this thread: whatever it was, build a new client
                if failures == 0 or failures.bit_count() == 1:  # a broker that is down for days must not fill the disk
                    log.warning("%s: %s", self._client_id, self._what_to_do(error))
            finally:
                self._hears.clear()
            failures = 0 if time.monotonic() - began > KEEPALIVE_S else failures + 1
            self._stopping.wait(_back_off_s(failures))

    def _what_to_do(self, error: Exception) -> str:
        if isinstance(error, ServerError):
            return str(error)
        where = f"{self._address.host}:{self._address.port}"
        why = error or type(error).__name__
        return f"the broker at {where} does not answer; start it, or correct HJEMVAKT_MQTT_URL: {why}"

    def _one_connection(self) -> None:
        client = self._make_client()
        client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        line = client.line
        self._client, self._line = client, line
        try:
            while (outcome := _turn(client, line)) is MQTTErrorCode.MQTT_ERR_SUCCESS:
                if self._stopping.is_set():
                    client.disconnect()
            if not self._stopping.is_set():
                log.warning("%s: the broker is gone (%s)", self._client_id, outcome.name)
        finally:
            self._client = self._line = None
            self._hears.clear()
            _close(client, line)

    def _make_client(self) -> _Client:
        client = _Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, clean_session=True, manual_ack=True)
        client.connect_timeout = CONNECT_LIMIT_S
        if self._address.user is not None:
            client.username_pw_set(self._address.user, self._address.password)
        if self._address.tls:
            tls = self._tls()
            tls.sslsocket_class = ClosedWhenRefused
            client.tls_set_context(tls)
        # With this callback set, only the loop writes to the line: two writing threads could mix their packets.
        client.on_socket_register_write = _wake
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_disconnect = self._disconnected
        client.on_message = self._message
        return client

    def _connected(self, client: Client, _u: Any, _f: ConnectFlags, reason: ReasonCode, _p: Properties | None) -> None:
        if reason.is_failure:
            log.warning("%s: the broker refuses: %s", self._client_id, reason)
            return
        if not self._channels:
            self._is_in()
            return
        client.subscribe([(everybody(channel), MANNERS[channel].qos) for channel in self._channels])

    def _subscribed(
        self, client: Client, _u: Any, _mid: int, reasons: Sequence[ReasonCode], _p: Properties | None
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("%s: the broker does not allow the subscription; it is tried again", self._client_id)
            client.disconnect()
            return
        self._is_in()

    def _is_in(self) -> None:
        self._connections += 1
        self._hears.set()

    def _disconnected(
        self, _c: Client, _u: Any, _f: DisconnectFlags, _reason: ReasonCode, _p: Properties | None
    ) -> None:
        self._hears.clear()

    def _message(self, client: Client, _u: Any, message: MQTTMessage) -> None:
        mid, qos = message.mid, message.qos
        arrival = Arrival(
            topic=message.topic,
            payload=bytes(message.payload),
            received_at=datetime.now(UTC),
            acknowledge=lambda: _ack(client, mid, qos),
        )
        self._take(arrival)


def _turn(client: _Client, line: Line) -> MQTTErrorCode:
    """One look at the line: all that came, then all that is to be said."""
    line.wait(0.0 if client.want_write() and not line.is_full else LOOP_S)
    line.hear()
    outcome = MQTTErrorCode.MQTT_ERR_SUCCESS
    while line.has_heard and outcome is MQTTErrorCode.MQTT_ERR_SUCCESS:
        outcome = client.loop_read()
    outcome = outcome or client.loop_write()
    if outcome is not MQTTErrorCode.MQTT_ERR_SUCCESS or client.socket() is None:
        return outcome or MQTTErrorCode.MQTT_ERR_NO_CONN
    line.flush()
    return client.loop_misc()


def _wake(_client: Client, _userdata: Any, line: Any) -> None:
    line.wake()


def _ack(client: Client, mid: int, qos: int) -> None:
    """On the connection that brought it: on a newer one the same number is another message."""
    client.ack(mid, qos)


def _close(client: Client, line: Line) -> None:
    client.on_disconnect = None
    client.disconnect()
    line.close()


def _back_off_s(failures: int) -> float:
    base = BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)]
    return base * random.uniform(1.0, 1.5)
