"""A damaged outbox file is set aside, never deleted; what can still be read of its waiting rows goes to a new one."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from devices.vocabulary import Item
from devices.wire.messages import Lane
from edge.core import rows
from edge.core.shrink import Room
from edge.errors import OutboxDamaged
from edge.outbox import Outbox

SET_ASIDE_FILES: Final = 3  # older ones make room
TOGETHER: Final = 500
FORWARD: Final = "SELECT seq, type, content FROM item WHERE lane = ? AND seq > ? ORDER BY seq"
BACKWARD: Final = "SELECT seq, type, content FROM item WHERE lane = ? AND seq > ? ORDER BY seq DESC"

log = logging.getLogger(__name__)


def open_outbox(path: Path, now: datetime, room: Room | None = None) -> tuple[Outbox, str | None]:
    """The outbox, and what the technician has to know about it."""
    try:
        return Outbox(path, room), None
    except OutboxDamaged as error:
        return replace(path, now, str(error), room)


def replace(path: Path, now: datetime, why: str, room: Room | None = None) -> tuple[Outbox, str]:
    """Begin a new outbox with a new id, and carry over every waiting row that can be read. OSError: not possible."""
    aside = path.with_name(f"{path.name}.damaged-{now:%Y%m%dT%H%M%S%f}")
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    outbox = Outbox(path, room)
    saved = 0
    for lane in Lane:
        saved += _carry_over(aside, lane, outbox, now)
    _drop_oldest(path)
    trouble = f"{why}: set aside as {aside.name}, {saved} waiting rows saved, new outbox {outbox.id}"
    log.error(trouble)
    return outbox, trouble


def _carry_over(aside: Path, lane: Lane, outbox: Outbox, now: datetime) -> int:
    found: dict[int, Item] = {}
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(aside)) as old:
        mark = _mark(old, lane)
        found |= _readable(old, FORWARD, lane, mark)
        found |= _readable(old, BACKWARD, lane, mark)
    items = [(lane, found[seq]) for seq in sorted(found)]
    for start in range(0, len(items), TOGETHER):
        outbox.append(items[start : start + TOGETHER], now)
    return len(items)


def _mark(old: sqlite3.Connection, lane: Lane) -> int:
    """0 if that is lost as well: sending again what the server has is harmless."""
    try:
        return int(old.execute("SELECT mark FROM lane WHERE name = ?", (lane,)).fetchone()[0])
    except (sqlite3.Error, TypeError):
        return 0


def _readable(old: sqlite3.Connection, statement: str, lane: Lane, mark: int) -> dict[int, Item]:
    """Rows up to the first page that cannot be read, from one end or the other."""
    found: dict[int, Item] = {}
    with contextlib.suppress(sqlite3.Error):
        for seq, letter, content in old.execute(statement, (lane, mark)):
            with contextlib.suppress(rows.RowError, TypeError):
                found[seq] = rows.decode(letter, content)
    return found


def _drop_oldest(path: Path) -> None:
    for old in list(_set_aside(path))[:-SET_ASIDE_FILES]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)


def _set_aside(path: Path) -> Iterator[Path]:
    files = path.parent.glob(f"{path.name}.damaged-*")
    yield from sorted(file for file in files if not file.name.endswith(("-wal", "-shm")))
