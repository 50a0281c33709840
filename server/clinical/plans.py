"""When a patient measures what: starting values per pathway that can be edited, and that a clinical owner must sign."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from types import MappingProxyType
from typing import Final

from devices.vocabulary import Kind
from server.clinical.pathways import Pathway
from server.clinical.references import DAILY_OXIMETRY, DAILY_WEIGHT, HJEMVAKT_PROPOSAL, Reference
from server.clinical.settings import nearest, reached

MONDAY: Final = 1
EVERY_DAY: Final = frozenset(range(1, 8))
LONGEST_WAIT: Final = timedelta(days=1)  # before, and after, a planned time
MOST_TIMES: Final = 12  # of one kind in a day
# Who wears a chest strap has measured the pulse. Not the other way round: in atrial fibrillation some beats of the
# heart do not reach the finger, and who plans the heart's own rate wants those too.
_ALSO_MET_BY: Final[Mapping[Kind, frozenset[Kind]]] = MappingProxyType({Kind.PULSE_RATE: frozenset({Kind.HEART_RATE})})


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanItem:
    """`times` in Europe/Oslo; `weekdays`: 1 is Monday. A value is awaited from `before` each time until `after` it; it
    is missed only by somebody who has a device for it."""

    kind: Kind
    weekdays: frozenset[int]
    times: tuple[time, ...]
    before: timedelta
    after: timedelta
    references: tuple[Reference, ...] = ()
    proposal: bool = False


def met_by(kind: Kind) -> frozenset[Kind]:
    """A value of any of these is the planned measurement."""
    return frozenset({kind}) | _ALSO_MET_BY.get(kind, frozenset())


def chosen_plan(pathway: Pathway, own: Mapping[Kind, PlanItem], team: Mapping[Kind, PlanItem]) -> tuple[PlanItem, ...]:
    """The patient's, else the team's, else the shipped one, kind by kind; one without times says: nothing is awaited.
    `own` and `team` without what was removed."""
    shipped = {item.kind: item for item in PLANS[pathway]}
    chosen = (nearest(own.get(kind), reached(pathway, team.get(kind)), shipped.get(kind)) for kind in Kind)
    return tuple(item for item in chosen if item is not None and item.times and item.weekdays)


def why_not(item: PlanItem) -> str:
    """A sentence; "": it can be planned."""
    if not item.weekdays <= EVERY_DAY:
        return "A weekday is a number from 1, Monday, to 7, Sunday."
    if len(item.times) > MOST_TIMES or len(set(item.times)) < len(item.times):
        return f"{item.kind} can be planned for at most {MOST_TIMES} different times of a day."
    if any(each.tzinfo is not None or each.second or each.microsecond for each in item.times):
        return "A planned time is an hour and a minute by the clock on the wall, without a time zone."
    if not all(timedelta(0) <= each <= LONGEST_WAIT for each in (item.before, item.after)):
        return "A value can be awaited from at most a day before its planned time until at most a day after it."
    if item.times and not item.before + item.after:
        return f"{item.kind} would be awaited for no time at all: say how long before and after its planned time."
    if item.times and not item.weekdays:
        return f"{item.kind} has times and no weekday: choose one, or leave out the times to await nothing."
    return ""


def _in_the_morning(kind: Kind, *references: Reference, weekdays: frozenset[int] = EVERY_DAY) -> PlanItem:
    """Between 6 and noon."""
    return PlanItem(
        kind=kind,
        weekdays=weekdays,
        times=(time(8),),
        before=timedelta(hours=2),
        after=timedelta(hours=4),
        references=(*references, HJEMVAKT_PROPOSAL),
        proposal=True,
    )


def _on_mondays(kind: Kind) -> PlanItem:
    return _in_the_morning(kind, weekdays=frozenset({MONDAY}))


GLUCOSE_MORNING_AND_EVENING: Final = PlanItem(
    kind=Kind.GLUCOSE,
    weekdays=EVERY_DAY,
    times=(time(8), time(18)),
    before=timedelta(hours=2),
    after=timedelta(hours=3),
    references=(HJEMVAKT_PROPOSAL,),
    proposal=True,
)

# The pulse comes with the oximeter and the cuff, the diastolic pressure with the systolic one: one word is enough.
PLANS: Final[Mapping[Pathway, tuple[PlanItem, ...]]] = MappingProxyType(
    {
        Pathway.KOLS: (
            _in_the_morning(Kind.SPO2, DAILY_OXIMETRY),
            _in_the_morning(Kind.PEAK_FLOW),
            _on_mondays(Kind.WEIGHT),
        ),
        Pathway.DIABETES: (GLUCOSE_MORNING_AND_EVENING, _on_mondays(Kind.SYSTOLIC), _on_mondays(Kind.WEIGHT)),
        Pathway.HEART_FAILURE: (_in_the_morning(Kind.WEIGHT, DAILY_WEIGHT), _in_the_morning(Kind.SYSTOLIC)),
        Pathway.PALLIATIVE: (),  # comfort decides; nothing is awaited unless somebody asks for it
        Pathway.SAFETY: (_on_mondays(Kind.WEIGHT),),
    }
)
