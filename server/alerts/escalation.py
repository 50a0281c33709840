"""What becomes of an alert that nobody takes, or that somebody took and then forgot: who is called, and when the next.

A step is a place in the chain, counted from 1; 0: nobody along the chain was called yet. What is unanswered goes on
until somebody has it: after the last step it begins again at the second. Red alerts and calls for help always, yellow
ones within their service hours, of the technical ones those about lost cover and about nobody on duty."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.alerts.findings import NOBODY_ON_DUTY
from server.alerts.hours import Period, ServiceHours, hours_of
from server.alerts.lifecycle import Happening, done, nobodys
from server.alerts.model import Action, Alert, Change, Priority, State
from server.clinical.here import HERE


class Part(StrEnum):
    DUTY = "duty"
    BACKUP = "backup"
    COORDINATOR = "coordinator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """Somebody of the staff, or a named phone."""

    name: str = field(compare=False)
    staff: int | None = None
    phone: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """`after`: so long after the step before it."""

    who: Part | Person
    after: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    period: Period = field(default_factory=Period)
    steps: tuple[Step, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Chains:
    """A team's, for one colour. The first whose period holds counts. `unlogged`: so long may nothing be logged about a
    red alert that somebody has; `again`: from the last step to where it begins again, and from the owner's reminder to
    the back-up."""

    chains: tuple[Chain, ...]
    unlogged: timedelta = timedelta(minutes=15)
    again: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Roster:
    """Who is on duty. `anybody`: whom to call when no step of a chain has somebody."""

    on_duty: Mapping[Part, tuple[Person, ...]]
    anybody: tuple[Person, ...] = ()
    members: Mapping[int, Person] = field(default_factory=dict)

    def people(self, who: Part | Person) -> tuple[Person, ...]:
        return self.on_duty.get(who, ()) if isinstance(who, Part) else (who,)


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What holds around an alert of this colour now. `covers`: what is silent would tell of a fall or an SOS."""

    chains: Chains
    hours: ServiceHours
    roster: Roster
    covers: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """Where an alert stands after a change. `calls`: whom to call now; `next_at` None: nothing is awaited; `moved`: it
    is another time than before."""

    step: int = 0
    next_at: datetime | None = None
    quiet: bool = False
    response: str | None = None
    calls: tuple[Person, ...] = ()
    moved: bool = False


def _chain(*steps: tuple[Part, int]) -> Chains:
    return Chains(chains=(Chain(steps=tuple(Step(who=part, after=timedelta(seconds=after)) for part, after in steps)),))


# Where a team has not decided otherwise [proposal].
SHIPPED: Final[Mapping[Priority, Chains]] = MappingProxyType(
    {
        Priority.RED: _chain((Part.DUTY, 0), (Part.BACKUP, 180), (Part.COORDINATOR, 300)),
        Priority.YELLOW: replace(
            _chain((Part.DUTY, 0), (Part.BACKUP, 1800), (Part.COORDINATOR, 3600)), again=timedelta(hours=1)
        ),
        Priority.GREY: replace(
            _chain((Part.DUTY, 0), (Part.BACKUP, 600), (Part.COORDINATOR, 900)), again=timedelta(minutes=15)
        ),
    }
)
# How long a gateway or a sensor that would tell of a fall may be silent before somebody is called [proposal].
COVER_BY_DAY: Final = timedelta(minutes=30)
COVER_AT_NIGHT: Final = timedelta(minutes=15)
DAY_HOURS: Final = range(7, 22)

ANEW: Final = frozenset(
    {
        Action.RAISED,
        Action.RAISED_AGAIN,
        Action.WORSE,
        Action.RELEASED,
        Action.REOPENED,
        Action.SNOOZE_OVER,
        Action.SNOOZE_ENDED,
        Action.MORNING,
        Action.HANDED_OVER,  # with nobody to hand it over to
    }
)
CALLED: Final = frozenset({Action.PRESSED_AGAIN, Action.CALLED_AGAIN})
GIVEN: Final = frozenset({Action.ASSIGNED, Action.HANDED_OVER})
IN_THE_QUEUE: Final = frozenset({State.RAISED, State.CLEARED})
NOTHING: Final = Course()


