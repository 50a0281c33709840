"""SQLite as the outbox uses it: WAL, synchronous=FULL, numbered schemas, and errors in words."""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from edge.errors import OutboxDamaged, OutboxError, OutboxFull

VERSION: Final = 2  # the newest of outbox_schema/v*.sql
# Read at the start: when the disk fails, an outbox in memory is made without it.
SCHEMA: Final = tuple(
    files("edge").joinpath("outbox_schema", f"v{version}.sql").read_text(encoding="utf-8")
    for version in range(1, VERSION + 1)
)
IN_MEMORY: Final = Path(":memory:")
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect(path: Path) -> sqlite3.Connection:
    """Ready for use, a new file or one of any earlier version. Raises what `sentences` raises."""
    with sentences(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
        try:
            _prepare(db, path)
        except BaseException:
            db.close()
            raise
    return db


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    if version > VERSION:
        raise OutboxError(f"{path} was written by a newer gateway (version {version}): update this one")
    steps = "\n".join(SCHEMA[version:])
    try:
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION};")
        db.execute("INSERT OR IGNORE INTO identity VALUES (1, ?, NULL)", (new_id(),))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def new_id() -> str:
    return secrets.token_hex(8)


@contextlib.contextmanager
def sentences(path: Path) -> Iterator[None]:
    """What SQLite reports, as what it means for us."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in _DAMAGE:
            raise OutboxDamaged(f"{path} is damaged ({error})") from error
        if primary == sqlite3.SQLITE_FULL:
            raise OutboxFull(f"no room for {path}: free some space on its disk") from error
        raise OutboxError(f"{path} cannot be used now ({error}): see that its directory can be written") from error


def used_bytes(db: sqlite3.Connection) -> tuple[int, int]:
    """(in rows, free inside the file)"""
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    (free,) = db.execute("PRAGMA freelist_count").fetchone()
    (size,) = db.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size), int(free * size)
