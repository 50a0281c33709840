"""`hjemvakt serve` as a process, in a place and at ports of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.monitor_rig import await_true
from tests.ports import free_ports

PORTS = ("HTTP", "MQTT", "NATS")
START_LIMIT_S = 90.0
STOP_LIMIT_S = 3 * 10.0  # what is promised, on a machine that computes other things, too


class Served:
    def __init__(self, place: Path) -> None:
        self.place = place
        self.ready_file = place / "ready.json"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("HJEMVAKT_")},
            "HJEMVAKT_DATA": str(place / "data"),
            "HJEMVAKT_MQTT_PLAIN": "true",
            **{f"HJEMVAKT_{name}_PORT": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)},
        }
        self.process: subprocess.Popen[str] | None = None

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "server", *arguments]

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command("serve", "--ready-file", str(self.ready_file)),
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        await_true(self.ready_file.exists, START_LIMIT_S)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*arguments), env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        assert self.process is not None
        self.process.send_signal(number)
        try:
            assert self.process.wait(STOP_LIMIT_S) == 0
        finally:
            self.kill()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.process = None

    def ready(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.ready_file.read_text())
        return found

    def pid(self, part: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            return int(self.ready()["pids"][part] or 0)
        return 0

    def one(self, statement: str, *given: object) -> Any:
        """The first value of the first row; None where there is none."""
        with psycopg.connect(self.ready()["dsn"], autocommit=True) as conn:
            cursor = conn.execute(statement.encode(), given)
            row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


@pytest.fixture
def served(own_place: Path) -> Iterator[Served]:
    """As it starts when nobody asks for less: MQTT over TLS."""
    place = own_place / "served"
    place.mkdir()
    served = Served(place)
    del served.environment["HJEMVAKT_MQTT_PLAIN"]
    served.environment["HJEMVAKT_MQTT_HOST"] = "127.0.0.1"
    served.start()
    yield served
    served.stop()
