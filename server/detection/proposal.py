"""What is usual of one stream, proposed to a clinician: nothing moves until it is accepted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from server.detection.baseline import baselines
from server.detection.days import USUAL_DAYS, Hours, days_of
from server.detection.rows import Ints

REMEMBERED_DAYS: Final = USUAL_DAYS  # before the first: what tells how much of a day this stream usually has


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """`center`, `mad` None: there is no day. `days`: those that count, in order, each with its value."""

    center: float | None
    mad: float | None
    days: tuple[tuple[date, float], ...]


def proposal(hours: Hours, midnights_ms: Ints, days: Sequence[date]) -> Proposal:
    """Of one stream. `midnights_ms` of REMEMBERED_DAYS, then of `days`, of one day more, and the end of that. A day of
    which too little was measured is left out: a morning of sleep is no day like others."""
    found = days_of(hours, midnights_ms)
    if not len(found.daily):
        return Proposal(center=None, mad=None, days=())
    places = range(REMEMBERED_DAYS, REMEMBERED_DAYS + len(days))
    values = np.array([[found.daily.values[0, place] if found.enough(place)[0] else np.nan for place in places]])
    usual = baselines(values)
    counted = [(day, float(value)) for day, value in zip(days, values[0], strict=True) if not np.isnan(value)]
    if not counted:
        return Proposal(center=None, mad=None, days=())
    return Proposal(center=float(usual.center[0]), mad=float(usual.mad[0]), days=tuple(counted))
