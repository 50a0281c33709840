"""The books of a smoke run: what virtual devices said against what gateways accepted and the database holds. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

EARLY_MS = 300  # clocks of two processes on one machine, and rounding
LATE_MS = 3_000  # how long a notification may be on its way before it is stamped
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
    """Pair the said with the stored, in order; both are sorted by time. Returns (never stored, stored too often)."""
    missing: list[Entry] = []
    waiting = list(said)
    doubled = 0
    for row in stored:
        partner = next((n for n, entry in enumerate(waiting) if _pair(entry, row)), None)
        if partner is None:
            doubled += 1
            continue
        missing += waiting[:partner]
        del waiting[: partner + 1]
    return missing + waiting, doubled


def _pair(entry: Entry, row: Entry) -> bool:
    return same(entry.value, row.value) and -EARLY_MS <= row.at_ms - entry.at_ms <= LATE_MS


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
