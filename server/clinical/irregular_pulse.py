"""An irregular pulse from the times between beats (Zhou 2015). It is a suspicion that only an ECG can confirm.

Each heart rate becomes one of 64 symbols, three in a row a word; the more different words in 127 of them, and the more
evenly they come, the more irregular the pulse. Words are made within unbroken strips of beats only: a beat that is
missing would look like an irregular one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from server.clinical.references import HJEMVAKT_PROPOSAL, ZHOU_2015, Reference

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SYMBOL_PER_MIN: Final = 5
HIGHEST_SYMBOL: Final = 63
SYMBOL_BITS: Final = 6
WORDS: Final = 127
BEATS: Final = WORDS + 2
IRREGULAR_FROM: Final = 0.639
IN_A_ROW: Final = 2  # windows without a common beat [proposal]: one in twenty regular ones is taken for irregular
LATE_MS: Final = 2500  # how much later than its beat a message may come before a beat may be missing [proposal]
REFERENCES: Final[tuple[Reference, ...]] = (ZHOU_2015, HJEMVAKT_PROPOSAL)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

COLOUR: Final[Literal["yellow"]] = "yellow"  # never more: atrial fibrillation is 30 s of ECG that somebody has read
ADVICE_NB: Final = "bekreft med EKG"


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """129 beats of one strip. `entropy`: 0, all words alike, to 1, all different."""

    began: datetime
    ended: datetime
    entropy: float

    @property
    def irregular(self) -> bool:
        return self.entropy >= IRREGULAR_FROM


@dataclass(frozen=True, kw_only=True, slots=True)
class IrregularPulse:
    """The newest windows are irregular, `windows` of them in a row; `began` is the first beat of the first."""

    began: datetime
    at: datetime
    windows: int
    highest_entropy: float
    colour: Literal["yellow"] = COLOUR
    advice_nb: str = ADVICE_NB


def irregular_pulse(windows: Sequence[Window]) -> IrregularPulse | None:
    """None: regular, too few beats to say, or irregular only once so far. `windows` in the order of time."""
    since = len(windows)
    while since and windows[since - 1].irregular:
        since -= 1
    row = windows[since:]
    if len(row) < IN_A_ROW:
        return None
    return IrregularPulse(
        began=row[0].began, at=row[-1].ended, windows=len(row), highest_entropy=max(each.entropy for each in row)
    )


def windows(taken_ms: Ints, rr_ms: Floats) -> list[Window]:
    """From single good beats, ascending in time; NaN stands for everything else (no reading, doubtful, an interval of
    many beats) and breaks the strip. What is left of a strip after its last whole window is not judged."""
    return [
        Window(
            began=_at(taken_ms[first]),
            ended=_at(taken_ms[first + BEATS - 1]),
            entropy=entropy(words(rr_ms[first : first + BEATS])),
        )
        for strip in strips(taken_ms, rr_ms)
        for first in range(strip.start, strip.stop - BEATS + 1, BEATS)
    ]


def strips(taken_ms: Ints, rr_ms: Floats) -> Iterator[slice]:
    """Where no beat is missing: each comes no later than its own interval, and what a message may be late, after the
    one before it."""
    if not len(taken_ms):
        return
    good = ~np.isnan(rr_ms)
    follows = good[1:] & good[:-1] & (np.diff(taken_ms) <= rr_ms[1:] + LATE_MS)
    breaks = np.flatnonzero(~follows) + 1
    for first, end in zip([0, *breaks.tolist()], [*breaks.tolist(), len(taken_ms)], strict=True):
        if good[first]:
            yield slice(first, end)


def words(rr_ms: Floats) -> Ints:
    """Of each three beats in a row."""
    per_min = 60_000 / rr_ms
    symbol = np.minimum(np.floor(per_min / SYMBOL_PER_MIN), HIGHEST_SYMBOL).astype(np.int64)
    found: Ints = symbol[:-2] << 2 * SYMBOL_BITS | symbol[1:-1] << SYMBOL_BITS | symbol[2:]
    return found


def entropy(of_words: Ints) -> float:
    """Shannon's, as a share of the highest possible, and weighed by the share of words that are different."""
    count = len(of_words)
    _, times = np.unique(of_words, return_counts=True)
    share = times / count
    bits = -float(share @ np.log2(share))
    return len(times) / (count * float(np.log2(count))) * bits


def rmssd_ms(taken_ms: Ints, rr_ms: Floats) -> float | None:
    """Root of the mean square of the differences between one interval and the next, within strips."""
    differences = np.concatenate([np.empty(0), *(np.diff(rr_ms[strip]) for strip in strips(taken_ms, rr_ms))])
    return float(np.sqrt(np.mean(differences**2))) if differences.size else None


def _at(ms: np.int64) -> datetime:
    return EPOCH + timedelta(milliseconds=int(ms))
