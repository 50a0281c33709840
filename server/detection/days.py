"""From hours to the one value a day that the slow rules look at, and whether there is enough of a day to judge it.

The value of a day is the median of its readings; of a continuous stream that of its hours' means, so that an hour of
sleep counts as much as an hour of restless measuring."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from server.detection.baseline import medians
from server.detection.daily import Daily, daily_medians
from server.detection.panel import NEVER
from server.detection.rows import Bools, Floats, Ints, kinds_of, patients_of

# Saturation falls and the pulse is slow in sleep: a morning that holds the night alone is not yet a day like others.
# So much of the hours that a stream usually has must be there, while the day runs and when it is over [proposal].
RUNNING_SHARE: Final = 0.75
CLOSED_SHARE: Final = 0.25
USUAL_DAYS: Final = 14
USUAL_HOURS: Final = 24  # of a stream that has no earlier days
MEAN_DECIMALS: Final = 6  # a sum of the same readings in another order differs behind that


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """A row per hour of a stream with at least one value, or per single reading, in any order. `until_ms`: the end of
    its newest reading."""

    key: Ints
    hour_ms: Ints
    mean: Floats
    until_ms: Ints
    continuous: Bools

    def __len__(self) -> int:
        return len(self.key)


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """Rows are those of `daily`, columns its days. `hours`: how many of a day have a value; `until_ms` NEVER: none."""

    daily: Daily
    hours: Ints
    until_ms: Ints
    continuous: Bools

    @property
    def today(self) -> int:
        return len(self.daily.midnights_ms) - 2

    def as_of(self, day: int, which: Bools) -> tuple[Daily, Ints]:
        """These streams with `day` as their today, without its value where there is too little of it to judge; and the
        newest reading of each until then."""
        values = self.daily.values[which, : day + 1].copy()
        values[~self.enough(day)[which], -1] = np.nan
        midnights_ms = self.daily.midnights_ms[: day + 2]
        until_ms: Ints = self.until_ms[which, : day + 1].max(axis=1, initial=NEVER)
        return Daily(key=self.daily.key[which], values=values, midnights_ms=midnights_ms), until_ms

    def enough(self, day: int) -> Bools:
        """There is a value, and of a continuous stream so many hours of it that they stand for a day."""
        share = RUNNING_SHARE if day == self.today else CLOSED_SHARE
        before = self.hours[:, max(day - USUAL_DAYS, 0) : day].astype(np.float64)
        before[before == 0] = np.nan
        known = np.count_nonzero(~np.isnan(before), axis=1)
        usual = np.where(known > 0, medians(before, known), USUAL_HOURS)
        enough: Bools = (self.hours[:, day] > 0) & (~self.continuous[:, day] | (self.hours[:, day] >= share * usual))
        return enough

    def unripe(self) -> Ints:
        """Streams of which today is not yet enough: they are judged when it is, or when it is over."""
        unripe: Ints = self.daily.key[(self.hours[:, self.today] > 0) & ~self.enough(self.today)]
        return unripe


def days_of(hours: Hours, midnights_ms: Ints) -> Days:
    """`midnights_ms`: as of Daily."""
    patient, kind = patients_of(hours.key), kinds_of(hours.key)
    daily = daily_medians(patient, kind, hours.hour_ms, np.round(hours.mean, MEAN_DECIMALS), midnights_ms)
    many = len(midnights_ms) - 1
    day = np.searchsorted(midnights_ms, hours.hour_ms, side="right") - 1
    inside = np.flatnonzero((day >= 0) & (day < many))
    cell = np.searchsorted(daily.key, hours.key[inside]) * many + day[inside]
    shape = (len(daily), many)
    until_ms = np.full(len(daily) * many, NEVER)
    np.maximum.at(until_ms, cell, hours.until_ms[inside])
    continuous = np.bincount(cell, hours.continuous[inside], minlength=len(until_ms)) > 0
    return Days(
        daily=daily,
        hours=np.bincount(cell, minlength=len(until_ms)).reshape(shape),
        until_ms=until_ms.reshape(shape),
        continuous=continuous.reshape(shape),
    )