def course_of(alert: Alert) -> Course:
    """Where it stood before a change: findings and people leave that as it is."""
    return Course(step=alert.step, next_at=alert.next_at, quiet=alert.quiet, response=alert.response)


def may_escalate(alert: Alert, *, covers: bool) -> bool:
    """Whether anybody is to be called about it, ever; what does not is decided without looking anything up."""
    if alert.priority is Priority.GREY:
        return covers or alert.rule == NOBODY_ON_DUTY
    return alert.priority is Priority.RED or alert.state is State.RAISED or alert.quiet


def time_up(alert: Alert, around: Around, now: datetime) -> Change:
    """Its `next_at` has passed."""
    if alert.quiet:
        return done(alert, Happening.GO_ON, Action.MORNING, None, now, rings=alert.state is State.RAISED)
    if alert.state is State.ACKNOWLEDGED:
        if alert.step == 0:
            return done(alert, Happening.GO_ON, Action.REMINDED, None, now, rings=True)
        happening = Happening.BACK if alert.condition_ended_at is None else Happening.BACK_OVER
        return done(nobodys(alert), happening, Action.RETURNED, None, now, rings=True)
    if not hours_of(alert.rule, around.hours).are_now(now):
        return done(alert, Happening.GO_ON, Action.QUIETED, None, now)
    return done(alert, Happening.GO_ON, Action.ESCALATED, None, now, rings=True)


def follow(change: Change, before: Course, around: Around, *, had: int | None = None) -> Course:
    """`before`: where it stood; `had`: who had it, and need not be called about it again at once."""
    alert = change.alert
    if alert.state is State.ACKNOWLEDGED:
        return _with_owner(change, before, around)
    if alert.state not in IN_THE_QUEUE or not may_escalate(alert, covers=around.covers):
        return NOTHING
    if alert.priority is Priority.YELLOW and alert.state is State.CLEARED:
        return replace(before, calls=()) if before.quiet and change.action is not Action.MORNING else NOTHING
    went_on = _in_the_queue(change, before, around, had)
    # Nothing red is ever without an end to its waiting, and no lost cover.
    if (alert.priority is Priority.RED or around.covers) and went_on.next_at is None:
        went_on = _begin(alert, around, change.at, but=())
    return _by(change, went_on)


def _by(change: Change, course: Course) -> Course:
    if change.call_by is None or course.next_at is None or course.quiet:
        return course
    return replace(course, next_at=min(course.next_at, max(change.call_by, change.at)))


# ---- somebody has it


def _with_owner(change: Change, before: Course, around: Around) -> Course:
    alert, now = change.alert, change.at
    if alert.priority is not Priority.RED or alert.snoozed_until is not None:
        return NOTHING
    if change.action is Action.REMINDED:
        return Course(step=1, next_at=now + around.chains.again, calls=_owner(alert, around))
    if change.staff is not None or before.next_at is None:  # something was logged
        return Course(next_at=now + around.chains.unlogged)
    return Course(step=before.step, next_at=before.next_at)


def _owner(alert: Alert, around: Around) -> tuple[Person, ...]:
    person = None if alert.owner is None else around.roster.members.get(alert.owner)
    return () if person is None else (person,)


# ---- nobody has it


