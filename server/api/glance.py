"""A team's figures beside its board: how its alerts came and were answered, and what the last fortnight brought."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from threading import Lock
from typing import Annotated, Final, Generic, TypeVar

from fastapi import APIRouter, Query

from devices.vocabulary import Kind
from server.api import case, clinic_shapes
from server.api import glance_schemas as shapes
from server.api.case import TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.schemas import Priority
from server.clinical import glucose, glucose_days
from server.clinical.here import HERE
from server.clinical.plans import PlanItem
from server.store import access_log, clinic, glance, settings, story
from server.store.glance import Answers, Raised

DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
PRIORITIES: Final[tuple[Priority, ...]] = ("red", "yellow", "grey")
FORTNIGHT: Final = 14
KEPT_MAX: Final = 5_000

Found = TypeVar("Found")
Hours = Annotated[int, Query(ge=1, le=168, description="so far back")]


class Kept(Generic[Found]):
    """What is made of thousands of readings for each patient is made again only when it is this old."""

    def __init__(self, kept_for: timedelta) -> None:
        self._for = kept_for
        self._made: dict[tuple[int, date], tuple[datetime, Found]] = {}
        self._lock = Lock()

    def get(self, key: tuple[int, date], now: datetime, make: Callable[[], Found]) -> Found:
        with self._lock:
            made = self._made.get(key)
        if made is not None and now - made[0] < self._for:
            return made[1]
        found = make()
        with self._lock:
            self._made.pop(key, None)
            self._made[key] = (now, found)
            while len(self._made) > KEPT_MAX:  # the one that was made first
                self._made.pop(next(iter(self._made)))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Fortnights:
    in_range: Kept[shapes.PatientInRange | None] = field(default_factory=lambda: Kept(timedelta(hours=1)))
    missed: Kept[list[shapes.MissedOfKind]] = field(default_factory=lambda: Kept(timedelta(minutes=10)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Days:
    """In Norway, both included."""

    first: date
    last: date

    @property
    def from_at(self) -> datetime:
        return glucose_days.midnight(self.first, HERE)

    @property
    def to_at(self) -> datetime:
        return glucose_days.midnight(self.last + timedelta(days=1), HERE)


def router(kept: Fortnights) -> APIRouter:
    routes = APIRouter(prefix="/api/v1/teams/{team}", tags=["board"], dependencies=case.SIGNED_IN)

    @routes.get("/answer-times")
    def get_answer_times(team: TeamId, desk: DeskOfApp, token: Token, hours: Hours = 24) -> shapes.AnswerTimes:
        """How many alerts came in each hour, and how soon somebody took them."""
        with desk.work(token) as work:
            case.must_be_in(work, team)
            from_at = work.now - hours * HOUR
            raised = glance.raised_by_hour(work.conn, team, from_at, work.now)
            answers = glance.answers(work.conn, team, from_at, work.now)
        return shapes.AnswerTimes(
            team=team,
            from_at=from_at,
            to_at=work.now,
            hours=_hours(raised, hours, work.now),
            answers=_answers(raised, answers),
        )

    @routes.get("/fortnight")
    def get_fortnight(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.Fortnight:
        """What the board shows of the last 14 days beside its small charts. In the access log as the board is."""
        with desk.work(token) as work:
            case.must_be_in(work, team)
            today = work.now.astimezone(HERE).date()
            days = Days(first=today - timedelta(days=FORTNIGHT), last=today - timedelta(days=1))
            wearing = glance.wear_a_sensor(work.conn, team, days.from_at)
            planned = settings.plans_of(work.conn, glance.patients(work.conn, team))
            access_log.remember_rosters(work.conn, {team: {*wearing, *planned}}, "board", work.now)
            in_range = [
                kept.in_range.get((each, days.last), work.now, partial(_in_range, work, each, days)) for each in wearing
            ]
            missed = [
                kept.missed.get((each, days.last), work.now, partial(_missed, work, each, plan))
                for each, plan in planned.items()
            ]
        return shapes.Fortnight(
            team=team,
            first_day=days.first,
            last_day=days.last,
            in_range=[each for each in in_range if each is not None],
            missed=list(chain.from_iterable(missed)),
        )

    return routes


def _hours(raised: Sequence[Raised], hours: int, now: datetime) -> list[shapes.HourOfAlerts]:
    found = Counter({(each.hours_ago, each.priority): each.alerts for each in raised})
    return [
        shapes.HourOfAlerts(
            begins=now - (ago + 1) * HOUR, red=found[ago, "red"], yellow=found[ago, "yellow"], grey=found[ago, "grey"]
        )
        for ago in reversed(range(hours))
    ]


def _answers(raised: Sequence[Raised], answers: Sequence[Answers]) -> list[shapes.Answered]:
    by_priority = {each.priority: each for each in answers}
    counted: Counter[str] = Counter()
    for each in raised:
        counted[each.priority] += each.alerts
    return [_answered(priority, counted[priority], by_priority.get(priority)) for priority in PRIORITIES]


def _answered(priority: Priority, raised: int, found: Answers | None) -> shapes.Answered:
    return shapes.Answered(
        priority=priority,
        raised=raised,
        answered=found.answered if found else 0,
        median_s=found.median_s if found else None,
        longest_s=found.longest_s if found else None,
        closed=found.closed if found else 0,
        unreal=found.unreal if found else 0,
    )


def _in_range(work: Work, patient: int, days: Days) -> shapes.PatientInRange | None:
    """None: nothing was measured."""
    readings = clinic.sensor_readings(work.conn, patient, days.from_at, days.to_at).series
    figures = clinic_shapes.metrics(glucose.metrics(readings, from_at=days.from_at, to_at=days.to_at))
    if figures.bands is None:
        return None
    return shapes.PatientInRange(
        patient=patient, worn_percent=figures.worn_percent, sufficient=figures.sufficient, bands=figures.bands
    )


def _missed(work: Work, patient: int, plan: Sequence[PlanItem]) -> list[shapes.MissedOfKind]:
    due: dict[Kind, list[datetime]] = defaultdict(list)
    for each in story.missed(work.conn, patient, plan, work.now - FORTNIGHT * DAY, work.now, work.now):
        due[each.kind].append(each.due)
    return [shapes.MissedOfKind(patient=patient, kind=kind, due=dues) for kind, dues in due.items()]
