"""Planned measurements: when each is awaited, and whether it came, was excused or was missed; each exactly once."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter
from typing import Final

from server.clinical.here import HERE
from server.clinical.plans import PlanItem

DAY: Final = timedelta(days=1)
SETTLES: Final = timedelta(
    minutes=10
)  # from a window's end: what was measured in its last minute is on its way [proposal]
LOOK_AGAIN: Final = timedelta(minutes=5)  # at what was missed, or cannot be judged yet: it may still come [proposal]
OUTAGE_MAX: Final = timedelta(hours=24)  # a gateway's silence stands for its patients' measurements so long [proposal]
LOOK_BACK: Final = timedelta(days=14)  # of a server that was down for longer the rest is not judged [proposal]
REMEMBERED: Final = 10  # missed in a row: a late value still counts for them
AHEAD: Final = timedelta(days=8)  # a plan comes round in a week
FAR: Final = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Period:
    """From `begins` until before `ends`."""

    begins: datetime
    ends: datetime

    def holds(self, at: datetime) -> bool:
        return self.begins <= at < self.ends

    def meets(self, other: "Period | Window") -> bool:
        return self.begins < other.ends and other.begins < self.ends

    def covers(self, other: "Period | Window") -> bool:
        return self.begins <= other.begins and other.ends <= self.ends


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """One planned measurement: a value taken from `begins` until before `ends` is it. `due`: the time in the plan."""

    due: datetime
    begins: datetime
    ends: datetime


class Outcome(StrEnum):
    MET = "met"
    EXCUSED = "excused"
    MISSED = "missed"
    NOT_AWAITED = "not_awaited"  # no device for it was bound then


@dataclass(frozen=True, kw_only=True, slots=True)
class Awaited:
    """What is remembered of one kind of a patient. Windows that begin from `since` on are awaited; those that end by
    `judged_until` are judged. `missed`: the last ones in a row, `count` of them; nothing was measured since then.
    `stands`: it was told that something was missed, and not yet that something was measured after it. `plan`, `next`:
    what the plan was when it was looked at last, and the window that it awaited."""

    plan: str
    since: datetime
    judged_until: datetime
    next: Window | None = None
    missed: tuple[Window, ...] = ()
    count: int = 0
    stands: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """`count` in a row, from `first` to `last`."""

    first: Window
    last: Window
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """After something was missed; when that was over: never before it was missed."""

    at: datetime


Seen = Missed | Measured


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What decides. `bound`: when a device for it was bound. `caught_up`: what was measured so far has come, as far as
    anybody can know: no gateway of the patient is silent or still sends its backlog."""

    bound: Sequence[Period]
    excused: Sequence[Period]
    caught_up: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """`due_at`: when to look again; None: nothing is planned."""

    awaited: Awaited
    seen: tuple[Seen, ...]
    settled: tuple[tuple[Window, Outcome], ...]
    due_at: datetime | None


# ---- the plan on the clock


def windows(plan: Iterable[PlanItem], after: datetime, until: datetime) -> list[Window]:
    """Those of one kind that end after `after` and begin before `until`, in order. They never overlap: where the plan's
    do, the middle between two times divides them."""
    items = list(plan)
    longest = max((item.before + item.after for item in items), default=timedelta(0))
    first, last = (at.astimezone(HERE).date() for at in (after - longest - DAY, until + longest + DAY))
    found = {window.due: window for item in items for window in _of_item(item, first, last)}
    apart = _apart(sorted(found.values(), key=attrgetter("due")))
    return [window for window in apart if window.ends > after and window.begins < until and window.begins < window.ends]


def _of_item(item: PlanItem, first: date, last: date) -> Iterator[Window]:
    for number in range((last - first).days + 1):
        day = first + number * DAY
        if day.isoweekday() in item.weekdays:
            for at in item.times:
                early, late = _instants(day, at)
                yield Window(due=early, begins=early - item.before, ends=late + item.after)


