"""Nobody is left with a line to a server that has ended, however late they came."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass

import pytest
import uvicorn
from fastapi import FastAPI

from server.api.app import web_server
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration
LATE = 30
LOOK_S = 0.1  # how often uvicorn looks whether it is to end


@dataclass(frozen=True, kw_only=True)
class Running:
    server: uvicorn.Server
    loop: asyncio.AbstractEventLoop
    port: int


@contextmanager
def running() -> Iterator[Running]:
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def remember(_: FastAPI) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield

    server = web_server(FastAPI(lifespan=remember))
    listening = socket.create_server(("127.0.0.1", 0), backlog=LATE)
    port = listening.getsockname()[1]
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        await_true(lambda: server.started)
        yield Running(server=server, loop=loops[0], port=port)
    finally:
        server.should_exit = True
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_who_comes_just_as_the_server_ends_is_shown_out_and_not_left_waiting() -> None:
    is_busy, they_are_there = threading.Event(), threading.Event()

    def be_busy() -> None:
        """It finds them at the door in the moment in which it looks whether it is to end."""
        is_busy.set()
        they_are_there.wait(LIMIT_S)
        time.sleep(2 * LOOK_S)

    with ExitStack() as lines:
        with running() as api:
            api.loop.call_soon_threadsafe(be_busy)
            assert is_busy.wait(LIMIT_S)
            late = [
                lines.enter_context(socket.create_connection(("127.0.0.1", api.port), timeout=LIMIT_S))
                for _ in range(LATE)
            ]
            api.server.should_exit = True
            they_are_there.set()
        assert not api.server.server_state.connections
        assert [line.recv(1) for line in late] == [b""] * LATE
