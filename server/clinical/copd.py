"""Worsening of KOLS from the symptoms that a patient reports day by day (Anthonisen)."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from typing import Final

from server.clinical.references import ANTHONISEN_1987, Reference


class Symptom(StrEnum):
    """Compared with the patient's usual days."""

    DYSPNOEA = "dyspnoea"
    SPUTUM_VOLUME = "sputum_volume"
    SPUTUM_PURULENCE = "sputum_purulence"
    COLD = "cold"  # in the upper airways, during the last 5 days
    FEVER = "fever"  # without another cause
    WHEEZE = "wheeze"
    COUGH = "cough"
    FASTER = "faster"  # breathing or pulse, see `is_faster`


class Type(IntEnum):
    """1 is the worst."""

    ONE = 1
    TWO = 2
    THREE = 3


MAJOR: Final = frozenset({Symptom.DYSPNOEA, Symptom.SPUTUM_VOLUME, Symptom.SPUTUM_PURULENCE})
MINOR: Final = frozenset(Symptom) - MAJOR
TYPE_OF_MAJORS: Final = {3: Type.ONE, 2: Type.TWO}
FASTER_PERCENT: Final = 120  # of the usual
DAYS_IN_A_ROW: Final = 2
DAY: Final = timedelta(days=1)
REFERENCES: Final[tuple[Reference, ...]] = (ANTHONISEN_1987,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Exacerbation:
    """`began`: the first of the days in a row. `type` and `symptoms` are those of `as_of`, the newest day reported."""

    began: date
    as_of: date
    type: Type
    symptoms: frozenset[Symptom]


def type_of(symptoms: Set[Symptom]) -> Type | None:
    """Three major ones, two, or one with at least one minor one; None: no exacerbation."""
    majors = len(MAJOR & symptoms)
    if majors == 1 and MINOR & symptoms:
        return Type.THREE
    return TYPE_OF_MAJORS.get(majors)


def exacerbation(reported: Mapping[date, Set[Symptom]]) -> Exacerbation | None:
    """From the days that were reported; an empty set is a day without symptoms. A day that is missing is not known:
    it does not count towards two days in a row, and it ends nothing. Only a reported day without it does."""
    began: date | None = None  # of the row
    certain = False
    last: date | None = None
    for day in sorted(reported):
        if type_of(reported[day]) is None:
            began, certain = None, False
        elif not certain:
            in_a_row = began is not None and last == day - DAY
            began = began if in_a_row else day
            certain = began is not None and day - began >= (DAYS_IN_A_ROW - 1) * DAY
        last = day
    if began is None or last is None or not certain:
        return None
    kind = type_of(reported[last])
    assert kind is not None, "a day without a type ends the row"
    return Exacerbation(began=began, as_of=last, type=kind, symptoms=frozenset(reported[last]))


def is_faster(per_min: float, usual_per_min: float) -> bool:
    """Breathing or pulse, a fifth above an accepted baseline."""
    return 100 * per_min >= FASTER_PERCENT * usual_per_min
