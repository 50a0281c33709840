import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest

from server.notify import Sender
from server.roles.clock import Clock
from server.store import pool
from server.store.assessor import Assessor
from server.store.keeper import Keeper
from server.store.standby import Standby
from tests.conftest import Database
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration


class Digger(Standby):
    name = "digger"
    lock = 4711

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn=dsn, now=lambda: datetime.now(UTC))
        self.turns: list[int] = []
        self.digs = threading.Event()
        self._thread = threading.Thread(target=self.run)
        self._thread.start()

    def work(self, conn: psycopg.Connection) -> None:
        self.turns.append(conn.info.backend_pid)
        self.digs.set()
        try:
            while not self._stopping.wait(0.02):
                conn.execute("select 1")
        finally:
            self.digs.clear()

    def end(self) -> None:
        self.stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


@pytest.fixture
def diggers(database: Database) -> Iterator[list[Digger]]:
    """The first one digs, the second one has come to the lock."""
    made = [Digger(database.owner)]
    try:
        assert made[0].digs.wait(LIMIT_S)
        made.append(Digger(database.owner))
        with psycopg.connect(database.owner, autocommit=True) as conn:
            await_true(lambda: at_the_lock(conn) == 2)
        yield made
    finally:
        for each in made:
            each.end()


def at_the_lock(conn: psycopg.Connection) -> int:
    row = conn.execute(
        "select count(*) from pg_stat_activity"
        " where application_name = 'hjemvakt-digger' and datname = current_database() and query ~ 'advisory|select 1'"
    ).fetchone()
    return 0 if row is None else int(row[0])


def test_of_two_workers_one_works_and_the_other_follows_when_it_ends(diggers: list[Digger]) -> None:
    first, second = diggers
    assert not second.turns
    first.end()
    assert second.digs.wait(LIMIT_S)
    assert len(first.turns) == 1


def test_a_worker_whose_connection_is_cut_works_no_more_until_its_turn_comes_again(
    database: Database, diggers: list[Digger]
) -> None:
    first, second = diggers
    (pid,) = first.turns
    with psycopg.connect(database.owner, autocommit=True) as conn:
        conn.execute("select pg_terminate_backend(%s)", [pid])
    await_true(lambda: len(first.turns) + len(second.turns) == 2)
    await_true(lambda: first.digs.is_set() != second.digs.is_set())
    assert pid not in second.turns


def test_who_stands_by_until_the_end_has_never_worked(diggers: list[Digger]) -> None:
    first, second = diggers
    second.end()
    assert first.digs.is_set()
    assert not second.turns


def test_no_two_sorts_of_workers_wait_for_each_other() -> None:
    sorts: list[type[Standby]] = [Clock, Keeper, Assessor, Sender]
    assert len({each.lock for each in sorts}) == len({each.name for each in sorts}) == len(sorts)


def test_the_database_lets_go_of_a_worker_whose_machine_lost_its_power(database: Database) -> None:
    """No word comes from there: it has to ask, and its own default is two hours (tcp(7)). Through a socket of the file
    system there is nobody to ask, and what would be asked is all that can be seen."""
    with pool.connect(database.owner, name="test") as conn:
        asked = "select name, reset_val from pg_settings where name like 'tcp%'"
        said = {name: int(value) for name, value in conn.execute(asked)}
    assert said["tcp_keepalives_idle"] + said["tcp_keepalives_interval"] * said["tcp_keepalives_count"] <= 30
    assert min(said["tcp_keepalives_idle"], said["tcp_keepalives_interval"], said["tcp_keepalives_count"]) > 0
    assert 0 < said["tcp_user_timeout"] <= 30_000
