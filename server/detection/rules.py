"""The slow rules as data: what is a finding, from when on, and who says so. A change of any number is a new version.

Deviation, the two charts and the trend look at the kinds in clinical.change, and at the sides that it names.

`proposal`: a starting value of ours that waits for a clinical owner to sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from server.clinical import copd, irregular_pulse, news2
from server.clinical.pathways import Pathway
from server.clinical.references import (
    CUSUM_CHART,
    EWMA_CHART,
    GLUCOSE_ARROWS,
    HAMED_RAO,
    HJEMVAKT_PROPOSAL,
    HOME_PRESSURE_WEEK,
    KENDALL_1954,
    MAD_FLOORS,
    MANN_KENDALL,
    PREDICTED_LOW,
    ROBUST_Z,
    THEIL_SEN,
    URGENT_LOW_SOON,
    WEIGHT_GAIN,
    Reference,
)

Colour = Literal["yellow", "red"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """`name` is the first half of a finding's rule; a kind, and where both can be a side, follow."""

    name: str
    version: int
    references: tuple[Reference, ...]
    colour: Colour = "yellow"
    proposal: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviationRule(Rule):
    """Today's value is further than `z` from what is usual: the accepted baseline, or else the `days` before today."""

    z: float
    days: int
    least_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class EwmaRule(Rule):
    """The weighted average of the days since an accepted baseline, `days` at most, has left its limits."""

    weight: float
    width: float
    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class CusumRule(Rule):
    """The sum over the days since an accepted baseline, `days` at most, is beyond `height`; both in sigma."""

    slack: float
    height: float
    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrendRule(Rule):
    """Beyond `z` by Mann-Kendall, corrected for what each day takes over from the one before, and over the window more
    than the smallest change that matters."""

    z: float
    days: int
    least_days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightGainRule(Rule):
    more_than_kg: float
    days: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightLossRule(Rule):
    """The middle of the last `week` days is this share, or more, below that of the `week` that ended `days` ago."""

    share: float
    days: int
    week: int


@dataclass(frozen=True, kw_only=True, slots=True)
class LowSoonRule(Rule):
    """Not low yet, but predicted at `in_a_row` points to be below this in so many minutes."""

    below_mmol_per_l: float
    within_min: float
    in_a_row: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FallingRule(Rule):
    """In or under the target range, and falling at least so fast."""

    mmol_per_l_per_min: float
    at_most_mmol_per_l: float
    in_a_row: int


GlucoseRule = LowSoonRule | FallingRule


@dataclass(frozen=True, kw_only=True, slots=True)
class HomePressureRule(Rule):
    """The mean of the protocol's week is at least one of these."""

    systolic_mmhg: float
    diastolic_mmhg: float
    least_days: int
    least_readings: int


@dataclass(frozen=True, kw_only=True, slots=True)
class IrregularPulseRule(Rule):
    """Its numbers stand in clinical.irregular_pulse."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News2Rule(Rule):
    """A total, or a single parameter, that asks for an answer. Its numbers stand in clinical.news2; `colour` is the
    highest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExacerbationRule(Rule):
    """Its numbers stand in clinical.copd."""


