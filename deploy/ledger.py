"""The books of a smoke run: what virtual devices said against what gateways accepted and the database holds. Pure.

A stored interval stands for the values that it counts: each of them takes one of the said values, and together they
must have its median, its smallest and its largest."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median_low

EARLY_MS = 300  # clocks of two processes on one machine, and rounding
LATE_MS = 3_000  # how long a notification may be on its way before it is stamped
LEFT_OVER = 1_000_000  # more than all the milliseconds between partners of a run
BEFORE_KILL_MS = 1_000  # a live stream may lose the second around a kill


@dataclass(frozen=True, kw_only=True, order=True)
class Entry:
    """`at_ms`: when it was said; for a record of a device with memory, the device's own time of measuring."""

    at_ms: int
    device: str
    what: str
    value: float | None = None
    memory: bool = False


@dataclass(frozen=True, kw_only=True, order=True)
class Stored:
    """A row. `low`, `high`: of an interval of `n` values over `span_ms`; else as `value`."""

    at_ms: int
    device: str
    what: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 1
    span_ms: int = 0


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the values that a row stands for. `at_ms`: where it lies if they came evenly."""

    row: Stored
    at_ms: int


@dataclass(frozen=True, kw_only=True)
class Gap:
    device: str
    from_ms: int
    to_ms: int


@dataclass(kw_only=True)
class Account:
    """One device's line in the table."""

    said: int = 0
    accepted: int = 0
    stored: int = 0
    doubled: int = 0
    untrue: int = 0
    lost: list[Entry] = field(default_factory=list)
    undeclared: list[Entry] = field(default_factory=list)


def same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < 0.06)


def _parts(stored: Sequence[Stored]) -> list[Part]:
    parts = [
        Part(row=row, at_ms=row.at_ms + row.span_ms * i // max(row.n - 1, 1)) for row in stored for i in range(row.n)
    ]
    return sorted(parts, key=lambda part: part.at_ms)


Pair = tuple[Entry | None, Part | None]


def _live(said: Sequence[Entry], stored: Sequence[Stored]) -> list[Pair]:
    """Pair the said with the stored, in order; both are sorted by time. Without a partner: never stored, or doubled.

    Of all pairings the one with the fewest left over, and among those the one with the least time between partners: a
    pulse of 84 that was lost beside nine of 84 that were not is the one that nobody stands close to."""
    parts = _parts(stored)
    costs = _costs(said, parts)
    return list(_cheapest(said, parts, costs))


def _cheapest(said: Sequence[Entry], parts: Sequence[Part], costs: list[list[int]]) -> Iterator[Pair]:
    i, j = 0, 0
    while i < len(said) or j < len(parts):
        here = costs[i][j]
        if i < len(said) and j < len(parts) and here == costs[i + 1][j + 1] + _pairing(said[i], parts[j]):
            yield said[i], parts[j]
            i, j = i + 1, j + 1
        elif i < len(said) and here == costs[i + 1][j] + LEFT_OVER:
            yield said[i], None
            i += 1
        else:
            yield None, parts[j]
            j += 1


def _costs(said: Sequence[Entry], parts: Sequence[Part]) -> list[list[int]]:
    """The least cost of pairing said[i:] with parts[j:], for every i and j."""
    costs = [[0] * (len(parts) + 1) for _ in range(len(said) + 1)]
    for i in range(len(said), -1, -1):
        for j in range(len(parts), -1, -1):
            choices = []
            if i < len(said):
                choices.append(costs[i + 1][j] + LEFT_OVER)
            if j < len(parts):
                choices.append(costs[i][j + 1] + LEFT_OVER)
            if i < len(said) and j < len(parts):
                choices.append(costs[i + 1][j + 1] + _pairing(said[i], parts[j]))
            costs[i][j] = min(choices, default=0)
    return costs


def _pairing(entry: Entry, part: Part) -> int:
    """Milliseconds apart; two that cannot be partners cost more than leaving both over."""
    row = part.row
    in_time = row.at_ms - LATE_MS <= entry.at_ms <= row.at_ms + row.span_ms + EARLY_MS
    return abs(part.at_ms - entry.at_ms) if in_time and _stands_for(row, entry.value) else 3 * LEFT_OVER


def _stands_for(row: Stored, value: float | None) -> bool:
    if value is None or row.value is None or row.low is None or row.high is None:
        return same(value, row.value)
    return row.low - 0.06 < value < row.high + 0.06


def _untrue(pairs: Sequence[Pair], missing: Sequence[Entry]) -> int:
    """Intervals that are not the median and the extremes of the values that they stand for.

    Beside a value that was lost nobody can say which of the neighbours an interval counted."""
    partners: dict[Stored, list[float]] = defaultdict(list)
    for entry, part in pairs:
        if entry is not None and part is not None and part.row.n > 1 and entry.value is not None:
            partners[part.row].append(entry.value)
    return sum(
        not (same(median_low(values), row.value) and same(min(values), row.low) and same(max(values), row.high))
        for row, values in partners.items()
        if len(values) == row.n and not any(_is_beside(row, entry) for entry in missing)
    )


def _is_beside(row: Stored, entry: Entry) -> bool:
    return row.at_ms - LATE_MS <= entry.at_ms <= row.at_ms + row.span_ms + LATE_MS


def _records(said: Sequence[Entry], stored: Sequence[Stored]) -> tuple[list[Entry], int]:
    times = {row.at_ms for row in stored}
    known = {entry.at_ms for entry in said}
    missing = [entry for entry in said if entry.at_ms not in times]
    return missing, len(stored) - len(times & known)


def balance(
    said: Iterable[Entry],
    accepted: dict[str, int],
    stored: Iterable[Stored],
    gaps: Iterable[Gap],
    kills_ms: Sequence[int],
) -> dict[str, Account]:
    """One account per device. A live reading that was never stored is declared if a recorded gap covers it and
    the gap began at most a second before a kill (or was no kill's doing)."""
    accounts: dict[str, Account] = defaultdict(Account)
    streams: dict[tuple[str, str], tuple[list[Entry], list[Stored]]] = defaultdict(lambda: ([], []))
    for entry in sorted(said):
        streams[entry.device, entry.what][0].append(entry)
    for row in sorted(stored, key=lambda row: row.at_ms):
        streams[row.device, row.what][1].append(row)
    covering = list(gaps)
    for (device, _), (spoken, kept) in streams.items():
        account = accounts[device]
        memory = any(entry.memory for entry in spoken)
        if memory:
            missing, doubled = _records(spoken, kept)
        else:
            pairs = _live(spoken, kept)
            missing = [entry for entry, part in pairs if entry is not None and part is None]
            doubled = sum(entry is None for entry, _ in pairs)
            account.untrue += _untrue(pairs, missing)
        account.said += len(spoken)
        account.stored += sum(row.n for row in kept)
        account.doubled += doubled
        account.lost += missing
        account.undeclared += [e for e in missing if memory or not _declared(e, covering, kills_ms)]
    for device, count in accepted.items():
        accounts[device].accepted = count
    return dict(accounts)


def _declared(entry: Entry, gaps: Sequence[Gap], kills_ms: Sequence[int]) -> bool:
    return any(
        gap.device == entry.device
        and gap.from_ms - EARLY_MS <= entry.at_ms <= gap.to_ms + EARLY_MS
        and not any(gap.from_ms < kill - BEFORE_KILL_MS - EARLY_MS < kill < gap.to_ms for kill in kills_ms)
        for gap in gaps
    )
