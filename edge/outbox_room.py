"""Making room in the outbox, a bounded piece in each transaction: the rules are those of `edge.core.shrink`.

These run inside a transaction of `edge.outbox`."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from devices.wire.columns import from_millis, to_millis
from devices.wire.messages import Lane, LostWhy
from edge.core import rows, shrink
from edge.core.holes import Hole, Holes
from edge.core.shrink import Block, Row

KEPT_FOR: Final = timedelta(hours=72)
PRUNED_AT_ONCE: Final = 5_000  # rows, so that an append never waits long
SET_ASIDE: Final = 10_000  # rows for the technician; the oldest make room


@dataclass(frozen=True, kw_only=True, slots=True)
class Freed:
    """`oldest`: the new oldest row of each lane that lost kept ones. `thinned`: places of the bulk lane that will never
    come. `more`: ask again soon."""

    oldest: Mapping[Lane, int] = field(default_factory=dict)
    thinned: Hole | None = None
    more: bool = False


def prune(db: sqlite3.Connection, marks: Mapping[Lane, int], before: datetime) -> dict[Lane, int]:
    """Delete some of the rows that the server has and that were accepted earlier than `before`."""
    oldest: dict[Lane, int] = {}
    for lane in Lane:
        end = _end_of_old(db, lane, marks[lane], to_millis(before))
        if end is not None:
            db.execute("DELETE FROM item WHERE lane = ? AND seq < ?", (lane, end))
            db.execute("DELETE FROM hole WHERE lane = ? AND last < ?", (lane, end))
            db.execute("UPDATE lane SET oldest = ? WHERE name = ?", (end, lane))
            oldest[lane] = end
    if Lane.BULK in oldest:
        db.execute("DELETE FROM thinned WHERE block < ?", ((oldest[Lane.BULK] - 1) // shrink.BLOCK,))
    return oldest


def _end_of_old(db: sqlite3.Connection, lane: Lane, mark: int, before_ms: int) -> int | None:
    """The first seq to stay. Rows go from the front only, so that what is missing is always one range."""
    found = db.execute(
        "SELECT seq, accepted_at FROM item WHERE lane = ? AND seq <= ? ORDER BY seq LIMIT ?",
        (lane, mark, PRUNED_AT_ONCE),
    ).fetchall()
    end = None
    for seq, accepted_at in found:
        if accepted_at >= before_ms:
            break
        end = seq + 1
    return end


def drop_oldest_aside(db: sqlite3.Connection) -> None:
    db.execute(
        "DELETE FROM aside WHERE (outbox, lane, seq) IN (SELECT outbox, lane, seq FROM aside"
        " ORDER BY accepted_at DESC LIMIT -1 OFFSET ?)",
        (SET_ASIDE,),
    )


def blocks(db: sqlite3.Connection, after: int, newest: int) -> Iterator[Block]:
    """Whole blocks of the bulk lane that have rows and lie between `after` and `newest`, oldest first."""
    levels = dict(db.execute("SELECT block, level FROM thinned").fetchall())
    for number in range(-(-after // shrink.BLOCK), newest // shrink.BLOCK):
        bounds = (number * shrink.BLOCK + 1, (number + 1) * shrink.BLOCK)
        oldest = db.execute(
            "SELECT accepted_at FROM item WHERE lane = 'bulk' AND seq BETWEEN ? AND ? ORDER BY seq LIMIT 1", bounds
        ).fetchone()
        if oldest is not None:
            yield Block(number=number, accepted_at=from_millis(oldest[0]), level=levels.get(number, 0))


def thin(db: sqlite3.Connection, block: Block, level: int) -> Hole | None:
    """The hole that this made, earlier ones inside it included. None: nothing could be spared."""
    bounds = (block.first, block.last)
    found = db.execute(
        "SELECT seq, accepted_at, type, content FROM item WHERE lane = 'bulk' AND seq BETWEEN ? AND ? ORDER BY seq",
        bounds,
    ).fetchall()
    db.execute(
        "INSERT INTO thinned VALUES (?1, ?2) ON CONFLICT (block) DO UPDATE SET level = ?2", (block.number, level)
    )
    places = shrink.places(_readable(found), [seq for seq, *_ in found], level)
    if len(places) == len(found):
        return None
    hole = Hole(first=block.first, last=places[0][0] - 1 if places else block.last, why=LostWhy.THINNED)
    db.execute("DELETE FROM item WHERE lane = 'bulk' AND seq BETWEEN ? AND ?", bounds)
    accepted_at = {seq: at for seq, at, *_ in found}
    db.executemany(
        "INSERT INTO item VALUES ('bulk', ?, ?, ?, ?)",
        [(seq, accepted_at[seq], *rows.encode(item)) for seq, item in places],
    )
    _add_hole(db, hole)
    return hole


def _add_hole(db: sqlite3.Connection, hole: Hole) -> None:
    """What was a hole before keeps its reason."""
    known = db.execute(
        "SELECT first, last, why FROM hole WHERE lane = 'bulk' AND first BETWEEN ? AND ? ORDER BY first",
        (hole.first, hole.last),
    ).fetchall()
    holes = Holes(Hole(first=first, last=last, why=LostWhy(why)) for first, last, why in known)
    holes.add(hole)
    db.executemany(
        "INSERT OR REPLACE INTO hole VALUES ('bulk', ?, ?, ?)", [(each.first, each.last, each.why) for each in holes]
    )


def _readable(found: Iterable[tuple[int, int, str, bytes]]) -> list[Row]:
    """A row that is no item any more cannot be carried on: it goes with the others."""
    good: list[Row] = []
    for seq, _, letter, content in found:
        try:
            good.append((seq, rows.decode(letter, content)))
        except rows.RowError:
            continue
    return good
