"""Real clock processes that are killed -9 before, inside and after a look, beside each other, and a database that
restarts in between: what was missed is told, exactly once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from devices.vocabulary import KINDS, Kind
from server.detection.expected import SETTLES
from server.store import expectations, migrate, pool, rolelife
from server.store.embedded import EmbeddedPostgres
from tests.conftest import Database
from tests.integration.clocks_rig import AWAITS, BEAT, THERE, Clocks, ending
from tests.integration.ingest_rig import WORLD
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

OSLO = ZoneInfo("Europe/Oslo")
ON_DUTY = "insert into duty (team_id, staff_id, part, from_at) select id, 1, 'duty', now() from team"
TOLD = "select count, state from alert where rule = 'measurement:missed:spo2'"


def await_window(dsn: str, due_at: datetime) -> None:
    """The first patient was to measure in the ten minutes whose look is due then; nobody did. The monitor hears.

    The row is written by hand: a plan that somebody sets is of whole minutes, and a test would wait for one."""
    local = (due_at - SETTLES - timedelta(minutes=5)).astimezone(OSLO)
    long_ago = due_at - timedelta(hours=1)
    with pool.connect(dsn, name="test", autocommit=True) as conn:
        rolelife.alive(conn, rolelife.MONITOR, due_at + timedelta(hours=1), long_ago, {})
        conn.execute("update gateway set state = 'online', state_since = %s", [long_ago])
        conn.execute(
            "insert into measuring_plan (patient_id, kind, weekdays, times, before_min, after_min, set_at, reason)"
            " values (1, %s, '{1,2,3,4,5,6,7}', array[%s], 5, 5, %s, 'Test')",
            [KINDS[Kind.SPO2].number, local.time(), long_ago],
        )
        after: int | None = 0
        while after is not None:
            after = expectations.plan(conn, after, long_ago)
        expectations.look(conn, long_ago)
        assert conn.execute("select due_at from deadline where part = 'spo2'").fetchall() == [(due_at,)]


@pytest.fixture
def clocks(database: Database, tmp_path: Path) -> Iterator[Clocks]:
    with ending(Clocks(database.owner, tmp_path / "clock.log")) as made:
        made.sql(WORLD)
        made.sql(ON_DUTY)
        yield made


def soon(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_clock_that_is_killed_before_the_end_of_a_window_is_followed_by_one_that_tells(clocks: Clocks) -> None:
    due_at = soon(6)
    await_window(clocks.dsn, due_at)
    first = clocks.start()
    await_true(lambda: bool(clocks.sql(BEAT)))
    clocks.kill(first)
    assert clocks.sql(TOLD) == []
    await_true(lambda: datetime.now(UTC) > due_at)
    clocks.start()
    await_true(lambda: clocks.sql(TOLD) == [(1, "raised")])


def test_a_clock_that_is_killed_inside_its_look_has_told_nothing_and_the_next_one_tells_once(clocks: Clocks) -> None:
    await_window(clocks.dsn, soon(-60))
    with psycopg.connect(clocks.dsn) as holder:
        holder.execute("select from subject where type = 'patient' and reference = '1' for update")
        first = clocks.start()
        await_true(lambda: bool(clocks.sql(AWAITS)))
        clocks.kill(first)
    await_true(lambda: not clocks.sql(THERE))
    assert clocks.sql(TOLD) == []
    clocks.start()
    await_true(lambda: clocks.sql(TOLD) == [(1, "raised")])


def test_a_clock_that_is_killed_after_it_told_is_followed_by_one_that_tells_nothing_again(clocks: Clocks) -> None:
    await_window(clocks.dsn, soon(-60))
    first = clocks.start()
    await_true(lambda: clocks.sql(TOLD) == [(1, "raised")])
    clocks.kill(first)
    clocks.start()
    clocks.await_beats()
    assert clocks.sql(TOLD) == [(1, "raised")]
    assert clocks.sql("select count(*) from team_log join alert on alert.id = alert_id") == [(1,)]


def test_of_two_clocks_one_tells_though_its_database_restarts_and_one_of_them_is_killed(
    short_dir: Path, tmp_path: Path
) -> None:
    """A database of its own, because it restarts."""
    postgres = EmbeddedPostgres(short_dir / "restarts")
    postgres.start()
    clocks = Clocks(postgres.dsn(), tmp_path / "clock.log")
    try:
        migrate.migrate(postgres.dsn())
        clocks.sql(WORLD)
        clocks.sql(ON_DUTY)
        due_at = soon(10)
        await_window(clocks.dsn, due_at)
        first, _ = clocks.start(), clocks.start()
        await_true(lambda: bool(clocks.sql(BEAT)))
        clocks.let_go()
        postgres.restart()
        clocks.kill(first)
        await_true(lambda: clocks.sql(TOLD) == [(1, "raised")])
        assert datetime.now(UTC) >= due_at
        clocks.let_go()
        postgres.restart()
        clocks.await_beats()
        assert clocks.sql(TOLD) == [(1, "raised")]
    finally:
        clocks.end()
        postgres.stop()
