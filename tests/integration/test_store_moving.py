"""From one database to another: of Debian's PostgreSQL, of the same server, of TimescaleDB with `--timescale`."""

import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devices.vocabulary import Kind, Observation
from server.__main__ import main
from server.child import end, spawn
from server.errors import BackupError
from server.store import hours, moving, pool
from server.store.embedded import FAST_THEN_IMMEDIATE, EmbeddedPostgres
from server.store.ingest import Ingest, Watch
from server.store.intake import open_one
from server.store.lodging import clean_environment, find_lodging
from server.store.migrate import migrate, shipped
from tests import programs, servers
from tests.conftest import Database
from tests.integration.ingest_rig import NOW, OXIMETER, batch, sent
from tests.integration.monitor_rig import await_true
from tests.integration.test_store_migrate_data import columns, contents, filled
from tests.ports import free_ports

pytestmark = pytest.mark.integration
COUNTED_ANEW = {"observation_hour", "observation_dirty", "observation_kept", "migration"}


@pytest.fixture
def source(postgres: servers.Server) -> Iterator[str]:
    """With a row of every table that there is."""
    name, dsn = servers.create_any(postgres)
    filled(dsn, len(shipped()))
    yield dsn
    servers.drop(postgres, name)


@pytest.fixture(scope="module")
def debians(short_dir: Path) -> Iterator[str]:
    """A server of Debian's own version, older than the embedded one, by TCP and with a password."""
    binaries = programs.needed("initdb").resolve().parent
    lodging = find_lodging(short_dir / "debian")
    (lodging.home / "password").write_text("secret\n")
    (lodging.home / "password").chmod(0o644)
    cluster, (port,) = lodging.home / "theirs", free_ports(1)
    libraries = {name: value for name, value in programs.environment("initdb").items() if name == "LD_LIBRARY_PATH"}

    def start(*command: str | Path) -> "subprocess.Popen[bytes]":
        with (lodging.home / "said").open("ab") as said:
            environment = clean_environment() | libraries
            return spawn(
                command,
                directory=lodging.home,
                output=said.fileno(),
                environment=environment,
                identity=lodging.identity,
            )

    made = (binaries / "initdb", "-D", cluster, "-U", "hjemvakt", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
    making = start(*made, f"--pwfile={lodging.home / 'password'}", "--auth=scram-sha-256")
    assert making.wait(120) == 0, (lodging.home / "said").read_text()
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off")
    server = start(binaries / "postgres", "-D", cluster, "-p", str(port), *options)
    try:
        dsn = f"postgresql://hjemvakt:secret@127.0.0.1:{port}/postgres"
        await_true(lambda: answers(dsn))
        yield dsn
    finally:
        end(server, steps=FAST_THEN_IMMEDIATE)


def answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture
def elsewhere(debians: str) -> Iterator[str]:
    """An empty database there, of an owner who is no superuser."""
    with psycopg.connect(debians, autocommit=True) as conn:
        conn.execute("create role owner login createrole password 'secret'")
        conn.execute("create database moved owner owner")
    yield debians.replace("hjemvakt:secret", "owner:secret").replace("/postgres", "/moved")
    with psycopg.connect(debians, autocommit=True) as conn:
        conn.execute("drop database moved with (force)")
        conn.execute("drop role hjemvakt_api, owner")


def everything(dsn: str) -> dict[str, Counter[str]]:
    with psycopg.connect(dsn) as conn:
        return contents(conn, {name: each for name, each in columns(conn).items() if name not in COUNTED_ANEW})


def ask(dsn: str, question: str) -> Any:
    with psycopg.connect(dsn) as conn:
        return conn.execute(question.encode()).fetchone()


@pytest.mark.only_plain
def test_an_older_server_of_another_maker_holds_every_row_afterwards(source: str, elsewhere: str) -> None:
    before = everything(source)
    assert all(before.values()), "a table whose rows nobody looks at"
    counted = moving.move(source, elsewhere)
    assert everything(elsewhere) == before == everything(source)
    assert sum(counted.values()) == sum(map(len, map(list, (each.elements() for each in before.values()))))
    assert ask(elsewhere, "show server_version_num") < ask(source, "show server_version_num")


@pytest.mark.only_timescale
def test_timescale_holds_every_row_of_an_embedded_database_afterwards(short_dir: Path, empty: str) -> None:
    plain = EmbeddedPostgres(short_dir / "plain")
    plain.start()
    try:
        filled(plain.dsn(), len(shipped()))
        before = everything(plain.dsn())
        moving.move(plain.dsn(), empty)
    finally:
        plain.stop()
    assert everything(empty) == before
    assert ask(empty, "select count(*) > 0 from timescaledb_information.chunks") == (True,)


def test_another_database_of_the_same_server_holds_every_row_afterwards(source: str, empty: str) -> None:
    """With `--timescale`, from TimescaleDB to TimescaleDB."""
    before = everything(source)
    moving.move(source, empty)
    assert everything(empty) == before


def test_it_is_the_same_installation_so_gateways_and_screens_go_on(source: str, empty: str) -> None:
    moving.move(source, empty)
    same = "select epoch, created_at, (select array_agg(head order by id) from team) from installation"
    assert ask(empty, same) == ask(source, same)
    assert ask(empty, "select count(*) from session") == (1,)


def test_what_comes_afterwards_is_numbered_on_filed_and_not_doubled(source: str, empty: str) -> None:
    moving.move(source, empty)
    readings = [Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW, value=95)]
    conn = pool.connect(empty, name="test", autocommit=True)
    try:
        ingest = Ingest(conn, Watch())
        first = ingest.file([open_one(sent(batch(readings)))], NOW)
        again = ingest.file([open_one(sent(batch(readings)))], NOW)
    finally:
        conn.close()
    assert (first.readings, again.readings) == (1, 0)
    assert ask(empty, "insert into team (name) values ('Ny') returning id > (select count(*) from team)") == (True,)


