"""Gateways with certificates: how fast they are let in and all come back, how soon one that is revoked is out, and how
long it takes until what they say is stored: on one machine, and with three servers of the broker and two monitors.

A whole `hjemvakt serve` with its embedded broker and guard, or `past_one` the cluster of the tests on this machine. The
gateways are connections of this one process, over TLS 1.3, each with its own certificate.
"""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from devices.vocabulary import NO_DEVICE, Event, EventType, Kind, Observation
from devices.wire.messages import Lane
from edge.identity import Identity, showing
from server import pki
from server.store import signals
from tests.bench import cpu
from tests.many_gateways import ManyGateway, until

GATEWAYS: Final = int(os.environ.get("GATEWAYS", "1000"))
LIMIT_S: Final = 120.0
SPEAK_S: Final = 30
SETTLED_S: Final = 5
READ_AGAIN: Final = "Reloaded server configuration"


def rows() -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="hvb-", ignore_cleanup_errors=True) as place, _serve(Path(place)) as ready:
        port = int(ready["mqtt"].rpartition(":")[2])
        gateways, let_in_s = let_in(ready["dsn"], [port])
        return [
            ("what", "figure"),
            _per_s("enrolments signed, each second", let_in_s),
            *asyncio.run(_lines(ready, gateways)),
        ]


async def _lines(ready: dict[str, Any], gateways: list[ManyGateway]) -> list[tuple[str, ...]]:
    tasks = [asyncio.create_task(each.run()) for each in gateways]
    try:
        came_s = await until(lambda: all(each.is_in.is_set() for each in gateways), LIMIT_S)
        spoken = await speaking(gateways, "one machine", ready["dsn"], {"server": [ready["serve"]]})
        reloaded = await _reloaded(ready, gateways)
        os.kill(ready["pids"]["broker"], signal.SIGKILL)
        back = await coming_back(gateways, "broker killed", ready["dsn"])
        out_s = await _revoked(ready["dsn"], gateways[0])
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [
        _per_s("first connections with TLS, guard and subscription, each second", came_s),
        *spoken,
        *reloaded,
        *back,
        ("revoked in the database, until its line is cut", f"{out_s:.2f} s"),
    ]


async def speaking(
    gateways: Sequence[ManyGateway], where: str, dsn: str, works: Mapping[str, Sequence[int]]
) -> list[tuple[str, ...]]:
    """Each says a reading once a second, at another moment than its neighbour. The first seconds are not counted.
    `works`: whose processor time is told, and their processes."""
    began, turn, spent = time.monotonic(), 0, len(gateways)
    used = {name: -_used_s(pids) for name, pids in works.items()}
    while (now := time.monotonic() - began) < SPEAK_S:
        while turn < now * spent:
            reading = Observation(
                device=address(turn % spent), kind=Kind.SPO2, taken_at=datetime.now(UTC), value=95 + turn % 3
            )
            gateways[turn % spent].say([reading])
            turn += 1
        await asyncio.sleep(0.005)
        if now < SETTLED_S:
            for each in gateways:
                each.books[Lane.BULK].took_s.clear()
    late_s = await until(lambda: all(each.is_done for each in gateways), LIMIT_S)
    lasted_s = time.monotonic() - began
    shares = [f"{name} {(used[name] + _used_s(pids)) / lasted_s:.0%}" for name, pids in works.items()]
    took = sorted(took_s for each in gateways for took_s in each.books[Lane.BULK].took_s)
    p50, p99 = (1000 * took[int(len(took) * share)] for share in (0.5, 0.99))
    what = f"{where}: {len(gateways)} gateways, a message each second: from publishing to the receipt after the commit"
    lost, doubled = await asyncio.to_thread(_lost_and_doubled, dsn, turn)
    return [
        (what, f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {1000 * took[-1]:.0f} ms"),
        (f"{where}: after the last one was said, until all {turn} were confirmed", f"{late_s:.2f} s"),
        (f"{where}: of them lost, doubled", f"{lost}, {doubled}"),
        (f"{where}: a core's time meanwhile", ", ".join(shares)),
    ]


async def coming_back(gateways: Sequence[ManyGateway], what: str, dsn: str) -> list[tuple[str, ...]]:
    """Each has an alarm to say just then."""
    proof = Event(device=NO_DEVICE, type=EventType.PROOF, occurred_at=datetime.now(UTC))
    for each in gateways:
        each.say([proof], Lane.ALARM)
    back_s = await until(lambda: all(each.is_done for each in gateways), LIMIT_S)
    stored = await asyncio.to_thread(_alarms, dsn)
    many = len(gateways)
    return [
        (f"{what}, until {many} alarms of {many} gateways are stored and confirmed", f"{back_s:.1f} s"),
        ("of them lost", str(many - stored)),
    ]


def address(number: int) -> str:
    """Of the sensor in the home of this gateway."""
    digits = f"C0{number:010X}"
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))


def _used_s(pids: Sequence[int]) -> float:
    return sum(cpu.of_tree(pid) for pid in pids)


