"""The Debian packages: built here, unpacked, and started with Debian's own Python."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from tests.integration.monitor_rig import await_true
from tests.ports import free_ports

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "deploy" / "package.py"
PYTHON: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
SITE: Final = f"lib/{PYTHON}/site-packages"
# Neither what the gateway must not hold nor what a virtual home needs.
NOT_IN_A_GATEWAY: Final = ("server", "fastapi", "psycopg", "numpy", "bumble", "pytest")
NOT_IN_A_SERVER: Final = ("edge", "bleak", "bumble", "pytest", "playwright")


def build(part: str, into: Path, *, mask: int = 0o022) -> Path:
    done = subprocess.run(
        [sys.executable, PACKAGE, part, into],
        capture_output=True,
        text=True,
        umask=mask,
        cwd=into.parent,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


def control(package: Path) -> dict[str, str]:
    said = subprocess.run(["dpkg-deb", "--field", package], capture_output=True, text=True, check=True).stdout
    return dict(line.split(": ", 1) for line in said.splitlines() if not line.startswith(" "))


def contents(package: Path) -> dict[str, tuple[str, str]]:
    """Path -> mode and owner, as tar says them."""
    said = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    rows = [line.split(maxsplit=5) for line in said.splitlines()]
    return {row[5].removeprefix(".").partition(" -> ")[0]: (row[0], row[1]) for row in rows}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("gateway", tmp_path_factory.mktemp("gateway"))


@pytest.fixture(scope="module")
def server(short_dir: Path) -> Iterator[Path]:
    here = short_dir / "package"
    here.mkdir()
    yield build("server", here)
    shutil.rmtree(here)


@pytest.fixture
def unpacked(short_dir: Path) -> Iterator[Path]:
    here = short_dir / "machine"
    here.mkdir(mode=0o755)
    yield here
    shutil.rmtree(here)


def unpack(package: Path, into: Path) -> None:
    subprocess.run(["dpkg-deb", "--extract", package, into], check=True)


def bare_environment() -> dict[str, str]:
    """Nothing of the environment that tests run in, where our packages are."""
    return {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


def test_the_same_sources_make_the_same_bytes_whoever_builds_them(gateway: Path, tmp_path: Path) -> None:
    again = build("gateway", tmp_path / "en annen mappe", mask=0o077)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(gateway.read_bytes()).digest()


def test_a_package_holds_the_program_its_unit_and_its_user_and_belongs_to_root(gateway: Path) -> None:
    held = contents(gateway)
    for path in (
        "/opt/hjemvakt/bin/hjemvakt-gateway",
        f"/opt/hjemvakt/gateway/{SITE}/edge/agent.py",
        f"/opt/hjemvakt/gateway/{SITE}/edge/outbox_schema/v1.sql",
        f"/opt/hjemvakt/gateway/{SITE}/bleak/__init__.py",
        "/lib/systemd/system/hjemvakt-gateway.service",
        "/usr/lib/sysusers.d/hjemvakt-gateway.conf",
        "/usr/share/doc/hjemvakt-gateway/RUNBOOK.md",
        "/usr/share/doc/hjemvakt-gateway/copyright",
        "/usr/share/doc/hjemvakt-gateway/examples/gateway.example.toml",
    ):
        assert path in held, path
    assert {owner for _, owner in held.values()} == {"root/root"}
    assert held.pop("/usr/bin/hjemvakt-gateway")[0].startswith("l")
    assert {mode for mode, _ in held.values()} <= {"drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"}
    assert not [path for path in held if path.startswith(("/etc/", "/var/"))]  # settings and data are nobody's package


def packages_in(package: Path, part: str) -> set[str]:
    found = re.compile(rf"/opt/hjemvakt/{part}/{re.escape(SITE)}/([^/]+)/")
    return {each[1] for path in contents(package) if (each := found.match(path))}


def test_a_gateway_holds_nothing_of_a_server_and_a_server_nothing_of_a_gateway(gateway: Path, server: Path) -> None:
    assert packages_in(gateway, "gateway") & set(NOT_IN_A_GATEWAY) == set()
    assert {"edge", "devices", "bleak", "paho", "cryptography"} <= packages_in(gateway, "gateway")
    assert packages_in(server, "server") & set(NOT_IN_A_SERVER) == set()
    assert {"server", "devices", "psycopg", "fastapi", "prometheus_client"} <= packages_in(server, "server")
    assert not set(contents(gateway)) & {path for path in contents(server) if not path.endswith("/")}


def test_what_it_depends_on_is_a_python_that_can_run_it(gateway: Path, server: Path) -> None:
    for package in (gateway, server):
        told = control(package)
        assert told["Depends"].split(", ")[0] == PYTHON
        assert told["Architecture"] in package.name and told["Version"] == "0.1.0"
    assert "bluez" in control(gateway)["Depends"]


def test_what_is_packed_are_the_versions_that_are_locked(gateway: Path) -> None:
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {name.replace("-", "_"): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)}
    packed = [re.search(r"/([\w.]+)-([\w.]+)\.dist-info/METADATA$", path) for path in contents(gateway)]
    found = {each[1].lower(): each[2] for each in packed if each is not None}
    assert found.pop("hjemvakt") == "0.1.0"
    assert len(found) >= 7
    assert {name: version for name, version in found.items() if locked.get(name) != version} == {}


def test_a_gateway_starts_with_debians_python_and_nothing_else(gateway: Path, unpacked: Path) -> None:
    unpack(gateway, unpacked)
    program = unpacked / "opt/hjemvakt/bin/hjemvakt-gateway"
    said = subprocess.run(
        [program, "decode", "2A37", "16:48:e8:03"],
        env=bare_environment(),
        capture_output=True,
        text=True,
        cwd="/",
        check=True,
    )
    assert "heart rate: 72 /min" in said.stdout
    refused = subprocess.run(
        [program, "run", "--config", "/nonexistent.toml"],
        env=bare_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2 and "cannot be read" in refused.stderr  # the radio's packages are there, too


def test_a_server_serves_from_its_package_with_database_broker_and_board(
    server: Path, unpacked: Path, short_dir: Path
) -> None:
    unpack(server, unpacked)
    data, ready, said = short_dir / "packaged", unpacked / "ready.json", unpacked / "log"
    ports = dict(zip(("HTTP", "MQTT", "NATS"), free_ports(3), strict=True))
    settings = {f"HJEMVAKT_{name}_PORT": str(port) for name, port in ports.items()}
    command = [unpacked / "opt/hjemvakt/bin/hjemvakt", "serve", "--ready-file", ready]
    environment = bare_environment() | settings | {"HJEMVAKT_DATA": str(data)}
    with said.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd="/")
    try:
        await_true(lambda: ready.exists() or process.poll() is not None, limit_s=200)
        assert process.poll() is None, said.read_text()
        with httpx.Client(base_url=json.loads(ready.read_text())["http"], trust_env=False, timeout=30) as client:
            assert client.get("/readyz").json() == {"ready": True}
            assert "<title>Hjemvakt</title>" in client.get("/").text
            assert 'hjemvakt_role_silence_seconds{role="monitor"}' in client.get("/metrics").text
        assert Path("/proc", str(process.pid), "exe").resolve() == Path("/usr/bin", PYTHON).resolve()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    shutil.rmtree(data, ignore_errors=True)


def scripts_of(package: Path, into: Path) -> Path:
    subprocess.run(["dpkg-deb", "--control", package, into], check=True)
    return into


@pytest.mark.root
@pytest.mark.parametrize("part", ["gateway", "server"])
def test_installing_makes_users_and_directories_and_removing_leaves_data_alone(
    part: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """As dpkg does it into a directory that is to become a machine (DPKG_ROOT)."""
    package, machine = request.getfixturevalue(part), tmp_path / "machine"
    machine.mkdir()
    unpack(package, machine)
    scripts = scripts_of(package, tmp_path / "control")
    environment = {**os.environ, "DPKG_ROOT": str(machine)}
    (machine / "etc").mkdir()
    for _ in range(2):  # an upgrade is the same again
        done = subprocess.run(
            [scripts / "postinst", "configure", ""], env=environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "hjemvakt:" in (machine / "etc/passwd").read_text()
    assert (machine / "etc/hjemvakt").is_dir()
    kept = machine / "var/lib/hjemvakt/people.key"
    kept.parent.mkdir(parents=True)
    kept.write_text("a key")
    cache = machine / f"opt/hjemvakt/{part}/{SITE}/devices/__pycache__"
    cache.mkdir()
    subprocess.run([scripts / "prerm", "remove"], env=environment, check=True)
    assert kept.read_text() == "a key" and not cache.exists()


@pytest.mark.parametrize("name", ["postinst", "prerm"])
def test_the_scripts_that_root_runs_are_what_a_shell_understands(gateway: Path, tmp_path: Path, name: str) -> None:
    script = scripts_of(gateway, tmp_path / "control") / name
    subprocess.run(["sh", "-n", script], check=True)
    assert script.read_text().splitlines()[1] == "set -e"
