"""What the embedded broker says of its own health, asked by whoever keeps it running.

A nats-server (2.14 or newer) that could not write to its disk once takes nothing more until it is started again, though
there be room (github.com/nats-io/nats-server, pull request 7788). It says so at /healthz."""

import http.client
import json
import logging
import shutil
import time
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

HOST: Final = "127.0.0.1"
LOOK_S: Final = 2.0
ANSWER_LIMIT_S: Final = 1.0
LOOKS: Final = 2  # one alone may meet it as it begins, or ends
ROOM_BYTES: Final = 64 << 20
PORTS_FILE: Final = "nats-server_{pid}.ports"

log = logging.getLogger(__name__)


def settings(home: Path) -> dict[str, Any]:
    """A free port of its own choice, which it writes down, and which only this machine reaches."""
    return {"http": f"{HOST}:-1", "ports_file_dir": str(home)}


def forget(home: Path) -> None:
    """The ports of one that was killed."""
    for left in home.glob(PORTS_FILE.format(pid="*")):
        left.unlink(missing_ok=True)


class Health:
    """Of one broker's directory. Called from one thread."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._next_s = 0.0
        self._ill = 0
        self._is_told = False

    def trouble(self, pid: int) -> str:
        """Why it has to be started again; empty: it need not, or that would not help yet."""
        now = time.monotonic()
        if now < self._next_s:
            return ""
        self._next_s = now + LOOK_S
        self._ill = self._ill + 1 if says_ill(self._home, pid) else 0
        if self._ill < LOOKS:
            self._is_told = self._is_told and self._ill > 0
            return ""
        if shutil.disk_usage(self._home).free < ROOM_BYTES:
            if not self._is_told:
                log.error(
                    "the broker cannot store what gateways say, who keep it: make room on the disk of %s", self._home
                )
            self._is_told = True
            return ""
        self._ill = 0
        return "could not write to its disk and takes nothing more"


def says_ill(home: Path, pid: int) -> bool:
    """No answer at all is no illness: it may be busy."""
    try:
        told = json.loads((home / PORTS_FILE.format(pid=pid)).read_text(encoding="utf-8"))
        port = urlsplit(told["monitoring"][0]).port
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return False
    connection = http.client.HTTPConnection(HOST, port, timeout=ANSWER_LIMIT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == HTTPStatus.SERVICE_UNAVAILABLE
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
