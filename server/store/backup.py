"""Backup and restore: a consistent dump of everything while all goes on, with a manifest that tells if it is whole.

A restore goes into an empty database only. It writes a new epoch: gateways send again what the backup had not seen,
screens start afresh. Logins end: a session that was closed since would be open again.
"""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from msgspec import UNSET, UnsetType
from psycopg.sql import SQL as Sql
from psycopg.sql import Identifier, Literal

from server.errors import BackupError
from server.files import settle
from server.store import migrate, pgtools, pool, queries

SQL: Final = queries.load("backup")
FORMAT: Final = 1
DUMP: Final = "database.dump"
MANIFEST: Final = "manifest.json"
LOCKS_WITHIN: Final = "60s"  # a schema that is changing meanwhile is not waited for for ever
NOT_DUMPED: Final = ("installation", "session")
CHUNK_BYTES: Final = 1 << 20


class Dumped(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`migrations`: names and checksums of what made the schema. `timescale`: its version, where the readings are in
    hypertables; no other can load them. `digest`: of this manifest with an empty one."""

    format: int
    made_at: datetime
    epoch: str
    created_at: datetime
    postgres: int
    migrations: dict[str, str]
    rows: dict[str, int]
    files: dict[str, Dumped]
    timescale: str | UnsetType = UNSET
    digest: str = ""


def back_up(dsn: str, target: Path, now: datetime) -> Manifest:
    """Into a directory that is new or empty; it appears when everything in it is whole."""
    target = target.absolute()
    _refuse_to_overwrite(target)
    with _aside(target) as aside, contextlib.closing(pool.connect(dsn, name="backup")) as conn:
        manifest = _dump(conn, dsn, aside, now)
        (aside / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        for path in aside.iterdir():
            settle(path)
        settle(aside)
        try:
            aside.rename(target)
        except OSError as error:
            raise BackupError(f"The backup cannot be put in its place, {target}: {error.strerror}.") from error
        settle(target.parent)
    return manifest


def check(source: Path) -> Manifest:
    """The manifest of a backup that is whole; BackupError: what is wrong with it."""
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except OSError as error:
        raise BackupError(f"{source} is no whole backup: {MANIFEST} cannot be read ({error.strerror}).") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BackupError(f"{source / MANIFEST} is damaged, or of another edition: {error}.") from error
    if manifest.format != FORMAT or manifest.digest != _digest(manifest):
        raise BackupError(f"{source / MANIFEST} is damaged: its own checksum does not fit.")
    for name, dumped in manifest.files.items():
        try:
            found = _dumped(source / name)
        except OSError as error:
            raise BackupError(f"The backup is not whole: {name} cannot be read ({error.strerror}).") from error
        if found != dumped:
            raise BackupError(f"The backup is damaged: {name} is not what was written. Take another one.")
    return manifest


def restore(dsn: str, source: Path) -> tuple[Manifest, str]:
    """Into an empty database: what was restored, and the new epoch. All of it or nothing."""
    manifest = check(source.absolute())
    _refuse_a_newer_backup(manifest)
    with contextlib.closing(pool.connect(dsn, name="restore", autocommit=True)) as conn:
        _refuse_what_does_not_fit(conn, manifest)
        conn.execute(SQL["make_api_role"])
        with _timescale_asleep(conn, manifest):
            _load(conn, dsn, source.absolute() / DUMP)
        conn.execute(SQL["stay"])
        with conn.transaction():
            _compare(manifest, _count(conn))
            epoch = str(_one(conn, "begin_epoch", created_at=manifest.created_at)[0])
        conn.execute("analyze")
    migrate.migrate(dsn)
    return manifest, epoch


def _dump(conn: psycopg.Connection, dsn: str, aside: Path, now: datetime) -> Manifest:
    conn.execute(SQL["stay"])
    timescale = _timescale(conn) or UNSET
    conn.commit()
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with conn.transaction():
        snapshot = str(_one(conn, "begin")[0])
        epoch, created_at = _one(conn, "installation")
        rows = _count(conn)
        migrations: dict[str, str] = dict(conn.execute(migrate.SQL["applied"]).fetchall())
        major = conn.info.server_version // 10000
        command: list[str | Path] = [pgtools.program("pg_dump", major), "--format=custom", "--no-owner"]
        command += [f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCKS_WITHIN}", "--file", aside / DUMP]
        command += [f"--exclude-table-data=public.{table}" for table in NOT_DUMPED]
        with _words() as said:
            pgtools.run(command, dsn, directory=aside, said=said)
    manifest = Manifest(
        format=FORMAT,
        made_at=now,
        epoch=epoch,
        created_at=created_at,
        postgres=major,
        migrations=migrations,
        rows=rows,
        files={DUMP: _dumped(aside / DUMP)},
        timescale=timescale,
    )
    return msgspec.structs.replace(manifest, digest=_digest(manifest))


def _load(conn: psycopg.Connection, dsn: str, dump: Path) -> None:
    """In one transaction: what fails leaves the database empty."""
    tool = pgtools.program("pg_restore", conn.info.server_version // 10000)
    command: list[str | Path] = [tool, "--single-transaction", "--exit-on-error", "--no-owner", dump]
    with _words() as said:
        pgtools.run(command, dsn, directory=dump.parent, said=said)


@contextlib.contextmanager
def _timescale_asleep(conn: psycopg.Connection, manifest: Manifest) -> Iterator[None]:
    """Its own tables are loaded as they were, with nobody at work on them."""
    if manifest.timescale is UNSET:
        yield
        return
    if _timescale(conn) is None:
        conn.execute(Sql("create extension timescaledb version {}").format(Literal(manifest.timescale)))
    conn.execute(SQL["sleep"])
    try:
        yield
    finally:
        conn.execute(SQL["wake"])


def _timescale(conn: psycopg.Connection) -> str | None:
    row = conn.execute(SQL["timescale"]).fetchone()
    return None if row is None else str(row[0])


def _refuse_to_overwrite(target: Path) -> None:
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise BackupError(f"{target} is there already, and nothing is ever overwritten: name a new directory.")
    except OSError as error:
        raise BackupError(f"Cannot look at {target}: {error.strerror}.") from error


def _refuse_a_newer_backup(manifest: Manifest) -> None:
    known = {migration.name: migration.checksum for migration in migrate.shipped()}
    for name, checksum in manifest.migrations.items():
        if known.get(name) != checksum:
            raise BackupError(f"The backup is of another or newer Hjemvakt ({name}): restore it with that one.")


def _refuse_what_does_not_fit(conn: psycopg.Connection, manifest: Manifest) -> None:
    major = conn.info.server_version // 10000
    if major < manifest.postgres:
        raise BackupError(f"The backup is of PostgreSQL {manifest.postgres}, and the database of {major}: use a newer.")
    _refuse_another_engine(conn, manifest)
    if not _one(conn, "things")[0]:
        return
    if _one(conn, "has_installation")[0] and conn.execute(SQL["installation"]).fetchone() is None:
        raise BackupError("An earlier restore into this database did not come to its end: give it a new, empty one.")
    raise BackupError("The database is not empty, and nothing is ever overwritten: restore into a new one.")


def _refuse_another_engine(conn: psycopg.Connection, manifest: Manifest) -> None:
    has = _timescale(conn)
    if manifest.timescale is UNSET:
        if has is not None:
            raise BackupError("The backup is of PostgreSQL without TimescaleDB: restore into a database without it.")
        return
    offered = conn.execute(SQL["offered"], {"version": manifest.timescale}).fetchone()
    if (has or manifest.timescale) != manifest.timescale or offered is None:
        raise BackupError(
            f"The backup is of TimescaleDB {manifest.timescale}, and the database has {has or 'another or none'}: "
            "restore into one with that version. It can be updated afterwards."
        )


def _compare(manifest: Manifest, found: Mapping[str, int]) -> None:
    different = [table for table in {**manifest.rows, **found} if manifest.rows.get(table) != found.get(table)]
    if different:
        raise BackupError(
            f"The restore is not whole: {', '.join(sorted(different))} has other rows than the backup counted. "
            "Do not use this database."
        )


def _count(conn: psycopg.Connection) -> dict[str, int]:
    tables = [name for (name,) in conn.execute(SQL["tables"]).fetchall()]
    counted = {}
    for table in tables:
        row = conn.execute(Sql("select count(*) from public.{}").format(Identifier(table))).fetchone()
        assert row is not None
        counted[table] = int(row[0])
    return counted


def _one(conn: psycopg.Connection, name: str, **parameters: object) -> tuple[Any, ...]:
    row: tuple[Any, ...] | None = conn.execute(SQL[name], parameters).fetchone()
    if row is None:
        raise BackupError("The database holds no installation: there is nothing to back up.")
    return row


@contextlib.contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Beside the target, only for its owner; gone when it did not become the target."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.half-made-", dir=target.parent))
    except OSError as error:
        raise BackupError(f"Cannot write in {target.parent}: {error.strerror}.") from error
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def _words() -> Iterator[Path]:
    """Where a program's words go, apart from the backup."""
    with tempfile.TemporaryDirectory(prefix="hjemvakt-") as place:
        yield Path(place) / "said"


def _dumped(path: Path) -> Dumped:
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
    return Dumped(bytes=size, sha256=digest.hexdigest())


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(msgspec.json.encode(msgspec.structs.replace(manifest, digest=""))).hexdigest()
