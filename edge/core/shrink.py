"""Which rows of a full outbox go, and in what order. Alarms never do.

1. What the server has, oldest first (`edge.outbox_room.prune`).
2. Of what waits in the bulk lane, two neighbours of a continuous stream become one interval, with the smallest and the
   largest value of both: nothing that was low or high is lost, only when exactly. A block of rows at a time, first
   where age x density is the greatest, so that an old day is coarser than a new one; up to 2 ** MERGES values in one.
3. When no block can be merged further: the continuous streams of the oldest block.
4. When there are no streams left: readings, events and gaps of the oldest block.
What has waited longer than `Room.days` goes as in 4, however much room there is. The server is told of all of it
(LostWhy.THINNED): what is left of a block lies in its last places, and those before are one hole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import Event, EventType, Gap, Item, Kind, Mode, Observation, Sign

BLOCK: Final = 2_000  # rows; one block is thinned in one transaction, and an alarm may wait behind it
RESERVE_BYTES: Final = 64 * 2**20  # of the disk, left to everything else
LEAST_BYTES: Final = 2**20
MERGES: Final = 5
STREAMS_GONE: Final = MERGES + 1
ALL_GONE: Final = MERGES + 2
LONGEST_S: Final = 3600.0  # of an interval: an hour of one stream is still a row
FARTHEST: Final = timedelta(minutes=11)  # between neighbours: two readings of a glucose sensor, one lost between them
CONTACT: Final = frozenset({EventType.SENSOR_ON, EventType.SENSOR_OFF})

Row = tuple[int, Item]


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """How much the outbox may take, and how long a row of the bulk lane may wait in it."""

    bytes: int = 256 * 2**20
    days: int = 90

    def allowed(self, used: int, free: int) -> int:
        """`used` by the outbox, `free` on its disk (and in its file)."""
        return max(LEAST_BYTES, min(self.bytes, used + free - RESERVE_BYTES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """Rows number * BLOCK + 1 .. (number + 1) * BLOCK of the bulk lane. `level`: how often it was thinned."""

    number: int
    accepted_at: datetime
    level: int = 0

    @property
    def first(self) -> int:
        return self.number * BLOCK + 1

    @property
    def last(self) -> int:
        return (self.number + 1) * BLOCK


def too_old(blocks: Iterable[Block], room: Room, now: datetime) -> Block | None:
    """The oldest block, if it has waited too long."""
    oldest = next(iter(blocks), None)
    return oldest if oldest is not None and oldest.accepted_at < now - timedelta(days=room.days) else None


def next_to_thin(blocks: Iterable[Block], now: datetime) -> tuple[Block, int] | None:
    """A block, and the level to bring it to. None: there is nothing to give."""
    left = [block for block in blocks if block.level < ALL_GONE]
    if mergeable := [block for block in left if block.level < MERGES]:
        block = max(mergeable, key=lambda block: (_weight(block, now), -block.number))
        return block, block.level + 1
    for level in (STREAMS_GONE, ALL_GONE):
        block_left = min((block for block in left if block.level < level), key=lambda b: b.number, default=None)
        if block_left is not None:
            return block_left, level
    return None


def _weight(block: Block, now: datetime) -> float:
    days = max((now - block.accepted_at) / timedelta(days=1), 0.0)
    return (1.0 + days) / (1 << block.level)


def places(rows: Sequence[Row], held: Sequence[int], level: int) -> list[Row]:
    """What is left of the rows of a block, in the last of the places that are `held` by rows now.

    No item moves to an earlier place. So if the server has the block up to any place, and we do not know it yet, then
    it also has everything that is now said in those places."""
    if level == ALL_GONE:
        return []
    kept = [row for row in rows if not _is_stream(row[1])] if level == STREAMS_GONE else _merged(rows)
    return [(seq, item) for seq, (_, item) in zip(held[len(held) - len(kept) :], kept, strict=True)]


def _is_stream(item: Item) -> bool:
    return isinstance(item, Observation) and item.mode is Mode.CONTINUOUS


def _merged(rows: Iterable[Row]) -> list[Row]:
    """Pairs of neighbours as one, at the place of the later one."""
    kept: list[Row] = []
    first: dict[tuple[str, int, Kind], tuple[int, Observation]] = {}
    for seq, item in rows:
        if not isinstance(item, Observation) or item.mode is not Mode.CONTINUOUS:
            if isinstance(item, Gap) or (isinstance(item, Event) and item.type in CONTACT):  # not across these
                whose = [key for key in first if key[:2] == (item.device, item.slot)]
                kept += [first.pop(key) for key in whose]
            kept.append((seq, item))
            continue
        key = (item.device, item.slot, item.kind)
        before = first.pop(key, None)
        if before is not None and can_join(before[1], item):
            kept.append((seq, joined(before[1], item)))
            continue
        if before is not None:
            kept.append(before)
        first[key] = (seq, item)
    return sorted([*kept, *first.values()], key=lambda row: row[0])


def can_join(one: Observation, two: Observation) -> bool:
    """Both say a value, in the same way, and `two` comes soon after `one`."""
    if one.value is None or two.value is None or one.sign is not Sign.EXACT or two.sign is not Sign.EXACT:
        return False
    alike = one.quality is two.quality and one.clock is two.clock and one.record is None and two.record is None
    apart = two.taken_at - _end(one)
    return alike and timedelta() <= apart <= FARTHEST and _span_s(one, two) <= LONGEST_S


def joined(one: Observation, two: Observation) -> Observation:
    """The median of all lies between the medians of both: theirs, weighted by how many values each stands for."""
    assert one.value is not None
    assert two.value is not None
    n = one.n + two.n
    lows = [each.value if each.low is None else each.low for each in (one, two)]
    highs = [each.value if each.high is None else each.high for each in (one, two)]
    return replace(
        one,
        value=round((one.value * one.n + two.value * two.n) / n, 3),
        low=min(low for low in lows if low is not None),
        high=max(high for high in highs if high is not None),
        n=n,
        span_s=round(_span_s(one, two), 3),
    )


def _end(one: Observation) -> datetime:
    return one.taken_at + timedelta(seconds=one.span_s)


def _span_s(one: Observation, two: Observation) -> float:
    return (_end(two) - one.taken_at).total_seconds()
