"""Screens of the teams on two api processes: they resume on the other when one is killed, and some fall asleep."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.integration.monitor_rig import await_true
from tests.sim.week_world import PASSWORD

LIMIT_S: Final = 60.0
RETRY_S: Final = 0.05
LOST: Final = (OSError, WebSocketException, httpx.HTTPError)


class Screen:
    """Remembers of each alert every event that came, as its ring; a jump or a second copy of an event is a fault."""

    def __init__(self, *, login: str, ports: Sequence[int]) -> None:
        self.login = login
        self.ports = ports
        self.cursors: dict[str, int] = {}
        self.events: list[tuple[int, int, bool]] = []
        """(seq, alert, ring)"""
        self.faults: list[str] = []
        self.boards: list[dict[str, Any]] = []
        self.connections = 0
        self.awake = asyncio.Event()
        self._line: ClientConnection | None = None
        self.awake.set()

    async def run(self) -> None:
        """Until cancelled: each time at the next of the processes."""
        while True:
            await self.awake.wait()
            port = self.ports[self.connections % len(self.ports)]
            self.connections += 1
            with suppress(*LOST):
                await self._watch(port)
            await asyncio.sleep(RETRY_S)

    async def _watch(self, port: int) -> None:
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, timeout=LIMIT_S, trust_env=False) as browser:
            (await browser.post("/api/v1/session", json={"login": self.login, "password": PASSWORD})).raise_for_status()
            cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
            live = connect(
                f"ws://127.0.0.1:{port}/api/v1/live",
                additional_headers={"Cookie": cookie},
                proxy=None,
                max_queue=None,
                ping_interval=None,
            )
            async with live as line:
                if not self.boards:
                    await self._take_board(browser)
                await self._hello(line)
                self._line = line
                while self.awake.is_set():
                    await self._take(json.loads(await line.recv()), browser, line)

    async def _hello(self, line: ClientConnection) -> None:
        hello = {"type": "hello", "epoch": self.boards[-1]["epoch"], "cursors": self.cursors}
        await line.send(json.dumps(hello | {"screen": os.urandom(8).hex()}))

    async def _take_board(self, browser: httpx.AsyncClient) -> None:
        self.boards.append((await browser.get("/api/v1/board")).raise_for_status().json())
        self.cursors = self.boards[-1]["cursors"]

    async def _take(self, said: dict[str, Any], browser: httpx.AsyncClient, line: ClientConnection) -> None:
        if said["type"] == "reset":
            await self._take_board(browser)
            await self._hello(line)
        elif "seq" in said:
            team = str(said["team"])
            if said["seq"] != self.cursors[team] + 1:
                self.faults.append(f"event {said['seq']} of team {team} came after {self.cursors[team]}")
            self.cursors[team] = said["seq"]
            if said["type"] == "alert":
                self.events.append((said["seq"], said["alert"]["id"], said["ring"]))

    def lid(self, *, is_open: bool) -> None:
        """Closed: the line ends without a word."""
        if is_open:
            self.awake.set()
            return
        self.awake.clear()
        if self._line is not None:
            self._line.transport.abort()

    def behind(self, heads: Mapping[str, int]) -> bool:
        return not self.cursors or any(seq < heads[team] for team, seq in self.cursors.items())


class Screens:
    """In a loop of their own, beside what happens."""

    def __init__(self, screens: Sequence[Screen]) -> None:
        self._screens = screens
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._over = asyncio.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        """When each screen has its first board, until all are closed."""
        thread = threading.Thread(target=asyncio.run, args=[self._run()])
        thread.start()
        self._loop = self._started.result(LIMIT_S)
        try:
            await_true(lambda: all(screen.boards for screen in self._screens), LIMIT_S)
            yield
        finally:
            self._loop.call_soon_threadsafe(self._over.set)
            thread.join(LIMIT_S)
        assert not thread.is_alive()

    async def _run(self) -> None:
        self._started.set_result(asyncio.get_running_loop())
        tasks = [asyncio.create_task(screen.run()) for screen in self._screens]
        over = asyncio.create_task(self._over.wait())
        await asyncio.wait([over, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for screen, ended in zip(self._screens, await asyncio.gather(*tasks, return_exceptions=True), strict=True):
            if not isinstance(ended, asyncio.CancelledError):
                screen.faults.append(f"it ended by itself: {ended!r}")

    def lid(self, screen: Screen, *, is_open: bool) -> None:
        self._loop.call_soon_threadsafe(partial(screen.lid, is_open=is_open))
