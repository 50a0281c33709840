"""What is usual for one person: median and median absolute deviation of daily values, and how far a value is from it.

A computed baseline is a proposal. One that a clinician accepted is data with a date; it never moves by itself, and it
never moves a limit."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from server.detection.rows import Bools, Floats, Ints

Z_OF_MAD: Final = 0.6745  # the upper quartile of the normal distribution: makes a MAD comparable with sigma
SIGMA_OF_MAD: Final = 1.4826


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


def baselines(values: Floats) -> Baselines:
    """`values`: one row per stream, one column per day; NaN: no value that day."""
    days = np.count_nonzero(~np.isnan(values), axis=1)
    center = _medians(values, days)
    mad = _medians(np.abs(values - center[:, None]), days)
    return Baselines(center=center, mad=mad, days=days, last_day=np.zeros(len(values), np.int64))


def with_accepted(computed: Baselines, keys: Ints, accepted: Iterable[AcceptedBaseline]) -> Baselines:
    """`keys` of the streams, ascending. What was accepted last counts, and that of other streams is left out."""
    newest_last = sorted(accepted, key=lambda each: each.accepted_on)
    given = {(each.patient << 16) | each.kind: each for each in newest_last}
    wanted = [key for key in keys[np.isin(keys, list(given))].tolist()]
    places = np.searchsorted(keys, wanted)
    chosen = [given[key] for key in wanted]
    changed = replace(
        computed,
        center=computed.center.copy(),
        mad=computed.mad.copy(),
        days=computed.days.copy(),
        last_day=computed.last_day.copy(),
    )
    changed.center[places] = [each.center for each in chosen]
    changed.mad[places] = [each.mad for each in chosen]
    changed.days[places] = [each.days for each in chosen]
    changed.last_day[places] = [each.last_day.toordinal() for each in chosen]
    return changed


def robust_z(value: Floats, usual: Baselines, mad_floor: Floats) -> Floats:
    """Of Iglewicz and Hoaglin. NaN where there is no value or no baseline."""
    z: Floats = Z_OF_MAD * (value - usual.center) / usual.believed_mad(mad_floor)
    return z


def _medians(values: Floats, counts: Ints) -> Floats:
    """Of what is there in each row; numpy's own nanmedian takes a row at a time."""
    days = values.shape[1]
    if days == 0:
        return np.full(len(values), np.nan)
    ordered = np.sort(values, axis=1).ravel()  # NaN last in each row
    begin = np.arange(0, len(ordered), days)
    lower, upper = np.maximum(counts - 1, 0) // 2, np.minimum(counts // 2, days - 1)
    medians: Floats = (ordered[begin + lower] + ordered[begin + upper]) / 2
    return medians
