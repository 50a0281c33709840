"""How much a kind must change before it matters, and to which side, in its own unit. All of it can be edited."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from devices.vocabulary import Kind
from server.clinical.references import (
    CHANGE_BEFORE_EXACERBATION,
    HJEMVAKT_PROPOSAL,
    MAD_FLOORS,
    Reference,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """`mad_floor`: a median absolute deviation is never taken for smaller; a week of 92, 92, 92 has none at all.

    `smallest`: over the whole window of a trend. `low`, `high`: the sides on which a change is one for the worse."""

    mad_floor: float
    smallest: float
    low: bool
    high: bool
    references: tuple[Reference, ...]
    proposal: bool = True


_PULSE = Change(mad_floor=2, smallest=8, low=False, high=True, references=(MAD_FLOORS, CHANGE_BEFORE_EXACERBATION))

CHANGES: Final[Mapping[Kind, Change]] = MappingProxyType(
    {
        Kind.SPO2: Change(mad_floor=0.5, smallest=2, low=True, high=False, references=(MAD_FLOORS, HJEMVAKT_PROPOSAL)),
        Kind.HEART_RATE: _PULSE,
        Kind.PULSE_RATE: _PULSE,
        Kind.RESPIRATORY_RATE: Change(
            mad_floor=1, smallest=2, low=False, high=True, references=(MAD_FLOORS, CHANGE_BEFORE_EXACERBATION)
        ),
        Kind.BODY_TEMPERATURE: Change(
            mad_floor=0.1, smallest=0.5, low=False, high=True, references=(MAD_FLOORS, HJEMVAKT_PROPOSAL)
        ),
        Kind.WEIGHT: Change(mad_floor=0.2, smallest=2, low=True, high=True, references=(MAD_FLOORS, HJEMVAKT_PROPOSAL)),
        Kind.SYSTOLIC: Change(mad_floor=3, smallest=15, low=True, high=True, references=(HJEMVAKT_PROPOSAL,)),
        Kind.PEAK_FLOW: Change(mad_floor=10, smallest=40, low=True, high=False, references=(HJEMVAKT_PROPOSAL,)),
        Kind.FEV1: Change(mad_floor=0.05, smallest=0.1, low=True, high=False, references=(HJEMVAKT_PROPOSAL,)),
    }
)
