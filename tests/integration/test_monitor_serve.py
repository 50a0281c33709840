"""`hjemvakt serve` as a process: one command brings everything up, and puts back what is killed."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from devices.vocabulary import Kind, Observation
from tests.integration.ingest_rig import OXIMETER, batch
from tests.integration.monitor_rig import Gateway, ask, await_true
from tests.integration.served_rig import STOP_LIMIT_S, Served

pytestmark = pytest.mark.integration

PARTS = ("postgres", "broker", "monitor", "clock", "api")


@pytest.fixture
def served(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[Served]:
    place = short_dir / "serve ø"
    place.mkdir(exist_ok=True)
    it = Served(place)
    yield it
    it.kill()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def api_answers(ready: dict[str, Any]) -> bool:
    try:
        with urlopen(f"{ready['http']}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_everything_comes_up_is_put_back_when_killed_and_finds_its_data_again(served: Served) -> None:
    served.start()
    first = served.ready()
    assert served.process is not None and served.process.stdout is not None
    assert served.process.stdout.readline() == (
        f"Hjemvakt is at {first['http']}; gateways connect to {first['mqtt']}\n"
    )
    assert served.ready_file.stat().st_mode & 0o077 == 0
    sender = Gateway(int(first["mqtt"].rpartition(":")[2]), "gw-one")
    for place, part in enumerate(PARTS, start=1):
        old = served.pid(part)
        os.kill(old, signal.SIGKILL)
        await_true(lambda part=part, old=old: served.pid(part) not in (0, old), 30)  # type: ignore[misc]
        sender.send_until_confirmed(one_reading(place))
    await_true(lambda: api_answers(served.ready()))
    sender.stop()
    pids = [served.pid(part) for part in PARTS]
    served.stop(signal.SIGINT)
    assert not any(map(alive, pids))
    assert not served.ready_file.exists()
    served.start()
    assert ask(served.ready()["dsn"], "select count(*) from device_observation") == [(len(PARTS),)]
    assert served.ready()["http"] == first["http"]
    served.stop()


def one_reading(seq: int) -> Any:
    return batch([Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=datetime.now(UTC), value=95)], first=seq)


def test_the_parts_end_with_the_one_that_started_them(served: Served) -> None:
    served.start()
    pids = [served.pid(part) for part in PARTS]
    assert all(map(alive, pids))
    served.kill()
    await_true(lambda: not any(map(alive, pids)), 30)
    served.ready_file.unlink()
    served.start()
    served.stop()


def test_commands_find_the_installation_that_runs_and_say_when_there_is_none(served: Served, tmp_path: Path) -> None:
    enrolment = tmp_path / "list.json"
    enrolment.write_text(json.dumps({"teams": [{"name": "Nord"}]}))
    alone = served.run("load", str(enrolment))
    assert alone.returncode == 1 and "No `hjemvakt serve` runs on" in alone.stderr
    served.start()
    second = served.run("serve")
    assert second.returncode == 1 and "already run by another process" in second.stderr
    assert served.run("load", str(enrolment)).stdout == "Changed: 1 teams.\n"
    assert served.run("load", str(enrolment)).stdout == "Changed: nothing.\n"
    assert served.run("migrate").stdout == "The database is up to date.\n"
    added = served.run("user", "add", "kari", "--name", "Kari Test", "--initials", "KT", "--team", "Nord=nurse")
    assert "The password is " in added.stdout and "kari can log in." in added.stdout
    nobody = served.run("user", "password", "nobody")
    assert nobody.returncode == 1 and "Nobody has the login nobody" in nobody.stderr
    for wrong in (second, nobody, alone):
        assert "Traceback" not in wrong.stderr
    served.stop()


def test_an_address_that_does_not_exist_is_one_sentence(served: Served) -> None:
    served.environment["HJEMVAKT_HTTP_HOST"] = "256.1.1.1"
    refused = served.run("serve")
    assert refused.returncode == 1
    assert "256.1.1.1" in refused.stderr and "HJEMVAKT_HTTP_HOST" in refused.stderr
    assert "Unknown error" not in refused.stderr and "Traceback" not in refused.stderr


def test_waiting_for_a_database_can_be_ended(served: Served, free_port: int) -> None:
    served.environment["HJEMVAKT_DATABASE_URL"] = f"postgresql://nobody@127.0.0.1:{free_port}/nothing"
    process = subprocess.Popen(
        served.command("serve"), env=served.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    assert "waiting for the database; start it, or correct HJEMVAKT_DATABASE_URL" in process.stderr.readline()
    process.terminate()
    _, said = process.communicate(timeout=STOP_LIMIT_S)
    assert process.returncode == 0
    assert "broker" not in said and "Traceback" not in said


def test_a_port_that_is_taken_is_one_sentence(served: Served) -> None:
    with socket.create_server(("127.0.0.1", int(served.environment["HJEMVAKT_HTTP_PORT"]))):
        refused = served.run("serve")
    assert refused.returncode == 1
    assert "HJEMVAKT_HTTP_PORT" in refused.stderr and "Traceback" not in refused.stderr
