"""The real api in front of a small town with two teams; and an air for virtual devices."""

import asyncio
import json
import logging
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import ClientConnection, connect

from devices.virtual.hci_server import HciServer
from devices.virtual.radio import Air
from server.api.app import create_app, listen, utc_now, web_server
from server.provider import Provider
from server.store import pool
from server.store.sealing import Seals
from tests.integration.api_document import api_document
from tests.integration.assessor_rig import Sender
from tests.integration.built_routes import share_built_routes
from tests.integration.edge_contract_server import ContractServer
from tests.integration.edge_radio_rig import served
from tests.integration.enrol_rig import signing
from tests.integration.ingest_rig import Rig, build
from tests.integration.monitor_rig import await_true
from tests.integration.town import PASSWORD, Town

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # made once: each client would read all authorities of the world


@pytest.fixture
def town(database) -> Iterator[Town]:
    town = Town(owner=database.owner)
    for team in ("east", "west"):
        town.add_team(team)
    town.add_staff("kari", east="nurse")
    town.add_staff("ola", east="nurse")
    town.add_staff("berit", west="nurse")
    town.add_staff("siv", east="coordinator", west="nurse")
    town.add_staff("tor", east="technician")
    town.add_staff("vera", west="technician")
    town.add_staff("rune", east="auditor")
    town.add_patient("anna", "east", virtual=True)
    town.add_patient("arne", "east", pathway="diabetes")
    town.add_patient("berta", "west")
    yield town
    town.let_go()


class Screen:
    """A browser's socket: applies what comes, and remembers it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.cursors: dict[str, int] = {}

    async def say(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def hello(self, board: dict[str, Any], *, name: str | None = None) -> dict[str, Any]:
        """The answer: resumed or reset."""
        self.cursors = dict(board["cursors"])
        screen = name or token_hex(8)
        await self.say(type="hello", epoch=board["epoch"], cursors=board["cursors"], screen=screen)
        return await self.next("resumed", "reset")

    async def next(self, *types: str) -> dict[str, Any]:
        """The next message of one of these types; an event that jumps or comes twice is a failure."""
        while True:
            message: dict[str, Any] = json.loads(await self.socket.recv())
            if "seq" in message:
                team = str(message["team"])
                assert message["seq"] == self.cursors[team] + 1, f"{message} after {self.cursors}"
                self.cursors[team] = message["seq"]
            if message["type"] in types:
                return message

    async def closed(self) -> int:
        """The code, after whatever still comes."""
        await self.socket.wait_closed()
        code = self.socket.close_code
        assert code is not None
        return code


@dataclass(kw_only=True)
class Api:
    """The real server on a real port, in a thread. `listening`: a socket that outlives it; None: one of its own."""

    database_url: str
    port: int = 0
    listening: socket.socket | None = None
    now: Callable[[], datetime] = utc_now
    provider: Provider | None = None
    gateway_mqtt: str = "mqtts://hjemvakt.kommune.example:8883"
    clients: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        listening = listen("127.0.0.1", self.port) if self.listening is None else self.listening.dup()
        self.port = listening.getsockname()[1]
        seals = Seals(bytes(32))
        app = create_app(
            database_url=self.database_url,
            seals=seals,
            now=self.now,
            provider=self.provider,
            gateway_mqtt=self.gateway_mqtt,
        )
        app.openapi = api_document  # type: ignore[method-assign]
        share_built_routes(app)
        self._server = web_server(app)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> httpx.Client:
        # A connection kept alive would meet the server's own idle limit, which ends it just as it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        options: Any = {"base_url": self.url, "timeout": 30, "trust_env": False, "limits": limits, "verify": NO_TLS}
        return self.clients.enter_context(httpx.Client(**options))

    def signed_in(self, login: str) -> httpx.Client:
        client = self.client()
        client.post("/api/v1/session", json={"login": login, "password": PASSWORD}).raise_for_status()
        return client

    def live(self, client: httpx.Client | None = None, *, origin: str | None = None, **options: Any) -> connect:
        """`async with api.live(client) as socket`."""
        headers = {}
        if client is not None:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        if origin is not None:
            headers["Origin"] = origin
        options = {"max_queue": None} | options  # with a full queue this client would not read the answer to its close
        return connect(f"ws://127.0.0.1:{self.port}/api/v1/live", additional_headers=headers, proxy=None, **options)


@pytest.fixture
def api(database, town: Town) -> Iterator[Api]:
    server = Api(database_url=database.owner)
    with ExitStack() as stack:
        server.start()
        stack.callback(server.stop)
        stack.callback(server.clients.close)
        yield server


@pytest.fixture
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """An api that looks at everything as often as a test likes, and not every five seconds."""
    monkeypatch.setattr("server.api.live.LOOK_EVERY_S", 0.5)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that gives up soon on a database that is away, and not after five seconds."""
    monkeypatch.setattr("server.store.pool.WAIT_S", 0.5)


@pytest.fixture
def kari(api: Api) -> httpx.Client:
    """A nurse in the east."""
    return api.signed_in("kari")


@pytest.fixture
def siv(api: Api) -> httpx.Client:
    """Coordinator in the east, nurse in the west."""
    return api.signed_in("siv")


@pytest.fixture
def tor(api: Api) -> httpx.Client:
    """A technician in the east."""
    return api.signed_in("tor")


@pytest.fixture
def adam(api: Api, town: Town) -> httpx.Client:
    """An administrator in the east."""
    town.add_staff("adam", east="administrator")
    return api.signed_in("adam")


@pytest.fixture
def doctor(api: Api, town: Town) -> httpx.Client:
    """In the east."""
    town.add_staff("dag", east="doctor")
    return api.signed_in("dag")


@pytest.fixture
def signer(town: Town) -> Iterator[None]:
    """Certificates are signed, by an authority that is there."""
    with signing(town.owner):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        yield


@pytest.fixture
def screen_of() -> type[Screen]:
    return Screen


@pytest.fixture
def minutes_ago() -> Any:
    now = datetime.now(UTC).replace(microsecond=0)
    return lambda minutes: now - timedelta(minutes=minutes)


@pytest.fixture
def rig(database) -> Iterator[Rig]:
    made = build(database.owner, Rig)
    yield made
    made.close()


@pytest.fixture
def conn(rig: Rig) -> Iterator[psycopg.Connection]:
    """Another one, to the rig's database."""
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        yield conn


@pytest.fixture
def send(rig: Rig) -> Sender:
    return Sender(rig)


@pytest.fixture
def server(broker) -> Iterator[ContractServer]:
    """All that a gateway alone needs of one."""
    made = ContractServer(broker.port)
    yield made
    made.stop()


@pytest.fixture
async def home(air: Air) -> AsyncIterator[HciServer]:
    """An adapter on the air, for a gateway."""
    async with served(air) as (adapter,):
        yield adapter


@pytest.fixture
async def air(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Air]:
    """An air whose stack must not log an error, leak an exception or leave a task behind."""
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    before = asyncio.all_tasks()
    async with await Air.open() as opened:
        with opened.as_default():
            yield opened
    for _ in range(50):
        await asyncio.sleep(0)
    assert broken == []
    logged = [*caplog.get_records("setup"), *caplog.get_records("call"), *caplog.records]
    assert [record.getMessage() for record in logged if record.levelno >= logging.ERROR] == []
    assert asyncio.all_tasks() - before - {asyncio.current_task()} == set()
