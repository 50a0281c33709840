"""The sequence numbers that will never come, as ranges: sorted, apart from each other, each with its reason."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

from devices.wire.messages import LostWhy

FAR: Final = 2**53 + 1  # after every sequence number

_first = attrgetter("first")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hole:
    """`first`..`last`, both included."""

    first: int
    last: int
    why: LostWhy


class Holes:
    def __init__(self, holes: Iterable[Hole] = ()) -> None:
        self._holes: list[Hole] = []
        for hole in holes:
            self.add(hole)

    def __iter__(self) -> Iterator[Hole]:
        return iter(self._holes)

    def add(self, hole: Hole) -> None:
        """The part that is a hole already keeps its first reason."""
        at = hole.first
        while at <= hole.last:
            known = self.at(at)
            if known is not None:
                at = known.last + 1
                continue
            last = min(hole.last, self.next_after(at) - 1)
            insort(self._holes, Hole(first=at, last=last, why=hole.why), key=_first)
            at = last + 1

    def remove(self, seq: int) -> None:
        """`seq` is a row again."""
        known = self.at(seq)
        if known is None:
            return
        self._holes.remove(known)
        if known.first < seq:
            self.add(Hole(first=known.first, last=seq - 1, why=known.why))
        if seq < known.last:
            self.add(Hole(first=seq + 1, last=known.last, why=known.why))

    def at(self, seq: int) -> Hole | None:
        index = bisect_right(self._holes, seq, key=_first) - 1
        if index >= 0 and self._holes[index].last >= seq:
            return self._holes[index]
        return None

    def next_after(self, seq: int) -> int:
        """Where the next hole after `seq` begins; FAR if there is none."""
        index = bisect_right(self._holes, seq, key=_first)
        return self._holes[index].first if index < len(self._holes) else FAR

    def drop_before(self, seq: int) -> None:
        self._holes = [hole for hole in self._holes if hole.last >= seq]
