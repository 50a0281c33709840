"""How soon an alert is on every screen; how soon a screen that slept is back; how many can sign in and fetch the board.

Real api processes on a real PostgreSQL; latency from just before the commit of an alert until a client has read it,
and until its bytes were at the client's socket, for one process reads them for all screens. Clients, database and api
share this machine: `busy` says how much of the processors all of it used, `load` what the machine was asked for by
everybody. One process takes 2,000 screens, so 5,000 are on three."""

import dataclasses
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter, sleep
from typing import Final

import httpx
import numpy as np
import psycopg

from devices.vocabulary import EventType
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.api.passwords import hash_password
from server.child import end, spawn
from server.store import alerts, pool
from tests.api_process import ApiProcess
from tests.bench import cpu
from tests.bench.own_database import migrated
from tests.bench.socket_clients import Crowd, Crowds, Heard

ALERTS: Final = 40
EVENTS_PER_S: Final = 4000  # to all screens together
RESUMES: Final = 5
PATIENTS: Final = 200
ASLEEP: Final = 1900  # events in eight hours; after 2,000 a screen takes the board instead
ASKS_S: Final = 8.0
ASKERS: Final = 4
PASSWORD: Final = "a long sentence about nothing"
LIVE: Final = "/api/v1/live"
ROOT: Final = Path(__file__).parents[2]
TOWN: Final = """
insert into team (name) values ('bench');
insert into staff (login, name, initials, password_hash) values ('kari', 'Kari Bench', 'KB', '{password}');
insert into staff_team values (1, 1, 'nurse');
insert into duty (team_id, staff_id, part, from_at, started_by) values (1, 1, 'duty', now(), 1);
insert into home (name, address, team_id, bucket)
select 'home ' || n, '', 1, n % 64 from generate_series(1, {patients}) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id)
select 'p' || id, 'Patient ' || id, '1950-01-01', 'kols', 1, id from home order by id;
"""


def rows() -> list[tuple[str, ...]]:
    _may_open(12_000)
    return list(_measured())


def _measured() -> Iterator[tuple[str, ...]]:
    yield (
        "",
        "p50, ms",
        "p99, ms",
        "last, ms",
        "p99 at the socket, ms",
        "lost",
        "RSS of an api, MB",
        "busy, %",
        "load",
    )
    for clients, apis in ((1000, 1), (5000, 3)):
        with _installation(apis) as (dsn, processes):
            yield _broadcast(dsn, processes, clients)
        yield _plain(clients, apis)
    with _installation(1) as (dsn, (api,)):
        yield _resumed(dsn, api)
        yield from _asked(api)


@contextmanager
def _installation(apis: int) -> Iterator[tuple[str, list[ApiProcess]]]:
    with tempfile.TemporaryDirectory(prefix="hvb-") as place, ExitStack() as stack:
        dsn = stack.enter_context(migrated(Path(place)))
        with psycopg.connect(dsn) as conn:
            conn.execute(TOWN.format(password=hash_password(PASSWORD), patients=PATIENTS).encode())
        processes = [ApiProcess(dsn, Path(place)) for _ in range(apis)]
        for each in processes:
            stack.callback(each.close)
        yield dsn, processes


