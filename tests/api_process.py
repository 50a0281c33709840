"""The api as a process of its own, which can be killed, and which ends with whoever started it."""

import os
import signal
import socket
import sys
from pathlib import Path

from server.child import end, spawn

ROOT = Path(__file__).parents[1]
ENDS = ((signal.SIGTERM, 60.0),)


class ApiProcess:
    """`python -m server api` on a port that outlives it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._environment = {
            **os.environ,
            "HJEMVAKT_DATABASE_URL": dsn,
            "HJEMVAKT_DATA": str(folder),
            "PYTHONPATH": str(ROOT),
        }
        self._said = folder / f"api-{self.port}.log"
        self.start()

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self) -> None:
        handle = self._listening.fileno()
        with self._said.open("ab") as output:
            self._process = spawn(
                [sys.executable, "-P", "-m", "server", "api", "--listening", str(handle)],
                directory=self._said.parent,
                output=output,
                environment=self._environment,
                death_signal=signal.SIGKILL,
                inherit=[handle],
            )

    def kill_and_start(self) -> None:
        self._process.kill()
        self._process.wait()
        self.start()

    def close(self) -> None:
        end(self._process, steps=ENDS)
        self._listening.close()
