"""The line, the broker and the server's rule for what is committed: written from DESIGN.md, not from our server.

A message on its way can be lost with the line, come twice, or overtake another. The server can crash between commit and
receipt, and be restored from a backup.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from devices.vocabulary import Event, Gap, Item, Observation
from devices.wire import codec, columns
from devices.wire.columns import to_millis
from devices.wire.messages import Lane, RawBatch, Receipt
from devices.wire.topics import Channel


@dataclass(kw_only=True, eq=False)
class Weather:
    """Of the line. Chances are per message; delays in seconds."""

    delay_s: float = 0.05
    spread_s: float = 0.1
    lost: float = 0.0
    doubled: float = 0.0
    receipt_lost: float = 0.0
    crash: float = 0.0  # of the server, after a commit and before its receipt


@dataclass(frozen=True, kw_only=True, slots=True)
class Came:
    """A batch that the gateway handed over."""

    at_s: float
    lane: Lane
    first: int
    last: int
    outbox: str


Key = tuple[object, ...]


def key_of(item: Item) -> Key:
    """What makes two rows the same reading, event or gap: the server's keys. The wire has milliseconds."""
    match item:
        case Observation():
            return ("o", item.device, item.slot, item.kind, to_millis(item.taken_at), item.span_s)
        case Event():
            return ("e", item.device, item.slot, item.type, to_millis(item.occurred_at))
        case Gap():
            return ("g", item.device, item.slot, to_millis(item.from_at), to_millis(item.to_at))


KEPT: Final = ("marks", "stored", "rows", "lost")


@dataclass(kw_only=True, eq=False)
class Server:
    """The truth of the server: what is stored, out of which rows, and how far each lane of each outbox is."""

    now: Callable[[], datetime]
    epoch: str = "epoch-1"
    marks: dict[tuple[str, Lane], int] = field(default_factory=dict)
    stored: dict[Key, Item] = field(default_factory=dict)
    rows: set[tuple[str, Lane, int]] = field(default_factory=set)
    lost: set[tuple[str, Lane, int]] = field(default_factory=set)
    heard: list[str] = field(default_factory=list)  # outboxes, in the order of their first word
    _backup: "Server | None" = None

    def back_up(self) -> None:
        self._backup = replace(self, **{name: type(getattr(self, name))(getattr(self, name)) for name in KEPT})

    def restore(self) -> None:
        if self._backup is not None:
            for name in KEPT:
                setattr(self, name, type(getattr(self, name))(getattr(self._backup, name)))
            self.epoch = f"epoch-{int(self.epoch.split('-')[1]) + 1}"

    def take(self, batch: RawBatch) -> None:
        """Commit, or nothing."""
        where = (batch.outbox, batch.lane)
        mark = self.marks.get(where, 0)
        if batch.after > mark or batch.last <= mark:
            return
        for seq, item in columns.unpack(codec.decode_body(batch)):
            self.stored.setdefault(key_of(item), item)
            self.rows.add((batch.outbox, batch.lane, seq))
        for hole in batch.lost:
            self.lost |= {(batch.outbox, batch.lane, seq) for seq in range(hole.first, hole.last + 1)}
        self.marks[where] = batch.last

    def receipt(self, gateway: str, outbox: str) -> bytes:
        return codec.encode(
            Receipt(
                gateway=gateway,
                outbox=outbox,
                epoch=self.epoch,
                alarm=self.marks.get((outbox, Lane.ALARM), 0),
                bulk=self.marks.get((outbox, Lane.BULK), 0),
                at=to_millis(self.now()),
            )
        )


class Line:
    """The gateway's Uplink. `hear(payload)` takes receipts; `up`, `down` are told to the gateway."""

    def __init__(self, dice: random.Random, server: Server, weather: Weather) -> None:
        self.dice, self.server, self.weather = dice, server, weather
        self.is_up = False
        self.came: list[Came] = []
        self.turned_s: list[float] = []  # when it rose or fell, or a new gateway took it
        self.rebuilt = 0
        self._hear: Callable[[bytes], None] | None = None
        self._up: Callable[[], None] | None = None
        self._down: Callable[[], None] | None = None
        self._connection = 0
        self._wire_s = 0.0

    def attach(self, hear: Callable[[bytes], None], up: Callable[[], None], down: Callable[[], None]) -> None:
        self._hear, self._up, self._down = hear, up, down
        if self.is_up:
            self._turn()
            up()

    def _turn(self) -> None:
        self._connection += 1
        self.turned_s.append(asyncio.get_running_loop().time())

    def detach(self) -> None:
        self._hear = self._up = self._down = None
        self._connection += 1

    def rise(self) -> None:
        if not self.is_up:
            self.is_up = True
            self._turn()
            if self._up is not None:
                self._up()

    def fall(self) -> None:
        if self.is_up:
            self.is_up = False
            self._turn()
            if self._down is not None:
                self._down()

    def publish(self, channel: Channel, payload: bytes) -> bool:
        if not self.is_up:
            return False
        if channel is Channel.STATUS:
            self._later(lambda: self._status(payload))
            return True
        batch = codec.decode_header(payload)
        loop = asyncio.get_running_loop()
        self.came.append(
            Came(at_s=loop.time(), lane=batch.lane, first=batch.first, last=batch.last, outbox=batch.outbox)
        )
        for _ in range(2 if self.dice.random() < self.weather.doubled else 1):
            self._later(lambda: self._batch(batch))
        return True

    def rebuild(self, why: str) -> None:
        self.rebuilt += 1
        if self.is_up:
            self.fall()
            asyncio.get_running_loop().call_later(1.0, self.rise)

    def _later(self, work: Callable[[], None]) -> None:
        if self.dice.random() < self.weather.lost:
            return
        delay_s = self.weather.delay_s + self.dice.random() * self.weather.spread_s
        asyncio.get_running_loop().call_later(delay_s, work)

    def _status(self, payload: bytes) -> None:
        status = codec.decode_status(payload)
        if status.outbox not in self.server.heard:
            self.server.heard.append(status.outbox)
        if status.hello:
            self._send_receipt(status.gateway, status.outbox)

    def _batch(self, batch: RawBatch) -> None:
        self.server.take(batch)
        if self.dice.random() >= self.weather.crash:
            self._send_receipt(batch.gateway, batch.outbox)

    def _send_receipt(self, gateway: str, outbox: str) -> None:
        if self.dice.random() < self.weather.receipt_lost:
            return
        payload, connection = self.server.receipt(gateway, outbox), self._connection
        delay_s = self.weather.delay_s + self.dice.random() * self.weather.spread_s

        def arrive() -> None:
            if self.is_up and connection == self._connection and self._hear is not None:
                self._hear(payload)

        asyncio.get_running_loop().call_later(delay_s, arrive)