DEVIATION: Final = DeviationRule(
    name="deviation", version=1, references=(ROBUST_Z, MAD_FLOORS), z=3.5, days=14, least_days=7
)
EWMA: Final = EwmaRule(
    name="ewma", version=1, references=(EWMA_CHART, HJEMVAKT_PROPOSAL), weight=0.2, width=3.0, days=14
)
CUSUM: Final = CusumRule(
    name="cusum", version=1, references=(CUSUM_CHART, HJEMVAKT_PROPOSAL), slack=0.5, height=5.0, days=14
)
TREND: Final = TrendRule(
    name="trend",
    version=2,
    references=(MANN_KENDALL, HAMED_RAO, KENDALL_1954, THEIL_SEN, HJEMVAKT_PROPOSAL),
    # p < 0.01, two-sided: it is asked every day about every stream, and at 0.05 one steady stream in fifty says yes
    z=2.575829,
    days=14,
    least_days=10,
)
GAIN: Final = WeightGainRule(name="weight_gain", version=1, references=(WEIGHT_GAIN,), more_than_kg=2.0, days=3)
LOSS_IN_A_MONTH: Final = WeightLossRule(
    name="weight_loss_month", version=1, references=(HJEMVAKT_PROPOSAL,), share=0.05, days=30, week=7
)
LOSS_IN_HALF_A_YEAR: Final = WeightLossRule(
    name="weight_loss_half_year", version=1, references=(HJEMVAKT_PROPOSAL,), share=0.10, days=182, week=7
)
LOW_SOON: Final = LowSoonRule(
    name="low_soon",
    version=1,
    references=(PREDICTED_LOW, HJEMVAKT_PROPOSAL),
    below_mmol_per_l=3.9,
    within_min=30,
    in_a_row=2,
)
VERY_LOW_SOON: Final = LowSoonRule(
    name="very_low_soon",
    version=1,
    references=(URGENT_LOW_SOON, HJEMVAKT_PROPOSAL),
    colour="red",
    below_mmol_per_l=3.2,  # "55 mg/dL or less" is 3.05 mmol/L, shown as 3.1
    within_min=20,
    in_a_row=2,
)
FALLING_FAST: Final = FallingRule(
    name="falling_fast",
    version=1,
    references=(GLUCOSE_ARROWS, HJEMVAKT_PROPOSAL),
    mmol_per_l_per_min=0.17,
    at_most_mmol_per_l=10.0,
    in_a_row=2,
)
HOME_PRESSURE: Final = HomePressureRule(
    name="home_pressure",
    version=1,
    references=(HOME_PRESSURE_WEEK,),
    systolic_mmhg=135,
    diastolic_mmhg=85,
    least_days=3,
    least_readings=12,
)
IRREGULAR_PULSE: Final = IrregularPulseRule(
    name="irregular_pulse", version=1, references=irregular_pulse.REFERENCES, colour=irregular_pulse.COLOUR
)
NEWS2: Final = News2Rule(
    name="news2", version=1, references=(*news2.REFERENCES, news2.TOGETHER_REFERENCE), colour="red"
)
EXACERBATION: Final = ExacerbationRule(name="exacerbation", version=1, references=copd.REFERENCES)
GLUCOSE_RULES: Final[tuple[GlucoseRule, ...]] = (VERY_LOW_SOON, LOW_SOON, FALLING_FAST)
RULES: Final[tuple[Rule, ...]] = (
    DEVIATION,
    EWMA,
    CUSUM,
    TREND,
    GAIN,
    LOSS_IN_A_MONTH,
    LOSS_IN_HALF_A_YEAR,
    *GLUCOSE_RULES,
    HOME_PRESSURE,
    IRREGULAR_PULSE,
    NEWS2,
    EXACERBATION,
)

# Which of them a patient's pathway begins with [proposal]. Glucose, a loss of weight, and a NEWS2 when somebody who saw
# the patient has said what a sensor cannot, matter in every one of them.
_COMMON: Final = (DEVIATION, TREND, LOSS_IN_A_MONTH, LOSS_IN_HALF_A_YEAR, *GLUCOSE_RULES, NEWS2)
RULES_OF: Final[Mapping[Pathway, tuple[Rule, ...]]] = MappingProxyType(
    {
        Pathway.KOLS: (*_COMMON, EWMA, CUSUM, IRREGULAR_PULSE, EXACERBATION),
        Pathway.DIABETES: (*_COMMON, HOME_PRESSURE),
        Pathway.HEART_FAILURE: (*_COMMON, EWMA, CUSUM, GAIN, HOME_PRESSURE, IRREGULAR_PULSE),
        Pathway.PALLIATIVE: (),  # comfort decides; nothing is looked for unless a doctor asks for it
        Pathway.SAFETY: _COMMON,
    }
)
