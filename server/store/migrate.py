"""Forward-only migrations: numbered SQL files, each applied once, in one transaction, and never edited afterwards."""

import hashlib
import re
import time
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import psycopg

from server.errors import MigrationError
from server.store import queries

LOCK: Final = 0x686A656D76616B74  # "hjemvakt"
LOCK_LIMIT_S: Final = 60.0
LOCK_POLL_S: Final = 0.1
TRIES: Final = 20
TRY_AGAIN_S: Final = 0.5
# Before 2.18.2 it lost rows that came after a repeated one (timescaledb#7672), before 2.27 it could miss a row by its
# slot (timescaledb#9579).
OLDEST_TIMESCALE: Final = (2, 27)
# TimescaleDB's own jobs change the catalogue meanwhile ("tuple concurrently updated"): nothing changed, so again.
PASSING: Final = (psycopg.errors.InternalError_, psycopg.errors.DeadlockDetected)
_FILE: Final = re.compile(r"\d{4}_\w+\.sql")
SQL: Final = queries.load("migrate")


@dataclass(frozen=True, kw_only=True, slots=True)
class Migration:
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped() -> list[Migration]:
    return read(files("server.store") / "migrations")


def read(directory: Traversable) -> list[Migration]:
    found = [entry for entry in directory.iterdir() if _FILE.fullmatch(entry.name)]
    return sorted(
        (Migration(name=entry.name, text=entry.read_text(encoding="utf-8")) for entry in found),
        key=lambda migration: migration.name,
    )


def migrate(dsn: str, *, migrations: list[Migration] | None = None, lock_limit_s: float = LOCK_LIMIT_S) -> list[str]:
    """Bring the database up to this program; the names that were applied now."""
    wanted = shipped() if migrations is None else migrations
    with psycopg.connect(dsn, autocommit=True, application_name="hjemvakt-migrate") as conn:
        _take_lock(conn, lock_limit_s)  # let go when the connection closes
        for (version,) in conn.execute(SQL["timescale"]).fetchall():
            refuse_an_old_timescale(version)
        conn.execute(SQL["make_table"])
        applied: dict[str, str] = dict(conn.execute(SQL["applied"]).fetchall())
        pending = _pending(wanted, applied)
        for migration in pending:
            _apply(conn, migration)
    return [migration.name for migration in pending]


def refuse_an_old_timescale(version: str) -> None:
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < OLDEST_TIMESCALE:
        oldest = ".".join(map(str, OLDEST_TIMESCALE))
        raise MigrationError(
            f"The database has TimescaleDB {version}, which can lose readings: update it to {oldest} or newer."
        )


def _take_lock(conn: psycopg.Connection, limit_s: float) -> None:
    """Polled: a session that waits inside pg_advisory_lock deadlocks with CREATE INDEX CONCURRENTLY."""
    end = time.monotonic() + limit_s
    while conn.execute(SQL["try_lock"], {"key": LOCK}).fetchone() != (True,):
        if time.monotonic() >= end:
            raise MigrationError(
                f"Another program has been changing this database's schema for {limit_s:.0f} s: wait for it, or end it."
            )
        time.sleep(LOCK_POLL_S)


def _pending(wanted: list[Migration], applied: dict[str, str]) -> list[Migration]:
    known = {migration.name for migration in wanted}
    if unknown := sorted(set(applied) - known):
        raise MigrationError(
            f"The database is newer than this program ({unknown[-1]} was applied): install the newer Hjemvakt."
        )
    for migration in wanted:
        if applied.get(migration.name, migration.checksum) != migration.checksum:
            raise MigrationError(
                f"Migration {migration.name} was edited after it had been applied to this database: "
                "restore the file, and put the change into a new migration."
            )
    pending = [migration for migration in wanted if migration.name not in applied]
    if pending and applied and pending[0].name < max(applied):
        raise MigrationError(f"Migration {pending[0].name} comes before {max(applied)}, which was already applied.")
    return pending


def _apply(conn: psycopg.Connection, migration: Migration) -> None:
    for again in reversed(range(TRIES)):
        try:
            with conn.transaction():
                conn.execute(migration.text.encode())
                conn.execute(SQL["record"], {"name": migration.name, "checksum": migration.checksum})
        except psycopg.DatabaseError as error:
            if not again or not isinstance(error, PASSING):
                raise MigrationError(f"Migration {migration.name} failed and changed nothing: {error}") from error
            time.sleep(TRY_AGAIN_S)
        else:
            return
