"""A micro-batch as the arithmetic wants it: usable readings by stream and time, with the streams they belong to."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from devices.vocabulary import KINDS, Mode, Quality
from server.clinical.limits import LO_IS_RED_AT_ONCE
from server.detection.levels import Levels, severities, shown_values, usable
from server.detection.panel import NEVER, Panel, Streams
from server.detection.rows import Bools, Floats, Ints, Rows, stream_keys
from server.detection.thresholds import Readings

LO_NUMBERS: Final = np.array([KINDS[kind].number for kind in sorted(LO_IS_RED_AT_ONCE)], np.int16)


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """`row` is the place in Rows, `stream` the place in `streams`; `number` as it is shown."""

    row: Ints
    stream: Ints
    streams: Streams
    taken_ms: Ints
    end_ms: Ints
    number: Floats
    sign: NDArray[np.int8]
    low: Levels
    high: Levels

    def __len__(self) -> int:
        return len(self.row)

    def keep(self, which: Bools) -> Self:
        if which.all():
            return self
        present, stream = np.unique(self.stream[which], return_inverse=True)
        return type(self)(
            row=self.row[which],
            stream=stream,
            streams=self.streams[present],
            taken_ms=self.taken_ms[which],
            end_ms=self.end_ms[which],
            number=self.number[which],
            sign=self.sign[which],
            low=self.low[which],
            high=self.high[which],
        )

    def older(self) -> Bools:
        """Than the newest that their stream had seen."""
        older: Bools = self.taken_ms < self.streams["last_ms"][self.stream]
        return older

    def newest_ms(self) -> Ints:
        """Of each stream."""
        return self.taken_ms[np.searchsorted(self.stream, np.arange(len(self.streams)), side="right") - 1]

    def newest_end_ms(self) -> Ints:
        """Of each stream: how far its intervals reach, those that were known before too."""
        ends = self.streams["end_ms"].copy()
        np.maximum.at(ends, self.stream, self.end_ms)
        reach: Ints = ends
        return reach

    def busy(self) -> Bools:
        """Streams that are or were anything but well inside their limits."""
        busy: Bools = (self.streams["level"] != 0) | (self.streams["pending_since_ms"] != NEVER)
        busy[self.stream[(self.low | self.high) > 0]] = True
        return busy

    def readings(self, rows: Rows) -> Readings:
        low_eased, high_eased = severities(self.number, self.sign, self.streams["eased"][self.stream])
        spot = rows.mode[self.row] == Mode.SPOT
        ended_ms = self._ended_ms()
        silence_ms = np.where(ended_ms == NEVER, 0, self.taken_ms - ended_ms)
        said_lo = (self.sign < 0) & np.isin(rows.kind[self.row], LO_NUMBERS)
        return Readings(
            stream=self.stream,
            taken_ms=self.taken_ms,
            end_ms=self.end_ms,
            ended_ms=ended_ms,
            low=self.low,
            high=self.high,
            low_eased=low_eased,
            high_eased=high_eased,
            good=rows.quality[self.row] == Quality.GOOD,
            spot=spot,
            at_once=spot | said_lo,
            gap=silence_ms > self.streams["longest_gap_ms"][self.stream],
        )

    def _ended_ms(self) -> Ints:
        """How far everything before each reading reaches: an interval may end after one that began later. NEVER: it is
        the first of its stream."""
        first = np.append(True, self.stream[1:] != self.stream[:-1])
        before = np.where(first, self.streams["end_ms"][self.stream], np.roll(self.end_ms, 1))
        known = before != NEVER
        reach = np.where(known, before, 0)
        line = self.stream * (reach.max() + 1)  # stream after stream, so that one running maximum serves them all
        reach = np.maximum.accumulate(line + reach) - line
        return np.where(known, reach, NEVER)


def batch_of(panel: Panel, rows: Rows) -> Batch:
    row = np.flatnonzero(usable(rows.value, rows.quality))
    keys = stream_keys(rows.patient[row], rows.kind[row])
    order = np.lexsort((rows.taken_ms[row], keys))  # stable: equal times stay in order of arrival
    row, keys = row[order], keys[order]
    distinct, stream = np.unique(keys, return_inverse=True)
    streams = panel.look_up(distinct)
    taken_ms = rows.taken_ms[row]
    number = shown_values(rows.value[row], streams["decimals"][stream])
    low, high = severities(number, rows.sign[row], streams["limit"][stream])
    return Batch(
        row=row,
        stream=stream,
        streams=streams,
        taken_ms=taken_ms,
        end_ms=taken_ms + np.rint(rows.span_s[row] * 1000.0).astype(np.int64),
        number=number,
        sign=rows.sign[row],
        low=low,
        high=high,
    )
