"""Readings in TimescaleDB's compressed chunks can do all that others can: be met again, moved, backed up, restored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest

from devices.vocabulary import Kind, Observation, Quality
from server.errors import BackupError
from server.store import backup, columnstore, hours, pool, rebinding, sessions
from server.store.rebinding import Rebinding
from tests import servers
from tests.conftest import Database
from tests.integration.ingest_rig import METER, NOW, OXIMETER, Rig, batch, sent
from tests.servers import Server

pytestmark = [pytest.mark.integration, pytest.mark.only_timescale]
HOUR = timedelta(hours=1)
LIMIT = 100_000  # rows that TimescaleDB decompresses in one transaction, when it is not told otherwise
STORED = "select patient_id, kind, taken_at, device_id, slot, value from observation order by 1, 2, 3, 4, 5"
COMPRESSED = """select range_start, is_compressed from timescaledb_information.chunks
                where hypertable_name = 'observation' order by 1"""


def spo2(minute: int, value: float | None = 95) -> Observation:
    at = NOW - 240 * HOUR + timedelta(minutes=minute)
    quality = Quality.GOOD if value is not None else Quality.NO_READING
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=value, quality=quality)


def glucose(minute: int, slot: int) -> Observation:
    at = NOW - 240 * HOUR + timedelta(minutes=minute)
    return Observation(device=METER, kind=Kind.GLUCOSE, taken_at=at, value=6.5, slot=slot)


def file(rig: Rig, *items: Observation, outbox: int = 1) -> int:
    return rig.file(sent(batch(list(items), outbox=f"{outbox:016x}"))).readings


def keep(rig: Rig) -> None:
    assert hours.seal(rig.conn, NOW)
    while hours.keep(rig.conn):
        pass


def minutes(rig: Rig) -> list[int]:
    return [
        row[0]
        for row in rig.ask(
            "select (extract(epoch from taken_at - %s) / 60)::int from observation order by 1", NOW - 240 * HOUR
        )
    ]


def test_late_readings_among_repeated_ones_are_stored_once_each(rig: Rig) -> None:
    assert file(rig, *(spo2(minute) for minute in range(0, 100, 2))) == 50
    assert rig.ask(COMPRESSED) == [(datetime(2026, 2, 20, tzinfo=UTC), True)]
    again = [spo2(minute) for minute in range(100)]
    assert file(rig, *again, outbox=2) == 50
    assert file(rig, *again, outbox=3) == 0
    assert minutes(rig) == list(range(100))


def test_a_late_reading_whose_like_has_no_value_or_another_slot_is_met(rig: Rig) -> None:
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (4, 2, 2, '2025-01-01Z')")
    assert file(rig, spo2(0, None), glucose(0, 0), glucose(0, 2)) == 3
    assert file(rig, spo2(0, None), glucose(0, 0), glucose(0, 2), outbox=2) == 0
    assert file(rig, spo2(1, None), glucose(1, 0), glucose(1, 2), outbox=3) == 3


def test_a_late_reading_is_in_its_hour_at_once_and_when_it_is_kept(rig: Rig) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[NOW - 300 * HOUR] * 2)
    file(rig, spo2(0, 90), spo2(10, 92))
    keep(rig)
    hourly = "select mean, low, high, readings from observation_hourly"
    assert rig.ask(hourly) == [(91, 90, 92, 2)]
    file(rig, spo2(10, 92), spo2(20, 70), outbox=2)
    assert rig.ask(hourly) == [(84, 70, 92, 3)]
    assert rig.ask("select readings from observation_hour") == [(2,)]
    keep(rig)
    assert rig.ask(hourly) == [(84, 70, 92, 3)]
    assert rig.ask("select readings from observation_hour") == [(3,)]


def test_more_readings_than_timescaledb_changes_at_once_find_their_new_place(rig: Rig) -> None:
    rig.tell(
        """insert into observation select 1, kind, %s + second * interval '1 s', 0, 1, 95, null, null, 1, 0, 0, 0, 1, %s
           from generate_series(1, 5) kind, generate_series(0, 20999) second""",
        NOW - 12 * HOUR,
        NOW,
    )
    rig.compress()
    assert rig.one("select count(*) from observation") > LIMIT
    id_ = rebinding.rebind(
        rig.conn, Rebinding(device=OXIMETER, from_=NOW - 24 * HOUR, patient="p2", by="kari", reason="swapped"), NOW
    )
    rebinding.finish(rig.conn, NOW)
    assert rig.ask("select patient_id, count(*) from observation group by 1") == [(2, 105_000)]
    assert sum(row[5] for row in rebinding.told(rig.conn, id_)) == 105_000


def test_only_ones_own_teams_readings_are_seen(rig: Rig, database: Database) -> None:
    file(rig, spo2(0), glucose(0, 0))
    with psycopg.connect(database.api) as conn:
        for staff, teams in ((1, 1), (2, 2)):
            rig.tell("insert into staff (login, name, initials, password_hash) values (%s, 'x', 'x', 'x')", str(staff))
            rig.tell("insert into staff_team select id, %s, 'nurse' from staff where login = %s", teams, str(staff))
            sessions.identify(conn, rig.one("select id from staff where login = %s", str(staff)))
            assert conn.execute("select patient_id from my_observation").fetchall() == [(teams,)]


@pytest.fixture
def aged(rig: Rig) -> datetime:
    """Today; and readings of today and of days that ended eight and nine days ago."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for days in (0, 9, 10):
        rig.tell(
            "insert into observation values (1, 3, %s, 0, 1, 95, null, null, 1, 0, 0, 0, 1, now())",
            today - timedelta(days=days),
        )
    rig.tell("select decompress_chunk(chunk, true) from show_chunks('observation') chunk")  # TimescaleDB was at it
    return today


