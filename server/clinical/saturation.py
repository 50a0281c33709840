"""Which SpO2 limits a patient has, from dated facts: the range a doctor prescribed, oxygen, an accepted baseline.

The order: a prescribed range, else two and four below the accepted baseline, else the pathway's default; a limit that
staff set for this patient replaces them all (clinical.settings). Too much is dangerous too: somebody with a
prescribed range who gets oxygen has upper limits as well. A baseline counts from when a clinician accepted it on; new
readings never move it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from devices.limits import Limit
from server.clinical.references import HJEMVAKT_PROPOSAL, TOO_MUCH_OXYGEN, Reference

# All [proposal], in points of saturation.
YELLOW_BELOW_BASELINE: Final = 2
RED_BELOW_BASELINE: Final = 4
RED_BELOW_RANGE: Final = 2
RED_ABOVE_RANGE: Final = 4  # on oxygen and 88-92 %: yellow from 93 on, red from 97 on
HIGHEST_PERCENT: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """Who said it and from when on; the next fact of its kind replaces it. `until` None: until then."""

    by: int  # staff id
    at: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        for each in (self.at, self.until):
            if each is not None and each.tzinfo is None:
                raise ValueError(f"{each} has no time zone")


@dataclass(frozen=True, kw_only=True, slots=True)
class PrescribedRange(Fact):
    low_percent: float
    high_percent: float

    def __post_init__(self) -> None:
        Fact.__post_init__(self)
        if not 0 < self.low_percent < self.high_percent <= HIGHEST_PERCENT:
            raise ValueError(f"{self.low_percent}-{self.high_percent} % is no range of saturation")


@dataclass(frozen=True, kw_only=True, slots=True)
class Oxygen(Fact):
    """`litres_per_min` None: not known, or `on` is False."""

    on: bool
    litres_per_min: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SaturationBaseline(Fact):
    percent: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SaturationLimit:
    """`limit` None: nothing alerts. `rests_on` None: the pathway's default. `oxygen` None: nobody knows whether the
    patient gets any; then there is no upper limit, and the board should ask."""

    limit: Limit | None
    rests_on: PrescribedRange | SaturationBaseline | None
    oxygen: Oxygen | None
    references: tuple[Reference, ...]


F = TypeVar("F", bound=Fact)


def in_force(facts: Iterable[F], at: datetime) -> F | None:
    """The newest that had begun, unless it is over: what it replaced does not come back. Of two that begin together
    the later one in `facts`."""
    begun = sorted((each for each in facts if each.at <= at), key=lambda each: each.at)
    newest = begun[-1] if begun else None
    if newest is None or (newest.until is not None and newest.until <= at):
        return None
    return newest


def saturation_limit(
    at: datetime,
    *,
    ranges: Iterable[PrescribedRange],
    oxygen: Iterable[Oxygen],
    baselines: Iterable[SaturationBaseline],
    default: Limit | None,
) -> SaturationLimit:
    """As of `at`, the time of the reading: a range of today says nothing about yesterday."""
    prescribed = in_force(ranges, at)
    baseline = in_force(baselines, at)
    oxygen_now = in_force(oxygen, at)
    limit: Limit | None = default
    references: tuple[Reference, ...] = ()
    if prescribed is not None:
        limit, references = _of_range(prescribed, oxygen_now)
    elif baseline is not None:
        limit, references = _of_baseline(baseline), (HJEMVAKT_PROPOSAL,)
    return SaturationLimit(limit=limit, rests_on=prescribed or baseline, oxygen=oxygen_now, references=references)


def _of_range(prescribed: PrescribedRange, oxygen: Oxygen | None) -> tuple[Limit, tuple[Reference, ...]]:
    low, high = prescribed.low_percent, prescribed.high_percent
    if oxygen is None or not oxygen.on:
        return Limit(red_low=low - RED_BELOW_RANGE, yellow_low=low), (HJEMVAKT_PROPOSAL,)
    red_high = high + RED_ABOVE_RANGE
    limit = Limit(
        red_low=low - RED_BELOW_RANGE,
        yellow_low=low,
        yellow_high=high,
        red_high=red_high if red_high < HIGHEST_PERCENT else None,
    )
    return limit, (TOO_MUCH_OXYGEN, HJEMVAKT_PROPOSAL)


def _of_baseline(baseline: SaturationBaseline) -> Limit:
    return Limit(red_low=baseline.percent - RED_BELOW_BASELINE, yellow_low=baseline.percent - YELLOW_BELOW_BASELINE)
