"""How often a standing concern is told, as data, each number a starting value of ours [proposal].

An alert that nobody needs is a defect, and one that is told once too rarely is one, too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from server.alerts.model import Outcome

MINUTES, HOURS, DAYS = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Habit:
    """`again_after`: found again so long after the last time, it rings also for who has it; None: not because of time.

    `back_after`: it must have been over for so long before its return is news. `told_every`: found again sooner, and
    as it was, it is not written down. `rests`: so long after somebody closed it as this, it is not raised anew unless
    it is worse than it was then."""

    again_after: timedelta | None
    back_after: timedelta
    told_every: timedelta
    rests: Mapping[Outcome, timedelta] = field(default_factory=dict)


def _rests(*, acted: timedelta, nothing_done: timedelta, not_real: timedelta) -> Mapping[Outcome, timedelta]:
    return MappingProxyType(
        {
            Outcome.REAL_ACTED: acted,
            Outcome.REAL_NO_ACTION: nothing_done,
            Outcome.WRONG_LIMIT: nothing_done,
            Outcome.MEASURING_ERROR: not_real,  # the wrong reading stands in today's days
            Outcome.TECHNICAL: not_real,
        }
    )


def _by_days(rests: Mapping[Outcome, timedelta]) -> Habit:
    """A rule that looks at one value a day: the same measurement tomorrow morning is a day later, give or take."""
    return Habit(again_after=None, back_after=20 * HOURS, told_every=6 * HOURS, rests=rests)


# What happens: each time is news, and half an hour later news also to who is busy with the one before.
EVENT: Final = Habit(again_after=30 * MINUTES, back_after=timedelta(), told_every=timedelta())

HABITS: Final[Mapping[str, Habit]] = MappingProxyType(
    {
        "change": _by_days(_rests(acted=2 * DAYS, nothing_done=7 * DAYS, not_real=12 * HOURS)),
        "weight_gain": _by_days(_rests(acted=2 * DAYS, nothing_done=3 * DAYS, not_real=12 * HOURS)),
        "weight_loss": _by_days(_rests(acted=14 * DAYS, nothing_done=14 * DAYS, not_real=2 * DAYS)),
        "home_pressure": _by_days(_rests(acted=7 * DAYS, nothing_done=7 * DAYS, not_real=2 * DAYS)),
        "irregular_pulse": _by_days(_rests(acted=7 * DAYS, nothing_done=7 * DAYS, not_real=12 * HOURS)),
        "exacerbation": _by_days(_rests(acted=7 * DAYS, nothing_done=3 * DAYS, not_real=12 * HOURS)),
        "news2": Habit(
            again_after=4 * HOURS,
            back_after=30 * MINUTES,
            told_every=timedelta(),
            rests=_rests(acted=4 * HOURS, nothing_done=12 * HOURS, not_real=HOURS),
        ),
        "low_soon": Habit(  # what was eaten needs its time; under the limit it rings by that
            again_after=None,
            back_after=30 * MINUTES,
            told_every=timedelta(),
            rests=_rests(acted=30 * MINUTES, nothing_done=30 * MINUTES, not_real=30 * MINUTES),
        ),
    }
)
LONGEST_REST: Final = max(rest for habit in HABITS.values() for rest in habit.rests.values())


def habit_of(rule: str) -> Habit:
    return HABITS.get(rule.split(":")[0], EVENT)
