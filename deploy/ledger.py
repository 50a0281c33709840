"""The books of a smoke run: what virtual devices said against what gateways accepted and the database holds. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

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
    lost: list[Entry] = field(default_factory=list)
    undeclared: list[Entry] = field(default_factory=list)


def same(one: float | None, other: float | None) -> bool:
    return one == other or (one is not None and other is not None and abs(one - other) < 0.06)


def _live(said: Sequence[Entry], stored: Sequence[Entry]) -> tuple[list[Entry], int]:
    """Pair the said with the stored, in order; both are sorted by time. Returns (never stored, stored too often).

    Of all pairings the one with the fewest left over, and among those the one with the least time between partners: a
    pulse of 84 that was lost beside nine of 84 that were not is the one that nobody stands close to."""
    costs = _costs(said, stored)
    missing, doubled = [], 0
    i, j = 0, 0
    while i < len(said) or j < len(stored):
        here = costs[i][j]
        if i < len(said) and j < len(stored) and here == costs[i + 1][j + 1] + _pairing(said[i], stored[j]):
            i, j = i + 1, j + 1
        elif i < len(said) and here == costs[i + 1][j] + LEFT_OVER:
            missing.append(said[i])
            i += 1
        else:
            doubled += 1
            j += 1
    return missing, doubled


def _costs(said: Sequence[Entry], stored: Sequence[Entry]) -> list[list[int]]:
    """The least cost of pairing said[i:] with stored[j:], for every i and j."""
    costs = [[0] * (len(stored) + 1) for _ in range(len(said) + 1)]
    for i in range(len(said), -1, -1):
        for j in range(len(stored), -1, -1):
            choices = []
            if i < len(said):
                choices.append(costs[i + 1][j] + LEFT_OVER)
            if j < len(stored):
                choices.append(costs[i][j + 1] + LEFT_OVER)
            if i < len(said) and j < len(stored):
                choices.append(costs[i + 1][j + 1] + _pairing(said[i], stored[j]))
            costs[i][j] = min(choices, default=0)
    return costs


def _pairing(entry: Entry, row: Entry) -> int:
    """Milliseconds apart; two that cannot be partners cost more than leaving both over."""
    late_ms = row.at_ms - entry.at_ms
    return abs(late_ms) if same(entry.value, row.value) and -EARLY_MS <= late_ms <= LATE_MS else 3 * LEFT_OVER


def _records(said: Sequence[Entry], stored: Sequence[Entry]) -> tuple[list[Entry], int]:
    times = {row.at_ms for row in stored}
    known = {entry.at_ms for entry in said}
    missing = [entry for entry in said if entry.at_ms not in times]
    return missing, len(stored) - len(times & known)


def balance(
    said: Iterable[Entry],
    accepted: dict[str, int],
    stored: Iterable[Entry],
    gaps: Iterable[Gap],
    kills_ms: Sequence[int],
) -> dict[str, Account]:
    """One account per device. A live reading that was never stored is declared if a recorded gap covers it and
    the gap began at most a second before a kill (or was no kill's doing)."""
    accounts: dict[str, Account] = defaultdict(Account)
    streams: dict[tuple[str, str], tuple[list[Entry], list[Entry]]] = defaultdict(lambda: ([], []))
    for entry in sorted(said):
        streams[entry.device, entry.what][0].append(entry)
    for row in sorted(stored):
        streams[row.device, row.what][1].append(row)
    covering = list(gaps)
    for (device, _), (spoken, kept) in streams.items():
        account = accounts[device]
        memory = any(entry.memory for entry in spoken)
        missing, doubled = (_records if memory else _live)(spoken, kept)
        account.said += len(spoken)
        account.stored += len(kept)
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
