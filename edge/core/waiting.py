"""What was heard and is not on the disk yet: two lanes in bounded memory, and what to say of what it could not keep.

When it is full, the oldest values of continuous streams go first, then what else is bulk, and alarms only when there is
nothing else. What went is declared as a gap of its device as soon as the disk takes rows again."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import Event, Gap, GapReason, Item, Mode, Observation
from devices.wire.messages import Lane
from edge.core.shift import shifted

HELD: Final = 20_000  # items: about 10 MB; thinned streams of twenty devices for two hours, raw ones of six for one

Row = tuple[Lane, Item]


@dataclass(slots=True)
class _Lost:
    first: datetime
    last: datetime


class Waiting:
    def __init__(self, most: int = HELD) -> None:
        self._most = most
        self._lanes: dict[Lane, deque[Item]] = {lane: deque() for lane in Lane}
        self._lost: dict[tuple[str, int], _Lost] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return sum(map(len, self._lanes.values()))

    def put(self, lane: Lane, item: Item) -> None:
        self._lanes[lane].append(item)
        if len(self) > self._most:
            self._drop()

    def take(self, count: int) -> list[Row]:
        """Alarms first, and at most so many of each lane; but what a device's stream said together stays together."""
        return [(lane, item) for lane in Lane for item in self._portion(self._lanes[lane], count)]

    def put_back(self, rows: Sequence[Row]) -> None:
        for lane, item in reversed(rows):
            self._lanes[lane].appendleft(item)
        while len(self) > self._most:
            self._drop()

    def declare(self) -> list[Gap]:
        """The disk takes rows again: what was lost meanwhile."""
        gaps = [
            Gap(device=device, slot=slot, from_at=lost.first, to_at=lost.last, why=GapReason.NOT_WRITTEN)
            for (device, slot), lost in self._lost.items()
        ]
        self._lost.clear()
        self.dropped = 0
        return gaps

    def jumped(self, by: timedelta, since: datetime) -> None:
        for lane, items in self._lanes.items():
            self._lanes[lane] = deque(shifted(item, by, since) for item in items)
        for lost in self._lost.values():
            lost.first, lost.last = lost.first + by, lost.last + by

    def _portion(self, items: deque[Item], count: int) -> Iterable[Item]:
        last: Item | None = None
        while items and (count > 0 or _together(last, items[0])):
            last = items.popleft()
            count -= 1
            yield last

    def _drop(self) -> None:
        bulk = self._lanes[Lane.BULK]
        place = next((i for i, item in enumerate(bulk) if _is_stream(item)), 0)
        lane = bulk if bulk else self._lanes[Lane.ALARM]
        item = lane[place]
        del lane[place]
        self._declare_later(item)

    def _declare_later(self, item: Item) -> None:
        self.dropped += 1
        first, last = _instants(item)
        lost = self._lost.setdefault((item.device, item.slot), _Lost(first=first, last=last))
        lost.first, lost.last = min(lost.first, first), max(lost.last, last)


def _is_stream(item: Item) -> bool:
    return isinstance(item, Observation) and item.mode is Mode.CONTINUOUS


def _together(last: Item | None, item: Item) -> bool:
    """Both may be of one window: see rule 3 of edge.core.thin."""
    return last is not None and _is_stream(item) and item.device == last.device


def _instants(item: Item) -> tuple[datetime, datetime]:
    match item:
        case Observation(taken_at=at, span_s=span_s):
            return at, at + timedelta(seconds=span_s)
        case Event(occurred_at=at):
            return at, at
        case Gap(from_at=begin, to_at=end):
            return begin, end
