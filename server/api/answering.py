"""What is said about an alert while it is being answered, and for how long it is put off."""

from datetime import timedelta
from functools import partial

from fastapi import APIRouter

from server.access import Deed
from server.alerts import answering, snoozing
from server.alerts.model import Priority
from server.api import alert_schemas, case
from server.api.alerts import CONFLICT, Asks, Decide, change, change_after
from server.api.case import SIGNED_IN, Key, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.store import board, snoozes

router = APIRouter(prefix="/api/v1/alerts/{alert}", tags=["alerts"], dependencies=SIGNED_IN)
of_team = APIRouter(prefix="/api/v1/teams/{team}", tags=["alerts"], dependencies=SIGNED_IN)
COLOURS = (Priority.YELLOW, Priority.RED)


@router.post("/on-my-way", responses=CONFLICT)
def on_my_way(wish: alert_schemas.Coming, asked: Asks) -> alert_schemas.Alert:
    """Said by who has it."""
    return change(asked, wish, answering.on_my_way)


@router.post("/there", responses=CONFLICT)
def there(wish: alert_schemas.Coming, asked: Asks) -> alert_schemas.Alert:
    """Said by who has it, at the door."""
    return change(asked, wish, answering.there)


@router.post("/contact", responses=CONFLICT)
def contact(wish: alert_schemas.Remark, asked: Asks) -> alert_schemas.Alert:
    """Somebody spoke with who called for help, or with somebody who is there."""
    return change(asked, wish, partial(answering.contact, note=wish.note))


@router.post("/measure-again", responses=CONFLICT)
def measure_again(wish: alert_schemas.MeasureAgain, asked: Asks) -> alert_schemas.AskedAgain:
    """Awaited from now on: `asked` says what became of it, and if nothing comes it rings for who has the alert. No
    sensor measures because it is asked: the patient must be told."""
    within = timedelta(minutes=wish.within_min)
    ask = partial(answering.ask_for_measurement, kind=wish.kind, within=within, note=wish.note)
    asked_again = change(asked, wish, ask)
    return alert_schemas.AskedAgain(**asked_again.model_dump())


@router.post("/note", responses=CONFLICT)
def note(wish: alert_schemas.WriteNote, asked: Asks) -> alert_schemas.Alert:
    """Also of one that is closed."""
    return change(asked, wish, partial(answering.note, note=wish.note))


@router.post("/snooze", responses=CONFLICT)
def snooze(wish: alert_schemas.PutOff, asked: Asks) -> alert_schemas.Alert:
    """Put off by who has it or takes it, for at most as long as the team allows. What is worse rings at once."""

    def look(work: Work, row: board.AlertRow) -> Decide:
        most = snoozes.most(work.conn, row.team)
        return partial(snoozing.snooze, until=wish.until, reason=wish.reason, most=most)

    return change_after(asked, wish, look)


@router.post("/snooze/end", responses=CONFLICT)
def end_snooze(wish: alert_schemas.Coming, asked: Asks) -> alert_schemas.Alert:
    """Before its time: its owner goes on with it; ended by anybody else, it is in the queue again and rings."""
    return change(asked, wish, snoozing.end_early)


@of_team.get("/snooze")
def get_snooze_limits(team: TeamId, desk: DeskOfApp, token: Token) -> alert_schemas.SnoozeLimits:
    """How long alerts of each colour can be put off."""
    with desk.work(token) as work:
        case.must_be_in(work, team)
        return _limits(work, team)


@of_team.post("/snooze", responses=case.CONFLICT)
def set_snooze_limit(
    team: TeamId, wish: alert_schemas.SetSnoozeLimit, key: Key, desk: DeskOfApp, token: Token
) -> alert_schemas.SnoozeLimits:
    """What is put off already stays so until its time."""

    def decide() -> alert_schemas.SnoozeLimits:
        case.must_be(wish.rev, _limits(work, team).rev, "limits")
        most, by = timedelta(minutes=wish.most_min), work.caller.staff
        snoozes.set_most(work.conn, team, Priority(wish.priority), most, by=by, now=work.now, reason=wish.reason)
        return _limits(work, team)

    with desk.work(token) as work:
        case.must_be_in(work, team)
        case.must_do(work, team, Deed.SET_PATHWAYS)
        case.hold_team(work, team)
        return case.once_only(work, key, ("set_snooze_limit", team), wish, decide, alert_schemas.SnoozeLimits)


def _limits(work: Work, team: int) -> alert_schemas.SnoozeLimits:
    own = {row.priority: row for row in snoozes.settings(work.conn, team)}
    people = case.people(work, [row.set_by for row in own.values()])
    most = snoozes.most(work.conn, team)
    limits = [
        alert_schemas.SnoozeLimit.model_validate(
            {
                "priority": str(colour),
                "most_min": int(most[colour].total_seconds() // 60),
                "set_by": None if row is None else people[row.set_by],
                "set_at": None if row is None else row.set_at,
                "reason": "" if row is None else row.reason,
            }
        )
        for colour in COLOURS
        for row in [own.get(str(colour))]
    ]
    shown = alert_schemas.SnoozeLimits(team=team, rev="", limits=limits)
    return shown.model_copy(update={"rev": case.rev_of(shown)})