@contextmanager
def _browser(api: ApiProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{api.port}", timeout=60, trust_env=False) as browser:
        _sign_in(browser)
        yield browser


def _crowd(api: ApiProcess, clients: int, *, until: int, asleep: bool = False) -> Crowd:
    """`asleep`: as screens that have seen nothing of what happened so far."""
    with _browser(api) as browser:
        board = browser.get("/api/v1/board").raise_for_status().json()
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    cursors = dict.fromkeys(board["cursors"], 0) if asleep else board["cursors"]
    hello = {"type": "hello", "epoch": board["epoch"], "cursors": cursors, "screen": "SCREEN"}
    return Crowd(
        port=api.port, path=LIVE, cookie=cookie, hello=json.dumps(hello).encode(), clients=clients, until=until
    )


def _raise(conn: psycopg.Connection, patient: int) -> float:
    """When it was just about to be committed."""
    now, subject = datetime.now(UTC), patient_subject(patient, home=patient)
    held = alerts.hold(conn, [subject])
    call = HelpCall(subject=subject, type=EventType.SOS, at=now, late=False)
    alerts.apply(conn, alerts.decided(conn, held, [call], now), now)
    committed_s = perf_counter()
    conn.commit()
    return committed_s


def _broadcast(dsn: str, apis: Sequence[ApiProcess], clients: int) -> tuple[str, ...]:
    crowds = Crowds(
        [_crowd(api, each, until=ALERTS) for api, each in zip(apis, _parted(clients, len(apis)), strict=True)]
    )
    name = f"{clients:,} screens on {len(apis)} api{'s' * (len(apis) > 1)}, {ALERTS} alerts"
    with pool.connect(dsn, name="bench") as conn:
        return _row(name, crowds, clients, [api.pid for api in apis], lambda number: _raise(conn, number))


def _plain(clients: int, crowds: int) -> tuple[str, ...]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening, tempfile.TemporaryDirectory() as place:
        port, handle = listening.getsockname()[1], listening.fileno()
        server = spawn(
            [sys.executable, "-P", "-m", "tests.bench.plain_broadcast", str(handle)],
            directory=Path(place),
            output=subprocess.DEVNULL,
            environment={**os.environ, "PYTHONPATH": str(ROOT)},
            inherit=[handle],
        )
        try:
            return _plain_row(port, server.pid, clients, crowds)
        finally:
            end(server, steps=((signal.SIGTERM, 30.0),))


def _plain_row(port: int, pid: int, clients: int, crowds: int) -> tuple[str, ...]:
    crowd = Crowd(port=port, path="/live", cookie="", hello=b"", clients=0, until=ALERTS)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as browser:

        def tell(number: int) -> float:
            body = f'{{"type":"alert","seq":{number},"alert":"{"x" * 1200}"}}'  # as long as one of ours
            told_s = perf_counter()
            browser.post("/alerts", content=body).raise_for_status()
            return told_s

        connected = Crowds([dataclasses.replace(crowd, clients=each) for each in _parted(clients, crowds)])
        return _row(f"a plain broadcast loop, {clients:,} screens", connected, clients, [pid], tell)


def _parted(clients: int, parts: int) -> list[int]:
    return [clients // parts + (part < clients % parts) for part in range(parts)]


def _row(
    name: str, crowds: Crowds, clients: int, servers: Sequence[int], tell: Callable[[int], float]
) -> tuple[str, ...]:
    """`tell`: the alert with this seq, counted from 1; when it did."""
    began_s, used_s = perf_counter(), cpu.of_tree(os.getpid())
    told_s = []
    for number in range(1, ALERTS + 1):
        told_s.append(tell(number))
        sleep(max(0.0, began_s + number * clients / EVENTS_PER_S - perf_counter()))
    busy = (cpu.of_tree(os.getpid()) - used_s) / (perf_counter() - began_s) / (os.cpu_count() or 1)
    load, resident_mb = _load(), max(map(_resident_mb, servers))
    heard = crowds.heard()
    told = np.array(told_s)[np.concatenate([each.seqs for each in heard]) - 1]
    read_ms, came_ms = (
        (np.concatenate(times) - told) * 1e3
        for times in ([each.at_s for each in heard], [each.came_s for each in heard])
    )
    p50, p99 = np.percentile(read_ms, (50, 99))
    latency = (f"{p50:.0f}", f"{p99:.0f}", f"{read_ms.max():.0f}", f"{np.percentile(came_ms, 99):.0f}")
    return (name, *latency, str(_lost(heard, clients, ALERTS)), f"{resident_mb:.0f}", f"{busy * 100:.0f}", load)


def _lost(heard: Sequence[Heard], clients: int, told: int) -> int:
    """What did not come to somebody, and what came twice."""
    return clients * told + sum(len(each.seqs) - 2 * len(set(each.seqs)) for each in heard)


def _resumed(dsn: str, api: ApiProcess) -> tuple[str, ...]:
    """From `hello` until the last of what happened meanwhile is there."""
    with pool.connect(dsn, name="bench") as conn:
        for number in range(ASLEEP):
            _raise(conn, number % PATIENTS + 1)
    took_ms, lost = [], 0
    for _ in range(RESUMES):
        heard = Crowds([_crowd(api, 1, until=ASLEEP, asleep=True)]).heard()
        took_ms += [(each.at_s[-1] - each.since_s) * 1e3 for each in heard]
        lost += _lost(heard, 1, ASLEEP)
    latency = (f"{np.median(took_ms):.0f}", "-", f"{max(took_ms):.0f}", "-")
    return (f"resume after {ASLEEP:,} events (8 h asleep)", *latency, str(lost), "-", "-", _load())


def _asked(api: ApiProcess) -> Iterator[tuple[str, ...]]:
    with ExitStack() as stack:
        browsers = [stack.enter_context(_browser(api)) for _ in range(ASKERS)]
        boards = _per_second([partial(_board, each) for each in browsers])
        logins = _per_second([partial(_sign_in, each) for each in browsers])
    for what, per_s in ((f"board of {PATIENTS} patients", boards), ("sign in (argon2)", logins)):
        yield (f"{what}, {ASKERS} at a time: {per_s:.0f} each s", *["-"] * 7, _load())


def _board(browser: httpx.Client) -> None:
    browser.get("/api/v1/board").raise_for_status()


def _sign_in(browser: httpx.Client) -> None:
    browser.cookies.clear()
    browser.post("/api/v1/session", json={"login": "kari", "password": PASSWORD}).raise_for_status()


def _per_second(askers: Sequence[Callable[[], None]]) -> float:
    def ask(asker: Callable[[], None]) -> float:
        count, began_s = 0, perf_counter()
        while perf_counter() < began_s + ASKS_S:
            asker()
            count += 1
        return count / (perf_counter() - began_s)

    with ThreadPoolExecutor(len(askers)) as threads:
        return sum(threads.map(ask, askers))


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _may_open(files: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(files, hard), hard))
