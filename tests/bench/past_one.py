"""Past one machine: the gateways of `trust` on three servers of the broker with two monitors, all on this one."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg

from server.child import end, spawn
from tests.api_process import ROOT
from tests.bench.own_database import migrated
from tests.bench.trust import LIMIT_S, coming_back, let_in, speaking
from tests.integration.cluster_rig import Cluster, cluster
from tests.integration.enrol_rig import signing
from tests.integration.monitor_rig import await_true
from tests.many_gateways import ManyGateway, until

ENDS = ((signal.SIGTERM, 30.0),)
SHARED = "select count(distinct monitor) from bucket_share s join monitor m on m.name = s.monitor and m.hears"


def rows() -> list[tuple[str, ...]]:
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hvc-", ignore_cleanup_errors=True)))
        dsn = stack.enter_context(migrated(place))
        stack.enter_context(signing(dsn))
        three = stack.enter_context(cluster(dsn, place / "cluster"))
        monitors = [stack.enter_context(_monitor(dsn, three, place / f"monitor-{number}")) for number in range(2)]
        await_true(lambda: _one(dsn, SHARED) == 2, LIMIT_S)
        gateways, _ = let_in(dsn, [node.mqtt for node in three.nodes])
        works = {
            "monitors": [each.pid for each in monitors],
            "broker": [node.process.pid for node in three.nodes if node.process is not None],
        }
        return [("what", "figure"), *asyncio.run(_lines(dsn, three, gateways, works))]


async def _lines(
    dsn: str, three: Cluster, gateways: Sequence[ManyGateway], works: Mapping[str, Sequence[int]]
) -> list[tuple[str, ...]]:
    tasks = [asyncio.create_task(each.run()) for each in gateways]
    try:
        came_s = await until(lambda: all(each.is_in.is_set() for each in gateways), LIMIT_S)
        spoken = await speaking(gateways, "the cluster", dsn, works)
        three.nodes[0].kill()
        back = await coming_back(gateways, "one of three servers killed", dsn)
        return [("the cluster: all came in for the first time", f"{came_s:.1f} s"), *spoken, *back]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def _monitor(dsn: str, three: Cluster, data: Path) -> Iterator["subprocess.Popen[bytes]"]:
    data.mkdir()
    given = {name: value for name, value in os.environ.items() if not name.startswith("HJEMVAKT_")}
    given |= {"PYTHONPATH": str(ROOT), "HJEMVAKT_DATABASE_URL": dsn, "HJEMVAKT_DATA": str(data)}
    given |= {"HJEMVAKT_MQTT_URL": three.mqtt_url, "HJEMVAKT_NATS_URL": three.nats_url}
    with (data / "said").open("wb") as said:
        command = [sys.executable, "-P", "-m", "server", "monitor"]
        process = spawn(command, directory=data, output=said.fileno(), environment=given)
        try:
            yield process
        finally:
            end(process, steps=ENDS)


def _one(dsn: str, question: str) -> int:
    with psycopg.connect(dsn) as conn:
        row = conn.execute(question.encode()).fetchone()
    return 0 if row is None else int(row[0])