def _in_the_queue(change: Change, before: Course, around: Around, had: int | None) -> Course:
    alert, now = change.alert, change.at
    before = replace(before, calls=())
    match change.action:
        case Action.ESCALATED:
            return _go_on(before.step, around, now)
        case Action.QUIETED:
            return _quiet(alert, around, now)
        case Action.RETURNED:
            return _go_on(1, around, now, but=_but(had, around))
        case Action.TAKEN_BACK:
            return replace(_begin(alert, around, now, but=()), calls=())
    if change.action in GIVEN and alert.owner is not None:
        return Course(next_at=now + _wait(1, _steps(around, now), around), calls=_owner(alert, around))
    if change.action in CALLED:
        return _called(alert, before, around, now)
    if change.action in ANEW and (change.rings or change.action is Action.RAISED):
        if not change.rings and alert.priority is Priority.YELLOW:
            return before if before.next_at is not None else _unheard(alert, around, now)
        return _begin(alert, around, now, but=_but(change.staff or had, around))
    return before


def _unheard(alert: Alert, around: Around, now: datetime) -> Course:
    """What came late makes no sound, and is not forgotten: the first is called when nobody has looked for a while."""
    if not hours_of(alert.rule, around.hours).are_now(now):
        return _quiet(alert, around, now)
    return Course(next_at=now + _wait(1, _steps(around, now), around))


def _called(alert: Alert, before: Course, around: Around, now: datetime) -> Course:
    """A press. One that nobody has answered yet goes on as it is, but to a second person at once when it is urgent."""
    waits = before.next_at is not None and before.step > 0 and alert.raised_at < now
    if not waits:
        return _begin(alert, around, now, but=())
    if alert.urgent and before.step < 2:
        steps = _steps(around, now)
        called = around.roster.people(steps[before.step - 1].who) if before.step <= len(steps) else ()
        return _go_on(before.step, around, now, but=called)
    return before


def _begin(alert: Alert, around: Around, now: datetime, *, but: tuple[Person, ...]) -> Course:
    if not hours_of(alert.rule, around.hours).are_now(now):
        return _quiet(alert, around, now)
    if around.covers and alert.priority is Priority.GREY:
        return Course(next_at=now + cover_grace(now))
    first = _go_on(0, around, now, but=but)
    if not alert.urgent:
        return first
    second = _go_on(first.step, around, now, but=(*but, *first.calls))
    return replace(second, calls=tuple(dict.fromkeys((*first.calls, *second.calls))))


def _quiet(alert: Alert, around: Around, now: datetime) -> Course:
    hours = hours_of(alert.rule, around.hours)
    return Course(next_at=hours.open_at(now), quiet=True, response=hours.response)


def _go_on(step: int, around: Around, now: datetime, *, but: Collection[Person] = ()) -> Course:
    """To the next step that has somebody who is not among `but`; steps that nobody is at take no time."""
    steps = _steps(around, now)
    for _ in steps:
        step = step + 1 if step < len(steps) else min(2, len(steps))
        calls = _others(around.roster.people(steps[step - 1].who), but)
        if calls:
            break
    else:
        calls = _others(around.roster.anybody, but) or around.roster.anybody
    return Course(step=step, next_at=now + _wait(step, steps, around), calls=calls)


def _wait(step: int, steps: tuple[Step, ...], around: Around) -> timedelta:
    """From this step to the next one."""
    return steps[step].after if step < len(steps) else around.chains.again


def _steps(around: Around, now: datetime) -> tuple[Step, ...]:
    return next((chain.steps for chain in around.chains.chains if chain.period.holds(now)), FALLBACK)


FALLBACK: Final = SHIPPED[Priority.RED].chains[0].steps  # an hour for which a team's chains say nothing


def _others(people: Iterable[Person], but: Collection[Person]) -> tuple[Person, ...]:
    return tuple(person for person in people if person not in but)


def _but(staff: int | None, around: Around) -> tuple[Person, ...]:
    person = None if staff is None else around.roster.members.get(staff)
    return () if person is None else (person,)


def cover_grace(now: datetime) -> timedelta:
    return COVER_BY_DAY if now.astimezone(HERE).hour in DAY_HOURS else COVER_AT_NIGHT
