"""A gateway with twenty body sensors, from the bytes of a notification to the receipt of the server.

The real agent in a process of its own, with its outbox on the disk (synchronous=FULL) and its uplink to a real broker,
where a server answers with receipts. Subtracted is the radio: a feed calls the same ears that the radio calls, and its
own cost is taken off (tests/bench/feed.py). Half of the sensors are pulse belts that also say the beat-to-beat time,
half are oximeters that say SpO2 and pulse: two values in each notification. All have limits, which are judged."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Final

from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import BUCKET, GATEWAY, ContractServer

DEVICES: Final = 20
MEASURE_S: Final = 20.0
REST_S: Final = 60.0
BURST_PER_S: Final = 1000
LIMITS: Final = {
    "heart_rate": {"heart_rate": "red_low = 35\nred_high = 150"},
    "oximeter": {"spo2": "red_low = 80\nyellow_low = 88", "pulse_rate": "red_low = 35\nred_high = 150"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """`share` of one core; `rows` that the server has for 1,000 values."""

    share: float
    rss_mib: float
    rows: float


def rows() -> list[tuple[str, ...]]:
    return [
        ("agent with 20 body sensors, the radio subtracted", "one core", "resident", "result", "target"),
        ("1,000 notifications/s, intervals of 15 s", *_shown(_agent(BURST_PER_S, MEASURE_S, None)), "under 30 %"),
        ("1,000 notifications/s, every value", *_shown(_agent(BURST_PER_S, MEASURE_S, 0.0)), "under 30 %"),
        ("each sensor once a second, intervals of 15 s", *_shown(_agent(DEVICES, REST_S, None)), "45 MiB"),
        ("from the start of the process until READY=1", "-", "-", f"{_start_s():.2f} s", "-"),
    ]


def _start_s() -> float:
    """The middle one of three. The configuration has the twenty sensors; there is no broker and no Bluetooth."""
    return median(_one_start() for _ in range(3))


def _one_start() -> float:
    with tempfile.TemporaryDirectory() as name, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as door:
        folder = Path(name)
        config = _config(folder, "mqtt://127.0.0.1:1", None)
        door.bind(str(folder / "notify"))
        door.settimeout(30)
        began = time.perf_counter()
        command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
        environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify")}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as agent:
            try:
                while not door.recv(4096).startswith(b"READY=1"):
                    pass
                return time.perf_counter() - began
            finally:
                agent.terminate()


def _shown(cost: Cost) -> tuple[str, str, str]:
    return f"{100 * cost.share:.1f} %", f"{cost.rss_mib:.1f} MiB", f"{cost.rows:.0f} of 1,000 values"


def _agent(per_s: float, for_s: float, cadence_s: float | None) -> Cost:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = EmbeddedBroker(folder / "broker")
        broker.start()
        server = ContractServer(broker.port)
        server.clock = lambda: datetime.now(UTC)
        try:
            config = _config(folder, broker.url, cadence_s)
            command = [sys.executable, "-m", "tests.bench.feed", str(config), str(per_s), str(for_s)]
            with (folder / "agent.log").open("wb") as log:
                run = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, check=True, timeout=for_s + 60)
        finally:
            server.stop()
            broker.stop()
    said = json.loads(run.stdout)
    return Cost(
        share=said["share"],
        rss_mib=said["rss_mib"],
        rows=len(server.stored) / said["values"] * 1000,
    )


def _config(folder: Path, broker: str, cadence_s: float | None) -> Path:
    lines = [f'gateway = "{GATEWAY}"', f"bucket = {BUCKET}", f'mqtt = "{broker}"', 'data_dir = "data"']
    for number in range(DEVICES):
        profile = ("heart_rate", "oximeter")[number % 2]
        lines += ["[[devices]]", f'address = "C0:44:00:00:00:{number:02X}"', f'profile = "{profile}"']
        lines += [] if cadence_s is None else [f"cadence_s = {cadence_s}"]
        for kind, limits in LIMITS[profile].items():
            lines += ["[[devices.limits]]", f'kind = "{kind}"', limits]
    (folder / "data").mkdir()
    path = folder / "gateway.toml"
    path.write_text("\n".join(lines) + "\n")
    return path