def _lost_and_doubled(dsn: str, said: int) -> tuple[int, int]:
    """A second row of a reading would be one of another time, for there is a key on the rest."""
    with psycopg.connect(dsn) as conn:
        ((rows,),) = conn.execute("select count(*) from observation").fetchall()
        ((marks,),) = conn.execute("select coalesce(sum(seq), 0) from watermark where lane = 'bulk'").fetchall()
    return max(0, said - min(int(rows), int(marks))), max(0, max(int(rows), int(marks)) - said)


def _per_s(what: str, took_s: float) -> tuple[str, ...]:
    return what, f"{GATEWAYS / took_s:,.0f} ({GATEWAYS} in {took_s:.1f} s)"


async def _reloaded(ready: dict[str, Any], gateways: Sequence[ManyGateway]) -> list[tuple[str, ...]]:
    """As for its next certificate."""
    for each in gateways:
        each.is_out.clear()
    times = ready["log"].read_text().count(READ_AGAIN)
    os.kill(ready["pids"]["broker"], signal.SIGHUP)
    took_s = await until(lambda: ready["log"].read_text().count(READ_AGAIN) > times, LIMIT_S)
    cut = sum(each.is_out.is_set() for each in gateways)
    return [(f"the broker reads its settings and asks about {len(gateways)} again; cut off", f"{took_s:.1f} s; {cut}")]


async def _revoked(dsn: str, gateway: ManyGateway) -> float:
    gateway.is_out.clear()
    revoke = """update certificate c set revoked_at = now(), why = 'stolen' from gateway g
                where g.id = c.gateway_id and g.name = %s"""
    await asyncio.to_thread(_do, dsn, revoke, gateway.name)
    return await until(gateway.is_out.is_set, LIMIT_S)


def let_in(dsn: str, ports: Sequence[int]) -> tuple[list[ManyGateway], float]:
    """Each into a home of its own, and those into all buckets."""
    keys = {f"gw-{number:04}": pki.new_key() for number in range(GATEWAYS)}
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute("insert into team (name) values ('Nord')")
        homes = """insert into home (name, address, team_id, bucket)
                   select g, 'a', t.id, (row_number() over ()) %% 64 from team t, unnest(%s::text[]) as g"""
        conn.execute(homes, [list(keys)])
        conn.execute(
            """insert into patient (reference, name, born_on, pathway, team_id, home_id)
               select name, name, '1950-01-01', 'kols', team_id, id from home"""
        )
        with conn.cursor() as cursor:
            cursor.executemany(
                """with known as (insert into device (address, profile) values (%s, 'oximeter') returning id)
                   insert into binding (device_id, patient_id, valid_from)
                   select known.id, p.id, '2020-01-01Z' from known, patient p where p.name = %s""",
                [(address(number), name) for number, name in enumerate(keys)],
            )
            cursor.executemany(
                """insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway, home_id)
                   select %s, %s, %s, %s, now(), now(), 'accepted', name, id from home where name = %s""",
                [
                    (name, pki.key_of(csr), csr, name.encode(), name)
                    for name, key in keys.items()
                    for csr in [pki.request(key)]
                ],
            )
        began = time.perf_counter()
        signals.send(conn, signals.Channel.TRUST)
        while conn.execute("select count(*) from certificate").fetchone() != (GATEWAYS,):
            assert time.perf_counter() - began < LIMIT_S
            time.sleep(0.02)
        took_s = time.perf_counter() - began
        asked = "select g.name, g.bucket, c.certificate from certificate c join gateway g on g.id = c.gateway_id"
        issued = conn.execute(asked).fetchall()
        ((authority,),) = conn.execute("select certificate from authority").fetchall()
    return [
        ManyGateway(
            name=name,
            bucket=bucket,
            ports=ports,
            context=_shows(name, keys[name], pem, authority),
            at=place % len(ports),
        )
        for place, (name, bucket, pem) in enumerate(sorted(issued))
    ], took_s


def _shows(name: str, key: str, certificate: str, authority: str) -> ssl.SSLContext:
    identity = Identity(
        server="", mqtt="", bucket=0, authority=authority, gateway=name, key=key, certificate=certificate
    )
    return showing(identity, checks_time=True)


def _alarms(dsn: str) -> int:
    with psycopg.connect(dsn) as conn:
        (stored,) = conn.execute("select count(*) from watermark where lane = 'alarm' and seq >= 1").fetchone() or (0,)
    return int(stored)


def _do(dsn: str, statement: str, *given: object) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute(statement.encode(), given)
        signals.send(conn, signals.Channel.TRUST)


@contextlib.contextmanager
def _serve(place: Path) -> Iterator[dict[str, Any]]:
    file = place / "ready.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HJEMVAKT_")}
    environment |= {"HJEMVAKT_DATA": str(place / "data"), "HJEMVAKT_MQTT_HOST": "127.0.0.1"}
    with (place / "log").open("wb") as log:
        serving = subprocess.Popen(
            [sys.executable, "-m", "server", "serve", "--ready-file", str(file)],
            env=environment,
            stdout=log,
            stderr=log,
        )
        try:
            began = time.monotonic()
            while not file.exists():
                assert serving.poll() is None and time.monotonic() - began < LIMIT_S, (place / "log").read_text()
                time.sleep(0.05)
            yield json.loads(file.read_text()) | {
                "serve": serving.pid,
                "log": next((place / "data").rglob("nats.log")),
            }
        finally:
            serving.terminate()
            serving.wait(30)
