"""Who is on duty, whom alerts are called to and when, and at what hours they ring."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query

from server.access import Deed
from server.alerts import escalation, hours, phones
from server.alerts.escalation import Part, Person, Step
from server.alerts.model import Priority
from server.api import case
from server.api import duty_schemas as shapes
from server.api.case import CONFLICT, Asks, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.schemas import Shape, StaffMember
from server.api.settings_schemas import TakeBack
from server.api.shapes import on_duty
from server.errors import CareError
from server.store import answering, chains, duty

router = APIRouter(prefix="/api/v1/teams/{team}", tags=["duty"], dependencies=case.SIGNED_IN)
changing: Final[dict[str, Any]] = {"responses": CONFLICT}
PERIODS_MAX: Final = 400
Days = Annotated[int, Query(ge=1, le=92, description="so far back")]
Shown = TypeVar("Shown", bound=Shape)


# ---- duty


@router.get("/duty")
def get_duty(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.Duty:
    with desk.work(token) as work:
        case.must_be_in(work, team)
        return _duty(work, team)


@router.get("/duty/history")
def get_duty_history(team: TeamId, desk: DeskOfApp, token: Token, days: Days = 14) -> shapes.DutyHistory:
    """Who was on duty, and who said so."""
    with desk.work(token) as work:
        case.must_be_in(work, team)
        since = work.now - timedelta(days=days)
        found = duty.periods(work.conn, team, since, most=PERIODS_MAX + 1)
        people = case.people(work, [id_ for each in found for id_ in (each.started_by, each.ended_by)])
    shown = [_period_of(each, people) for each in found[:PERIODS_MAX]]
    return shapes.DutyHistory(team=team, since=since, periods=shown, more=len(found) > PERIODS_MAX)


@router.post("/duty")
def go_on_duty(team: TeamId, wish: shapes.GoOnDuty, asks: Asks) -> shapes.Duty:
    with deciding(asks, team, _deed(wish.staff)) as work:
        staff = wish.staff or work.caller.staff

        def do() -> shapes.Duty:
            duty.begin(work.conn, team, staff, Part(wish.part), by=work.caller.staff, now=work.now)
            return _duty(work, team)

        return case.once_only(work, asks.key, ("duty on", team), wish, do, shapes.Duty)


@router.post("/duty/leave")
def leave_duty(team: TeamId, wish: shapes.LeaveDuty, asks: Asks) -> shapes.LeftDuty:
    """Open alerts of whoever leaves go to the next one on duty, and ring there."""
    with deciding(asks, team, _deed(wish.staff)) as work:
        staff, part, by = wish.staff or work.caller.staff, Part(wish.part), work.caller.staff

        def do() -> shapes.LeftDuty:
            given = {"by": by, "now": work.now, "nobody_because": wish.nobody_because}
            changes = duty.leave(work.conn, team, staff, part, **given)  # type: ignore[arg-type]
            handed = [change.alert.id for change in changes if change.alert.id is not None]
            return shapes.LeftDuty(duty=_duty(work, team), handed_over=handed)

        return case.once_only(work, asks.key, ("duty leave", team), wish, do, shapes.LeftDuty)


# ---- chains


@router.get("/chains")
def get_chains(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.TeamChains:
    with desk.work(token) as work:
        case.must_be_in(work, team)
        return _chains(work, team)


@router.get("/chains/history")
def get_chain_history(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.ChainHistory:
    """Who decided what about the team's chains, when and why."""
    with desk.work(token) as work:
        case.must_be_in(work, team)
        found = chains.decisions(work.conn, team)
        people = case.people(work, [each.by for each in found])
    decided = [
        shapes.ChainDecision(
            chains=_colour(each.priority, each.chains), by=people[each.by], at=each.at, reason=each.reason
        )
        for each in found
    ]
    return shapes.ChainHistory(team=team, decisions=decided)


@router.post("/chains/{priority}", **changing)
def set_chains(team: TeamId, priority: Priority, wish: shapes.SetChains, asks: Asks) -> shapes.TeamChains:
    """The team's own for this colour, all of them, in place of those before."""

    def put(work: Work) -> None:
        members = {each.id: each.name for each in answering.may_answer(work.conn, team)}
        given = escalation.Chains(
            chains=tuple(_chain(each, members) for each in wish.chains),
            unlogged=timedelta(seconds=wish.unlogged_s),
            again=timedelta(seconds=wish.again_s),
        )
        by, now = work.caller.staff, work.now
        chains.set_chains(work.conn, team, priority, given, by=by, now=now, reason=wish.reason)

    return _decide(asks, team, f"chains {priority}", wish, wish.rev, _chains, put)


