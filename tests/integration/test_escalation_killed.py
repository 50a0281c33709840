"""Real clock processes that are killed -9 between two steps of a chain, and beside each other: each step comes once,
when it is due."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.vocabulary import EventType
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.store import alerts, pool, rolelife
from tests.conftest import Database
from tests.integration.clocks_rig import AWAITS, BEAT, THERE, Clocks, ending
from tests.integration.ingest_rig import WORLD
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

CHAIN = """
insert into staff (login, name, initials, password_hash) values ('ola', 'Ola', 'O', 'x'), ('siv', 'Siv', 'S', 'x');
insert into staff_team values (1, 1, 'nurse'), (2, 1, 'nurse'), (3, 1, 'coordinator');
insert into duty (team_id, staff_id, part, from_at) values (1, 1, 'duty', now()), (1, 2, 'backup', now()),
    (1, 3, 'coordinator', now()), (2, 1, 'duty', now());
insert into chain_set (team_id, priority, unlogged_s, again_s, set_by, set_at, reason)
values (1, 'red', 900, 3600, 1, now(), 'test');
insert into chain_step (set_id, chain, position, weekdays, from_time, to_time, part, after_s)
values (1, 1, 1, '{1,2,3,4,5,6,7}', '00:00', '00:00', 'duty', 0),
       (1, 1, 2, '{1,2,3,4,5,6,7}', '00:00', '00:00', 'backup', 4),
       (1, 1, 3, '{1,2,3,4,5,6,7}', '00:00', '00:00', 'coordinator', 8);
"""
CALLED = "select step, name from alert_call order by rev, place"
BACKUP, ALL = [(1, "Kari Test"), (2, "Ola")], [(1, "Kari Test"), (2, "Ola"), (3, "Siv")]


@pytest.fixture
def clocks(database: Database, tmp_path: Path) -> Iterator[Clocks]:
    with ending(Clocks(database.owner, tmp_path / "clock.log")) as made:
        made.sql(WORLD)
        made.sql(CHAIN)
        yield made


def fall(dsn: str, at: datetime) -> None:
    """The monitor hears, and goes on hearing for an hour."""
    with pool.connect(dsn, name="test", autocommit=True) as conn, conn.transaction():
        rolelife.alive(conn, rolelife.MONITOR, at + timedelta(hours=1), at, {})
        held = alerts.hold(conn, [patient_subject(1)])
        found = [HelpCall(subject=patient_subject(1), type=EventType.FALL, at=at, late=False)]
        alerts.apply(conn, alerts.decided(conn, held, found, at), at)


def in_time(clocks: Clocks) -> bool:
    """No step came before it was due."""
    rows = clocks.sql("select at, lead(at) over (order by rev) from alert_call")
    waits = [(then - at).total_seconds() for at, then in rows if then is not None]
    return all(wait >= due for wait, due in zip(waits, (4, 8), strict=False))


def test_a_clock_that_is_killed_between_two_steps_is_followed_by_one_that_takes_the_next(clocks: Clocks) -> None:
    fall(clocks.dsn, datetime.now(UTC))
    first = clocks.start()
    await_true(lambda: clocks.sql(CALLED) == BACKUP)
    clocks.kill(first)
    clocks.start()
    await_true(lambda: clocks.sql(CALLED) == ALL)
    clocks.await_beats()
    assert clocks.sql(CALLED) == ALL
    assert in_time(clocks)


def test_a_clock_that_is_killed_inside_a_step_has_not_taken_it(clocks: Clocks) -> None:
    fall(clocks.dsn, datetime.now(UTC) - timedelta(seconds=5))
    with psycopg.connect(clocks.dsn) as holder:
        holder.execute("select from subject where type = 'patient' and reference = '1' for update")
        first = clocks.start()
        await_true(lambda: bool(clocks.sql(AWAITS)))
        clocks.kill(first)
    await_true(lambda: not clocks.sql(THERE))
    assert clocks.sql(CALLED) == [(1, "Kari Test")]
    clocks.start()
    await_true(lambda: clocks.sql(CALLED) == ALL)


def test_a_second_clock_takes_no_step_a_second_time_and_goes_on_when_the_first_is_killed(clocks: Clocks) -> None:
    first, _ = clocks.start(), clocks.start()
    await_true(lambda: bool(clocks.sql(BEAT)))
    fall(clocks.dsn, datetime.now(UTC))
    await_true(lambda: clocks.sql(CALLED) == BACKUP)
    clocks.kill(first)
    await_true(lambda: clocks.sql(CALLED) == ALL)
    clocks.await_beats()
    assert clocks.sql(CALLED) == ALL
    assert in_time(clocks)
    assert clocks.sql("select count(*), max(rev) from alert_history") == [(3, 3)]
