"""Many gateways in one process, over TLS, each with its own certificate: an outbox in memory that forgets what a
receipt confirms, and a line that goes to the next server when one is gone. Byte by byte from MQTT 3.1.1."""

import asyncio
import contextlib
import random
import ssl
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devices.vocabulary import Item
from devices.wire import codec
from devices.wire.messages import Batch, Lane
from devices.wire.topics import Channel, Topic
from edge.uplink import HEARD, HEARD_QOS

OUTBOX = "0123456789abcdef"
CONNACK, PUBLISH, SUBACK = 2, 3, 9
CONNECT_S = 20.0
WINDOW = 4
AGAIN_S = 3.0
LANES = {Lane.ALARM: Channel.ALARM, Lane.BULK: Channel.OBS}


@dataclass(kw_only=True)
class Book:
    """One lane. `waits`: what no receipt has confirmed, oldest first. `took_s`: from first sending to the receipt."""

    waits: list[Batch] = field(default_factory=list)
    sent_at: dict[int, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    last: int = 0
    confirmed: int = 0

    def confirm(self, mark: int) -> None:
        self.confirmed = max(self.confirmed, mark)
        while self.waits and self.waits[0].last <= self.confirmed:
            self.took_s.append(time.monotonic() - self.sent_at.pop(self.waits.pop(0).last))


@dataclass(kw_only=True)
class ManyGateway:
    """`ports`: of the servers, on this machine."""

    name: str
    bucket: int
    ports: Sequence[int]
    context: ssl.SSLContext | None
    books: dict[Lane, Book] = field(default_factory=lambda: {lane: Book() for lane in LANES})
    is_in: asyncio.Event = field(default_factory=asyncio.Event)
    is_out: asyncio.Event = field(default_factory=asyncio.Event)
    at: int = 0
    """The place in `ports` of the present server"""
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, items: Sequence[Item], lane: Lane = Lane.BULK) -> None:
        """Into the outbox."""
        book = self.books[lane]
        first, book.last = book.last + 1, book.last + len(items)
        rows = [(first + place, item) for place, item in enumerate(items)]
        book.waits.append(
            Batch(
                gateway=self.name,
                outbox=OUTBOX,
                lane=lane,
                after=first - 1,
                first=first,
                last=book.last,
                sent_at=int(datetime.now(UTC).timestamp() * 1000),
                body=codec.pack(rows),
            )
        )
        self._news.set()

    @property
    def is_done(self) -> bool:
        return not any(book.waits for book in self.books.values())

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
                await self._line(self.ports[self.at])
            self.is_out.set()
            self.at = (self.at + 1) % len(self.ports)
            await asyncio.sleep(random.uniform(0, 2 if self.at == 0 else 0.2))

    async def _line(self, port: int) -> None:
        async with asyncio.timeout(CONNECT_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self.context)
        try:
            writer.write(_packet(0x10, b"\x00\x04MQTT\x04\x02\x00\x1e" + _text(self.name)))
            async with asyncio.timeout(CONNECT_S):
                kind, content = await _read(reader)
            if kind != CONNACK or content[1]:
                return
            wanted = b"".join(_text(self._topic(channel)) + bytes((HEARD_QOS,)) for channel in HEARD)
            writer.write(_packet(0x82, b"\x00\x01" + wanted))
            async with asyncio.timeout(CONNECT_S):
                while (await _read(reader))[0] != SUBACK:  # what is retained may come first
                    pass
            self.is_in.set()
            await self._talk(reader, writer)
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listening = asyncio.create_task(self._listen(reader))
        tried: dict[tuple[Lane, int], float] = {}
        try:
            while not listening.done():
                self._news.clear()
                for lane, book in self.books.items():
                    self._send(writer, lane, book, tried)
                news = asyncio.create_task(self._news.wait())
                await asyncio.wait({listening, news}, timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
            listening.result()
        finally:
            listening.cancel()

    def _send(self, writer: asyncio.StreamWriter, lane: Lane, book: Book, tried: dict[tuple[Lane, int], float]) -> None:
        now = time.monotonic()
        for batch in book.waits[:WINDOW]:
            if now - tried.get((lane, batch.last), 0.0) >= AGAIN_S:
                tried[lane, batch.last] = now
                book.sent_at.setdefault(batch.last, now)
                topic = _text(self._topic(LANES[lane]))
                number = struct.pack(">H", batch.last % 65_535 + 1)
                writer.write(_packet(0x32, topic + number + codec.encode(batch)))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        is_ours = _text(self._topic(Channel.RECEIPT))
        while True:
            kind, content = await _read(reader)
            if kind == PUBLISH and content.startswith(is_ours):
                receipt = codec.decode_receipt(content[len(is_ours) :])
                self.books[Lane.ALARM].confirm(receipt.alarm)
                self.books[Lane.BULK].confirm(receipt.bulk)
                self._news.set()

    def _topic(self, channel: Channel) -> str:
        return str(Topic(bucket=self.bucket, gateway=self.name, channel=channel))


async def until(condition: Callable[[], bool], limit_s: float) -> float:
    """How long it took."""
    began = time.perf_counter()
    async with asyncio.timeout(limit_s):
        while not condition():  # noqa: ASYNC110 - of many at once
            await asyncio.sleep(0.01)
    return time.perf_counter() - began


async def _read(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    first, size, shift = (await reader.readexactly(1))[0], 0, 0
    while True:
        part = (await reader.readexactly(1))[0]
        size |= (part & 0x7F) << shift
        if part < 0x80:
            return first >> 4, await reader.readexactly(size)
        shift += 7


def _packet(head: int, content: bytes) -> bytes:
    size, left = b"", len(content)
    while True:
        left, part = left >> 7, left & 0x7F
        size += bytes((part | 0x80 if left else part,))
        if not left:
            return bytes((head,)) + size + content


def _text(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
