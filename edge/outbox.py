"""The outbox on disk: SQLite in WAL mode, synchronous=FULL. What `append` returned for survives a power cut.

One thread at a time may use it (`edge.outbox_thread` gives it one of its own). Marks are written with the next append:
a mark lost in a crash only means that rows are sent again.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from devices.vocabulary import Item
from devices.wire.columns import from_millis, to_millis
from devices.wire.messages import Lane, LostWhy
from edge import outbox_notes, outbox_room
from edge.core import rows, shrink
from edge.core.delivery_words import Stock
from edge.core.hearing import Remembered
from edge.core.holes import Hole
from edge.core.shift import shifted
from edge.core.shrink import Room
from edge.errors import OutboxError
from edge.outbox_db import IN_MEMORY, connect, new_id, sentences, used_bytes
from edge.outbox_room import KEPT_FOR, Freed

MAYBE_SENT: Final = 4_000  # rows behind the mark: more than a window of the largest batches; they stay as they are
A_FEW_ROWS: Final = 64 * 2**10  # bytes

Jump = tuple[timedelta, datetime]  # by how much, and since when rows carry the error
T = TypeVar("T")


class Outbox:
    def __init__(self, path: Path, room: Room | None = None) -> None:
        """OutboxDamaged: set the file aside and begin a new one (`replace_damaged`). OutboxError: try again later."""
        self.path = path
        self._room = room or Room()
        self._db = connect(path)
        self.id: str
        self.epoch: str | None
        try:
            with sentences(path):
                self.id, self.epoch = self._db.execute("SELECT outbox, epoch FROM identity").fetchone()
                lanes = self._db.execute("SELECT name, mark, newest FROM lane").fetchall()
        except BaseException:
            self._db.close()
            raise
        self._marks = {Lane(name): mark for name, mark, _ in lanes}
        self._began = {Lane(name): newest for name, _, newest in lanes}  # rows after that are of this run
        self._sent = dict.fromkeys(Lane, 0)  # in this run
        self._is_dirty = False
        self._known: dict[tuple[str, str], str] = {}
        self._jumps: Sequence[Jump] = ()
        self.frame = 0  # of `jumps`, so many are in these rows
        self._work_frame = 0

    def close(self) -> None:
        """A disk that cannot be written now keeps nobody from going: what is not written yet is only told again."""
        with contextlib.suppress(OutboxError), sentences(self.path), contextlib.closing(self._db):
            if self._is_dirty or self._known:
                with self._transaction():
                    pass

    def abandon(self) -> None:
        """Close without another write: the file is damaged."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with sentences(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                if self._is_dirty:
                    self._db.executemany(
                        "UPDATE lane SET mark = ? WHERE name = ?", [(m, n) for n, m in self._marks.items()]
                    )
                if self._known:
                    outbox_notes.note_known(self._db, self._known)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self._is_dirty = False
        self._known.clear()

    def append(self, items: Sequence[tuple[Lane, Item]], now: datetime) -> dict[Lane, int]:
        """Accept: when this returns, the items are on the disk. The newest seq of each lane that got some."""
        newest: dict[Lane, int] = {}
        for by, since in self._jumps[self._work_frame : self.frame]:  # they were on their way here meanwhile
            items = [(lane, shifted(item, by, since)) for lane, item in items]
        with self._transaction():
            for lane in Lane:
                mine = [item for where, item in items if where is lane]
                if mine:
                    newest[lane] = self._append(lane, mine, to_millis(now))
            outbox_notes.note_items(self._db, [item for _, item in items])
        return newest

    def _append(self, lane: Lane, items: list[Item], now_ms: int) -> int:
        (newest,) = self._db.execute(
            "UPDATE lane SET newest = newest + ?, accepted_at = ? WHERE name = ? RETURNING newest",
            (len(items), now_ms, lane),
        ).fetchone()
        first = newest - len(items) + 1
        self._db.executemany(
            "INSERT INTO item VALUES (?, ?, ?, ?, ?)",
            [(lane, first + i, now_ms, *rows.encode(item)) for i, item in enumerate(items)],
        )
        return int(newest)

    def read(self, lane: Lane, first: int, last: int) -> tuple[list[tuple[int, Item]], list[int]]:
        """(rows, numbers of rows that are there and are no items)"""
        good: list[tuple[int, Item]] = []
        bad: list[int] = []
        with sentences(self.path):
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

    def take(self, lane: Lane, first: int, last: int) -> tuple[list[tuple[int, Item]], list[int]]:
        """`read` for sending: from now on these rows stay as they are."""
        self._sent[lane] = max(self._sent[lane], last)
        return self.read(lane, first, last)

    def stocks(self) -> dict[Lane, Stock]:
        with sentences(self.path):
            lanes = self._db.execute("SELECT name, newest, oldest FROM lane").fetchall()
            return {
                Lane(name): Stock(mark=self._marks[Lane(name)], oldest=oldest, newest=newest, holes=self._holes(name))
                for name, newest, oldest in lanes
            }

    def _holes(self, lane: str) -> tuple[Hole, ...]:
        found = self._db.execute("SELECT first, last, why FROM hole WHERE lane = ? ORDER BY first", (lane,))
        return tuple(Hole(first=first, last=last, why=LostWhy(why)) for first, last, why in found)

    def try_to_write(self) -> None:
        """OutboxError if the disk still has no room for some rows."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO aside VALUES (?, '', 0, 0, '', zeroblob(?))", (self.id, A_FEW_ROWS)
            )
        with self._transaction():
            self._db.execute("DELETE FROM aside WHERE lane = ''")

    def rows_after(self, after: Mapping[Lane, int], most: int) -> list[tuple[int, Lane, Item]]:
        """The oldest rows after a place in their lane, whether the server has them or not. Alarms first."""
        found: list[tuple[int, Lane, Item]] = []
        for lane in Lane:
            with sentences(self.path):
                following = self._db.execute(
                    "SELECT seq, type, content FROM item WHERE lane = ? AND seq > ? ORDER BY seq LIMIT ?",
                    (lane, after[lane], most - len(found)),
                ).fetchall()
            found += [(seq, lane, rows.decode(letter, content)) for seq, letter, content in following]
        return found

    def set_mark(self, lane: Lane, mark: int) -> None:
        self._is_dirty = self._is_dirty or self._marks[lane] != mark
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
            outbox_room.drop_oldest_aside(self._db)

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
        with sentences(self.path):
            return int(self._db.execute("SELECT count(*) FROM aside").fetchone()[0])

    def make_room(self, now: datetime, *, is_clock_set: bool = True) -> Freed:
        """A piece of what `edge.core.shrink` says. Does nothing while there is room and nothing is too old, which only
        a clock that is set can tell."""
        with self._transaction():
            used, free_inside = used_bytes(self._db)
            is_full = used > self._room.allowed(used, free_inside + self._free_on_disk())
            before = now + KEPT_FOR if is_full else now - KEPT_FOR
            if oldest := outbox_room.prune(self._db, self._marks, before):
                return Freed(oldest=oldest, more=True)
            return self._thin(now, is_full=is_full, is_clock_set=is_clock_set)

    def _thin(self, now: datetime, *, is_full: bool, is_clock_set: bool) -> Freed:
        (newest,) = self._db.execute("SELECT newest FROM lane WHERE name = 'bulk'").fetchone()
        free_from = max(self._marks[Lane.BULK] + MAYBE_SENT, self._sent[Lane.BULK])
        blocks = outbox_room.blocks(self._db, free_from, newest)
        old = shrink.too_old(blocks, self._room, now) if is_clock_set else None
        chosen = (old, shrink.ALL_GONE) if old else None
        if chosen is None and is_full:
            chosen = shrink.next_to_thin(outbox_room.blocks(self._db, free_from, newest), now)
        if chosen is None:
            return Freed()
        self._began[Lane.BULK] = max(self._began[Lane.BULK], chosen[0].last)
        return Freed(thinned=outbox_room.thin(self._db, *chosen), more=True)

    def _free_on_disk(self) -> int:
        if self.path == IN_MEMORY:
            return self._room.bytes + shrink.RESERVE_BYTES
        disk = os.statvfs(self.path.parent)
        return disk.f_bavail * disk.f_frsize

    def in_frame(self, jumps: Sequence[Jump], frame: int, work: Callable[["Outbox"], T]) -> T:
        """`jumps` of our own clock in this run, of which the `work` knows the first `frame`: rows that were accepted
        before such a jump are put right first, and what `work` appends from before one later."""
        while self.frame < frame:
            self.shift(*jumps[self.frame])
            self.frame += 1
        self._jumps, self._work_frame = jumps, frame
        return work(self)

    def shift(self, by: timedelta, since: datetime) -> int:
        """Our clock was wrong: rows of this run that were not sent yet are put right, all of them or none. How many."""
        moved: list[tuple[int, bytes, Lane, int]] = []
        by_ms = by // timedelta(milliseconds=1)
        with self._transaction():
            for lane in Lane:
                after = max(self._began[lane], self._sent[lane])
                found = self._db.execute(
                    "SELECT seq, accepted_at, type, content FROM item WHERE lane = ? AND seq > ?", (lane, after)
                ).fetchall()
                for seq, accepted_at, letter, content in found:
                    with contextlib.suppress(rows.RowError):
                        _, now_said = rows.encode(shifted(rows.decode(letter, content), by, since))
                        moved.append((accepted_at + by_ms, now_said, lane, seq))
                if found:
                    self._db.execute("UPDATE lane SET accepted_at = accepted_at + ? WHERE name = ?", (by_ms, lane))
            self._db.executemany("UPDATE item SET accepted_at = ?, content = ? WHERE lane = ? AND seq = ?", moved)
            self._db.execute(
                "UPDATE stream SET last_taken_at = last_taken_at + ? WHERE last_taken_at >= ?",
                (by_ms, to_millis(since)),
            )
        return len(moved)

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
                self._began[lane] = max(0, self._began[lane] - mark)
            self._db.execute("DELETE FROM thinned")
            self._db.execute("UPDATE identity SET outbox = ?, epoch = NULL", (name,))
            self._marks, self._sent = dict.fromkeys(Lane, 0), dict.fromkeys(Lane, 0)
        self.id, self.epoch = name, None

    def remember_record(self, device: str, record: int) -> None:
        """Every record up to this one was appended."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO memory VALUES (?1, ?2) ON CONFLICT (device) DO UPDATE SET last_record = ?2",
                (device, record),
            )

    def note(self, device: str, what: str, content: str) -> None:
        """For `Remembered.known` of the next run. It is written with the next rows."""
        self._known[device, what] = content

    def last_records(self) -> dict[str, int]:
        with sentences(self.path):
            return dict(self._db.execute("SELECT device, last_record FROM memory").fetchall())

    def remembered(self) -> dict[str, Remembered]:
        """By device."""
        with sentences(self.path):
            return outbox_notes.remembered(self._db)

    def newest_accepted(self) -> datetime | None:
        """When the newest row was accepted: our own clock cannot be earlier."""
        with sentences(self.path):
            (at,) = self._db.execute("SELECT max(accepted_at) FROM lane").fetchone()
        return from_millis(at) if at else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """`waiting_since`: when the oldest waiting row was accepted; no entry where none waits."""

    id: str
    waiting: dict[Lane, int]
    waiting_since: dict[Lane, datetime]
    set_aside: int


def peek(path: Path) -> Depth | None:
    """Look into the outbox of a running agent without disturbing it. None: there is none."""
    if not path.exists():
        return None
    with sentences(path), contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        ((name,),) = db.execute("SELECT outbox FROM identity").fetchall()
        lanes = db.execute(
            "SELECT name, newest - mark, (SELECT accepted_at FROM item WHERE lane = name AND seq > mark"
            " ORDER BY seq LIMIT 1) FROM lane"
        ).fetchall()
        ((aside,),) = db.execute("SELECT count(*) FROM aside").fetchall()
    return Depth(
        id=name,
        waiting={Lane(lane): count for lane, count, _ in lanes},
        waiting_since={Lane(lane): from_millis(at) for lane, _, at in lanes if at is not None},
        set_aside=aside,
    )
