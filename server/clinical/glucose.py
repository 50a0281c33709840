"""What a continuous glucose sensor saw in a period, in the consensus metrics.

A value is rounded to 0.1 mmol/L before it is compared, as the screen shows it: 70 mg/dL is 3.885, shown 3.9, in range.
Every reading stands for the time to the next one, but no longer than the sensor's cadence: what nobody measured is in
no band. With a steady cadence these are the percentages of readings of the consensus."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from math import sqrt
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.limits import shown
from devices.units import GLUCOSE_MG_PER_DL_PER_MMOL_PER_L
from server.clinical.references import (
    ATTD_CGM_2017,
    ATTD_TIME_IN_RANGE,
    GMI_2018,
    GMI_MMOL_PER_MOL,
    GRI_2022,
    Reference,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

TENTHS_PER_MMOL: Final = 10
NEAR_HALF: Final = 1e-6  # closer to a half than this, binary arithmetic may be wrong about the side


class Band(IntEnum):
    VERY_LOW = 0
    LOW = 1
    IN_RANGE = 2
    HIGH = 3
    VERY_HIGH = 4


# Last value of each band but the last: <3.0, 3.0-3.8, 3.9-10.0, 10.1-13.9, >13.9 mmol/L.
BAND_LAST_TENTHS: Final = (29, 38, 100, 139)
GMI_PERCENT: Final = (3.31, 0.02392)  # + per mg/dL
GMI_MMOL_PER_MOL_OF_MMOL_PER_L: Final = (12.71, 4.70587)
GRI_WEIGHTS: Final[Mapping[Band, float]] = MappingProxyType(
    {Band.VERY_LOW: 3.0, Band.LOW: 2.4, Band.HIGH: 0.8, Band.VERY_HIGH: 1.6}
)
HIGHEST_GRI: Final = 100.0
STABLE_CV_PERCENT: Final = 36.0  # the last that is stable
SUFFICIENT_PERCENT: Final = 70.0
SUFFICIENT_DAYS: Final = 14
REFERENCES: Final[tuple[Reference, ...]] = (
    ATTD_TIME_IN_RANGE,
    ATTD_CGM_2017,
    GMI_2018,
    GMI_MMOL_PER_MOL,
    GRI_2022,
)

USUAL_CADENCE_MS: Final = 5 * 60_000
SHORTEST_CADENCE_MS: Final = 60_000  # what arrives in one burst without a time of its own is no cadence
LONGEST_CADENCE_MS: Final = 15 * 60_000  # sensors read by tapping store every 15 minutes
DAY_MS: Final = 24 * 3_600_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """One patient's sensor readings, ascending in time; made by `series`. `sign` -1: LO, 1: HI; the value is then the
    end of the sensor's range."""

    taken_ms: Ints
    mmol_per_l: Floats
    sign: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.taken_ms)

    def between(self, from_ms: int, to_ms: int) -> "Series":
        """`to_ms` not included."""
        part = slice(*np.searchsorted(self.taken_ms, (from_ms, to_ms)))
        return Series(taken_ms=self.taken_ms[part], mmol_per_l=self.mmol_per_l[part], sign=self.sign[part])

    @property
    def cadence_ms(self) -> int:
        """What is usual between two readings."""
        if len(self) < 2:
            return USUAL_CADENCE_MS
        usual_ms = int(np.median(np.diff(self.taken_ms)))
        return min(max(usual_ms, SHORTEST_CADENCE_MS), LONGEST_CADENCE_MS)


def series(taken_ms: Ints, mmol_per_l: Floats, sign: NDArray[np.int8] | None = None) -> Series:
    """In any order; NaN (no reading) is left out, of two readings at one instant the later in the row stays."""
    signs = np.zeros(len(taken_ms), np.int8) if sign is None else sign
    order = np.argsort(taken_ms, kind="stable")
    order = order[~np.isnan(mmol_per_l[order])]
    last_of_instant = np.append(np.diff(taken_ms[order]) > 0, True)[: len(order)]
    order = order[last_of_instant]
    return Series(taken_ms=taken_ms[order], mmol_per_l=mmol_per_l[order], sign=signs[order])