def test_hours_are_counted_from_the_readings_before_and_after_the_clock_has_looked(source: str, empty: str) -> None:
    question = "select array_agg(mean::text order by patient_id, kind) from observation_hourly"
    with psycopg.connect(source) as conn:  # as the monitor leaves it: every stream has its newest value
        conn.execute(
            """insert into latest select patient_id, kind, taken_at, value, quality, sign, mode, clock, device_id,
                                         received_at, 1 from observation on conflict do nothing"""
        )
    moving.move(source, empty)
    assert ask(empty, question) == (["95", "6.1", "7.2"],)
    with psycopg.connect(empty, autocommit=True) as conn:
        assert hours.seal(conn, datetime(2026, 2, 1, 14, tzinfo=UTC))
        while hours.keep(conn):
            pass
    assert ask(empty, "select kept_until >= '2026-02-01 09:00Z' from observation_kept") == (True,)
    assert ask(empty, question) == (["95", "6.1", "7.2"],)


def test_our_own_triggers_are_awake_again(source: str, empty: str) -> None:
    moving.move(source, empty)
    assert ask(empty, "select count(*) from pg_trigger where tgenabled = 'D'") == (0,)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
        ask(empty, "delete from access_log returning id")


def test_a_database_with_anything_in_it_is_not_touched(source: str, empty: str) -> None:
    with psycopg.connect(empty) as conn:
        conn.execute("create table somebodys (a int)")
    with pytest.raises(BackupError, match="not empty"):
        moving.move(source, empty)
    assert ask(empty, "select count(*) from pg_class where relname = 'patient'") == (0,)


def test_nothing_is_moved_while_somebody_is_at_work(source: str, empty: str) -> None:
    conn = pool.connect(source, name="monitor")
    try:
        with pytest.raises(BackupError, match=r"at work in that database \(hjemvakt-monitor\)"):
            moving.move(source, empty)
    finally:
        conn.close()


def test_what_fails_in_the_middle_leaves_no_row(source: str, empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that does not take a row of the last table but one."""
    migrate(empty)
    monkeypatch.setattr(moving, "_refuse", lambda *_: None)
    with psycopg.connect(empty) as conn:
        conn.execute("alter table notice add check (purpose <> 'alert')")
    with pytest.raises(psycopg.errors.CheckViolation):
        moving.move(source, empty)
    assert ask(empty, "select count(*) from patient") == (0,)
    assert ask(empty, "select count(*) from pg_trigger where tgenabled = 'D'") == (0,)


def test_the_command_moves_and_says_what_to_set(
    database: Database, empty: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", database.owner)
    assert main(["move", empty]) == 0
    assert "HJEMVAKT_DATABASE_URL" in capsys.readouterr().out
    assert main(["move", empty]) == 1
    assert "not empty" in capsys.readouterr().err
