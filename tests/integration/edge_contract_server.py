"""The smallest server that keeps the contract, for tests of the gateway alone."""

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from devices.errors import WireError
from devices.vocabulary import Item
from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Lane, LostWhy, Message, Receipt, Refusal, Status
from devices.wire.topics import MANNERS, Channel, Topic

GATEWAY = "hv-line"
BUCKET = 7


class ContractServer:
    """What DESIGN.md "Delivery" asks of the server, on paho. It lives in paho's thread; tests read under `changed`."""

    def __init__(self, port: int, *, client_id: str = "contract-server") -> None:
        self.changed = threading.Condition()
        self.stored: dict[tuple[Lane, int], Item] = {}
        self.arrivals: list[Lane] = []
        self.accepted: list[Item] = []  # in the order in which they came, out of every outbox
        self.doubled = 0
        self.lost: dict[tuple[Lane, int], LostWhy] = {}
        self.marks = dict.fromkeys(Lane, 0)
        self.outbox: str | None = None
        self.statuses: list[Status] = []
        self.epoch = "e1"
        self.clock: Callable[[], datetime] | None = None  # None: its receipts do not say the time
        self._others: dict[str, tuple[dict[Lane, int], dict[tuple[Lane, int], Item]]] = {}
        self.is_deaf = False
        self.broken: Exception | None = None
        self.unreadable: Callable[[Item], bool] = lambda item: False
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def say(self, channel: Channel, message: Message) -> None:
        manner = MANNERS[channel]
        self._client.publish(self._topic(channel), codec.encode(message), manner.qos, manner.retain)

    def take_back(self, channel: Channel) -> None:
        """What the broker retains."""
        self._client.publish(self._topic(channel), b"", 1, retain=True).wait_for_publish(20)

    def _topic(self, channel: Channel) -> str:
        return str(Topic(bucket=BUCKET, gateway=GATEWAY, channel=channel))

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe([(self._topic(channel), 1) for channel in (Channel.OBS, Channel.ALARM, Channel.STATUS)])
        with self.changed:
            self.changed.notify_all()

    def _on_message(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        with self.changed:
            try:
                answer = None if self.is_deaf else self._answer(message)
            except Exception as error:  # noqa: BLE001 - told by `until`; paho would die in silence
                self.broken = error
                answer = None
            if answer is not None:
                client.publish(self._topic(Channel.RECEIPT), codec.encode(answer), qos=0)
            self.changed.notify_all()

    def _answer(self, message: mqtt.MQTTMessage) -> Receipt | None:
        if message.topic.endswith("status"):
            self.statuses.append(codec.decode_status(bytes(message.payload)))
            self._meet(self.statuses[-1].outbox)
            return self._receipt() if self.statuses[-1].hello else None
        try:
            header = codec.decode_header(bytes(message.payload))
            rows = codec.unpack(codec.decode_body(header))
            if any(self.unreadable(item) for _, item in rows):
                raise WireError("made unreadable by the test")
        except WireError as error:
            refusal = Refusal(digest=sha256(message.payload).hexdigest()[:16], why=str(error))
            return Receipt(gateway=GATEWAY, epoch=self.epoch, refused=[refusal])
        self._meet(header.outbox)
        self.arrivals.append(header.lane)
        mark = self.marks[header.lane]
        if mark >= header.after:
            assert codec.undeclared(header, codec.decode_body(header)) == 0
            for seq, item in rows:
                if seq > mark:
                    self.doubled += (header.lane, seq) in self.stored
                    self.stored[header.lane, seq] = item
                    self.accepted.append(item)
            for lost in header.lost:
                self.lost |= {(header.lane, seq): lost.why for seq in range(max(lost.first, mark + 1), lost.last + 1)}
            self.marks[header.lane] = max(mark, header.last)
        return self._receipt()

    def _meet(self, outbox: str) -> None:
        """Each outbox has its own marks; one that is new begins at nothing."""
        if self.outbox not in (None, outbox):
            self._others[str(self.outbox)] = self.marks, self.stored
            self.marks, self.stored = self._others.pop(outbox, (dict.fromkeys(Lane, 0), {}))
        self.outbox = outbox

    def _receipt(self) -> Receipt:
        return Receipt(
            gateway=GATEWAY,
            outbox=self.outbox,
            epoch=self.epoch,
            alarm=self.marks[Lane.ALARM],
            bulk=self.marks[Lane.BULK],
            at=None if self.clock is None else to_millis(self.clock()),
        )

    def restore(self, marks: dict[Lane, int], epoch: str) -> None:
        """From a backup in which only rows up to `marks` are."""
        with self.changed:
            self.marks, self.epoch = dict(marks), epoch
            self.stored = {key: item for key, item in self.stored.items() if key[1] <= marks[key[0]]}

    async def until(self, what: Callable[[], bool], limit_s: float = 60) -> None:
        def wait() -> bool:
            with self.changed:
                return self.changed.wait_for(lambda: self.broken or what(), limit_s) and not self.broken

        assert await asyncio.to_thread(wait), self.broken or "it did not happen"
