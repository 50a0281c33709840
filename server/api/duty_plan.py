"""Duty that is planned ahead: the clock carries it out."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from fastapi import APIRouter

from server.access import Deed
from server.alerts.escalation import Part
from server.alerts.planning import Span, gaps
from server.api import case
from server.api import duty_schemas as shapes
from server.api.case import CONFLICT, Asking, Asks, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.duty import deciding
from server.api.schemas import Shape
from server.store import duty_plans

AHEAD: Final = timedelta(days=14)

router = APIRouter(prefix="/api/v1/teams/{team}/duty/plan", tags=["duty"], dependencies=case.SIGNED_IN)


@router.get("")
def get_duty_plan(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.DutyPlan:
    """What is planned and not over, and when of the next 14 days nobody is."""
    with desk.work(token) as work:
        case.must_be_in(work, team)
        return _plan(work, team)


@router.post("", responses=CONFLICT)
def plan_duty(team: TeamId, wish: shapes.PlanDuty, asks: Asks) -> shapes.DutyPlan:
    """At `from_at` this person goes on duty by itself, and off it at `to_at`, or when somebody else is there."""

    def put(work: Work) -> None:
        given = (team, wish.staff, Part(wish.part), wish.from_at, wish.to_at)
        duty_plans.put(work.conn, *given, by=work.caller.staff, now=work.now)

    return _decide(asks, team, "plan", wish, wish.rev, put)


@router.post("/{planned}/take-back", responses=CONFLICT)
def take_back_duty(
    team: TeamId, planned: shapes.PlannedNumber, wish: shapes.TakeBackDuty, asks: Asks
) -> shapes.DutyPlan:
    """What has begun is ended by going off duty."""

    def put(work: Work) -> None:
        duty_plans.take_back(work.conn, team, planned, by=work.caller.staff, now=work.now)

    return _decide(asks, team, f"plan back {planned}", wish, wish.rev, put)


def _decide(asks: Asking, team: int, what: str, wish: Shape, rev: str, put: Callable[[Work], None]) -> shapes.DutyPlan:
    with deciding(asks, team, Deed.SET_PATHWAYS) as work:

        def do() -> shapes.DutyPlan:
            case.must_be(rev, _plan(work, team).rev, "plan")
            put(work)
            return _plan(work, team)

        return case.once_only(work, asks.key, (what, team), wish, do, shapes.DutyPlan)


def _plan(work: Work, team: int) -> shapes.DutyPlan:
    """The revision is that of what is planned; what is not covered changes with the time."""
    found = duty_plans.planned(work.conn, team)
    people = case.people(work, [id_ for each in found for id_ in (each.staff, each.set_by)])
    planned = [
        shapes.PlannedDuty.model_validate(
            {
                "id": each.id,
                "part": each.part,
                "staff": people[each.staff],
                "from_at": each.from_at,
                "to_at": each.to_at,
                "by": people[each.set_by],
                "at": each.set_at,
                "begun_at": each.begun_at,
            }
        )
        for each in found
    ]
    open_ = gaps(
        [Span(from_at=each.from_at, to_at=each.to_at) for each in found],
        Span(from_at=work.now, to_at=work.now + AHEAD),
    )
    made = shapes.DutyPlan(team=team, planned=planned, unplanned=[], rev="")
    unplanned = [shapes.Unplanned(from_at=each.from_at, to_at=each.to_at) for each in open_]
    return made.model_copy(update={"rev": case.rev_of(made), "unplanned": unplanned})
