"""What tests of every kind share: real servers that live as long as the session, and no silent skips in CI."""

import os
import shutil
import subprocess
import tempfile
import time
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from server.roles.broker import EmbeddedBroker
from server.store.embedded import EmbeddedPostgres
from tests import servers
from tests.own_directory import own_directory, sweep
from tests.ports import free_ports
from tests.servers import API_ROLE, Server

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

TESTS = Path(__file__).parent
TURNS = {"sim": 0, "acceptance": 1, "browser": 2, "integration": 2}
LONG_TURN, LAST = 1, 3
LONG = {  # a minute and more each
    "test_admin.py",
    "test_api_answering.py",
    "test_authority_rotation.py",
    "test_board_slow.py",
    "test_board_use.py",
    "test_cluster_killed.py",
    "test_edge_agent.py",
    "test_escalation_killed.py",
    "test_fleet.py",
    "test_guard.py",
    "test_installation.py",
    "test_live_socket.py",
    "test_monitor_live.py",
    "test_monitor_serve.py",
    "test_notify.py",
    "test_patient.py",
    "test_screens_at_the_edge.py",
    "test_store_migrate_data.py",
    "test_walk_routes.py",
}
PROCESSES_A_CORE, PROCESSES_MAX = 3, 6
MEMORY = Path("/dev/shm")
BESIDE = os.environ.pop("BESIDE", "")  # taken away: tests start pytest, too
BESIDE_LIMIT_S = 600.0
ROOM_BYTES = 1 << 30
LITTLE_LOG = {"max_wal_size": "256MB"}  # a database server would keep 1 GB of it before it tidies up

# No deadline: a busy machine is not a defect. In CI the same examples every time, so that red means a change.
settings.register_profile("hjemvakt", deadline=None, derandomize=IN_CI, print_blob=IN_CI)
settings.load_profile("hjemvakt")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests/all ran beside pytest is said here: a green last line must not hide what failed elsewhere."""
    if BESIDE:
        beside, end = Path(BESIDE), time.monotonic() + BESIDE_LIMIT_S
        while not (beside / "done").exists() and time.monotonic() < end:
            time.sleep(0.1)
        for said in sorted(beside.glob("*.said")):
            terminalreporter.section(said.stem)
            terminalreporter.write(said.read_text(errors="replace"))
        if failed := [said.stem for said in sorted(beside.glob("*.said")) if not _went_well(said)]:
            terminalreporter.section("FAILED BESIDE PYTEST, see above: " + ", ".join(failed), red=True)


def _went_well(said: Path) -> bool:
    code = said.with_suffix(".code")
    return code.exists() and code.read_text().strip() == "0"


@dataclass(frozen=True, kw_only=True)
class Database:
    """A migrated, empty database of a test's own."""

    name: str
    owner: str
    """DSN of the owner, who is a superuser and so sees past row-level security"""
    api: str
    """DSN of the api's role, which owns nothing"""


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A directory whose path is short enough for Unix sockets, unlike pytest's own."""
    on_disk = Path(tempfile.gettempdir())
    for place in (MEMORY, on_disk):
        sweep(place)
    with own_directory(_memory() or on_disk) as directory:
        yield directory


@pytest.fixture
def own_place(short_dir: Path) -> Iterator[Path]:
    """A directory of this test's own: its free port is no name for one, for a port may be free again later."""
    with tempfile.TemporaryDirectory(dir=short_dir, ignore_cleanup_errors=True) as directory:
        yield Path(directory)


def _memory() -> Path | None:
    """Where a disk in memory has room for every process: there no test waits for a disk that would forget nothing.

    What is killed here are programs, never the power, and a killed program's files are as whole in memory as on a disk.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > processes * ROOM_BYTES:
        return MEMORY
    return None


@pytest.fixture(scope="session")
def postgres(short_dir: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """Whoever starts and stops it is about the embedded one: mark the test so."""
    if request.config.getoption("--timescale"):
        yield servers.named()
        return
    server = EmbeddedPostgres(short_dir / "postgres", LITTLE_LOG)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _template(postgres: Server) -> Iterator[str]:
    from server.store.migrate import migrate

    name = f"migrated_{uuid4().hex[:12]}"
    migrate(servers.create(postgres, name))
    servers.make_template(postgres, name)
    yield name
    servers.drop(postgres, name)


@pytest.fixture
def database(postgres: Server, _template: str) -> Iterator[Database]:
    name = f"test_{uuid4().hex[:12]}"
    servers.copy(postgres, _template, name)
    yield Database(name=name, owner=postgres.dsn(dbname=name), api=postgres.dsn(user=API_ROLE, dbname=name))
    servers.drop(postgres, name)


@pytest.fixture
def empty(postgres: Server) -> Iterator[str]:
    """The DSN of a database without a schema."""
    name, dsn = servers.create_any(postgres)
    yield dsn
    servers.drop(postgres, name)


@pytest.fixture(scope="session")
def broker(short_dir: Path) -> Iterator[EmbeddedBroker]:
    port, nats_port = free_ports(2)
    server = EmbeddedBroker(short_dir / "broker", port=port, nats_port=nats_port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def free_port() -> int:
    (port,) = free_ports(1)
    return port


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--timescale", action="store_true", help=f"only what uses the database, on that of {servers.URL}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Not a skip: for an ordinary user, and on the other engine, these tests have no subject."""
    timescale = bool(config.getoption("--timescale"))
    subjects = {item: _has_a_subject(item, timescale=timescale) for item in items}
    config.hook.pytest_deselected(items=[item for item, has_one in subjects.items() if not has_one])
    items[:] = sorted((item for item, has_one in subjects.items() if has_one), key=lambda item: _turn(item.path))


@cache
def _turn(file: Path) -> tuple[int, int]:
    """The files that take longest begin first: else one process is still in a long one when the others have done. The
    others in an order that says nothing, so that those that wait lie beside those that compute."""
    turn = next((turn for folder, turn in TURNS.items() if TESTS / folder in file.parents), LAST)
    return min(turn, LONG_TURN) if file.name in LONG else turn, zlib.crc32(file.name.encode())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """More than there are processors, for tests wait a lot: for programs that start, for seconds that pass. Each has a
    database server of its own."""
    return min(PROCESSES_A_CORE * (os.cpu_count() or 1), PROCESSES_MAX)


def _has_a_subject(item: pytest.Item, *, timescale: bool) -> bool:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return False
    if item.get_closest_marker("mounts") and not _may_mount():
        return False
    if not timescale:
        return item.get_closest_marker("only_timescale") is None
    without = ("only_plain", "browser")  # what a browser shows is tested with the other engine
    uses_it = "postgres" in getattr(item, "fixturenames", ())
    return uses_it and not any(item.get_closest_marker(marker) for marker in without)


@cache
def _may_mount() -> bool:
    try:
        tried = subprocess.run(
            ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", tempfile.gettempdir()],
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return tried.returncode == 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a test that was skipped is a test that failed."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where every test has to run: {_reason(report.longrepr)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where every test has to run: {_reason(report.longrepr)}"
    return report


def _reason(longrepr: object) -> str:
    return str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
