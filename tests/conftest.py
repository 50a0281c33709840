"""What tests of every kind share: real servers that live as long as the session, and no silent skips in CI."""

import os
import shutil
import socket
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import settings
from psycopg.sql import SQL, Composed, Identifier

from server.roles.broker import EmbeddedBroker
from server.store.embedded import EmbeddedPostgres

TEMPLATE = "migrated_template"
API_ROLE = "hjemvakt_api"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")

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
    directory = Path(tempfile.mkdtemp(prefix="hvt-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(short_dir: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(short_dir / "postgres")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _template(postgres: EmbeddedPostgres) -> str:
    from server.store.migrate import migrate

    _execute(postgres, SQL("CREATE DATABASE {}").format(Identifier(TEMPLATE)))
    migrate(postgres.dsn(dbname=TEMPLATE))
    return TEMPLATE


@pytest.fixture
def database(postgres: EmbeddedPostgres, _template: str) -> Iterator[Database]:
    name = f"test_{uuid4().hex[:12]}"
    _execute(postgres, SQL("CREATE DATABASE {} TEMPLATE {}").format(Identifier(name), Identifier(_template)))
    yield Database(name=name, owner=postgres.dsn(dbname=name), api=postgres.dsn(user=API_ROLE, dbname=name))
    _execute(postgres, SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


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


def _execute(postgres: EmbeddedPostgres, statement: Composed) -> None:
    with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
        connection.execute(statement)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Not a skip: for an ordinary user these tests have no subject."""
    if os.geteuid() != 0:
        for_root = [item for item in items if item.get_closest_marker("root")]
        config.hook.pytest_deselected(items=for_root)
        items[:] = [item for item in items if item not in for_root]


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
