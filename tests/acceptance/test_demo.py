"""`make demo` as a newcomer meets it: one address, one red alert within a minute, nothing left when it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest

pytestmark = pytest.mark.acceptance
ROOT = Path(__file__).parents[2]
T = TypeVar("T")
LISTEN = "0A"  # /proc/net/tcp: TCP_LISTEN
LOOPBACK = "0100007F"


class Demo:
    def __init__(self, data: Path, log: Path, episode: str) -> None:
        self.data = data
        self.log = log
        self.client = httpx.Client()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(ROOT / "deploy" / "demo.py")],
                env={**os.environ, "HJEMVAKT_DATA": str(data), "EPISODE": episode},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def find(self, pattern: str) -> tuple[str, ...]:
        """The newest match in what the terminal shows."""
        return wait_for(lambda: (re.findall(pattern, self.said()) or [None])[-1], self)

    def log_in(self) -> httpx.Client:
        (address,) = self.find(r"Board +(http\S+)()")[:1]
        name, password = self.find(r"Log in +(\S+) +(\S+)")
        self.client.base_url = address
        self.client.headers["Origin"] = address
        answer = self.client.post("/api/v1/session", json={"login": name, "password": password})
        assert answer.status_code == 200, answer.text
        return self.client

    def processes(self) -> dict[int, str]:
        """Every process that was started with our data directory in its command or environment."""
        mine = str(self.data)
        found = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit():
                try:
                    told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
                except OSError:
                    continue
                if mine.encode() in told:
                    found[int(folder.name)] = told.split(b"\0")[0].decode()
        return found

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(90)


def wait_for(look: Callable[[], T | None], demo: Demo, within_s: float = 90.0) -> T:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := look():
            return found
        assert demo.process.poll() is None, demo.said()
        time.sleep(0.1)
    raise AssertionError(f"not within {within_s} s:\n{demo.said()}")


@contextmanager
def starting(short_dir: Path) -> Iterator[Callable[..., Demo]]:
    begun: list[Demo] = []
    folder = Path(tempfile.mkdtemp(dir=short_dir))

    def begin(name: str = "demo", episode: str = "fall") -> Demo:
        begun.append(Demo(folder / name, folder / f"{len(begun)}.log", episode))
        return begun[-1]

    yield begin
    for demo in begun:
        demo.client.close()
        demo.process.send_signal(signal.SIGINT)  # all at once; to one that has ended it says nothing
    for demo in begun:
        demo.process.wait(90)


@pytest.fixture
def start(short_dir: Path) -> Iterator[Callable[..., Demo]]:
    with starting(short_dir) as begin:
        yield begin


def falls(client: httpx.Client) -> list[dict[str, object]]:
    alerts: list[dict[str, object]] = client.get("/api/v1/board").json()["alerts"]
    return [alert for alert in alerts if alert["rule"] == "call:fall"]


@dataclass(frozen=True, kw_only=True)
class Fallen:
    """A demo in which somebody fell, and what became of it."""

    alert: dict[str, object]
    after_s: float
    is_practice: bool
    code: int
    left: dict[int, str]


@pytest.fixture(scope="module")
def one_place(short_dir: Path) -> Iterator[Callable[..., Demo]]:
    """Whatever starts here finds the data of what started before."""
    with starting(short_dir) as begin:
        yield begin


@pytest.fixture(scope="module")
def fallen(one_place: Callable[..., Demo]) -> Fallen:
    demo = one_place()
    client = demo.log_in()
    began = time.monotonic()
    (alert,) = wait_for(lambda: falls(client), demo, 60)
    after_s = time.monotonic() - began
    is_practice = client.get("/api/v1/board").json()["practice"]
    code = demo.end()
    return Fallen(alert=alert, after_s=after_s, is_practice=is_practice, code=code, left=demo.processes())


@pytest.fixture(scope="module")
def again(one_place: Callable[..., Demo], fallen: Fallen) -> Demo:
    return one_place(episode="sos")


def test_a_fall_is_a_red_alert_on_the_board_within_a_minute_and_nothing_is_left_after_ctrl_c(fallen: Fallen) -> None:
    assert fallen.after_s < 60
    assert (fallen.alert["priority"], fallen.alert["state"]) == ("red", "raised")
    assert fallen.is_practice is True
    assert fallen.code == 0
    assert fallen.left == {}


def test_the_next_start_finds_what_the_last_one_stored(fallen: Fallen, again: Demo) -> None:
    (after, *_) = falls(again.log_in())
    assert (after["id"], after["began_at"]) == (fallen.alert["id"], fallen.alert["began_at"])


def test_a_demo_that_was_killed_leaves_nothing_running_and_starts_again_until_it_is_told_to_end(
    one_place: Callable[..., Demo], again: Demo
) -> None:
    again.log_in()
    again.end(signal.SIGKILL)
    wait_for_none(again.processes)
    third = one_place()
    third.log_in()
    assert third.end(signal.SIGTERM) == 0


def wait_for_none(look: Callable[[], dict[int, str]], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while left := look():
        assert time.monotonic() < end, f"still running: {left}"
        time.sleep(0.1)


def test_two_demos_side_by_side_choose_free_ports_and_listen_on_loopback_only(start: Callable[..., Demo]) -> None:
    one, other = start("one"), start("other")
    addresses = {demo.find(r"Board +(http\S+)()")[0] for demo in (one, other)}
    wires = {demo.find(r"mosquitto_sub -p (\d+)()")[0] for demo in (one, other)}
    assert len(addresses) == len(wires) == 2
    for port in [*wires, *(address.rsplit(":", 1)[1] for address in addresses)]:
        assert listening_on(int(port)) == {LOOPBACK}
        with socket.create_connection(("127.0.0.1", int(port)), 5):
            pass


def listening_on(port: int) -> set[str]:
    """The addresses (hexadecimal, as the kernel lists them) on which somebody listens at this port."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    places = [row[1].split(":") for row in rows if row[3] == LISTEN]
    return {address for address, found in places if int(found, 16) == port}


def test_an_episode_that_does_not_exist_is_answered_with_those_that_do(start: Callable[..., Demo]) -> None:
    demo = start(episode="flood")
    assert demo.process.wait(90) == 2
    assert "Choose one of: rest, fall, low, desaturation" in demo.said()
    assert "Traceback" not in demo.said()
