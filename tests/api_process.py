"""The api as a process of its own, which can be killed."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT_S = 60.0


class ApiProcess:
    """`python -m server api` on a port that outlives it."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._environment = {**os.environ, "HJEMVAKT_DATABASE_URL": dsn, "HJEMVAKT_DATA": str(folder)}
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
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "server", "api", "--listening", str(handle)],
                pass_fds=[handle],
                env=self._environment | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def kill_and_start(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self.start()

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(LIMIT_S)
        self._listening.close()
