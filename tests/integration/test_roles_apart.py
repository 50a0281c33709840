"""Each role as deploy/systemd starts it: a process of its own that knows what its file in deploy/env says, no more."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from server import config
from server.child import end, spawn
from server.roles.broker import EmbeddedBroker
from server.store.sealing import read_or_make
from tests.api_process import ENDS, ROOT
from tests.conftest import Database
from tests.integration.conftest import PASSWORD, Town
from tests.integration.monitor_rig import await_true
from tests.ports import free_ports

pytestmark = pytest.mark.integration
ENV: Final = ROOT / "deploy" / "env"
OWNER: Final = "postgresql://hjemvakt:PASSWORD@127.0.0.1:5432/hjemvakt"
API: Final = "postgresql://hjemvakt_api:ANOTHER@127.0.0.1:5432/hjemvakt"
BROKER: Final = "mqtts://broker.kommune.example:8883"
ROLES: Final = ("monitor", "clock", "api")


def told(role: str) -> dict[str, str]:
    """As systemd reads it."""
    lines = (ENV / f"{role}.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def running(role: str, data: Path, given: dict[str, str]) -> Iterator[None]:
    environment = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "PYTHONPATH": str(ROOT)}
    environment |= given | {"HJEMVAKT_DATA": str(data)}
    data.mkdir()
    with (data / "said").open("wb") as said:
        command = [sys.executable, "-P", "-m", "server", role]
        process = spawn(command, directory=data, output=said.fileno(), environment=environment)
    try:
        yield
    finally:
        end(process, steps=ENDS)


@pytest.mark.parametrize("role", [*ROLES, "guard"])
def test_the_example_of_each_roles_settings_is_read(role: str) -> None:
    assert config.read(told(role)).needed_database_url() in (OWNER, API)
    commented = re.findall(r"^# (HJEMVAKT_\w+)=", (ENV / f"{role}.env").read_text(), re.MULTILINE)
    assert [name for name in commented if name.removeprefix("HJEMVAKT_").lower() not in config.KEYS] == []


def test_no_role_is_told_what_it_has_no_use_for() -> None:
    assert OWNER not in told("api").values()
    assert set(told("monitor")) == {"HJEMVAKT_DATABASE_URL", "HJEMVAKT_MQTT_URL"}
    assert not [role for role in ROLES if "PEOPLE_KEY" in " ".join(told(role))]


def test_three_roles_that_know_only_their_own_are_at_work_together(
    database: Database, town: Town, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    places = {OWNER: database.owner, API: database.api, BROKER: broker.url, "8080": str(port)}
    with ExitStack() as stack:
        for role in ROLES:
            given = {name: places.get(value, value) for name, value in told(role).items()}
            stack.enter_context(running(role, tmp_path / role, given))
        http = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30))

        def at_work() -> bool:
            try:
                text = http.get("/metrics").text
            except httpx.TransportError:
                return False
            return all(f'hjemvakt_role_silence_seconds{{role="{role}"}}' in text for role in ("monitor", "clock"))

        await_true(at_work, limit_s=90)
        http.post("/api/v1/session", json={"login": "kari", "password": PASSWORD}).raise_for_status()
        assert len(http.get("/api/v1/board").raise_for_status().json()["patients"]) == 2


def test_a_key_that_is_handed_out_is_taken_by_its_owner(tmp_path: Path) -> None:
    """As the runbook makes it: 32 random bytes in base64."""
    made = subprocess.run(["openssl", "rand", "-base64", "32"], capture_output=True, check=True).stdout
    key = tmp_path / "people.key"
    key.touch(0o600)
    key.write_bytes(made)
    assert read_or_make(key).lookup("x")
