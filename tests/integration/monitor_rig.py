"""A real monitor between a real broker and a real database, and a gateway that is played by hand."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from devices.wire.codec import decode_receipt, encode
from devices.wire.messages import Batch, Lane, Message, Receipt, Status
from devices.wire.topics import Channel, Topic
from server.roles.monitor import Monitor

LIMIT_S = 30.0


class Gateway:
    """Publishes with QoS 1 and collects receipts. As many gateways as it has names."""

    def __init__(self, port: int, client_id: str) -> None:
        self.receipts: queue.Queue[Receipt] = queue.Queue()
        self._ready = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._client.on_message = self._message
        self._client.on_socket_open = lambda _c, _u, line: line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_connect = lambda *_: self._client.subscribe("hv/1/+/+/down/receipt", qos=0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(LIMIT_S)

    def _message(self, _client: Client, _userdata: object, message: MQTTMessage) -> None:
        self.receipts.put(decode_receipt(bytes(message.payload)))

    def send(self, message: Batch | Status) -> None:
        self.send_bytes(encode(message), _channel(message), message.gateway)

    def send_bytes(self, payload: bytes, channel: Channel, gateway: str) -> None:
        topic = Topic(bucket=7, gateway=gateway, channel=channel)
        self._client.publish(str(topic), payload, qos=1)

    def await_receipt(self, is_it: Callable[[Receipt], bool], limit_s: float = LIMIT_S) -> Receipt:
        end = time.monotonic() + limit_s
        while True:
            receipt = self.receipts.get(timeout=max(0.01, end - time.monotonic()))
            if is_it(receipt):
                return receipt

    def send_until_confirmed(self, message: Batch, limit_s: float = 60.0) -> Receipt:
        """As a gateway does: again and again until the receipt."""
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            self.send(message)
            with contextlib.suppress(queue.Empty):
                return self.await_receipt(lambda receipt: _confirms(receipt, message), 1.0)
        raise AssertionError("no receipt")

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def _channel(message: Message) -> Channel:
    if isinstance(message, Status):
        return Channel.STATUS
    assert isinstance(message, Batch)
    return Channel.ALARM if message.lane is Lane.ALARM else Channel.OBS


def _confirms(receipt: Receipt, batch: Batch) -> bool:
    mark = receipt.alarm if batch.lane is Lane.ALARM else receipt.bulk
    return receipt.outbox == batch.outbox and receipt.gateway == batch.gateway and mark >= batch.last


@contextlib.contextmanager
def running(monitor: Monitor) -> Iterator[Monitor]:
    thread = threading.Thread(target=monitor.run)
    thread.start()
    try:
        await_true(lambda: all(lane.hears for lane in monitor.lanes.values()))
        yield monitor
    finally:
        monitor.stop()
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def await_true(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Asked ever more seldom: what is awaited needs the processor, too."""
    end, pause_s = time.monotonic() + limit_s, 0.005
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.3, 0.05)


def ask(dsn: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(question.encode()).fetchall()
