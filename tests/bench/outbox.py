"""What the outbox costs on disk: readings a second with synchronous=FULL, and bytes written, which wear out a card.

Bytes are those that SQLite hands to the system (wchar of /proc/self/io), so that they do not depend on the file system.
Beside each figure stands the naive way: one commit for each reading."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from devices.vocabulary import Kind, Mode, Observation
from devices.wire.messages import Lane
from edge.outbox import Outbox

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
STREAMS: Final = (Kind.SPO2, Kind.PULSE_RATE, Kind.HEART_RATE)  # of an oximeter and a chest strap
EVERY_S: Final = 15.0
DAY_S: Final = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    readings: int
    seconds: float
    bytes: int
    commits: int

    def per_s(self) -> str:
        return f"{self.readings / self.seconds:,.0f}"

    def per_thousand(self) -> str:
        return f"{self.bytes / self.readings * 1000 / 1024:,.0f} KiB"

    def per_day(self, commits: float) -> str:
        return f"{commits:,.0f} commits, {self.bytes / self.commits * commits / 2**20:,.0f} MiB"


def rows() -> list[tuple[str, ...]]:
    backlog = _cost(20_000, 500, _raw)
    naive = _cost(2_000, 1, _raw)
    window = _cost(1_000 * len(STREAMS), len(STREAMS), _interval)
    windows, seconds = DAY_S / EVERY_S, DAY_S * len(STREAMS)
    return [
        ("outbox, synchronous=FULL", "measured", "one commit for each reading"),
        ("readings/s, 500 in a commit", backlog.per_s(), naive.per_s()),
        ("written per 1,000 readings, 500 in a commit", backlog.per_thousand(), naive.per_thousand()),
        ("written per 1,000 intervals, 3 in a commit", window.per_thousand(), naive.per_thousand()),
        ("a day of three streams, in windows of 15 s", window.per_day(windows), naive.per_day(seconds)),
    ]


def _raw(number: int) -> Observation:
    at = NOW + timedelta(seconds=number)
    return Observation(device="C0:00:00:00:00:01", kind=Kind.SPO2, taken_at=at, value=93.0, mode=Mode.CONTINUOUS)


def _interval(number: int) -> Observation:
    window, stream = divmod(number, len(STREAMS))
    return Observation(
        device="C0:00:00:00:00:01",
        kind=STREAMS[stream],
        taken_at=NOW + window * timedelta(seconds=EVERY_S),
        value=93.0,
        low=90.0,
        high=95.0,
        n=15,
        span_s=14.0,
        mode=Mode.CONTINUOUS,
    )


def _cost(readings: int, together: int, reading: Callable[[int], Observation]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        outbox = Outbox(Path(folder) / "outbox.db")
        before, began_s = _written(), time.perf_counter()
        for start in range(0, readings, together):
            outbox.append([(Lane.BULK, reading(start + i)) for i in range(together)], NOW)
        seconds = time.perf_counter() - began_s
        outbox.close()
        return Cost(readings=readings, seconds=seconds, bytes=_written() - before, commits=readings // together)


def _written() -> int:
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])
