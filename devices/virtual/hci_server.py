"""The socket at which a virtual home offers its adapter to a reader in another process.

There is one adapter: a new reader takes it from the one before, who may be dead without the home knowing. When a
reader goes, its controller goes with it: links drop, peripherals see it and are on the air again.
"""

import asyncio
import logging
from pathlib import Path
from typing import Self

from bumble import core
from bumble.transport.common import PacketParser

from devices.virtual.controller import VirtualController
from devices.virtual.radio import ADAPTER_ADDRESS, Air
from devices.virtual.remote import Tcp, Unix, parse_address

UNREAD_BYTES = 1 << 20  # a reader that leaves more than this unread is taken for dead

log = logging.getLogger(__name__)


class HciServer:
    def __init__(self, air: Air, adapter_address: str) -> None:
        self.address = ""
        self.reader_came = asyncio.Event()
        self._air = air
        self._adapter_address = adapter_address
        self._reader: _Reader | None = None
        self._server: asyncio.Server | None = None

    async def listen(self, where: Tcp | Unix) -> None:
        loop = asyncio.get_running_loop()
        match where:
            case Tcp(host=host, port=port):
                self._server = await loop.create_server(self._accept, host, port)
                self.address = f"tcp:{host}:{self._server.sockets[0].getsockname()[1]}"
            case Unix(path=path):
                self._server = await loop.create_unix_server(self._accept, path)
                self.address = str(where)

    @property
    def has_reader(self) -> bool:
        return self._reader is not None

    async def close(self) -> None:
        if self._server is None:
            return
        self._server.close()
        if self._reader is not None:
            self._reader.leave()
        await self._server.wait_closed()
        self._remove_socket()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.close()

    def _remove_socket(self) -> None:
        if self.address.startswith("unix:"):
            Path(self.address.removeprefix("unix:")).unlink(missing_ok=True)

    def _accept(self) -> "_Reader":
        return _Reader(self)

    def take(self, reader: "_Reader") -> VirtualController:
        if self._reader is not None:
            log.info("a new reader takes the adapter from the one before")
            self._reader.leave()
        self._reader = reader
        self.reader_came.set()
        return self._air.attach_central(self._adapter_address)

    def give_back(self, reader: "_Reader", controller: VirtualController) -> None:
        if self._reader is reader:
            self._reader = None
        self._air.detach(controller)


async def serve_hci(air: Air, address: str = "tcp:127.0.0.1:0", *, adapter_address: str = ADAPTER_ADDRESS) -> HciServer:
    """The server's own `address` says where it listens. `adapter_address` is what peripherals bond with."""
    server = HciServer(air, adapter_address)
    await server.listen(parse_address(address))
    return server


class _Reader(asyncio.Protocol):
    def __init__(self, server: HciServer) -> None:
        self._server = server
        self._parser = PacketParser()
        self._controller: VirtualController | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._controller = self._server.take(self)
        self._controller.host = self
        self._parser.set_packet_sink(self._controller)

    def data_received(self, data: bytes) -> None:
        if self._controller is None:
            return
        try:
            self._parser.feed_data(data)
        except core.InvalidPacketError as error:
            log.warning("a reader of the virtual radio is out of step and is cut off: %s", error)
            self.leave()

    def on_packet(self, packet: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._transport.get_write_buffer_size() > UNREAD_BYTES:
            log.warning("a reader of the virtual radio does not read and is cut off")
            self.leave()
        else:
            self._transport.write(packet)

    def connection_lost(self, _error: Exception | None) -> None:
        self.leave()

    def leave(self) -> None:
        controller, self._controller = self._controller, None
        if controller is not None:
            self._server.give_back(self, controller)
        if self._transport is not None:
            self._transport.abort()