def _instants(day: date, at: time) -> tuple[datetime, datetime]:
    """In autumn a time comes twice: either will do. In spring one never comes: it is the time on a clock that was not
    put forward."""
    local = datetime.combine(day, at, HERE)
    one, two = (local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return (one, two) if one < two else (one, one)


def _apart(ordered: Sequence[Window]) -> list[Window]:
    apart = list(ordered)
    for place, (one, two) in enumerate(pairwise(ordered)):
        if one.ends > two.begins:
            edge = one.due + (two.due - one.due) / 2
            apart[place] = replace(apart[place], ends=min(apart[place].ends, edge))
            apart[place + 1] = replace(apart[place + 1], begins=max(apart[place + 1].begins, edge))
    return apart


# ---- judging


def begin(plan: str, now: datetime) -> Awaited:
    return Awaited(plan=plan, since=now, judged_until=now)


def ended(awaited: Awaited, plan: Sequence[PlanItem], name: str, now: datetime) -> list[Window]:
    """Windows to judge. `name`: of this plan; if it is another one than before, only what was awaited then."""
    if name != awaited.plan:
        found = [awaited.next] if awaited.next is not None else []
    else:
        found = windows(plan, max(awaited.judged_until, now - LOOK_BACK), now)
    return [w for w in found if w.begins >= awaited.since and w.ends + SETTLES <= now and w.ends > awaited.judged_until]


def questions(awaited: Awaited, candidates: Sequence[Window]) -> list[Period]:
    """For each of the missed and then the ended windows: from when until when the first value is asked for."""
    every = [*awaited.missed, *candidates]
    begins = [*(window.begins for window in every), FAR]
    return [Period(begins=one, ends=two) for one, two in pairwise(begins)]


def judge(
    awaited: Awaited,
    candidates: Sequence[Window],
    first_values: Sequence[datetime | None],
    known: Known,
    now: datetime,
) -> Judged:
    """`first_values`: the answers to `questions`. What cannot be judged yet, and what follows it, waits."""
    walk = _Walk(awaited, known, now)
    before = len(awaited.missed)
    for window, value in zip(awaited.missed, first_values[:before], strict=True):
        walk.again(window, value)
    for window, value in zip(candidates, first_values[before:], strict=True):
        if not walk.judge(window, value):
            break
    return walk.result()


class _Walk:
    def __init__(self, awaited: Awaited, known: Known, now: datetime) -> None:
        self._awaited, self._known, self._now = awaited, known, now
        self._missed = list(awaited.missed)
        self._count, self._stands = awaited.count, awaited.stands
        self._judged_until = awaited.judged_until
        self._seen: list[Seen] = []
        self._settled: list[tuple[Window, Outcome]] = []
        self._waits = False

    def again(self, window: Window, value: datetime | None) -> None:
        """Of one that was missed: a value that came late ends the row up to it."""
        if value is not None:
            place = self._missed.index(window) + 1
            del self._missed[:place]
            self._count = len(self._missed)
            if not self._missed:
                self._measure(max(value, window.ends))
        elif self._is_excused(window):
            self._missed.remove(window)
            self._count -= 1

    def judge(self, window: Window, value: datetime | None) -> bool:
        """False: not yet."""
        outcome = self._outcome(window, value)
        if outcome is None:
            self._waits = True
            return False
        if outcome is Outcome.MISSED:
            self._miss(window)
        if value is not None:
            self._measure(value)
        self._judged_until = window.ends
        self._settled.append((window, outcome))
        return True

    def _outcome(self, window: Window, value: datetime | None) -> Outcome | None:
        if value is not None and value < window.ends:
            return Outcome.MET
        if self._is_excused(window):
            return Outcome.EXCUSED
        if not any(period.covers(window) for period in self._known.bound):
            return Outcome.NOT_AWAITED
        if self._known.caught_up or self._now - window.ends >= OUTAGE_MAX:
            return Outcome.MISSED
        return None

    def _is_excused(self, window: Window) -> bool:
        return any(period.meets(window) for period in self._known.excused)

    def _miss(self, window: Window) -> None:
        self._missed = [*self._missed, window][-REMEMBERED:]
        self._count, self._stands = self._count + 1, True
        told = Missed(first=self._missed[0], last=window, count=self._count)
        if self._seen and isinstance(self._seen[-1], Missed):
            self._seen[-1] = told  # several at once after a standstill are one thing to tell
        else:
            self._seen.append(told)

    def _measure(self, at: datetime) -> None:
        self._missed, self._count = [], 0
        if self._stands:
            self._stands = False
            self._seen.append(Measured(at=at))

    def result(self) -> Judged:
        awaited = replace(
            self._awaited,
            judged_until=self._judged_until,
            missed=tuple(self._missed),
            count=self._count,
            stands=self._stands,
        )
        due_at = self._now + LOOK_AGAIN if self._waits or self._missed else None
        return Judged(awaited=awaited, seen=tuple(self._seen), settled=tuple(self._settled), due_at=due_at)


def look_ahead(judged: Judged, plan: Sequence[PlanItem], name: str, now: datetime) -> Judged:
    """The same, with what is awaited next. A plan that changed awaits anew from now; one that is empty awaits nothing,
    and what was missed before is in the hands of who sees the alert."""
    awaited = judged.awaited
    if name != awaited.plan:
        awaited = replace(awaited, plan=name, since=now, judged_until=max(awaited.judged_until, now))
    horizon = max(awaited.judged_until, awaited.since)
    coming = windows(plan, awaited.judged_until, horizon + AHEAD)
    following = next((w for w in coming if w.begins >= awaited.since and w.ends > awaited.judged_until), None)
    dues = [judged.due_at, following.ends + SETTLES if following else None]
    due_at = min((due for due in dues if due is not None and due > now), default=None) if plan else None
    return replace(judged, awaited=replace(awaited, next=following), due_at=due_at)
