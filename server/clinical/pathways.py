"""Default limits per pathway: starting values that can be edited. `proposal`: waits for a clinical owner to sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from devices.limits import Limit
from devices.vocabulary import Kind
from server.clinical.references import (
    ATTD_TIME_IN_RANGE,
    HJEMVAKT_PROPOSAL,
    HOME_BLOOD_PRESSURE,
    LOW_BLOOD_PRESSURE,
    NEWS2_CHART_1,
    TELBIL,
    Reference,
)


class Pathway(StrEnum):
    """The word is stored in patient.pathway."""

    KOLS = "kols"
    DIABETES = "diabetes"
    HEART_FAILURE = "heart_failure"
    PALLIATIVE = "palliative"
    SAFETY = "safety"


@dataclass(frozen=True, kw_only=True, slots=True)
class DefaultLimit:
    limit: Limit
    references: tuple[Reference, ...]
    proposal: bool = True

    @property
    def basis(self) -> str:
        """One line for a nurse: what the limit rests on."""
        return "; ".join(str(reference) for reference in self.references)


# A limit is the last value inside: "at most 40 is red" is red_low=41, "at least 131" is red_high=130.
# Pulse: red <=40 and >=131 (NEWS2: 3 points); yellow <50 (TELBIL) and >110 (NEWS2: from 111 on 2 points).
PULSE_PER_MIN = DefaultLimit(
    limit=Limit(red_low=41, yellow_low=50, yellow_high=110, red_high=130), references=(NEWS2_CHART_1, TELBIL)
)
PULSE_IN_HEART_FAILURE_PER_MIN = DefaultLimit(
    limit=Limit(red_low=41, yellow_low=50, yellow_high=100, red_high=130), references=(NEWS2_CHART_1, TELBIL)
)
# Without a prescribed range and without an accepted baseline. Many severe patients live at 86-90: set a personal one.
SPO2_PERCENT = DefaultLimit(limit=Limit(red_low=88, yellow_low=90), references=(HJEMVAKT_PROPOSAL,))
# Level 2 and level 1 hypoglycaemia; above 13.9 is the upper consensus band; 20.0 is a proposal.
GLUCOSE_MMOL_PER_L = DefaultLimit(
    limit=Limit(red_low=3.0, yellow_low=3.9, yellow_high=13.9, red_high=20.0),
    references=(ATTD_TIME_IN_RANGE, HJEMVAKT_PROPOSAL),
)
# Fever >=38.0, high >=39.1, hypothermia <=35.0 (3 points).
TEMPERATURE_CEL = DefaultLimit(
    limit=Limit(red_low=35.1, yellow_high=37.9, red_high=39.0), references=(NEWS2_CHART_1, HJEMVAKT_PROPOSAL)
)
SYSTOLIC_MMHG = DefaultLimit(
    limit=Limit(red_low=90, yellow_low=100, red_high=179), references=(HOME_BLOOD_PRESSURE, LOW_BLOOD_PRESSURE)
)
SYSTOLIC_IN_HEART_FAILURE_MMHG = DefaultLimit(
    limit=Limit(red_low=90, yellow_low=100, yellow_high=160, red_high=179),
    references=(TELBIL, HOME_BLOOD_PRESSURE, LOW_BLOOD_PRESSURE),
)
DIASTOLIC_MMHG = DefaultLimit(limit=Limit(red_high=109), references=(HOME_BLOOD_PRESSURE,))
DIASTOLIC_IN_HEART_FAILURE_MMHG = DefaultLimit(
    limit=Limit(yellow_low=60, yellow_high=95, red_high=109), references=(TELBIL, HOME_BLOOD_PRESSURE)
)
BREATHS_PER_MIN = DefaultLimit(limit=Limit(yellow_low=12, yellow_high=24), references=(TELBIL,))

# Every pathway but palliative has these: a meter that says LO must alert whatever the patient is followed up for.
COMMON: Final[Mapping[Kind, DefaultLimit]] = MappingProxyType(
    {
        Kind.HEART_RATE: PULSE_PER_MIN,
        Kind.PULSE_RATE: PULSE_PER_MIN,
        Kind.SPO2: SPO2_PERCENT,
        Kind.GLUCOSE: GLUCOSE_MMOL_PER_L,
        Kind.GLUCOSE_ISF: GLUCOSE_MMOL_PER_L,
        Kind.BODY_TEMPERATURE: TEMPERATURE_CEL,
        Kind.SYSTOLIC: SYSTOLIC_MMHG,
        Kind.DIASTOLIC: DIASTOLIC_MMHG,
        Kind.RESPIRATORY_RATE: BREATHS_PER_MIN,
    }
)
HEART_FAILURE: Final[Mapping[Kind, DefaultLimit]] = MappingProxyType(
    {
        **COMMON,
        Kind.HEART_RATE: PULSE_IN_HEART_FAILURE_PER_MIN,
        Kind.PULSE_RATE: PULSE_IN_HEART_FAILURE_PER_MIN,
        Kind.SYSTOLIC: SYSTOLIC_IN_HEART_FAILURE_MMHG,
        Kind.DIASTOLIC: DIASTOLIC_IN_HEART_FAILURE_MMHG,
    }
)
DEFAULTS: Final[Mapping[Pathway, Mapping[Kind, DefaultLimit]]] = MappingProxyType(
    {
        Pathway.KOLS: COMMON,
        Pathway.DIABETES: COMMON,
        Pathway.HEART_FAILURE: HEART_FAILURE,
        Pathway.PALLIATIVE: MappingProxyType({}),  # comfort decides; only a doctor's own limits apply
        Pathway.SAFETY: COMMON,
    }
)
