"""Real clock processes, to be killed -9, and questions to their database."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.asked import Asked
from tests.integration.monitor_rig import await_true

ROOT = Path(__file__).parents[2]
BEAT = "select alive_at from role_life where role = 'clock'"
AWAITS = """select from pg_stat_activity where application_name = 'hjemvakt-clock' and wait_event_type = 'Lock'
            and datname = current_database()"""
THERE = "select from pg_stat_activity where application_name = 'hjemvakt-clock' and datname = current_database()"


class Clocks(Asked):
    """As many processes as somebody starts."""

    def __init__(self, dsn: str, log: Path, **settings: str) -> None:
        super().__init__(dsn)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("HJEMVAKT_")}
        self._environment = inherited | settings | {"HJEMVAKT_DATABASE_URL": dsn}
        self._log = log
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", "server", "clock"]
            process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stderr=log)
        self._running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._running.remove(process)

    def end(self) -> None:
        for process in list(self._running):
            self.kill(process)
        self.let_go()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8") if self._log.exists() else ""

    def await_beats(self) -> None:
        """Two rounds of whoever leads now."""
        for _ in range(2):
            before = self.sql(BEAT)
            await_true(lambda before=before: self.sql(BEAT) != before)  # type: ignore[misc]


@contextmanager
def ending(clocks: Clocks) -> Iterator[Clocks]:
    """None of them is left."""
    try:
        yield clocks
    finally:
        clocks.end()
