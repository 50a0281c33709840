"""Many screens in one process: as little work for each message as can be, for it runs beside what is measured.

A thousand screens are a thousand machines; here one process reads them all, one after the other. So each message has
two times: when the kernel had it at its screen's socket, and when this process came to read it."""

import array
import asyncio
import contextlib
import multiprocessing
import os
import re
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

SEQ: Final = re.compile(rb'"seq":(\d+)')
BEGINNING: Final = 120  # bytes of a message, within which its seq stands
AT_ONCE: Final = 50  # that connect
CONNECT_S: Final = 180.0  # for all of a crowd; who is not there by then hears nothing
HEAR_S: Final = 120.0  # after all are connected; what has not come by then is lost
TEXT, CLOSE, PING = 0x81, 0x88, 0x89  # RFC 6455, 5.2, with FIN; from the server, never masked
PONG: Final = 0x8A
SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; what the kernel adds to a message then is a struct timespec
TIMESPEC: Final = struct.Struct("@ll")
NOTES_BYTES: Final = socket.CMSG_SPACE(TIMESPEC.size)
READ_BYTES: Final = 262_144


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """`hello`: what each says first; empty: nothing, and it is there at once. `until`: the seq after which all is
    told."""

    port: int
    path: str
    cookie: str
    hello: bytes
    clients: int
    until: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """Of one client; by `perf_counter`, which is the same clock in all processes. `came_s`: at its socket; `at_s`: when
    it was read; `since_s`: when it said hello."""

    seqs: Sequence[int]
    came_s: Sequence[float]
    at_s: Sequence[float]
    since_s: float


class Client:
    """RFC 6455, as far as a server that sends short texts needs it."""

    def __init__(self, crowd: Crowd, epoch_s: float) -> None:
        """`epoch_s`: what the kernel's clock is ahead of `perf_counter`."""
        self._crowd = crowd
        self._epoch_s = epoch_s
        self._buffer = b""
        self._upgraded = False
        self._since_s = 0.0
        self._seqs = array.array("l")
        self._came_s = array.array("d")
        self._at_s = array.array("d")
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def connect(self) -> None:
        loop = asyncio.get_running_loop()
        self._line = socket.socket()
        self._line.setblocking(False)
        self._line.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        await loop.sock_connect(self._line, ("127.0.0.1", self._crowd.port))
        request = (
            f"GET {self._crowd.path} HTTP/1.1\r\nHost: 127.0.0.1:{self._crowd.port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
            f"Cookie: {self._crowd.cookie}\r\n\r\n"
        )
        await loop.sock_sendall(self._line, request.encode())
        loop.add_reader(self._line, self._readable)

    def _readable(self) -> None:
        try:
            data, notes, _, _ = self._line.recvmsg(READ_BYTES, NOTES_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lost(error)
            return
        now_s = time.perf_counter()
        if data:
            self._received(data, self._came(notes, now_s), now_s)
        else:
            self._lost(None)

    def _came(self, notes: Sequence[tuple[int, int, bytes]], now_s: float) -> float:
        """Of several messages that are read at once, when the last of them came."""
        for level, kind, note in notes:
            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                seconds, nanoseconds = TIMESPEC.unpack(note)
                return float(seconds - self._epoch_s + nanoseconds / 1e9)
        return now_s

    def _received(self, data: bytes, came_s: float, now_s: float) -> None:
        self._buffer += data
        if not self._upgraded and not self._upgrade(now_s):
            return
        for kind, payload in self._frames():
            if kind == TEXT:
                self._take(payload, came_s, now_s)
            elif kind == PING:
                self._line.send(_masked(PONG, payload))
            elif kind == CLOSE:
                self._lost(None)

    def _lost(self, error: OSError | None) -> None:
        self._leave()
        for each in (self.ready, self.done):
            if not each.done():
                each.set_exception(ConnectionError(f"the server closed the line: {error!r}"))

    def _leave(self) -> None:
        asyncio.get_running_loop().remove_reader(self._line)
        self._line.close()

    def heard(self) -> Heard:
        if self._line.fileno() >= 0:
            self._leave()
        return Heard(seqs=self._seqs, came_s=self._came_s, at_s=self._at_s, since_s=self._since_s)

    def _upgrade(self, now_s: float) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        assert head.startswith(b"HTTP/1.1 101"), head
        self._upgraded, self._buffer, self._since_s = True, rest, now_s
        if self._crowd.hello:
            self._line.send(_masked(TEXT, self._crowd.hello.replace(b"SCREEN", os.urandom(8).hex().encode())))
        else:
            self.ready.set_result(None)
        return True

    def _frames(self) -> Iterator[tuple[int, bytes]]:
        while len(self._buffer) >= 2:
            size, start = self._buffer[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._buffer[2:start])
            if len(self._buffer) < start + size:
                return
            frame, self._buffer = self._buffer[: start + size], self._buffer[start + size :]
            yield frame[0], frame[start:]

    def _take(self, text: bytes, came_s: float, now_s: float) -> None:
        if text.startswith(b'{"type":"resumed"') and not self.ready.done():
            self.ready.set_result(None)
        elif found := SEQ.search(text, 0, BEGINNING):
            self._seqs.append(int(found[1]))
            self._came_s.append(came_s)
            self._at_s.append(now_s)
            if self._seqs[-1] == self._crowd.until and not self.done.done():
                self.done.set_result(None)


def _masked(kind: int, payload: bytes) -> bytes:
    """With a mask of zeros."""
    assert len(payload) < 65536
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else bytes([0xFE]) + len(payload).to_bytes(2)
    return bytes([kind]) + size + bytes(4) + payload


async def _watch(crowd: Crowd, parent: Connection) -> None:
    clients: list[Client] = []
    epoch_s = time.time() - time.perf_counter()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            while len(clients) < crowd.clients:
                clients += await _connected(crowd, epoch_s, min(AT_ONCE, crowd.clients - len(clients)))
    parent.send(True)
    ended, _ = await asyncio.wait([each.done for each in clients], timeout=HEAR_S) if clients else (set(), None)
    reasons = {str(each.exception()) for each in ended if each.exception() is not None}
    if len(clients) < crowd.clients:
        reasons.add(f"only {len(clients):,} of {crowd.clients:,} were connected after {CONNECT_S:.0f} s")
    parent.send(([each.heard() for each in clients], reasons))


async def _connected(crowd: Crowd, epoch_s: float, count: int) -> list[Client]:
    new = [Client(crowd, epoch_s) for _ in range(count)]
    await asyncio.gather(*(each.connect() for each in new))
    await asyncio.gather(*(each.ready for each in new))
    return new


def _run(crowd: Crowd, parent: Connection) -> None:
    asyncio.run(_watch(crowd, parent))


class Crowds:
    """Each in a process of its own, connected."""

    def __init__(self, crowds: Sequence[Crowd]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ends = []
        self._processes = []
        for crowd in crowds:
            ours, theirs = context.Pipe()
            process = context.Process(target=_run, args=(crowd, theirs), daemon=True)
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
            self._ends.append(ours)
            self._processes.append(process)
        for end in self._ends:
            _said(end)

    def heard(self) -> list[Heard]:
        """By every client, when all have heard all, or the time is over."""
        heard: list[Heard] = []
        for end, process in zip(self._ends, self._processes, strict=True):
            clients, reasons = _said(end)
            heard += clients
            process.join(HEAR_S)
            for reason in reasons:
                print(f"  a client: {reason}", flush=True)
        return heard


def _said(end: Connection) -> Any:
    assert end.poll(CONNECT_S + HEAR_S), "the clients do not answer"
    return end.recv()
