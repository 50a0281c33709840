"""What is usual for one person: median and median absolute deviation of daily values, and how far a value is from it.

A computed baseline is a proposal. One that a clinician accepted is data with a date; it never moves by itself, and it
never moves a limit."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from server.detection.daily import counted
from server.detection.rows import Bools, Floats, Ints

Z_OF_MAD: Final = 0.6745  # the upper quartile of the normal distribution: makes a MAD comparable with sigma
SIGMA_OF_MAD: Final = 1.4826

T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Baselines:
    """One per stream. NaN: there was no day to compute it from. `last_day`: the last day that went into an accepted
    one, as an ordinal; 0: it is not accepted."""

    center: Floats
    mad: Floats
    days: Ints
    last_day: Ints

    @property
    def accepted(self) -> Bools:
        accepted: Bools = self.last_day > 0
        return accepted

    def of(self, which: Ints) -> Self:
        return type(self)(
            center=self.center[which], mad=self.mad[which], days=self.days[which], last_day=self.last_day[which]
        )

    def believed_mad(self, floor: Floats) -> Floats:
        believed: Floats = np.maximum(self.mad, floor)
        return believed

    def sigma(self, floor: Floats) -> Floats:
        return SIGMA_OF_MAD * self.believed_mad(floor)


@dataclass(frozen=True, kw_only=True, slots=True)
class AcceptedBaseline:
    """`accepted_by`: the id of the clinician. `days` had a value between `first_day` and `last_day`."""

    patient: int
    kind: int
    center: float
    mad: float
    days: int
    first_day: date
    last_day: date
    accepted_on: date
    accepted_by: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted:
    """Accepted baselines as columns, one per stream, ascending by `key` (rows.stream_keys)."""

    key: Ints
    center: Floats
    mad: Floats
    days: Ints
    last_day: Ints


def baselines(values: Floats) -> Baselines:
    """`values`: one row per stream, one column per day; NaN: no value that day."""
    days = counted(values)
    center = medians(values.copy(), days)
    away = values - center[:, None]
    mad = medians(np.abs(away, out=away), days)
    return Baselines(center=center, mad=mad, days=days, last_day=np.zeros(len(values), np.int64))


def accepted_columns(accepted: Iterable[AcceptedBaseline]) -> Accepted:
    """Of two for one stream the one that was accepted last."""
    newest_last = sorted(accepted, key=lambda each: each.accepted_on)
    by_key = {(each.patient << 16) | each.kind: each for each in newest_last}
    rows = [by_key[key] for key in sorted(by_key)]
    return Accepted(
        key=np.array(sorted(by_key), np.int64),
        center=np.array([each.center for each in rows], np.float64),
        mad=np.array([each.mad for each in rows], np.float64),
        days=np.array([each.days for each in rows], np.int64),
        last_day=np.array([each.last_day.toordinal() for each in rows], np.int64),
    )


def accepted_for(keys: Ints, accepted: Accepted) -> Baselines:
    """For each of these streams, ascending, what was accepted for it; NaN: nothing was."""
    near = slice(*np.searchsorted(accepted.key, [keys[0], keys[-1] + 1])) if len(keys) else slice(0)
    places = np.searchsorted(keys, accepted.key[near])
    here = keys.take(places, mode="clip") == accepted.key[near]

    def of(column: NDArray[T], nothing: float) -> NDArray[T]:
        found = np.full(len(keys), nothing, column.dtype)
        found[places[here]] = column[near][here]
        return found

    return Baselines(
        center=of(accepted.center, np.nan),
        mad=of(accepted.mad, np.nan),
        days=of(accepted.days, 0),
        last_day=of(accepted.last_day, 0),
    )


def usual(agreed: Baselines, values: Floats) -> Baselines:
    """What was accepted, and where nothing was, what the days in `values` say."""
    open_yet = np.flatnonzero(~agreed.accepted)
    if not open_yet.size:
        return agreed
    computed = baselines(values[open_yet])
    center, mad, days = agreed.center.copy(), agreed.mad.copy(), agreed.days.copy()
    center[open_yet], mad[open_yet], days[open_yet] = computed.center, computed.mad, computed.days
    return Baselines(center=center, mad=mad, days=days, last_day=agreed.last_day)


def robust_z(value: Floats, baseline: Baselines, mad_floor: Floats) -> Floats:
    """Of Iglewicz and Hoaglin. NaN where there is no value or no baseline."""
    z: Floats = Z_OF_MAD * (value - baseline.center) / baseline.believed_mad(mad_floor)
    return z


def medians(values: Floats, counts: Ints) -> Floats:
    """Of what is there in each row; `values` are sorted for it. numpy's own nanmedian takes a row at a time."""
    days = values.shape[1]
    if days == 0:
        return np.full(len(values), np.nan)
    values.sort(axis=1)  # NaN last
    ordered = values.ravel()
    begin = np.arange(0, len(ordered), days)
    lower, upper = np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, days - 1)
    middles: Floats = (ordered[begin + lower] + ordered[begin + upper]) / 2
    return middles
