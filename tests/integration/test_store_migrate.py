import threading
from pathlib import Path

import psycopg
import pytest

from server.errors import MigrationError
from server.store import migrate as module
from server.store.migrate import LOCK, Migration, migrate, read, shipped
from tests.servers import Server

pytestmark = pytest.mark.integration

FIRST = Migration(name="0001_first.sql", text="create table one (n int); insert into one values (1);")
SECOND = Migration(name="0002_second.sql", text="alter table one add column m int;")


def ask(dsn: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(question.encode()).fetchall()


def test_each_migration_is_applied_once_and_in_order(empty: str) -> None:
    assert migrate(empty, migrations=[FIRST]) == ["0001_first.sql"]
    assert migrate(empty, migrations=[FIRST, SECOND]) == ["0002_second.sql"]
    assert migrate(empty, migrations=[FIRST, SECOND]) == []
    assert ask(empty, "select n, m from one") == [(1, None)]


def test_the_shipped_schema_applies_to_an_empty_database(empty: str) -> None:
    names = migrate(empty)
    assert names == sorted(names)
    assert names[0] == "0001_base.sql"
    assert ask(empty, "select count(*) from installation") == [(1,)]
    assert migrate(empty) == []


def test_a_migration_that_fails_changes_nothing(empty: str) -> None:
    broken = Migration(name="0002_broken.sql", text="create table two (n int); select 1 / 0;")
    with pytest.raises(MigrationError, match=r"0002_broken\.sql failed and changed nothing"):
        migrate(empty, migrations=[FIRST, broken])
    assert ask(empty, "select to_regclass('one') is not null, to_regclass('two') is null") == [(True, True)]
    assert migrate(empty, migrations=[FIRST, SECOND]) == ["0002_second.sql"]


def test_an_edited_file_is_refused_with_a_sentence(empty: str) -> None:
    migrate(empty, migrations=[FIRST])
    edited = Migration(name=FIRST.name, text=FIRST.text + " ")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was edited after it had been applied"):
        migrate(empty, migrations=[edited, SECOND])
    assert ask(empty, "select count(*) from migration") == [(1,)]


def test_a_database_that_is_newer_than_the_program_is_refused(empty: str) -> None:
    migrate(empty, migrations=[FIRST, SECOND])
    with pytest.raises(MigrationError, match=r"newer than this program \(0002_second.sql was applied\)"):
        migrate(empty, migrations=[FIRST])


def test_a_migration_that_comes_too_late_is_refused(empty: str) -> None:
    migrate(empty, migrations=[SECOND_ALONE])
    with pytest.raises(MigrationError, match=r"0001_first\.sql comes before 0002_alone\.sql"):
        migrate(empty, migrations=[FIRST, SECOND_ALONE])


SECOND_ALONE = Migration(name="0002_alone.sql", text="create table alone ();")


def test_another_migrating_program_is_waited_for_but_not_for_ever(empty: str) -> None:
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("select pg_advisory_lock(%s)", (LOCK,))
        with pytest.raises(MigrationError, match="Another program"):
            migrate(empty, migrations=[FIRST], lock_limit_s=0.3)
    assert migrate(empty, migrations=[FIRST]) == ["0001_first.sql"]


def test_two_programs_that_start_at_once_migrate_once(empty: str) -> None:
    applied: list[list[str]] = []
    threads = [threading.Thread(target=lambda: applied.append(migrate(empty, migrations=[FIRST]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(applied) == [[], [], [], ["0001_first.sql"]]


def test_only_numbered_sql_files_are_migrations(tmp_path: Path) -> None:
    for name in ("0002_b.sql", "0001_a.sql", "notes.sql", "0003_c.sql~", "README.md"):
        (tmp_path / name).write_text("select 1")
    assert [migration.name for migration in read(tmp_path)] == ["0001_a.sql", "0002_b.sql"]
    assert shipped() == read(Path(module.__file__).parent / "migrations")


COLLIDES = Migration(
    name="0002_collides.sql",
    text="""do $$ begin
        if nextval('tries') < 3 then raise 'tuple concurrently updated' using errcode = 'XX000'; end if;
        create table came_through ();
    end $$""",
)


def test_a_migration_that_met_somebody_elses_change_of_the_catalogue_is_tried_again(empty: str) -> None:
    migrate(empty, migrations=[Migration(name="0001_tries.sql", text="create sequence tries"), COLLIDES])
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regclass('came_through') is not null, last_value from tries").fetchone() == (
            True,
            3,
        )


def test_it_is_not_tried_for_ever(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRIES", 2)
    with pytest.raises(MigrationError, match=r"0002_collides\.sql failed and changed nothing"):
        migrate(empty, migrations=[Migration(name="0001_tries.sql", text="create sequence tries"), COLLIDES])


@pytest.mark.parametrize("version", ["1.7.5", "2.9.3", "2.18.1", "2.26.4"])
def test_a_timescaledb_that_can_lose_readings_is_refused(version: str) -> None:
    with pytest.raises(MigrationError, match=rf"TimescaleDB {version}, .* 2\.27 or newer"):
        module.refuse_an_old_timescale(version)


@pytest.mark.parametrize("version", ["2.27.0", "2.28.3", "2.30.0-dev", "3.0.0"])
def test_a_newer_one_is_not(version: str) -> None:
    module.refuse_an_old_timescale(version)


def test_the_api_role_owns_nothing_and_sees_nobody_without_an_identity(empty: str, postgres: Server) -> None:
    migrate(empty)
    with psycopg.connect(empty) as conn:
        conn.execute("insert into team (name) values ('Nord')")
        conn.execute(
            "insert into patient (reference, name, born_on, pathway, team_id)"
            " values ('p', 'n', '1950-01-01', 'kols', 1)"
        )
    name = psycopg.conninfo.conninfo_to_dict(empty)["dbname"]
    with psycopg.connect(postgres.dsn(user="hjemvakt_api", dbname=str(name))) as conn:
        assert conn.execute("select count(*) from patient").fetchone() == (0,)
        assert conn.execute("select count(*) from pg_class where relowner = 'hjemvakt_api'::regrole").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from observation")
