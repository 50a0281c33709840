"""Past one machine: three servers of the broker, two monitors and two apis, and one of each is killed under load."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from devices.vocabulary import Event, EventType, Kind, Observation
from devices.wire.messages import Lane
from server.child import spawn
from server.own_certificate import Held, showing
from tests.api_process import ROOT, ApiProcess
from tests.integration.cluster_rig import Cluster, cluster
from tests.integration.guard_rig import enrolled
from tests.integration.monitor_rig import await_true
from tests.integration.town import PASSWORD
from tests.many_gateways import ManyGateway, until

pytestmark = pytest.mark.integration
PATIENTS = 12
EVERY_S = 0.25
PHASE_S = 60.0
FILING = """select count(*) from pg_stat_activity where application_name = 'hjemvakt-monitor-bulk'
            and wait_event_type = 'Lock' and datname = current_database()"""
CALLS = (EventType.SOS, EventType.FALL)
BEGIN = datetime.now(UTC).replace(microsecond=0)


@dataclass(kw_only=True)
class Board:
    """A screen that goes to the other api when its own is gone, and says what it has seen."""

    ports: Sequence[int]
    rang: Counter[int] = field(default_factory=Counter)
    at: int = 0
    looks: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.ports[0]}", trust_env=False, timeout=30) as http:
            (await http.post("/api/v1/session", json={"login": "kari", "password": PASSWORD})).raise_for_status()
            self._board = (await http.get("/api/v1/board")).raise_for_status().json()
            cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        while True:
            with contextlib.suppress(OSError, WebSocketException):
                await self._see(f"ws://127.0.0.1:{self.ports[self.at]}/api/v1/live", cookie)
            self.at = 1 - self.at
            await asyncio.sleep(0.1)

    async def _see(self, url: str, cookie: str) -> None:
        async with connect(url, additional_headers={"Cookie": cookie}, proxy=None) as socket:
            said = {"epoch": self._board["epoch"], "cursors": self._board["cursors"], "screen": "0" * 16}
            await socket.send(json.dumps({"type": "hello", **said}))
            async for text in socket:
                message = json.loads(text)
                self.looks.set()
                assert message["type"] != "reset", "it may go on where it was"
                if "seq" in message:
                    self._count(message)

    def _count(self, message: dict[str, Any]) -> None:
        cursors, team = self._board["cursors"], str(message["team"])
        assert message["seq"] == cursors[team] + 1, "no event twice, none left out"
        cursors[team] = message["seq"]
        if message["type"] == "alert" and message["ring"]:
            self.rang[message["alert"]["id"]] += 1


@pytest.fixture
def three(town: Any, signer: None, own_place: Path, free_port: int) -> Iterator[Cluster]:
    with cluster(town.owner, own_place / "cluster") as it:
        yield it


@pytest.fixture
def gateways(town: Any, three: Cluster) -> list[ManyGateway]:
    """Each in a home of its own, with a patient and a sensor that has a button, in a bucket of its own."""
    names = [f"number-{number:02}" for number in range(PATIENTS)]
    for number, name in enumerate(names):
        town.add_patient(name, "east")
        for table in ("home", "gateway"):
            town.sql(
                f"update {table} set bucket = %s where name = %s",  # noqa: S608
                number * 5 % 64,
                name if table == "home" else f"gw-{name}",
            )
    return [_gateway(town, three, number, name) for number, name in enumerate(names)]


def _gateway(town: Any, three: Cluster, number: int, name: str) -> ManyGateway:
    shown = enrolled(town, f"gw-{name}")
    held = Held(certificate=shown.pem, key=shown.key, authority=three.nodes[0].broker().authority)
    ports = [node.mqtt for node in three.nodes]
    return ManyGateway(
        name=f"gw-{name}", bucket=number * 5 % 64, ports=ports, context=showing(held), at=number % len(ports)
    )


@pytest.fixture
def monitors(town: Any, three: Cluster, tmp_path: Path) -> Iterator[list["subprocess.Popen[bytes]"]]:
    given = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HJEMVAKT_DATABASE_URL": town.owner,
        "HJEMVAKT_DATA": str(tmp_path),
        "HJEMVAKT_MQTT_URL": three.mqtt_url,
        "HJEMVAKT_NATS_URL": three.nats_url,
    }
    with ExitStack() as stack:
        started = []
        for number in range(2):
            said = stack.enter_context((tmp_path / f"monitor-{number}.log").open("wb"))
            command = [sys.executable, "-P", "-m", "server", "monitor"]
            process = spawn(command, directory=tmp_path, output=said.fileno(), environment=given)
            stack.callback(_end, process)
            started.append(process)
        yield started


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    process.wait(60)


@pytest.fixture
def apis(town: Any, tmp_path: Path) -> Iterator[list[ApiProcess]]:
    with ExitStack() as stack:
        started: list[ApiProcess] = []
        for number in range(2):
            folder = tmp_path / f"api-{number}"
            folder.mkdir()
            started.append(ApiProcess(town.owner, folder))
            stack.callback(started[-1].close)
        yield started


async def test_one_of_each_is_killed_and_nothing_is_lost_nothing_doubled_and_every_alert_told_once(
    town: Any,
    three: Cluster,
    gateways: list[ManyGateway],
    monitors: list["subprocess.Popen[bytes]"],
    apis: list[ApiProcess],
) -> None:
    shared = "select count(distinct monitor) from bucket_share s join monitor m on m.name = s.monitor and m.hears"
    await asyncio.to_thread(await_true, lambda: town.one(shared) == 2, 60.0)
    board = Board(ports=[each.port for each in apis])
    load = Load(town=town, gateways=gateways)
    tasks = [asyncio.create_task(each.run()) for each in gateways]
    tasks.append(asyncio.create_task(board.watch()))
    try:
        await until(lambda: board.looks.is_set() or _fault(tasks), PHASE_S)
        tasks.append(asyncio.create_task(load.run()))
        await _goes_on(gateways, tasks)
        await asyncio.to_thread(_killed_while_it_files, town, monitors[0])
        await _goes_on(gateways, tasks)
        _leader(three).kill()
        os.kill(apis[board.at].pid, signal.SIGKILL)
        await _goes_on(gateways, tasks)
        load.ends.set()
        await until(lambda: load.called == len(gateways) * len(CALLS), PHASE_S)
        await until(lambda: all(each.is_done for each in gateways) or _fault(tasks), PHASE_S)
        await until(lambda: len(board.rang) == load.called or _fault(tasks), PHASE_S)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    said = {each.name: each.books[Lane.BULK].last for each in gateways}
    stored = "select 'gw-' || p.name, count(*) from observation o join patient p on p.id = o.patient_id group by 1"
    assert dict(town.sql(stored)) == said
    marks = "select g.name, w.seq from watermark w join gateway g on g.id = w.gateway_id where lane = 'bulk'"
    assert dict(town.sql(marks)) == said
    calls = town.sql("select id from alert where rule like 'call:%%'")
    assert board.rang == Counter(id_ for (id_,) in calls)
    assert len(calls) == load.called
    assert town.one("select count(*) from event") == load.called
    assert (town.one("select count(*) from lost_rows"), town.one("select count(*) from set_aside")) == (0, 0)


@dataclass(kw_only=True)
class Load:
    """Two readings of everybody four times a second, and each calls for help twice while it lasts."""

    town: Any
    gateways: Sequence[ManyGateway]
    called: int = 0
    ends: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        to_call = [(each, type_) for type_ in CALLS for each in self.gateways]
        addresses = {f"gw-{name}": address for name, address in self._addresses()}
        turn = 0
        while to_call or not self.ends.is_set():
            for each in self.gateways:
                at = BEGIN + timedelta(milliseconds=10 * turn)
                device = addresses[each.name]
                readings = [
                    Observation(device=device, kind=Kind.SPO2, taken_at=at + timedelta(milliseconds=more), value=95)
                    for more in (0, 5)
                ]
                each.say(readings)
            if to_call and (turn % 4 == 0 or self.ends.is_set()):
                each, type_ = to_call.pop(0)
                self.called += 1
                each.say([Event(device=addresses[each.name], type=type_, occurred_at=datetime.now(UTC))], Lane.ALARM)
            turn += 1
            await asyncio.sleep(EVERY_S)

    def _addresses(self) -> list[tuple[str, str]]:
        whose = "from binding b join patient p on p.id = b.patient_id join device d on d.id = b.device_id"
        found: list[tuple[str, str]] = self.town.sql(f"select p.name, d.address {whose}")
        return found


def _killed_while_it_files(town: Any, monitor: "subprocess.Popen[bytes]") -> None:
    """It has taken readings, and their transaction cannot end."""
    with psycopg.connect(town.owner) as conn:
        conn.execute("lock table watermark in access exclusive mode")
        await_true(lambda: town.one(FILING) == 2)
        monitor.kill()
        monitor.wait()


async def _goes_on(gateways: Sequence[ManyGateway], tasks: Sequence["asyncio.Task[None]"]) -> None:
    """What each says from now on is confirmed."""
    wanted = {each.name: each.books[Lane.BULK].last + 4 for each in gateways}
    await until(
        lambda: all(each.books[Lane.BULK].confirmed >= wanted[each.name] for each in gateways) or _fault(tasks), PHASE_S
    )


def _fault(tasks: Sequence["asyncio.Task[None]"]) -> bool:
    """What went wrong in a task, at once; never True."""
    for task in tasks:
        if task.done():
            task.result()
    return False


def _leader(three: Cluster) -> Any:
    """Of the stream that everything goes through: the worst to lose. It says so itself, with the time."""
    told = [
        (line.split("] ", 1)[1], place)
        for place, node in enumerate(three.nodes)
        for line in node.said().splitlines()
        if line.endswith("new stream leader for 'HV > $MQTT_msgs'")
    ]
    return three.nodes[max(told)[1]]
