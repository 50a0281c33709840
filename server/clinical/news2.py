"""NEWS2: seven parameters, seven partial scores, and a total only when all seven are known and belong together.

A missing parameter is never 0: nobody is assumed to be alert or to breathe air. The risk is for the clinician who
follows the patient at home; the wording of the hospital's response does not apply there and is not here."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import isfinite
from types import MappingProxyType
from typing import Final, Generic, TypeVar

from devices.limits import shown
from devices.vocabulary import Sign
from server.clinical.references import HJEMVAKT_PROPOSAL, NEWS2_CHART_1, NEWS2_CHART_2, Reference

T = TypeVar("T")


class Parameter(StrEnum):
    RESPIRATION = "respiration"
    SPO2 = "spo2"
    OXYGEN = "oxygen"
    SYSTOLIC = "systolic"
    PULSE = "pulse"
    CONSCIOUSNESS = "consciousness"
    TEMPERATURE = "temperature"


class Consciousness(StrEnum):
    """ACVPU."""

    ALERT = "alert"
    CONFUSED = "confused"  # new confusion
    VOICE = "voice"
    PAIN = "pain"
    UNRESPONSIVE = "unresponsive"


class Scale(StrEnum):
    """Of the SpO2 parameter."""

    SCALE_1 = "scale_1"
    SCALE_2 = "scale_2"


class Risk(StrEnum):
    """One red parameter is a level of its own beside low and medium: it asks for another answer than 5-6 points."""

    NONE = "none"
    LOW = "low"
    ONE_RED = "one_red"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, kw_only=True, slots=True)
class Bands:
    """`upper`: the last value of each band but the last, ascending; `points`: one more."""

    upper: tuple[float, ...]
    points: tuple[int, ...]
    decimals: int = 0

    def points_of(self, value: float, sign: Sign = Sign.EXACT) -> int | None:
        """None: the value is beyond what its device can measure, and more than one band lies there."""
        band = bisect_left(self.upper, shown(value, self.decimals))
        if (sign is Sign.BELOW and band > 0) or (sign is Sign.ABOVE and band < len(self.upper)):
            return None
        return self.points[band]


# Royal College of Physicians, NEWS2 (2017), chart 1.
BREATHS_PER_MIN: Final = Bands(upper=(8, 11, 20, 24), points=(3, 1, 0, 2, 3))
SPO2_SCALE_1_PERCENT: Final = Bands(upper=(91, 93, 95), points=(3, 2, 1, 0))
SPO2_SCALE_2_ON_AIR_PERCENT: Final = Bands(upper=(83, 85, 87), points=(3, 2, 1, 0))
SPO2_SCALE_2_ON_OXYGEN_PERCENT: Final = Bands(upper=(83, 85, 87, 92, 94, 96), points=(3, 2, 1, 0, 1, 2, 3))
SYSTOLIC_MMHG: Final = Bands(upper=(90, 100, 110, 219), points=(3, 2, 1, 0, 3))
PULSE_PER_MIN: Final = Bands(upper=(40, 50, 90, 110, 130), points=(3, 1, 0, 1, 2, 3))
TEMPERATURE_CEL: Final = Bands(upper=(35.0, 36.0, 38.0, 39.0), points=(3, 1, 0, 1, 2), decimals=1)
OXYGEN_POINTS: Final = 2  # air: 0
NOT_ALERT_POINTS: Final = 3
RED_POINTS: Final = 3
HIGHEST_TOTAL: Final = 20

# Chart 2: from this total on.
MEDIUM_FROM: Final = 5
HIGH_FROM: Final = 7
REFERENCES: Final[tuple[Reference, ...]] = (NEWS2_CHART_1, NEWS2_CHART_2)

TOGETHER_WITHIN: Final = timedelta(minutes=60)  # the oldest of the seven before the newest [proposal]
TOGETHER_REFERENCE: Final = HJEMVAKT_PROPOSAL


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A number in the unit of its parameter (Cel, mmHg, %, per minute)."""

    value: float
    at: datetime
    sign: Sign = Sign.EXACT

    def __post_init__(self) -> None:
        if not isfinite(self.value):
            raise ValueError(f"{self.value} is not a reading")
        _must_be_aware(self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen(Generic[T]):
    """What somebody saw or a dated fact says, as of `at`."""

    value: T
    at: datetime

    def __post_init__(self) -> None:
        _must_be_aware(self.at)


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale2Choice:
    """A clinician confirmed hypercapnic respiratory failure and prescribed 88-92 %: KOLS by itself is no reason.

    `by` is the staff id of who prescribed it; `until` None: it still applies."""

    by: int
    at: datetime
    until: datetime | None = None

    def __post_init__(self) -> None:
        _must_be_aware(self.at)
        if self.until is not None:
            _must_be_aware(self.until)
            if self.until <= self.at:
                raise ValueError(f"scale 2 ends at {self.until}, which is not after {self.at}")

    def applies(self, at: datetime) -> bool:
        return self.at <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """The newest of each parameter; None: not measured."""

    breaths_per_min: Reading | None = None
    spo2_percent: Reading | None = None
    on_oxygen: Seen[bool] | None = None
    systolic_mmhg: Reading | None = None
    pulse_per_min: Reading | None = None
    consciousness: Seen[Consciousness] | None = None
    temperature_cel: Reading | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """`total` and `risk` None: not computable; `missing` and `too_old` say why, `points` hold what is known.

    `points` has every parameter; None: not known. `red`: those of 3 points that are not too old, also without a total.
    `at`: the newest observation. `scale_2`: by whose prescription scale 2 was used; None: scale 1."""

    at: datetime | None
    points: Mapping[Parameter, int | None]
    total: int | None
    risk: Risk | None
    missing: tuple[Parameter, ...]
    too_old: tuple[Parameter, ...]
    red: tuple[Parameter, ...]
    scale_2: Scale2Choice | None

    @property
    def computable(self) -> bool:
        return self.total is not None

    @property
    def scale(self) -> Scale:
        return Scale.SCALE_1 if self.scale_2 is None else Scale.SCALE_2


def score(observed: Observed, scale_2: Scale2Choice | None = None) -> Score:
    """`scale_2` is used only if it applied when SpO2 was measured."""
    spo2 = observed.spo2_percent
    chosen = scale_2 if scale_2 is not None and spo2 is not None and scale_2.applies(spo2.at) else None
    points = _points(observed, chosen)
    seen_at = _seen_at(observed)
    newest = max(seen_at.values(), default=None)
    missing = tuple(parameter for parameter, given in points.items() if given is None)
    too_old = tuple(each for each, at in seen_at.items() if newest is not None and newest - at > TOGETHER_WITHIN)
    red = tuple(each for each, given in points.items() if given == RED_POINTS and each not in too_old)
    total = None if missing or too_old else sum(given for given in points.values() if given is not None)
    return Score(
        at=newest,
        points=points,
        total=total,
        risk=None if total is None else risk_of(total, any_red=bool(red)),
        missing=missing,
        too_old=too_old,
        red=red,
        scale_2=chosen,
    )


def risk_of(total: int, *, any_red: bool) -> Risk:
    if total >= HIGH_FROM:
        return Risk.HIGH
    if total >= MEDIUM_FROM:
        return Risk.MEDIUM
    if any_red:
        return Risk.ONE_RED
    return Risk.LOW if total else Risk.NONE


def _points(observed: Observed, scale_2: Scale2Choice | None) -> Mapping[Parameter, int | None]:
    return MappingProxyType(
        {
            Parameter.RESPIRATION: _banded(BREATHS_PER_MIN, observed.breaths_per_min),
            Parameter.SPO2: _spo2_points(observed, scale_2),
            Parameter.OXYGEN: _oxygen_points(observed.on_oxygen),
            Parameter.SYSTOLIC: _banded(SYSTOLIC_MMHG, observed.systolic_mmhg),
            Parameter.PULSE: _banded(PULSE_PER_MIN, observed.pulse_per_min),
            Parameter.CONSCIOUSNESS: _consciousness_points(observed.consciousness),
            Parameter.TEMPERATURE: _banded(TEMPERATURE_CEL, observed.temperature_cel),
        }
    )


def _seen_at(observed: Observed) -> dict[Parameter, datetime]:
    given: dict[Parameter, Reading | Seen[bool] | Seen[Consciousness] | None] = {
        Parameter.RESPIRATION: observed.breaths_per_min,
        Parameter.SPO2: observed.spo2_percent,
        Parameter.OXYGEN: observed.on_oxygen,
        Parameter.SYSTOLIC: observed.systolic_mmhg,
        Parameter.PULSE: observed.pulse_per_min,
        Parameter.CONSCIOUSNESS: observed.consciousness,
        Parameter.TEMPERATURE: observed.temperature_cel,
    }
    return {parameter: each.at for parameter, each in given.items() if each is not None}


def _banded(bands: Bands, reading: Reading | None) -> int | None:
    return None if reading is None else bands.points_of(reading.value, reading.sign)


def _spo2_points(observed: Observed, scale_2: Scale2Choice | None) -> int | None:
    reading = observed.spo2_percent
    if scale_2 is None:
        return _banded(SPO2_SCALE_1_PERCENT, reading)
    on_air = _banded(SPO2_SCALE_2_ON_AIR_PERCENT, reading)
    on_oxygen = _banded(SPO2_SCALE_2_ON_OXYGEN_PERCENT, reading)
    if observed.on_oxygen is None:  # up to 92 % it makes no difference
        return on_air if on_air == on_oxygen else None
    return on_oxygen if observed.on_oxygen.value else on_air


def _oxygen_points(on_oxygen: Seen[bool] | None) -> int | None:
    if on_oxygen is None:
        return None
    return OXYGEN_POINTS if on_oxygen.value else 0


def _consciousness_points(seen: Seen[Consciousness] | None) -> int | None:
    if seen is None:
        return None
    return 0 if seen.value is Consciousness.ALERT else NOT_ALERT_POINTS


def _must_be_aware(at: datetime) -> None:
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
