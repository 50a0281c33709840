"""What tests of every kind share: real servers that live as long as the session, and no silent skips in CI."""

import os
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings

from server.roles.broker import EmbeddedBroker
from server.store.embedded import EmbeddedPostgres
from tests import servers
from tests.own_directory import own_directory, sweep
from tests.servers import API_ROLE, Server

IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30  # a database server may keep 1 GB of log before it tidies up

# No deadline: a busy machine is not a defect. In CI the same examples every time, so that red means a change.
settings.register_profile("hjemvakt", deadline=None, derandomize=IN_CI, print_blob=IN_CI)
settings.load_profile("hjemvakt")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A green last line of pytest's must not hide what failed far above it."""
    if failed := os.environ.get("FAILED_BEFORE_PYTEST", "").split():
        terminalreporter.section("FAILED BEFORE PYTEST, see above: " + ", ".join(failed), red=True)


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
    server = EmbeddedPostgres(short_dir / "postgres")
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
    server = EmbeddedBroker(short_dir / "broker", port=_free_port(), nats_port=_free_port())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def free_port() -> int:
    return _free_port()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--timescale", action="store_true", help=f"only what uses the database, on that of {servers.URL}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Not a skip: for an ordinary user, and on the other engine, these tests have no subject."""
    timescale = bool(config.getoption("--timescale"))
    kept = [item for item in items if _has_a_subject(item, timescale=timescale)]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _has_a_subject(item: pytest.Item, *, timescale: bool) -> bool:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        return False
    if not timescale:
        return item.get_closest_marker("only_timescale") is None
    without = ("only_plain", "browser")  # what a browser shows is tested with the other engine
    uses_it = "postgres" in getattr(item, "fixturenames", ())
    return uses_it and not any(item.get_closest_marker(marker) for marker in without)


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
