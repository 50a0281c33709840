"""A small town with two teams, and the real api in front of it; and an air for virtual devices."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from secrets import token_hex
from typing import Any

import httpx
import psycopg
import pytest
from argon2 import PasswordHasher
from psycopg.types.json import Jsonb
from websockets.asyncio.client import ClientConnection, connect

from devices.limits import Level
from devices.virtual.radio import Air
from devices.vocabulary import KINDS, EventType, Kind
from server.alerts import policy
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.api.app import create_app, listen, utc_now, web_server
from server.detection.findings import Crossing, Evidence, LimitFinding
from server.provider import Provider
from server.store import alerts, arrays, signals, teamlog
from server.store.sealing import Seals

PASSWORD = "a long sentence about nothing"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
EARLY = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Town:
    """Rows as the monitor and an administrator would have written them, by the owner of the database."""

    owner: str
    teams: dict[str, int] = field(default_factory=dict)
    staff: dict[str, int] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    _kept: psycopg.Connection | None = field(default=None, init=False)

    def connection(self) -> psycopg.Connection:
        conn = psycopg.connect(self.owner)
        arrays.register(conn)
        return conn

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Each a transaction of its own, on a connection that is kept: to open one costs more than most statements."""
        if self._kept is None:
            self._kept = psycopg.connect(self.owner, autocommit=True, prepare_threshold=None)
            arrays.register(self._kept)
        cursor = self._kept.execute(statement.encode(), parameters)
        return cursor.fetchall() if cursor.description else []

    def let_go(self) -> None:
        """Of the connection, before its server goes."""
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.sql(statement, *parameters)[0][0]

    def add_team(self, name: str) -> None:
        self.teams[name] = self.one("insert into team (name) values (%s) returning id", name)

    def add_staff(self, login: str, **roles: str) -> None:
        """`roles`: team -> role."""
        insert = "insert into staff (login, name, initials, password_hash) values (%s, %s, %s, %s) returning id"
        name = login.capitalize()
        self.staff[login] = self.one(insert, login, name, name[:2].upper(), CHEAP.hash(PASSWORD))
        for team, role in roles.items():
            self.sql("insert into staff_team values (%s, %s, %s)", self.staff[login], self.teams[team], role)

    def add_patient(self, name: str, team: str, *, pathway: str = "kols", virtual: bool = False) -> None:
        """With a home of the same name, a gateway gw-<name> in it, and a device bound to the patient."""
        team_id, number = self.teams[team], len(self.patients) + 1
        home = "insert into home (name, address, team_id, bucket) values (%s, %s, %s, 0) returning id"
        self.homes[name] = self.one(home, name, f"Storgata {number}", team_id)
        patient = """insert into patient (reference, name, born_on, pathway, team_id, home_id, virtual)
                     values (%s, %s, %s, %s, %s, %s, %s) returning id"""
        row = (f"P-{number}", name, date(1940, 5, 17), pathway, team_id, self.homes[name], virtual)
        self.patients[name] = self.one(patient, *row)
        gateway = "insert into gateway (name, home_id, bucket, enrolled) values (%s, %s, 0, true)"
        self.sql(gateway, f"gw-{name}", self.homes[name])
        device = "insert into device (address, profile, first_heard_at) values (%s, 'oximeter', %s) returning id"
        self.devices[name] = self.one(device, f"AA:BB:CC:DD:EE:{number:02X}", EARLY)
        binding = "insert into binding (device_id, patient_id, valid_from) values (%s, %s, %s)"
        self.sql(binding, self.devices[name], self.patients[name], EARLY)

    def measure(
        self, name: str, kind: Kind, value: float | None, at: datetime, *, mode: int = 0, device: str | None = None
    ) -> None:
        """One reading, stored and told as the monitor does it."""
        row = {
            "patient": self.patients[name],
            "kind": KINDS[kind].number,
            "at": at,
            "device": self.devices[device or name],
            "value": value,
            "quality": 2 if value is None else 0,
            "mode": mode,
        }
        with self.connection() as conn:
            conn.execute("select observation_days(array[%(at)s]::timestamptz[])", row)
            conn.execute(
                """insert into observation values (%(patient)s, %(kind)s, %(at)s, 0, %(device)s, %(value)s, null, null,
                   1, %(quality)s, 0, 0, %(mode)s, %(at)s)""",
                row,
            )
            batch = conn.execute(
                """insert into latest values (%(patient)s, %(kind)s, %(at)s, %(value)s, %(quality)s, 0, %(mode)s, 0,
                   %(device)s, %(at)s, nextval('ingest_batch'))
                   on conflict (patient_id, kind) do update set taken_at = excluded.taken_at, value = excluded.value,
                   quality = excluded.quality, batch = excluded.batch returning batch""",
                row,
            ).fetchone()
            assert batch is not None
            signals.send(conn, signals.Channel.READINGS, batch[0])

    def press(self, name: str, event: EventType = EventType.SOS, *, at: datetime | None = None) -> int:
        """A call for help, raised as the monitor does it; the alert's id."""
        at = at or datetime.now(UTC)
        subject = patient_subject(self.patients[name], home=self.homes[name])
        with self.connection() as conn:
            held = alerts.hold(conn, [subject])
            standing = alerts.open_alerts(conn, held.values())
            finding = HelpCall(subject=subject, type=event, at=at, late=False)
            alerts.apply(conn, policy.decide(standing, [finding], at), at)
        return self.one(
            "select max(id) from alert where patient_id = %s and rule = %s", self.patients[name], f"call:{event}"
        )

    def desaturate(self, name: str, at: datetime) -> int:
        """Oxygen below the red limit, raised as the monitor does it; the alert's id."""
        patient = self.patients[name]
        evidence = Evidence(kind=Kind.SPO2, value=82, limit=88, level=Level.RED_LOW, direction="low", since=at)
        finding = LimitFinding(
            patient=patient,
            kind=Kind.SPO2,
            crossing=Crossing.BEGAN,
            direction="low",
            level=Level.RED_LOW,
            began=at,
            at=at,
            late=False,
            evidence=evidence,
        )
        with self.connection() as conn:
            held = alerts.hold(conn, [patient_subject(patient)])
            alerts.apply(conn, policy.decide(alerts.open_alerts(conn, held.values()), [finding], at), at)
        return self.one("select max(id) from alert where patient_id = %s and rule = 'limit:spo2:low'", patient)

    def gateway_says(self, name: str, state: str, **status: object) -> None:
        now = datetime.now(UTC)
        with self.connection() as conn:
            conn.execute(
                "update gateway set state = %s, state_since = %s, heard_at = %s, status = %s where name = %s",
                (state, now, now, Jsonb({"state": state, **status}), f"gw-{name}"),
            )
            team = conn.execute("select team_id from home where id = %s", (self.homes[name],)).fetchone()
            assert team is not None
            entry = teamlog.Entry(team_id=team[0], type="gateway", body={"gateway": f"gw-{name}"})
            teamlog.append(conn, [entry], now)

    def head(self, team: str) -> int:
        return self.one("select head from team where id = %s", self.teams[team])


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
    """The real server on a real port, in a thread."""

    database_url: str
    port: int = 0
    now: Callable[[], datetime] = utc_now
    provider: Provider | None = None
    gateway_mqtt: str = "mqtts://hjemvakt.kommune.example:8883"
    clients: ExitStack = field(default_factory=ExitStack)

    def start(self) -> None:
        listening = listen("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        seals = Seals(bytes(32))
        app = create_app(
            database_url=self.database_url,
            seals=seals,
            now=self.now,
            provider=self.provider,
            gateway_mqtt=self.gateway_mqtt,
        )
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
        return self.clients.enter_context(httpx.Client(base_url=self.url, timeout=30, trust_env=False, limits=limits))

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
def screen_of() -> type[Screen]:
    return Screen


@pytest.fixture
def minutes_ago() -> Any:
    now = datetime.now(UTC).replace(microsecond=0)
    return lambda minutes: now - timedelta(minutes=minutes)


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
