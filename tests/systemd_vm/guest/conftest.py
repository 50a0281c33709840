"""The server and a gateway on one machine, as the runbook installs them; each is made once for all tests."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd_vm.guest.machine import (
    Technician,
    answers,
    await_that,
    gateway_status,
    hjemvakt,
    install,
    is_active,
    said,
)

PASSWORD = "a long password for the guest"
TOR = {"login": "tor", "name": "Tor", "initials": "T", "teams": {"Nord": "technician"}}
EXAMPLES = "/usr/share/doc/hjemvakt-{}/examples/"
SERVER_SETTINGS = 'public_url = "https://hjemvakt.kommune.example"\nhttp_host = "127.0.0.1"\nhttp_port = 8080\n'
GATEWAY_SETTINGS = 'birth = "/etc/hjemvakt/birth.json"\ndata_dir = "/var/lib/hjemvakt-gateway"\nheartbeat_s = 5\n'


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    install("hjemvakt-server")
    said("install", "-D", "-m", "644", EXAMPLES.format("server") + "server.example.toml", "/etc/hjemvakt/server.toml")
    said("systemctl", "enable", "--now", "hjemvakt", "hjemvakt-backup.timer")
    await_that("the server is ready", lambda: answers("/readyz"))
    yield


@pytest.fixture(scope="session")
def technician(server: None) -> Technician:
    listed = Path("/tmp/list.json")
    listed.write_text(
        json.dumps(
            {
                "teams": [{"name": "Nord"}],
                "staff": [{**TOR, "password": PASSWORD}],
                "homes": [{"name": "Storgata 1", "address": "Storgata 1", "team": "Nord", "bucket": 0}],
            }
        )
    )
    listed.chmod(0o644)
    hjemvakt("load", str(listed))
    return Technician("tor", PASSWORD)


@pytest.fixture(scope="session")
def gateway(technician: Technician) -> Iterator[str]:
    """In a home, and connected. Its name."""
    install("hjemvakt-gateway")
    code = await_that(
        "the authority is made",
        lambda: (
            hjemvakt(
                "authority", "birth", "gw-storgata-1", "--server", "http://127.0.0.1:8080", may_fail=True
            ).splitlines()
            if answers("/readyz")
            else None
        ),
    )
    birth = next(line for line in code if line.startswith("{"))
    for name, text in (("birth.json", birth), ("gateway.toml", GATEWAY_SETTINGS)):
        draft = Path("/tmp") / name
        draft.write_text(text)
        said("install", "-D", "-m", "600", "-o", "hjemvakt", str(draft), f"/etc/hjemvakt/{name}")
    said("systemctl", "enable", "--now", "hjemvakt-gateway")
    assert is_active("hjemvakt-gateway"), "systemd hears that it is at work while it waits to be accepted"
    waits = await_that(
        "it asks to be let in",
        lambda: next(iter(technician.get("/enrolments")["enrolments"]), None),
    )
    technician.does(f"/enrolments/{waits['id']}/accept", home=technician.get("/installation/homes")["homes"][0]["home"])
    await_that("it is connected", lambda: "Broker: connected" in gateway_status())
    yield "gw-storgata-1"
