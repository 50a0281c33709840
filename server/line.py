"""A connection under a client of MQTT: all that has come is read at once, and all that is said leaves at once.

A client that asks its socket for a byte, a length and a body has asked the kernel four times for one message and once
more for its acknowledgement, and each time another thread may keep the interpreter for a while. Here it asks memory.
"""

import select
import socket
import ssl
from typing import Final

READ_MAX: Final = 1 << 16
UNSENT_MAX: Final = 1 << 20  # bytes that the other side does not take; then it is full
_LATER: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class ClosedWhenRefused(ssl.SSLSocket):
    """paho leaves a socket open whose handshake came to nothing."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


class Line:
    """paho's SocketLike over a socket that does not block. One thread waits, hears and flushes; any may wake it."""

    def __init__(self, under: socket.socket) -> None:
        # Nagle's algorithm would hold a receipt back for 40 ms behind the acknowledgement before it.
        under.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._under = under
        self._came = b""
        self._read = 0
        self._unsent = bytearray()
        self._is_over = False
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)

    @property
    def has_heard(self) -> bool:
        """Something to read, or that nothing more will come."""
        return self._is_over or self._read < len(self._came)

    @property
    def is_full(self) -> bool:
        return len(self._unsent) >= UNSENT_MAX

    def wait(self, limit_s: float) -> None:
        """Until something came, or what is unsent can leave, or `wake`."""
        leaving = [self._under] if self._unsent else []
        if self._bell in select.select([self._under, self._bell], leaving, [], limit_s)[0]:
            self._bell.recv(READ_MAX)

    def wake(self) -> None:
        try:
            self._rope.send(b"!")
        except OSError:  # it rings already, or everything is closed
            return

    def hear(self) -> None:
        assert self._read == len(self._came), "what came before is read"
        try:
            self._came, self._read = self._under.recv(READ_MAX), 0
        except _LATER:
            return
        except OSError:
            self._came, self._read = b"", 0
        self._is_over = not self._came

    def flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._under.send(self._unsent)]
        except _LATER:
            return
        except OSError:
            self._is_over = True

    def recv(self, most: int) -> bytes:
        if not self.has_heard:
            raise BlockingIOError
        part = self._came[self._read : self._read + most]
        self._read += len(part)
        return part

    def send(self, data: bytes | bytearray) -> int:
        if self.is_full:
            raise BlockingIOError
        self._unsent += data
        return len(data)

    def fileno(self) -> int:
        return self._under.fileno()

    def setblocking(self, flag: bool) -> None:
        self._under.setblocking(flag)

    def close(self) -> None:
        """What the other side takes at once still leaves."""
        self.flush()
        for each in (self._under, self._bell, self._rope):
            each.close()