@router.post("/chains/{priority}/take-back", **changing)
def take_back_chains(team: TeamId, priority: Priority, wish: TakeBack, asks: Asks) -> shapes.TeamChains:
    """Back to those that Hjemvakt ships."""

    def put(work: Work) -> None:
        by, now = work.caller.staff, work.now
        chains.set_chains(work.conn, team, priority, None, by=by, now=now, reason=wish.reason)

    return _decide(asks, team, f"chains back {priority}", wish, wish.rev, _chains, put)


# ---- service hours


@router.get("/service-hours")
def get_service_hours(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.TeamHours:
    with desk.work(token) as work:
        case.must_be_in(work, team)
        return _hours(work, team)


@router.get("/service-hours/history")
def get_service_hours_history(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.HoursHistory:
    """Who decided at what hours what rings, when and why."""
    with desk.work(token) as work:
        case.must_be_in(work, team)
        found = chains.hour_decisions(work.conn, team)
        people = case.people(work, [each.by for each in found])
    return shapes.HoursHistory(team=team, decisions=[_hours_decision(each, people) for each in found])


@router.post("/service-hours", **changing)
def set_service_hours(team: TeamId, wish: shapes.SetHours, asks: Asks) -> shapes.TeamHours:
    agreed = hours.ServiceHours(periods=tuple(_period(each) for each in wish.periods), response=wish.response or None)
    return _put_hours(team, wish, agreed, asks)


@router.post("/service-hours/take-back", **changing)
def take_back_service_hours(team: TeamId, wish: shapes.TakeBackHours, asks: Asks) -> shapes.TeamHours:
    return _put_hours(team, wish, None, asks)


def _put_hours(
    team: int, wish: shapes.SetHours | shapes.TakeBackHours, agreed: hours.ServiceHours | None, asks: case.Asking
) -> shapes.TeamHours:
    def put(work: Work) -> None:
        chains.set_hours(
            work.conn,
            team,
            Priority(wish.priority),
            agreed,
            municipality=wish.municipality,
            pathway=wish.pathway,
            by=work.caller.staff,
            now=work.now,
            reason=wish.reason,
        )

    what = "hours back" if agreed is None else "hours"
    return _decide(asks, team, what, wish, wish.rev, _hours, put)


# ---- what all share


def _deed(staff: int | None) -> Deed:
    """Oneself, or a colleague."""
    return Deed.HANDLE_ALERTS if staff is None else Deed.SET_PATHWAYS


@contextmanager
def deciding(asks: case.Asking, team: int, deed: Deed) -> Iterator[Work]:
    """One after the other."""
    with asks.desk.work(asks.token) as work:
        case.must_be_in(work, team)
        case.must_do(work, team, deed)
        case.hold_team(work, team)
        yield work


def _decide(
    asks: case.Asking,
    team: int,
    what: str,
    wish: Shape,
    rev: str,
    show: Callable[[Work, int], Shown],
    put: Callable[[Work], None],
) -> Shown:
    with deciding(asks, team, Deed.SET_PATHWAYS) as work:
        shown = show(work, team)

        def do() -> Shown:
            case.must_be(rev, getattr(shown, "rev", ""), what.split()[0])
            put(work)
            return show(work, team)

        return case.once_only(work, asks.key, (what, team), wish, do, type(shown))


# ---- as shapes


def _duty(work: Work, team: int) -> shapes.Duty:
    return shapes.Duty(
        team=team,
        on_duty=[on_duty(each) for each in duty.on_duty(work.conn, [team])],
    )


def _period_of(row: duty.Period, people: dict[int, StaffMember]) -> shapes.DutyPeriod:
    return shapes.DutyPeriod.model_validate(
        {
            "part": row.part,
            "staff": StaffMember(id=row.staff, name=row.name, initials=row.initials),
            "from_at": row.from_at,
            "to_at": row.to_at,
            "started_by": None if row.started_by is None else people.get(row.started_by),
            "ended_by": None if row.ended_by is None else people.get(row.ended_by),
            "note": row.note,
        }
    )


def _chains(work: Work, team: int) -> shapes.TeamChains:
    own = chains.own_chains(work.conn, team)
    colours = [_colour(each, own.get(each)) for each in Priority]
    shown = shapes.TeamChains(team=team, colours=colours, rev="")
    return shown.model_copy(update={"rev": case.rev_of(shown)})


def _colour(priority: Priority, own: escalation.Chains | None) -> shapes.Chains:
    found = own or escalation.SHIPPED[priority]
    return shapes.Chains(
        priority=priority.value,
        chains=[
            shapes.Chain(**_said(chain.period), steps=[_step(step) for step in chain.steps]) for chain in found.chains
        ],
        unlogged_s=int(found.unlogged.total_seconds()),
        again_s=int(found.again.total_seconds()),
        source="shipped" if own is None else "team",
        proposal=own is None,
    )


def _hours(work: Work, team: int) -> shapes.TeamHours:
    agreed = chains.agreed(work.conn, team)
    people = case.people(work, [each.by for each in agreed])
    shipped = [_shipped_hours(Priority.RED), _shipped_hours(Priority.YELLOW)]
    shown = shapes.TeamHours(team=team, hours=[*(_agreed(each, people) for each in agreed), *shipped], rev="")
    return shown.model_copy(update={"rev": case.rev_of(shown)})


def _agreed(each: chains.AgreedHours, people: dict[int, StaffMember]) -> shapes.ServiceHours:
    return shapes.ServiceHours.model_validate(
        {
            "priority": each.priority.value,
            "municipality": each.municipality,
            "pathway": each.pathway,
            "periods": _periods(each.hours.periods),
            "response": each.hours.response,
            "source": "team",
            "by": people.get(each.by),
            "at": each.at,
            "reason": each.reason,
        }
    )


def _hours_decision(each: chains.AgreedHours, people: dict[int, StaffMember]) -> shapes.HoursDecision:
    return shapes.HoursDecision.model_validate(
        {
            "priority": each.priority.value,
            "municipality": each.municipality,
            "pathway": each.pathway,
            "periods": None if each.removed else _periods(each.hours.periods),
            "response": each.hours.response,
            "by": people[each.by],
            "at": each.at,
            "reason": each.reason,
        }
    )


def _shipped_hours(priority: Priority) -> shapes.ServiceHours:
    return shapes.ServiceHours.model_validate(
        {
            "priority": priority.value,
            "municipality": None,
            "pathway": None,
            "periods": _periods(hours.SHIPPED[priority].periods),
            "response": None,
            "source": "shipped",
            "by": None,
            "at": None,
            "reason": "",
        }
    )


def _periods(periods: Iterable[hours.Period]) -> list[shapes.Hours]:
    return [shapes.Hours(**_said(each)) for each in periods]


def _said(period: hours.Period) -> dict[str, Any]:
    return {"weekdays": sorted(period.weekdays), "from_time": period.from_, "to_time": period.to}


def _step(step: Step) -> shapes.ChainStep:
    after_s = int(step.after.total_seconds())
    if isinstance(step.who, Part):
        return shapes.ChainStep(part=step.who.value, after_s=after_s)
    return shapes.ChainStep(staff=step.who.staff, name=step.who.name, phone=step.who.phone, after_s=after_s)


# ---- as values


def _period(said: shapes.Hours | shapes.Chain) -> hours.Period:
    if said.from_time.tzinfo is not None or said.to_time.tzinfo is not None:
        raise CareError("Hours are those of the clocks in Norway: write them without a zone.")
    return hours.Period(weekdays=frozenset(said.weekdays), from_=said.from_time, to=said.to_time)


def _chain(said: shapes.Chain, members: dict[int, str]) -> escalation.Chain:
    return escalation.Chain(period=_period(said), steps=tuple(_who(each, members) for each in said.steps))


def _who(said: shapes.ChainStep, members: dict[int, str]) -> Step:
    after = timedelta(seconds=said.after_s)
    if sum(each is not None for each in (said.part, said.staff, said.phone)) != 1:
        raise CareError("Each step of a chain is a part of the duty, one of the staff, or a telephone: exactly one.")
    if said.part is not None:
        return Step(who=Part(said.part), after=after)
    if said.staff is not None:
        if said.staff not in members:
            raise CareError("Only who may answer the team's alerts can stand in its chain.")
        return Step(who=Person(staff=said.staff, name=members[said.staff]), after=after)
    assert said.phone is not None
    refusal = phones.refusal(said.phone)
    if refusal is not None:
        raise CareError(refusal)
    if said.name is None:
        raise CareError("Say whose this telephone is.")
    return Step(who=Person(name=said.name, phone=phones.number(said.phone)), after=after)
