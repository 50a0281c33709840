"""The adapter of a reader whose virtual home is another process: HCI packets over a socket, H4 framing.

The socket is opened when the adapter is first used, and again after it broke; without a home behind it, bleak's own
"Bluetooth is not available" is raised, and the next use tries again.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bumble import core
from bumble.transport.common import StreamPacketSink, StreamPacketSource

from devices.virtual.adapter import Adapter, Line
from devices.virtual.backend import bleak_on
from devices.virtual.keys import SavedKeys

UNIX_PATH_BYTES = 107  # sockaddr_un.sun_path of Linux, less its final zero


@dataclass(frozen=True, kw_only=True, slots=True)
class Tcp:
    host: str
    port: int

    def __str__(self) -> str:
        return f"tcp:{self.host}:{self.port}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unix:
    path: str

    def __str__(self) -> str:
        return f"unix:{self.path}"


def parse_address(text: str) -> Tcp | Unix:
    """`tcp:127.0.0.1:4711` (port 0 when serving: any free one) or `unix:/run/home.sock`."""
    scheme, _, rest = text.partition(":")
    if scheme == "unix" and rest:
        if len(rest.encode()) > UNIX_PATH_BYTES:
            raise ValueError(f"{text}: a Unix socket path has at most {UNIX_PATH_BYTES} bytes; use tcp:127.0.0.1:PORT")
        return Unix(path=rest)
    host, _, port = rest.rpartition(":")
    if scheme != "tcp" or not port.isdigit() or not _is_loopback(host):
        raise ValueError(f"{text}: a virtual home is reached at unix:PATH or at tcp:127.0.0.1:PORT")
    return Tcp(host=host, port=int(port))


class RemoteAdapter(Adapter):
    def __init__(self, address: str, bonds: Path | None = None) -> None:
        """Opens nothing yet. `bonds`: a file that keeps the keys; None: they end with this process."""
        self.address = parse_address(address)
        super().__init__(self._dial, None if bonds is None else SavedKeys(bonds))

    @classmethod
    async def open(cls, address: str) -> "RemoteAdapter":
        """Raises BleakBluetoothNotAvailableError if the home is not there."""
        adapter = cls(address)
        await adapter.on()
        return adapter

    @contextlib.contextmanager
    def as_default(self) -> Iterator[None]:
        with bleak_on(self):
            yield

    async def _dial(self, on_broken: Callable[[], None]) -> Line:
        loop = asyncio.get_running_loop()
        transport: asyncio.WriteTransport
        match self.address:
            case Tcp(host=host, port=port):
                transport, source = await loop.create_connection(lambda: _Source(on_broken), host, port)
            case Unix(path=path):
                transport, source = await loop.create_unix_connection(lambda: _Source(on_broken), path)

        def close() -> None:
            source.on_broken = lambda: None
            transport.abort()

        return Line(source=source, sink=StreamPacketSink(transport), close=close)


class _Source(StreamPacketSource):
    def __init__(self, on_broken: Callable[[], None]) -> None:
        super().__init__()
        self.on_broken = on_broken
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except core.InvalidPacketError:
            assert self._transport is not None
            self._transport.close()  # out of step with the sender: nothing that follows can be trusted

    def connection_lost(self, _error: Exception | None) -> None:
        self.on_broken()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
