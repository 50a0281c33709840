"""A plain MQTT 3.1.1 client of a broker at this machine."""

import threading
from queue import Queue

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from server.roles.broker import HOST

LIMIT_S = 30.0


class Client:
    """What it was sent is in `inbox`. A broker that does not answer within `limit_s` is a TimeoutError."""

    def __init__(
        self, port: int, name: str, *, clean: bool = True, subscribe_to: str | None = None, limit_s: float = LIMIT_S
    ) -> None:
        self.inbox: Queue[mqtt.MQTTMessage] = Queue(maxsize=1000)
        self._limit_s = limit_s
        self._ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
        self._client.on_message = lambda _client, _data, message: self.inbox.put(message)
        self._client.on_subscribe = lambda *_: self._ready.set()
        self._client.on_connect = lambda *_: self._on_connect(subscribe_to)
        self._client.connect(HOST, port)
        self._client.loop_start()
        if not self._ready.wait(limit_s):
            self.close()
            raise TimeoutError("the broker did not let it in")

    def _on_connect(self, subscribe_to: str | None) -> None:
        if subscribe_to is None:
            self._ready.set()
        else:
            self._client.subscribe(subscribe_to, qos=1)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Until the broker has said that it has it."""
        published = self._client.publish(topic, payload, qos=1, retain=retain)
        try:
            published.wait_for_publish(self._limit_s)
        except RuntimeError as gone:
            raise ConnectionError("the line to the broker is gone") from gone
        if not published.is_published():
            raise TimeoutError("the broker did not take it")

    def take(self) -> bytes:
        return bytes(self.inbox.get(timeout=LIMIT_S).payload)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
