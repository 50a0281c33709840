"""How often somebody may try: counted in the database, for everybody who asks."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from server.store import knocks
from server.store.knocks import Door
from tests.integration.care_rig import refused
from tests.integration.conftest import Api

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FIVE = Door(name="test", most=5, within=timedelta(minutes=5))
KARI = ("kari", "10.0.0.1")


@pytest.fixture
def conn(database) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database.api, autocommit=True) as conn:
        yield conn


def tried(conn, times: int, who: tuple[str, ...] = KARI, now: datetime = NOW) -> list[int | None]:
    return [knocks.knock(conn, FIVE, who, now) for _ in range(times)]


def test_after_too_many_tries_one_waits_until_the_first_of_them_is_old(conn):
    assert tried(conn, 5) == [None] * 5
    assert tried(conn, 1, now=NOW + timedelta(seconds=100)) == [200]
    assert tried(conn, 1, now=NOW + FIVE.within) == [None]


def test_refused_tries_do_not_lengthen_the_wait(conn):
    tried(conn, 30)
    assert tried(conn, 1, now=NOW + FIVE.within) == [None]


def test_the_window_slides(conn):
    for minute in range(5):
        assert tried(conn, 1, now=NOW + timedelta(minutes=minute)) == [None]
    assert tried(conn, 2, now=NOW + timedelta(minutes=5)) == [None, 60]


def test_somebody_elses_tries_from_another_address_or_at_another_door_lock_nobody_out(conn):
    tried(conn, 6)
    assert tried(conn, 1, ("kari", "10.0.0.2")) == [None]
    assert tried(conn, 1, ("ola", "10.0.0.1")) == [None]
    other = Door(name="other", most=1, within=FIVE.within)
    assert knocks.knock(conn, other, KARI, NOW) is None


def test_who_got_in_starts_afresh(conn):
    tried(conn, 5)
    knocks.opened(conn, FIVE, KARI)
    assert tried(conn, 1) == [None]


def test_many_at_once_get_no_more_tries_than_one_after_the_other(database):
    def storm(_: int) -> list[int | None]:
        with psycopg.connect(database.api, autocommit=True) as conn:
            return tried(conn, 10)

    with ThreadPoolExecutor(4) as threads:
        found = [each for tries in threads.map(storm, range(4)) for each in tries]
    assert found.count(None) == 5


def test_a_try_in_another_process_counts(conn, database):
    code = f"""
import datetime, psycopg
from server.store import knocks
door = knocks.Door(name="test", most=5, within=datetime.timedelta(minutes=5))
with psycopg.connect({database.api!r}, autocommit=True) as conn:
    now = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
    print([knocks.knock(conn, door, {KARI!r}, now) for _ in range(4)])
"""
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.strip() == "[None, None, None, None]"
    assert tried(conn, 2) == [None, 300]


def test_what_is_over_goes_when_others_come_and_no_name_is_kept(conn, town):
    for number in range(100):
        tried(conn, 1, (f"invented-{number}", ""))
    tried(conn, 5, now=NOW + timedelta(minutes=2))
    for _ in range(5):
        tried(conn, 1, ("late", ""), NOW + FIVE.within)
    assert town.one("select count(*) from knock") == 2
    assert "late" not in str(town.sql("select convert_from(key, 'latin1'), * from knock"))


def test_the_apis_role_neither_reads_nor_changes_the_count(conn):
    for statement in ("select * from knock", "delete from knock", "update knock set tries = '{}'"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute(statement.encode())


def test_several_api_processes_count_together(api, town, database):
    other = Api(database_url=database.owner)
    other.start()
    try:
        wrong = {"login": "kari", "password": "guess"}
        one, two = api.client(), other.client()
        for client in (one, two, one, two, one):
            refused(client.post("/api/v1/session", json=wrong), 401)
        answer = two.post("/api/v1/session", json=wrong)
        assert "Too many tries" in refused(answer, 429)
        assert 0 < int(answer.headers["retry-after"]) <= 300
    finally:
        other.clients.close()
        other.stop()
