"""The line to the broker: paho-mqtt, one client and one thread for each connection, thrown away together.

A fresh client has an empty queue, so nothing old is ever resent behind our back; and a thread that died of an exception
cannot go unnoticed, because it is ours and its last act is to say so. Threads meet asyncio in `_Link._tell` alone.
"""

import asyncio
import contextlib
import logging
import random
import re
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from devices.wire.topics import MANNERS, Channel, Topic
from edge.config import Broker
from edge.core.schedule import back_off_s

UNACKNOWLEDGED: Final = 24  # messages: more than the window of delivery and a few heartbeats
KEEPALIVE_S: Final = 30  # a half-open line shows after twice that
CONNECT_S: Final = 5.0
AGAIN_FIRST_S: Final = 1.0
AGAIN_CAP_S: Final = 10.0  # nobody lies longer than this on a floor because the line is back and we wait
STABLE_S: Final = 30.0
FAREWELL_S: Final = 0.7
END_S: Final = 1.0  # for the thread; one that is still looking up a name ends later, by itself
HEARD: Final = (Channel.RECEIPT, Channel.CONFIG, Channel.COMMAND)
# Receipts and commands are said again, a configuration is kept at the broker. For QoS 1 a broker of three servers keeps
# a queue on each of them for each gateway and channel: 300 gateways were too many for two cores.
HEARD_QOS: Final = 0
# RFC 8446 section 6.2, as OpenSSL calls them
ALERT: Final = re.compile(r"ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_\w+|UNKNOWN_CA|ACCESS_DENIED)\b")
NOT_LET_IN: Final = (0x85, 0x86, 0x87, 0x8A)  # MQTT 5.0, 3.2.2.2: client id, password, not authorised, banned
LOOP_S: Final = 5.0  # paho looks after its keepalive at least this often

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who connects. Two connections with one `client_id` throw each other out. `tls`: how we prove it, and whom we
    trust; None: as the machine trusts."""

    gateway: str
    bucket: int
    client_id: str
    last_will: bytes
    tls: ssl.SSLContext | None = None

    def topic(self, channel: Channel) -> str:
        return str(Topic(bucket=self.bucket, gateway=self.gateway, channel=channel))


@dataclass(frozen=True, slots=True)
class LineUp:
    """`deaf_to`: channels that the broker does not let us hear; we can do without them."""

    deaf_to: tuple[Channel, ...] = ()


@dataclass(frozen=True, slots=True)
class LineDown:
    """`is_refusal`: the broker does not take what we prove ourselves with. `was_up`: it was a line before."""

    why: str
    is_refusal: bool = False
    was_up: bool = True


@dataclass(frozen=True, slots=True)
class Arrived:
    channel: Channel
    payload: bytes


LineEvent = LineUp | LineDown | Arrived


class MqttUplink:
    """`caller` is asked at each connection; `hear` is called on the event loop."""

    def __init__(
        self,
        broker: Broker,
        caller: Callable[[], Caller],
        hear: Callable[[LineEvent], None],
        keepalive_s: int = KEEPALIVE_S,
    ) -> None:
        self._broker = broker
        self._caller = caller
        self._hear = hear
        self._keepalive_s = keepalive_s
        self._link: _Link | None = None
        self._over = asyncio.Event()
        self._dice = random.Random()

    async def run(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while not self._over.is_set():
            began_s = loop.time()
            link = self._link = _Link(self._broker, self._caller(), self._keepalive_s, self._hear)
            try:
                why = await link.gone()
            finally:
                self._link = None
                await link.end()
            if self._over.is_set():
                return
            self._hear(LineDown(why, link.is_refused, link.was_up))
            failures = 0 if link.was_up and loop.time() - began_s > STABLE_S else failures + 1
            full_s = back_off_s(failures, 1.0, first_s=AGAIN_FIRST_S, cap_s=AGAIN_CAP_S)
            await asyncio.sleep(self._dice.uniform(0, full_s))  # full jitter: a thousand gateways must not come at once

    def publish(self, channel: Channel, payload: bytes) -> bool:
        return self._link is not None and self._link.publish(channel, payload)

    def rebuild(self, why: str) -> None:
        if self._link is not None:
            log.warning("making a new connection to the broker: %s", why)
            self._link.abort()

    async def farewell(self, payload: bytes) -> None:
        """A last status, and a clean end that keeps the broker from sending the last will. `run` ends."""
        self._over.set()
        if self._link is not None:
            await self._link.farewell(payload)


class _Link:
    def __init__(self, broker: Broker, caller: Caller, keepalive_s: int, hear: Callable[[LineEvent], None]) -> None:
        self.was_up = self.is_refused = False
        self._caller = caller
        self._heard = {caller.topic(channel): channel for channel in HEARD}
        self._hear = hear
        self._is_up = False
        self._unacknowledged = 0
        self._loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[str] = self._loop.create_future()
        self._quiet = asyncio.Event()
        self._refused = ""
        self._is_aborted = False
        self._client: mqtt.Client | None = self._make_client(broker)
        where = (self._client, broker.host, broker.port, keepalive_s)
        threading.Thread(target=self._serve, args=where, name="mqtt", daemon=True).start()

    def _make_client(self, broker: Broker) -> mqtt.Client:
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2, self._caller.client_id, clean_session=True, reconnect_on_failure=False
        )
        client.connect_timeout = CONNECT_S
        client.max_inflight_messages_set(UNACKNOWLEDGED)
        client.max_queued_messages_set(UNACKNOWLEDGED)
        manner = MANNERS[Channel.STATUS]
        client.will_set(self._caller.topic(Channel.STATUS), self._caller.last_will, manner.qos, manner.retain)
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.tls:
            tls = self._caller.tls or _as_the_machine_trusts()
            tls.sslsocket_class = ClosedWhenRefused
            client.tls_set_context(tls)
            client.on_log = self._on_log
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        # With this set, publish() only queues and wakes the thread; without it paho writes to the socket from ours.
        client.on_socket_register_write = _leave_it_to_the_thread
        client.on_socket_open = _send_at_once
        return client

    async def gone(self) -> str:
        return await self._gone

    def publish(self, channel: Channel, payload: bytes) -> bool:
        if self._client is None or not self._is_up or self._unacknowledged >= UNACKNOWLEDGED:
            return False
        manner = MANNERS[channel]
        sent = self._client.publish(self._caller.topic(channel), payload, manner.qos, manner.retain)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._unacknowledged += manner.qos > 0
        self._quiet.clear()
        return True

    async def farewell(self, payload: bytes) -> None:
        is_sent = self.publish(Channel.STATUS, payload)
        self._is_up = False  # the goodbye is the last word
        if is_sent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FAREWELL_S):
                    await self._quiet.wait()
        if self._client is not None:
            self._client.disconnect()
        await asyncio.wait({self._gone}, timeout=FAREWELL_S)

    def abort(self) -> None:
        """End the connection without a word; the thread notices by itself."""
        self._is_up = False
        self._is_aborted = True
        open_socket = None if self._client is None else cast(socket.socket | None, self._client.socket())
        if open_socket is not None:
            with contextlib.suppress(OSError):
                open_socket.shutdown(socket.SHUT_RDWR)

    async def end(self) -> None:
        self.abort()
        await asyncio.wait({self._gone}, timeout=END_S)

    # From here to _tell: on paho's thread.

    def _serve(self, client: mqtt.Client, host: str, port: int, keepalive_s: int) -> None:
        why = ""
        try:
            client.connect(host, port, keepalive_s)
            outcome = MQTTErrorCode.MQTT_ERR_SUCCESS
            while outcome == MQTTErrorCode.MQTT_ERR_SUCCESS:
                outcome = client.loop(LOOP_S)  # not loop_forever: that does not wake up when we publish
            why = mqtt.error_string(outcome)
        except Exception as error:  # noqa: BLE001 - the thread's outer edge: whatever ended it is told
            why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self._judge(str(error))
        finally:
            self._tell(self._end, self._refused or why)

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self._is_aborted:
            client.disconnect()
        elif reason.is_failure:
            self._refused = f"the broker refused us: {reason}"
            self.is_refused = reason.value in NOT_LET_IN
            client.disconnect()
        else:
            client.subscribe([(topic, HEARD_QOS) for topic in self._heard])

    def _on_log(self, _client: mqtt.Client, _data: Any, _level: int, text: str) -> None:
        """TLS 1.3 refuses a certificate after the handshake, when paho reads: it says why in its log alone."""
        self._judge(text)

    def _judge(self, text: str) -> None:
        if found := ALERT.search(text):
            self.is_refused = True
            self._refused = f"the broker does not take our certificate: {found[1].lower().replace('_', ' ')}"

    def _on_subscribe(self, client: mqtt.Client, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        deaf_to = tuple(channel for channel, reason in zip(HEARD, reasons, strict=True) if reason.is_failure)
        if Channel.RECEIPT in deaf_to:
            self._refused = "the broker does not let us hear receipts: check its access rules for this gateway"
            client.disconnect()
        else:
            self._tell(self._up, deaf_to)

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        channel = self._heard.get(message.topic)
        if channel is not None:
            self._tell(self._hear, Arrived(channel, bytes(message.payload)))

    def _on_publish(self, _client: mqtt.Client, _data: Any, _mid: Any, _reason: Any, _properties: Any) -> None:
        self._tell(self._acknowledged)

    def _tell(self, what: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(what, *arguments)

    # On the event loop again.

    def _up(self, deaf_to: tuple[Channel, ...]) -> None:
        self._is_up = self.was_up = True
        self._hear(LineUp(deaf_to))

    def _acknowledged(self) -> None:
        self._unacknowledged -= 1
        if self._unacknowledged == 0:
            self._quiet.set()

    def _end(self, why: str) -> None:
        self._is_up = False
        self._client = None  # without this circle paho closes its sockets now, and not some day
        if not self._gone.done():
            self._gone.set_result(why)


class ClosedWhenRefused(ssl.SSLSocket):
    """paho leaves a socket open whose handshake came to nothing."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _as_the_machine_trusts() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _send_at_once(_client: mqtt.Client, _data: Any, line: Any) -> None:
    """paho leaves Nagle's algorithm on, which holds an alarm back for 40 ms behind a batch that is under way."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _leave_it_to_the_thread(_client: mqtt.Client, _data: Any, _socket: Any) -> None:
    pass
