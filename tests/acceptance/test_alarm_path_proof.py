"""Every day each gateway tries the way of its alarms: real agent, broker, server, and a screen that listens."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from server.alerts import proving
from tests.acceptance.one_home import Stack, practice, signed_in, stack_of
from tests.integration.monitor_rig import ask, await_true

pytestmark = pytest.mark.acceptance
LIMIT_S = 60.0
# One whose minute of the day is the first: whenever the test runs, it has come.
GATEWAY = next(name for number in range(100_000) if proving.minute_of_day(name := f"proof-{number}") == 0)
PENDANT = {"address": "C0:79:00:00:00:01", "profile": "bthome_sos", "name": "Trygghetsalarm"}


@pytest.fixture
def stack(short_dir: Path) -> Iterator[Stack]:
    with stack_of(short_dir, practice(GATEWAY, [PENDANT], pathway="safety"), stream_s=1.0) as made:
        yield made


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
        closing(signed_in(stack, url, "vakt")) as nurse,
        closing(signed_in(stack, url, "tekniker")) as technician,
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
