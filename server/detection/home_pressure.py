"""Home blood pressure by the protocol of seven days: twice in the morning and twice in the evening, without day 1."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from server.detection.rows import Floats, Ints

DAYS: Final = 7
DROPPED: Final = 1
TWICE: Final = 2
HOUR_MS: Final = 3_600_000
# From and before, in hours since midnight [proposal]: before the morning's medicine, and before going to bed.
SESSIONS: Final = ((4, 12), (17, 24))


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """Patients ascend. Axes of the pressures: patient, day, place in the day (two in the morning, two in the evening);
    NaN: not measured."""

    patient: NDArray[np.int32]
    systolic: Floats
    diastolic: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeMeans:
    """Of what counts. NaN: nothing does. `days` with at least one reading that counts."""

    patient: NDArray[np.int32]
    systolic: Floats
    diastolic: Floats
    readings: Ints
    days: Ints


def week_of(
    patient: NDArray[np.int32], taken_ms: Ints, systolic: Floats, diastolic: Floats, midnights_ms: Ints
) -> Week:
    """Readings with both pressures, in any order. `midnights_ms`: the eight around the seven days, where they live."""
    day = np.searchsorted(midnights_ms, taken_ms, side="right") - 1
    within = np.flatnonzero((day >= 0) & (day < DAYS))
    day = day[within]
    who, person = np.unique(patient[within], return_inverse=True)
    hour = (taken_ms[within] - midnights_ms[day]) / HOUR_MS
    session = np.full(len(within), -1)
    for number, (begin, end) in enumerate(SESSIONS):
        # The day on which clocks go back has a 25th hour: it is evening still.
        session[(hour >= begin) & ((hour < end) | (end == 24))] = number
    sitting = (person * DAYS + day) * len(SESSIONS) + session
    order = np.lexsort((taken_ms[within], sitting))
    order = order[session[order] >= 0]
    turn = _place_in_group(sitting[order])
    order, turn = order[turn < TWICE], turn[turn < TWICE]
    place = sitting[order] * TWICE + turn
    shape = (len(who), DAYS, len(SESSIONS) * TWICE)
    pressures = np.full((2, len(who) * DAYS * len(SESSIONS) * TWICE), np.nan)
    pressures[0, place], pressures[1, place] = systolic[within][order], diastolic[within][order]
    return Week(patient=who, systolic=pressures[0].reshape(shape), diastolic=pressures[1].reshape(shape))


def home_means(week: Week) -> HomeMeans:
    systolic, diastolic = week.systolic[:, DROPPED:], week.diastolic[:, DROPPED:]
    there = ~np.isnan(systolic)
    a_day = np.einsum("ijk->ij", there.view(np.int8))  # sum and count_nonzero take many times as long
    readings = np.einsum("ij->i", a_day).astype(np.int64)
    many = np.where(readings > 0, readings, np.nan)
    return HomeMeans(
        patient=week.patient,
        systolic=np.einsum("ijk->i", np.where(there, systolic, 0.0)) / many,
        diastolic=np.einsum("ijk->i", np.where(there, diastolic, 0.0)) / many,
        readings=readings,
        days=np.einsum("ij->i", (a_day > 0).view(np.int8)).astype(np.int64),
    )


def _place_in_group(groups: Ints) -> Ints:
    """0 for the first of each group, 1 for the next; groups ascend."""
    places: Ints = np.arange(len(groups)) - np.searchsorted(groups, groups, side="left")
    return places