def test_chunks_are_compressed_by_timescaledbs_own_job_when_they_are_a_week_old(rig: Rig, aged: datetime) -> None:
    (job,) = rig.ask("select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'")
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        conn.execute("call run_job(%s)", job)
    assert [compressed for _, compressed in rig.ask(COMPRESSED)] == [True, True, False]


def test_the_clock_role_compresses_when_that_job_did_not_come_to_it_for_a_day(rig: Rig, aged: datetime) -> None:
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        rig.tell("select alter_job(job_id, scheduled => false) from timescaledb_information.jobs")
        assert not columnstore.compress_overdue(conn, aged - timedelta(days=1, seconds=1)), "the job may still come"
        assert columnstore.compress_overdue(conn, aged - timedelta(days=1) + timedelta(seconds=1))
        assert [compressed for _, compressed in rig.ask(COMPRESSED)] == [True, True, False]
        assert not columnstore.compress_overdue(conn, aged), "there is nothing left to do"


def test_nothing_is_missing_after_the_database_was_lost(
    rig: Rig, postgres: Server, database: Database, tmp_path: Path
) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[NOW - 300 * HOUR] * 2)
    file(rig, *(spo2(minute) for minute in range(0, 100, 2)))
    keep(rig)
    file(rig, spo2(1, 70), outbox=2)
    hourly = "select * from observation_hourly order by 1, 2, 3"
    whole, counted, epoch = rig.ask(STORED), rig.ask(hourly), rig.one("select epoch from installation")
    made = backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    assert (made.rows["observation"], made.rows["observation_hour"]) == (51, 2)
    rig.close()
    servers.drop(postgres, database.name)

    with psycopg.connect(postgres.dsn(), autocommit=True) as conn:
        conn.execute(f"create database {database.name}".encode())
    backup.restore(rig.dsn, tmp_path / "backup")
    rig.restart()
    assert (rig.ask(STORED), rig.ask(hourly)) == (whole, counted)
    assert rig.ask(COMPRESSED) == [(datetime(2026, 2, 20, tzinfo=UTC), True)]
    assert rig.one("select epoch from installation") != epoch
    assert file(rig, *(spo2(minute) for minute in range(100)), outbox=3) == 49
    keep(rig)
    assert rig.one("select sum(readings)::int from observation_hour") == 100
    (job,) = rig.ask("select job_id from timescaledb_information.jobs where proc_name = 'policy_compression'")
    rig.conn.execute("call run_job(%s)", job)
    assert minutes(rig) == list(range(100))


@pytest.mark.parametrize(
    ("timescale", "wrong"),
    [
        ("1.7.5", r"is of TimescaleDB 1\.7\.5, and the database has \d"),
        (msgspec.UNSET, "of PostgreSQL without TimescaleDB"),
    ],
)
def test_a_backup_of_another_engine_is_refused(
    rig: Rig, empty: str, tmp_path: Path, timescale: str | msgspec.UnsetType, wrong: str
) -> None:
    made = msgspec.structs.replace(backup.back_up(rig.dsn, tmp_path / "backup", NOW), timescale=timescale)
    made = msgspec.structs.replace(made, digest=backup._digest(made))
    (tmp_path / "backup" / backup.MANIFEST).write_bytes(msgspec.json.encode(made))
    with pytest.raises(BackupError, match=wrong):
        backup.restore(empty, tmp_path / "backup")
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regclass('observation')").fetchone() == (None,)


def test_a_restore_that_fails_leaves_timescaledb_awake(rig: Rig, empty: str, tmp_path: Path) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute("create function my_teams() returns text language sql as $$ select '' $$")
    with pytest.raises(BackupError, match="pg_restore failed"):
        backup.restore(empty, tmp_path / "backup")
    with psycopg.connect(empty) as conn:
        assert conn.execute("show timescaledb.restoring").fetchone() == ("off",)
        assert conn.execute("select to_regclass('observation')").fetchone() == (None,)
