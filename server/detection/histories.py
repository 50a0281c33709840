"""What the slow rules are told: stored readings of streams that are due, and nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from devices.vocabulary import Observation
from server.detection.days import Hours
from server.detection.glucose_rate import Points
from server.detection.rows import Floats, Ints
from server.detection.rule_findings import Looked, RuleFinding
from server.detection.rules import Rule

RulesOf = Mapping[int, tuple[Rule, ...]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Beats:
    """As clinical.irregular_pulse.windows wants them."""

    taken_ms: Ints
    rr_ms: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Pressures:
    """Readings with both pressures, in any order."""

    patient: NDArray[np.int32]
    taken_ms: Ints
    systolic: Floats
    diastolic: Floats


@dataclass(frozen=True, kw_only=True, slots=True)
class Histories:
    """What is stored of streams that are due, and nothing else: `hours` of those in days, the last `points` of the
    glucose `sensors` (a row each), `beats`, the week of `pressures`, and the `newest` readings of patients whose early
    warning score may have changed. `reported`: patients of whom something new is known.

    `midnights_ms`: of the days that `hours` may lie in, and the end of today, where the patients live."""

    midnights_ms: Ints
    hours: Hours
    since_ms: Mapping[int, int]  # by key: the oldest new reading
    sensors: Ints
    points: Points
    pressures: Pressures
    beats: Mapping[int, Beats] = field(default_factory=dict)
    newest: Mapping[int, Sequence[Observation]] = field(default_factory=dict)
    reported: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """As of one day, or now. What no rule has `looked` at, nobody could say anything of."""

    found: tuple[RuleFinding, ...] = ()
    looked: tuple[Looked, ...] = ()