def tenths(mmol_per_l: Floats, sign: NDArray[np.int8]) -> Ints:
    """As the screen shows them, half up in decimal, in tenths; LO and HI are one beyond the end of the range."""
    scaled = mmol_per_l * TENTHS_PER_MMOL
    rounded = np.floor(scaled + 0.5)
    doubtful = np.flatnonzero(np.abs(scaled - np.floor(scaled) - 0.5) < NEAR_HALF)
    if doubtful.size:
        distinct, where = np.unique(mmol_per_l[doubtful], return_inverse=True)
        rounded[doubtful] = np.array([round(shown(float(each), 1) * TENTHS_PER_MMOL) for each in distinct])[where]
    beyond: Ints = rounded.astype(np.int64) + sign
    return beyond


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """`percent` of the time that was measured; None: nothing was. `worn_percent` is of the whole period.

    `censored`: how many readings were LO or HI; they count in their band, and in the mean as the end of the range.
    `sufficient`: at least 14 days, of which at least 70 % measured; without it the figures are shown as uncertain."""

    readings: int
    censored: int
    days: float
    worn_percent: float
    sufficient: bool
    percent: Mapping[Band, float] | None = None
    mean_mmol_per_l: float | None = None
    gmi_percent: float | None = None
    gmi_mmol_per_mol: float | None = None
    cv_percent: float | None = None
    gri: float | None = None

    @property
    def stable(self) -> bool | None:
        """Of the coefficient of variation as it is shown."""
        return None if self.cv_percent is None else shown(self.cv_percent, 1) <= STABLE_CV_PERCENT


def metrics(readings: Series, *, from_at: datetime, to_at: datetime, cadence: timedelta | None = None) -> Metrics:
    """Of the readings from `from_at` on and before `to_at`. `cadence` None: the usual distance of these readings."""
    from_ms, to_ms = _ms(from_at), _ms(to_at)
    if to_ms <= from_ms:
        raise ValueError(f"the period ends at {to_at}, which is not after {from_at}")
    inside = readings.between(from_ms, to_ms)
    cadence_ms = inside.cadence_ms if cadence is None else round(cadence / timedelta(milliseconds=1))
    stands_ms = np.minimum(np.diff(inside.taken_ms, append=to_ms), cadence_ms)
    measured_ms = int(stands_ms.sum())
    days = (to_ms - from_ms) / DAY_MS
    worn_percent = 100 * measured_ms / (to_ms - from_ms)
    known = Metrics(
        readings=len(inside),
        censored=int(np.count_nonzero(inside.sign)),
        days=days,
        worn_percent=worn_percent,
        sufficient=days >= SUFFICIENT_DAYS and worn_percent >= SUFFICIENT_PERCENT,
    )
    return _with_figures(known, inside, stands_ms) if measured_ms else known


def gmi_percent(mean_mmol_per_l: float) -> float:
    at_zero, per_mg_per_dl = GMI_PERCENT
    return at_zero + per_mg_per_dl * mean_mmol_per_l * float(GLUCOSE_MG_PER_DL_PER_MMOL_PER_L)


def gmi_mmol_per_mol(mean_mmol_per_l: float) -> float:
    at_zero, per_mmol_per_l = GMI_MMOL_PER_MOL_OF_MMOL_PER_L
    return at_zero + per_mmol_per_l * mean_mmol_per_l


def gri(percent: Mapping[Band, float]) -> float:
    """Glycaemia risk index: 0 best, 100 worst."""
    return min(HIGHEST_GRI, sum(weight * percent[band] for band, weight in GRI_WEIGHTS.items()))


def _with_figures(known: Metrics, inside: Series, stands_ms: Ints) -> Metrics:
    percent = _time_in_bands(inside, stands_ms)
    mean = float(np.average(inside.mmol_per_l, weights=stands_ms))
    return Metrics(
        readings=known.readings,
        censored=known.censored,
        days=known.days,
        worn_percent=known.worn_percent,
        sufficient=known.sufficient,
        percent=percent,
        mean_mmol_per_l=mean,
        gmi_percent=gmi_percent(mean),
        gmi_mmol_per_mol=gmi_mmol_per_mol(mean),
        cv_percent=_cv_percent(inside.mmol_per_l, stands_ms, mean),
        gri=gri(percent),
    )


def _time_in_bands(inside: Series, stands_ms: Ints) -> Mapping[Band, float]:
    band = np.searchsorted(BAND_LAST_TENTHS, tenths(inside.mmol_per_l, inside.sign))
    in_band_ms = np.bincount(band, weights=stands_ms, minlength=len(Band))
    shares = 100 * in_band_ms / in_band_ms.sum()
    return MappingProxyType({each: float(shares[each]) for each in Band})


def _cv_percent(mmol_per_l: Floats, stands_ms: Ints, mean: float) -> float | None:
    """With the standard deviation of a sample (n - 1)."""
    count = len(mmol_per_l)
    if count < 2:
        return None
    variance = float(np.average((mmol_per_l - mean) ** 2, weights=stands_ms)) * count / (count - 1)
    return 100 * sqrt(variance) / mean


def _ms(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return round(at.timestamp() * 1000)
