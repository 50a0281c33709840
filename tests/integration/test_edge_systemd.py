"""The real agent under a manager that listens: a socket, as systemd makes one."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from edge import systemd
from edge.outbox import peek
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import Home, agent, living, write_config
from tests.integration.edge_contract_server import ContractServer
from tests.integration.lamp import Lamp

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/systemd/hjemvakt-gateway.service"
ACTION = ROOT / "deploy/local-action.example.sh"
STOPS_S = 3 * 5.0  # what the unit promises, on a machine that computes other things, too


class Manager:
    def __init__(self, directory: Path) -> None:
        self.address = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.setblocking(False)
        self.heard: list[str] = []

    def __enter__(self) -> "Manager":
        return self

    def __exit__(self, _kind: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self._socket.close()

    async def until(self, word: str, count: int = 1) -> None:
        async with asyncio.timeout(60):
            while self.heard.count(word) < count:
                said = await asyncio.get_running_loop().sock_recv(self._socket, 4096)
                self.heard += said.decode().splitlines()


@pytest.fixture
def manager(short_dir: Path) -> Iterator[Manager]:
    directory = short_dir / "manager"
    directory.mkdir()
    with Manager(directory) as manager:
        yield manager
    shutil.rmtree(directory)


async def test_it_is_ready_with_an_open_outbox_lives_and_says_that_it_stops(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, manager: Manager
) -> None:
    home = Home()
    async with living(home) as virtual:
        config = write_config(tmp_path, broker.url, virtual)
        async with agent(config, NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="300000") as process:
            await manager.until("READY=1")
            assert peek(tmp_path / "data" / "outbox.db") is not None
            await manager.until("WATCHDOG=1", 5)
            await server.until(lambda: len(server.stored) > 5)
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOPS_S):
                assert await process.wait() == 0
            await manager.until("STOPPING=1")
    assert manager.heard.index("STOPPING=1") > manager.heard.index("READY=1")
    assert any(word.startswith("STATUS=connected, ") for word in manager.heard)


async def test_it_stops_within_five_seconds_with_a_lamp_that_does_not_end_and_a_line_that_hangs(
    tmp_path: Path, manager: Manager
) -> None:
    lamp = Lamp(tmp_path, script='trap "" TERM; echo "$1"; sleep 60; sleep 60')
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections and never answers
        config = write_config(
            tmp_path,
            f"mqtt://127.0.0.1:{deaf.getsockname()[1]}",
            "tcp:127.0.0.1:1",
            more=f'[home]\naction = ["{lamp.command}"]\ntimeout_s = 60\n',
        )
        async with agent(config, NOTIFY_SOCKET=manager.address) as process:
            await manager.until("READY=1")
            assert await lamp.line() == "check"
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOPS_S):
                assert await process.wait() == 0
    lamp.close()


async def test_the_log_of_the_journal_has_a_priority_in_each_line(tmp_path: Path, free_port: int) -> None:
    config = write_config(tmp_path, f"mqtt://127.0.0.1:{free_port}", "tcp:127.0.0.1:1")
    (tmp_path / "agent.log").touch()
    found = (tmp_path / "agent.log").stat()
    with Manager(tmp_path) as manager:
        where = {"NOTIFY_SOCKET": manager.address, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"}
        async with agent(config, **where):
            await manager.until("READY=1")
    lines = (tmp_path / "agent.log").read_text().splitlines()
    assert "<6>stopping" in lines
    assert all(line[:3] in ("<3>", "<4>", "<6>") for line in lines)


async def test_a_disk_that_stands_still_for_too_long_is_not_called_alive(
    manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
    monkeypatch.setenv("WATCHDOG_USEC", "30000")
    turns = 0

    def words() -> str:
        nonlocal turns
        turns += 1
        return "fine"

    async def answers() -> None:
        await asyncio.sleep(0)

    async def never() -> None:
        await asyncio.Event().wait()

    alive = asyncio.create_task(systemd.feed_watchdog(answers, words, stands_s=0.2))
    await manager.until("WATCHDOG=1", 50)
    alive.cancel()
    told = asyncio.Event()
    monkeypatch.setattr(systemd.log, "critical", lambda *_: told.set())
    stuck = asyncio.create_task(systemd.feed_watchdog(never, words, stands_s=0.2))
    async with asyncio.timeout(60):
        await told.wait()
    fed = turns
    await asyncio.sleep(0.2)  # twenty times as often as it is asked
    assert turns == fed
    stuck.cancel()
    await asyncio.gather(alive, stuck, return_exceptions=True)


def test_the_unit_is_one_that_systemd_understands(tmp_path: Path) -> None:
    """With a program that is there, for ours is not installed where tests run."""
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/hjemvakt/bin/hjemvakt-gateway", "/bin/sh"))
    verify = ("systemd-analyze", "verify", "--man=no", str(unit))
    if shutil.which(verify[0]) is None:
        words = {line.split("=")[0] for line in UNIT.read_text().splitlines() if "=" in line}
        assert {"Type", "WatchdogSec", "Restart", "ExecStart"} <= words
        return
    found = subprocess.run(verify, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.fixture
def leds(tmp_path: Path) -> Path:
    for name in ("red", "yellow", "green", "buzzer"):
        led = tmp_path / "leds" / f"hjemvakt-{name}"
        led.mkdir(parents=True)
        for file in ("delay_on", "delay_off"):
            (led / file).write_text("500\n")  # as the kernel's timer begins
    return tmp_path / "leds"


def shows(leds: Path, state: str, **environment: str) -> dict[str, tuple[int, int]]:
    """Milliseconds on and off of each lamp after the example action did this."""
    path = {"PATH": os.environ["PATH"], "HJEMVAKT_LEDS": str(leds), "HJEMVAKT_SOUND": "0", "HJEMVAKT_TEXT": ""}
    subprocess.run([str(ACTION), state], env=path | environment, check=True)
    return {
        led.name.removeprefix("hjemvakt-"): (
            int((led / "delay_on").read_text()),
            int((led / "delay_off").read_text()),
        )
        for led in leds.iterdir()
    }


def test_the_example_action_flashes_as_alarms_flash(leds: Path) -> None:
    dark = (0, 1000)
    assert shows(leds, "check") == dict.fromkeys(("red", "yellow", "green", "buzzer"), dark)
    on, off = shows(leds, "alarm_not_sent")["red"]
    assert 1.4 <= 1000 / (on + off) <= 2.8  # CLINICAL.md 8: IEC 60601-1-8, high priority
    on, off = shows(leds, "line_down")["yellow"]
    assert 0.4 <= 1000 / (on + off) <= 0.8
    assert shows(leds, "alarm_over")["red"] == dark
    assert shows(leds, "line_back")["yellow"] == dark
    assert shows(leds, "alarm_sent")["green"] != dark
    assert shows(leds, "acknowledged", HJEMVAKT_SOUND="1") == dict.fromkeys(("red", "yellow", "green", "buzzer"), dark)
    assert shows(leds, "a word of a later gateway")["red"] == dark


def test_the_example_action_says_what_it_misses(tmp_path: Path) -> None:
    (tmp_path / "leds").mkdir()
    path = {"PATH": os.environ["PATH"], "HJEMVAKT_LEDS": str(tmp_path / "leds")}
    found = subprocess.run([str(ACTION), "check"], env=path, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "no LED of the name hjemvakt-" in found.stderr
