"""One value a day and stream: what the slow rules look at."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from server.detection.rows import Bools, Floats, Ints, kinds_of, patients_of, stream_keys

HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Daily:
    """Rows are streams, ascending by `key` (rows.stream_keys); columns days, today last; NaN: no value that day.

    `midnights_ms`: when each day begins where the patient lives, and when the last one ends."""

    key: Ints
    values: Floats
    midnights_ms: Ints

    def __len__(self) -> int:
        return len(self.key)

    @property
    def patient(self) -> NDArray[np.int32]:
        return patients_of(self.key)

    @property
    def kind(self) -> NDArray[np.int16]:
        return kinds_of(self.key)

    @property
    def today(self) -> int:
        """As an ordinal. At noon after a midnight in Norway it is the same date in UTC, in summer and in winter."""
        return int(self.midnights_ms[-2] + 12 * HOUR_MS) // (24 * HOUR_MS) + date(1970, 1, 1).toordinal()

    def of(self, which: Ints | Bools | slice) -> Self:
        return type(self)(key=self.key[which], values=self.values[which], midnights_ms=self.midnights_ms)

    def last(self, days: int) -> Floats:
        """The last `days` columns; what is not known of them is empty."""
        here = min(days, self.values.shape[1])
        known = self.values[:, self.values.shape[1] - here :]
        if here == days:
            return known
        return np.concatenate([np.full((len(known), days - here), np.nan), known], axis=1)


def counted(values: Floats) -> Ints:
    """How many there are in each row, without NaN."""
    narrow = np.int8 if values.shape[1] < 128 else np.int64
    there = (~np.isnan(values)).view(np.int8)
    count: Ints = np.einsum("ij->i", there, dtype=narrow).astype(np.int64)  # count_nonzero takes many times as long
    return count


def daily_medians(
    patient: NDArray[np.int32], kind: NDArray[np.int16], taken_ms: Ints, value: Floats, midnights_ms: Ints
) -> Daily:
    """Usable readings in any order. Those outside of the days, and without a value, are left out."""
    day = np.searchsorted(midnights_ms, taken_ms, side="right") - 1
    days = len(midnights_ms) - 1
    inside = np.flatnonzero((day >= 0) & (day < days) & ~np.isnan(value))
    keys, stream = np.unique(stream_keys(patient[inside], kind[inside]), return_inverse=True)
    cell = stream * days + day[inside]
    order = np.lexsort((value[inside], cell))
    cell, ordered = cell[order], value[inside][order]
    cells, first, count = np.unique(cell, return_index=True, return_counts=True)
    values = np.full(len(keys) * days, np.nan)
    values[cells] = (ordered[first + (count - 1) // 2] + ordered[first + count // 2]) / 2
    return Daily(key=keys, values=values.reshape(len(keys), days), midnights_ms=midnights_ms)
