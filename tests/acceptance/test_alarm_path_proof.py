"""Every day each gateway tries the way of its alarms: real agent, broker, server, and a screen that listens."""

import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from server.alerts import proving
from tests.integration.monitor_rig import ask, await_true

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "deploy"))
from stack import Stack  # type: ignore[import-not-found]  # noqa: E402

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]
LIMIT_S = 60.0
# One whose minute of the day is the first: whenever the test runs, it has come.
GATEWAY = next(name for number in range(100_000) if proving.minute_of_day(name := f"proof-{number}") == 0)
PRACTICE = {
    "team": "Team Øst",
    "staff": [
        {"login": "vakt", "name": "Vigdis Vaktesen", "initials": "VV", "role": "nurse"},
        {"login": "tekniker", "name": "Tone Teknikersen", "initials": "TT", "role": "technician"},
    ],
    "homes": [
        {
            "gateway": GATEWAY,
            "name": "Hjem",
            "address": "Hjem 1",
            "bucket": 6,
            "seed": 6,
            "patient": {
                "reference": "P-1",
                "name": "Prøve Prøvesen",
                "born_on": "1950-01-01",
                "pathway": "safety",
                "baseline": {"spo2": 96, "pulse": 70, "temperature": 36.5, "glucose": 5.5},
            },
            "devices": [{"address": "C0:79:00:00:00:01", "profile": "bthome_sos", "name": "Trygghetsalarm"}],
        }
    ],
    "episodes": [],
}


@pytest.fixture
def stack(short_dir: Path) -> Iterator[Stack]:
    made = Stack(Path(tempfile.mkdtemp(dir=short_dir)), practice=PRACTICE, heartbeat_s=1.0, stream_s=1.0)
    try:
        made.start_server()
        yield made
        for home in made.homes.values():
            home.stdout.close()
    finally:
        made.stop()


@contextmanager
def signed_in(stack: Stack, url: str, login: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, headers={"Origin": url}) as client:
        client.post("/api/v1/session", json={"login": login, "password": stack.password}).raise_for_status()
        yield client


@contextmanager
def screen(url: str, nurse: httpx.Client) -> Iterator[ClientConnection]:
    board = nurse.get("/api/v1/board").raise_for_status().json()
    cookie = "; ".join(f"{name}={value}" for name, value in nurse.cookies.items())
    live = f"{url.replace('http', 'ws', 1)}/api/v1/live"
    with connect(live, additional_headers={"Cookie": cookie}, proxy=None) as socket:
        hello = {"type": "hello", "epoch": board["epoch"], "cursors": board["cursors"], "screen": "0123456789abcdef"}
        socket.send(json.dumps(hello))
        assert json.loads(socket.recv(LIMIT_S))["type"] == "resumed"
        yield socket


def until_trial(socket: ClientConnection) -> dict[str, Any]:
    while True:
        message: dict[str, Any] = json.loads(socket.recv(LIMIT_S))
        assert message["type"] != "alert", "a trial is nobody's alert"
        if message.get("proof") is not None:
            return message


def tried(technician: httpx.Client) -> dict[str, Any]:
    (gateway,) = technician.get("/api/v1/technical").json()["gateways"]
    proof: dict[str, Any] | None = gateway["proof"]
    return proof or {"server_s": None, "screen_s": None}


def test_a_trial_goes_from_the_agent_to_a_listening_screen_and_its_seconds_are_kept(stack: Stack) -> None:
    ready = stack.ready()
    url: str = ready["http"]
    with (
        signed_in(stack, url, "vakt") as nurse,
        signed_in(stack, url, "tekniker") as technician,
        screen(url, nurse) as socket,
    ):
        stack.start_homes()
        trial = until_trial(socket)
        assert trial["type"] == "passed"
        socket.send(json.dumps({"type": "proven", "proof": trial["proof"]}))
        await_true(lambda: tried(technician)["screen_s"] is not None, LIMIT_S)
        assert 0 < tried(technician)["server_s"] <= tried(technician)["screen_s"]
    dsn = ready["dsn"]
    await_true(lambda: ask(dsn, "select count(*) from gateway_command where done_at is null") == [(0,)], LIMIT_S)
    assert ask(dsn, "select count(*) from alarm_proof where stored_at is not null") == [(1,)]
    assert ask(dsn, "select count(*) from alert where rule = 'technical:proof_missing'") == [(0,)]
    assert ask(dsn, "select count(*) from event") == [(0,)]
