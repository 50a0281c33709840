"""Day by day what a glucose sensor saw: the figures of each day, and its curve."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final

import numpy as np

from server.clinical.glucose import Floats, Ints, Metrics, Series, metrics

MINUTE_MS: Final = 60_000
STEP_MIN: Final = 5  # a sensor that speaks more often is drawn in such steps
POINTS_MAX: Final = 25 * 60 // STEP_MIN  # the longest day, in autumn


@dataclass(frozen=True, kw_only=True, slots=True)
class GlucoseDay:
    """`after_ms`: since the day began, in order. `sign`: -1 LO, 1 HI."""

    day: date
    begins: datetime
    metrics: Metrics
    after_ms: Ints
    mmol_per_l: Floats
    sign: Ints


def days(
    readings: Series, first: date, last: date, zone: tzinfo, *, now: datetime, cadence: timedelta | None = None
) -> Iterator[GlucoseDay]:
    """Each from midnight to midnight in `zone`, the one that is not over until `now`; without readings, too."""
    usual = cadence or timedelta(milliseconds=readings.cadence_ms)
    day = first
    while day <= last:
        begins, ends = midnight(day, zone), min(midnight(day + timedelta(days=1), zone), now)
        if begins >= ends:
            return
        yield _day(readings, day, begins, ends, usual)
        day += timedelta(days=1)


def _day(readings: Series, day: date, begins: datetime, ends: datetime, cadence: timedelta) -> GlucoseDay:
    begins_ms = round(begins.timestamp() * 1000)
    mine = readings.between(begins_ms, round(ends.timestamp() * 1000))
    curve = mine if len(mine) <= POINTS_MAX else _stepped(mine, begins_ms)
    return GlucoseDay(
        day=day,
        begins=begins,
        metrics=metrics(mine, from_at=begins, to_at=ends, cadence=cadence),
        after_ms=curve.taken_ms - begins_ms,
        mmol_per_l=curve.mmol_per_l,
        sign=curve.sign.astype(np.int64),
    )


def _stepped(readings: Series, begins_ms: int) -> Series:
    """The reading in each step that is furthest from the day's middle: no low and no high is lost."""
    away = np.abs(readings.mmol_per_l - np.median(readings.mmol_per_l)) + 1000.0 * np.abs(readings.sign)
    step = (readings.taken_ms - begins_ms) // (STEP_MIN * MINUTE_MS)
    order = np.lexsort((-away, step))
    first = np.flatnonzero(np.diff(step[order], prepend=-1))
    chosen = order[first]
    return Series(
        taken_ms=readings.taken_ms[chosen], mmol_per_l=readings.mmol_per_l[chosen], sign=readings.sign[chosen]
    )


def midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)
