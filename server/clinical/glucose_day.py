"""The usual day: percentiles of glucose by time of day (ambulatory glucose profile)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

import numpy as np

from server.clinical.glucose import DAY_MS, Floats, Ints, Series
from server.clinical.references import ATTD_CGM_2017, HJEMVAKT_PROPOSAL, Reference

PERCENTILES: Final = (5, 25, 50, 75, 95)
BIN_MIN: Final = 15  # [proposal]
REFERENCES: Final[tuple[Reference, ...]] = (ATTD_CGM_2017, HJEMVAKT_PROPOSAL)
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class DayProfile:
    """One row per time of day: `minute` after local midnight, `count` readings, their percentiles in mmol/L (NaN:
    nobody measured at that time of day; nothing is drawn there)."""

    minute: Ints
    count: Ints
    mmol_per_l: Floats  # rows x PERCENTILES


def day_profile(readings: Series, zone: tzinfo, *, bin_min: int = BIN_MIN) -> DayProfile:
    """By the clock on the patient's wall: over a change to summer time breakfast stays breakfast."""
    if bin_min < 1 or DAY_MS % (bin_min * MINUTE_MS):
        raise ValueError(f"a day has no whole number of {bin_min} minutes")
    bins = DAY_MS // (bin_min * MINUTE_MS)
    local_ms = readings.taken_ms + _offset_ms(readings.taken_ms, zone)
    row = local_ms % DAY_MS // (bin_min * MINUTE_MS)
    order = np.lexsort((readings.mmol_per_l, row))
    count = np.bincount(row, minlength=bins)
    return DayProfile(
        minute=np.arange(bins) * bin_min,
        count=count,
        mmol_per_l=_percentiles(readings.mmol_per_l[order], count),
    )


def _percentiles(ascending_in_rows: Floats, count: Ints) -> Floats:
    """Linear between the two nearest ranks, in all rows at once."""
    found = np.full((len(count), len(PERCENTILES)), np.nan)
    some = np.flatnonzero(count)
    first = (np.cumsum(count) - count)[some, None]
    rank = (count[some, None] - 1) * (np.array(PERCENTILES) / 100)
    below = np.floor(rank).astype(np.int64)
    above = np.minimum(below + 1, count[some, None] - 1)
    lower, upper = ascending_in_rows[first + below], ascending_in_rows[first + above]
    found[some] = lower + (upper - lower) * (rank - below)
    return found


def _offset_ms(taken_ms: Ints, zone: tzinfo) -> Ints:
    """Local time minus UTC; zones change it on a whole hour of UTC (all of Europe at 01:00)."""
    hours, where = np.unique(taken_ms // HOUR_MS, return_inverse=True)
    offsets = [(EPOCH + timedelta(hours=hour)).astimezone(zone).utcoffset() for hour in hours.tolist()]
    in_ms: Ints = np.array([round((each or timedelta()) / timedelta(milliseconds=1)) for each in offsets], np.int64)
    return in_ms[where]
