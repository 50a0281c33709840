"""This machine as whoever operates it has it: systemctl, the journal, the api by HTTP, and our commands."""

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.error import HTTPError, URLError
from uuid import uuid4

T = TypeVar("T")
LIMIT_S: Final = 900.0  # under emulation, on a busy machine; on a gateway seconds
LOOK_S: Final = 0.5
ADDRESS: Final = "http://127.0.0.1:8080"
PACKAGES: Final = Path("/srv/packages")
SERVER_ENVIRONMENT: Final = {"HJEMVAKT_DATA": "/var/lib/hjemvakt"}


def said(*command: str, may_fail: bool = False, user: str | None = None, **environment: str) -> str:
    words = [f"{name}={value}" for name, value in environment.items()]
    as_user = ["runuser", "-u", user, "--"] if user else []
    done = subprocess.run(
        [*as_user, *(["env", *words] if words else []), *command],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        stdin=subprocess.DEVNULL,
    )
    assert may_fail or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr if may_fail else done.stdout


def await_that(what: str, look: Callable[[], T | None], limit_s: float = LIMIT_S) -> T:
    end = time.monotonic() + limit_s
    while not (found := look()):
        assert time.monotonic() < end, f"not within {limit_s:.0f} s: {what}\n{newest_of_the_journal()}"
        time.sleep(LOOK_S)
    return found


def newest_of_the_journal() -> str:
    return said("journalctl", "--lines=60", "--no-pager")


def shown(unit: str, name: str) -> str:
    return said("systemctl", "show", "--value", "--property", name, unit).strip()


def is_active(unit: str) -> bool:
    return shown(unit, "ActiveState") == "active" and shown(unit, "SubState") == "running"


def exposure(unit: str) -> float:
    """Of the unit as it is loaded, with whatever else this machine says of it."""
    answer = said("systemd-analyze", "security", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", answer)
    assert found is not None, answer
    return float(found[1])


def journal(unit: str) -> str:
    return said("journalctl", "--boot", "--no-pager", "--output=cat", f"--unit={unit}")


def install(package: str) -> None:
    (deb,) = PACKAGES.glob(f"{package}_*.deb")
    said("apt-get", "install", "--yes", "--no-install-recommends", str(deb), DEBIAN_FRONTEND="noninteractive")


def hjemvakt(*words: str, may_fail: bool = False) -> str:
    return said("hjemvakt", *words, may_fail=may_fail, user="hjemvakt", **SERVER_ENVIRONMENT)


def gateway_status() -> str:
    return said("hjemvakt-gateway", "status", may_fail=True, user="hjemvakt")


def answers(path: str) -> Any:
    """None: not yet."""
    try:
        with urllib.request.urlopen(ADDRESS + path, timeout=30) as answer:
            return json.load(answer)
    except (HTTPError, URLError, OSError, ValueError):
        return None


class Technician:
    """With a phone, signed in."""

    def __init__(self, login: str, password: str) -> None:
        self._cookie = ""
        answer = self._asked("POST", "/session", {"login": login, "password": password})
        self._cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]

    def get(self, path: str) -> Any:
        return json.load(self._asked("GET", path))

    def does(self, path: str, **wish: Any) -> Any:
        return json.load(self._asked("POST", path, wish))

    def _asked(self, method: str, path: str, content: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid4().hex, "Cookie": self._cookie}
        body = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{ADDRESS}/api/v1{path}", body, headers, method=method)
        try:
            return urllib.request.urlopen(request, timeout=60)
        except HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
