"""The outbox on disk: SQLite in WAL mode, synchronous=FULL. What `append` returned for survives a power cut.

One thread at a time may use it (`edge.outbox_thread` gives it one of its own). Marks are written with the next append:
a mark lost in a crash only means that rows are sent again.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

from devices.vocabulary import Event, EventType, Gap, Item, Mode, Observation
from devices.wire.columns import from_millis, to_millis
from devices.wire.messages import Lane, LostWhy
from edge.core import rows
from edge.core.delivery_words import Stock
from edge.core.hearing import Remembered
from edge.core.holes import Hole
from edge.errors import OutboxDamaged, OutboxError, OutboxFull

KEPT_FOR: Final = timedelta(hours=72)
KEPT_BYTES: Final = 256 * 2**20
PRUNED_AT_ONCE: Final = 5_000  # rows, so that an append never waits long
SCHEMA: Final = "v1.sql"
VERSION: Final = 1

SUBJECT: Final = {
    EventType.DOOR_OPENED: "door",
    EventType.DOOR_CLOSED: "door",
    EventType.SENSOR_ON: "contact",
    EventType.SENSOR_OFF: "contact",
}
_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Outbox:
    def __init__(self, path: Path) -> None:
        """OutboxDamaged: set the file aside and begin a new one (`replace_damaged`). OutboxError: try again later."""
        self.path = path
        with _sentences(path):
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
            try:
                self._prepare()
                self.id, self.epoch = self._db.execute("SELECT outbox, epoch FROM identity").fetchone()
                self._marks = {Lane(n): m for n, m in self._db.execute("SELECT name, mark FROM lane")}
            except BaseException:
                self._db.close()
                raise
        self._dirty = False

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == VERSION:
            return
        if version > VERSION:
            raise OutboxError(f"{self.path} was written by a newer gateway (version {version}): update this one")
        schema = files("edge").joinpath("outbox_schema", SCHEMA).read_text(encoding="utf-8")
        self._db.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {VERSION};")
        self._db.execute("INSERT INTO identity VALUES (1, ?, NULL)", (new_id(),))
        self._db.execute("COMMIT")

    def close(self) -> None:
        with _sentences(self.path), contextlib.closing(self._db):
            if self._dirty:
                with self._transaction():
                    pass

    def abandon(self) -> None:
        """Close without another write: the file is damaged."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with _sentences(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if self._dirty:
                    self._db.executemany(
                        "UPDATE lane SET mark = ? WHERE name = ?", [(m, n) for n, m in self._marks.items()]
                    )
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._dirty = False

    def append(self, items: Sequence[tuple[Lane, Item]], now: datetime) -> dict[Lane, int]:
        """Accept: when this returns, the items are on the disk. The newest seq of each lane that got some."""
        newest: dict[Lane, int] = {}
        with self._transaction():
            for lane in Lane:
                mine = [item for where, item in items if where is lane]
                if mine:
                    newest[lane] = self._append(lane, mine, to_millis(now))
            self._note_streams([item for _, item in items])
        return newest

    def _append(self, lane: Lane, items: list[Item], now_ms: int) -> int:
        (newest,) = self._db.execute(
            "UPDATE lane SET newest = newest + ? WHERE name = ? RETURNING newest", (len(items), lane)
        ).fetchone()
        first = newest - len(items) + 1
        self._db.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
            [(lane, first + i, now_ms, *rows.encode(item)) for i, item in enumerate(items)],
        )
        return int(newest)

    def _note_streams(self, items: list[Item]) -> None:
        taken = [i for i in items if isinstance(i, Observation) and i.mode is Mode.CONTINUOUS]
        self._db.executemany(
            "INSERT INTO stream VALUES (?1, ?2, ?3) ON CONFLICT (device, slot)"
            " DO UPDATE SET last_taken_at = max(last_taken_at, ?3)",
            [(i.device, i.slot, to_millis(i.taken_at)) for i in taken]
            + [(i.device, i.slot, to_millis(i.to_at)) for i in items if isinstance(i, Gap)],
        )
        self._db.executemany(
            "INSERT INTO standing VALUES (?1, ?2, ?3) ON CONFLICT (device, subject) DO UPDATE SET event = ?3",
            [(i.device, SUBJECT[i.type], i.type) for i in items if isinstance(i, Event) and i.type in SUBJECT],
        )

    def read(self, lane: Lane, first: int, last: int) -> tuple[list[tuple[int, Item]], list[int]]:
        """(rows, numbers of rows that are there and are no items)"""
        good: list[tuple[int, Item]] = []
        bad: list[int] = []
        with _sentences(self.path):
            found = self._db.execute(
                "SELECT seq, type, content FROM item WHERE lane = ? AND seq BETWEEN ? AND ? ORDER BY seq",
                (lane, first, last),
            ).fetchall()
        for seq, letter, content in found:
            try:
                good.append((seq, rows.decode(letter, content)))
            except rows.RowError:
                bad.append(seq)
        return good, bad

    def stocks(self) -> dict[Lane, Stock]:
        with _sentences(self.path):
            lanes = self._db.execute("SELECT name, newest, oldest FROM lane").fetchall()
            return {
                Lane(name): Stock(mark=self._marks[Lane(name)], oldest=oldest, newest=newest, holes=self._holes(name))
                for name, newest, oldest in lanes
            }

    def _holes(self, lane: str) -> tuple[Hole, ...]:
        found = self._db.execute("SELECT first, last, why FROM hole WHERE lane = ? ORDER BY first", (lane,))
        return tuple(Hole(first=first, last=last, why=LostWhy(why)) for first, last, why in found)

    def set_mark(self, lane: Lane, mark: int) -> None:
        self._dirty = self._dirty or self._marks[lane] != mark
        self._marks[lane] = mark

    def keep_epoch(self, epoch: str) -> None:
        with self._transaction():
            self._db.execute("UPDATE identity SET epoch = ?", (epoch,))
        self.epoch = epoch

    def set_aside(self, lane: Lane, seqs: Iterable[int], why: LostWhy) -> None:
        """Rows become holes; their content moves to `aside`."""
        with self._transaction():
            for seq in seqs:
                self._db.execute(
                    "INSERT OR IGNORE INTO aside SELECT ?, * FROM item WHERE lane = ? AND seq = ?", (self.id, lane, seq)
                )
                self._db.execute("DELETE FROM item WHERE lane = ? AND seq = ?", (lane, seq))
                self._db.execute("INSERT OR IGNORE INTO hole VALUES (?, ?, ?, ?)", (lane, seq, seq, why))

    def put_back(self, lane: Lane, seq: int) -> None:
        with self._transaction():
            where = (self.id, lane, seq)
            self._db.execute(
                "INSERT OR IGNORE INTO item SELECT lane, seq, accepted_at, type, content FROM aside"
                " WHERE outbox = ? AND lane = ? AND seq = ?",
                where,
            )
            self._db.execute("DELETE FROM aside WHERE outbox = ? AND lane = ? AND seq = ?", where)
            self._db.execute("DELETE FROM hole WHERE lane = ? AND first = ? AND last = first", (lane, seq))

    def count_aside(self) -> int:
        with _sentences(self.path):
            return int(self._db.execute("SELECT count(*) FROM aside").fetchone()[0])

    def prune(self, now: datetime, kept_bytes: int = KEPT_BYTES) -> dict[Lane, int]:
        """Delete some of the kept rows that are too old or too many; the new oldest seq of each lane that lost rows."""
        oldest: dict[Lane, int] = {}
        with self._transaction():
            before_ms = to_millis(now + KEPT_FOR) if self._bytes() > kept_bytes else to_millis(now - KEPT_FOR)
            for lane in Lane:
                end = self._end_of_old(lane, before_ms)
                if end is not None:
                    self._db.execute("DELETE FROM item WHERE lane = ? AND seq < ?", (lane, end))
                    self._db.execute("DELETE FROM hole WHERE lane = ? AND last < ?", (lane, end))
                    self._db.execute("UPDATE lane SET oldest = ? WHERE name = ?", (end, lane))
                    oldest[lane] = end
        return oldest

    def _end_of_old(self, lane: Lane, before_ms: int) -> int | None:
        """The first seq to stay. Rows go from the front only, so that what is missing is always one range."""
        found = self._db.execute(
            "SELECT seq, accepted_at FROM item WHERE lane = ? AND seq <= ? ORDER BY seq LIMIT ?",
            (lane, self._marks[lane], PRUNED_AT_ONCE),
        ).fetchall()
        end = None
        for seq, accepted_at in found:
            if accepted_at >= before_ms:
                break
            end = seq + 1
        return end

    def _bytes(self) -> int:
        (pages,) = self._db.execute("PRAGMA page_count").fetchone()
        (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._db.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)

    def renew(self) -> None:
        """Go on under a new id: what waits is numbered from 1, what was kept belongs to the old name and goes."""
        name = new_id()
        with self._transaction():
            for lane, mark in self._marks.items():
                self._db.execute("DELETE FROM item WHERE lane = ? AND seq <= ?", (lane, mark))
                self._db.execute("DELETE FROM hole WHERE lane = ? AND last <= ?", (lane, mark))
                # By way of negative numbers: no two rows have the same number in between.
                self._db.execute("UPDATE item SET seq = ? - seq WHERE lane = ?", (mark, lane))
                self._db.execute("UPDATE item SET seq = -seq WHERE lane = ?", (lane,))
                self._db.execute(
                    "UPDATE hole SET first = ? - first, last = ? - last WHERE lane = ?", (mark, mark, lane)
                )
                self._db.execute("UPDATE hole SET first = max(1, -first), last = -last WHERE lane = ?", (lane,))
                self._db.execute(
                    "UPDATE lane SET newest = newest - ?1, oldest = max(1, oldest - ?1), mark = 0 WHERE name = ?2",
                    (mark, lane),
                )
            self._db.execute("UPDATE identity SET outbox = ?, epoch = NULL", (name,))
            self._marks = dict.fromkeys(Lane, 0)
        self.id, self.epoch = name, None

    def remember_record(self, device: str, record: int) -> None:
        """Every record up to this one was appended."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO memory VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET last_record = ?2",
                (device, record),
            )

    def last_records(self) -> dict[str, int]:
        with _sentences(self.path):
            return dict(self._db.execute("SELECT device, last_record FROM memory").fetchall())

    def remembered(self) -> dict[str, Remembered]:
        """By device."""
        with _sentences(self.path):
            taken = self._db.execute("SELECT device, slot, last_taken_at FROM stream").fetchall()
            standing = self._db.execute("SELECT device, event FROM standing").fetchall()
        events = {(device, EventType(event)) for device, event in standing}
        return {
            device: Remembered(
                last_taken={slot: from_millis(at) for whose, slot, at in taken if whose == device},
                on_body=_either(events, device, EventType.SENSOR_ON, EventType.SENSOR_OFF),
                opened=_either(events, device, EventType.DOOR_OPENED, EventType.DOOR_CLOSED),
            )
            for device in {device for device, *_ in taken + standing}
        }

    def newest_accepted(self) -> datetime | None:
        """When the newest row was accepted: our own clock cannot be earlier."""
        with _sentences(self.path):
            (at,) = self._db.execute("SELECT max(accepted_at) FROM item").fetchone()
        return None if at is None else from_millis(at)


def _either(events: set[tuple[str, EventType]], device: str, yes: EventType, no: EventType) -> bool | None:
    if (device, yes) in events:
        return True
    return False if (device, no) in events else None


def new_id() -> str:
    return secrets.token_hex(8)


@contextlib.contextmanager
def _sentences(path: Path) -> Iterator[None]:
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    id: str
    waiting: dict[Lane, int]
    set_aside: int


def peek(path: Path) -> Depth | None:
    """Look into the outbox of a running agent without disturbing it. None: there is none."""
    if not path.exists():
        return None
    with _sentences(path), contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        ((name,),) = db.execute("SELECT outbox FROM identity").fetchall()
        waiting = {
            Lane(lane): newest - mark for lane, newest, mark in db.execute("SELECT name, newest, mark FROM lane")
        }
        ((aside,),) = db.execute("SELECT count(*) FROM aside").fetchall()
    return Depth(id=name, waiting=waiting, set_aside=aside)
