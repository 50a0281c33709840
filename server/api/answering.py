"""What is said about an alert while it is being answered, and for how long it is put off."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import APIRouter

from server.access import Deed
from server.alerts import answering, model, snoozing
from server.alerts.model import Change, Conflict, Priority
from server.alerts.snoozing import NotSo
from server.api import alert_schemas, case
from server.api.alerts import CONFLICT, AlertId, Asked, change, visible
from server.api.case import SIGNED_IN, Key, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import RefusedError
from server.store import snoozes

router = APIRouter(prefix="/api/v1/alerts/{alert}", tags=["alerts"], dependencies=SIGNED_IN)
of_team = APIRouter(prefix="/api/v1/teams/{team}", tags=["alerts"], dependencies=SIGNED_IN)
COLOURS = (Priority.YELLOW, Priority.RED)


@router.post("/on-my-way", responses=CONFLICT)
def on_my_way(
    alert: AlertId, wish: alert_schemas.Coming, key: Key, desk: DeskOfApp, token: Token
) -> alert_schemas.Alert:
    """Said by who has it."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return answering.on_my_way(standing, wish.rev, work.caller.staff, work.now)

    return change(Asked(desk, token, key, alert, "on_my_way", wish), decide, alert_schemas.Alert)


@router.post("/there", responses=CONFLICT)
def there(alert: AlertId, wish: alert_schemas.Coming, key: Key, desk: DeskOfApp, token: Token) -> alert_schemas.Alert:
    """Said by who has it, at the door."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return answering.there(standing, wish.rev, work.caller.staff, work.now)

    return change(Asked(desk, token, key, alert, "there", wish), decide, alert_schemas.Alert)


@router.post("/contact", responses=CONFLICT)
def contact(alert: AlertId, wish: alert_schemas.Remark, key: Key, desk: DeskOfApp, token: Token) -> alert_schemas.Alert:
    """Somebody spoke with who called for help, or with somebody who is there."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return answering.contact(standing, wish.rev, work.caller.staff, work.now, note=wish.note)

    return change(Asked(desk, token, key, alert, "contact", wish), decide, alert_schemas.Alert)


@router.post("/measure-again", responses=CONFLICT)
def measure_again(
    alert: AlertId, wish: alert_schemas.Remark, key: Key, desk: DeskOfApp, token: Token
) -> alert_schemas.AskedAgain:
    """A line in the history. No sensor measures because it is asked: the patient must be told."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return answering.ask_for_measurement(standing, wish.rev, work.caller.staff, work.now, note=wish.note)

    return change(Asked(desk, token, key, alert, "measure_again", wish), decide, alert_schemas.AskedAgain)


@router.post("/note", responses=CONFLICT)
def note(alert: AlertId, wish: alert_schemas.WriteNote, key: Key, desk: DeskOfApp, token: Token) -> alert_schemas.Alert:
    """Also of one that is closed."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return answering.note(standing, wish.rev, work.caller.staff, work.now, note=wish.note)

    return change(Asked(desk, token, key, alert, "note", wish), decide, alert_schemas.Alert)


@router.post("/snooze", responses=CONFLICT)
def snooze(alert: AlertId, wish: alert_schemas.PutOff, key: Key, desk: DeskOfApp, token: Token) -> alert_schemas.Alert:
    """Put off by who has it or takes it, for at most as long as the team allows. What is worse rings at once."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict | NotSo:
        most = snoozes.most(work.conn, visible(work, alert, Deed.HANDLE_ALERTS).team)
        staff = work.caller.staff
        return snoozing.snooze(standing, wish.rev, staff, wish.until, wish.reason, work.now, most=most)

    return change(Asked(desk, token, key, alert, "snooze", wish), decide, alert_schemas.Alert)


@router.post("/snooze/end", responses=CONFLICT)
def end_snooze(
    alert: AlertId, wish: alert_schemas.Coming, key: Key, desk: DeskOfApp, token: Token
) -> alert_schemas.Alert:
    """Before its time: its owner goes on with it; ended by anybody else, it is in the queue again and rings."""

    def decide(standing: model.Alert, work: Work) -> Change | Conflict:
        return snoozing.end_early(standing, wish.rev, work.caller.staff, work.now)

    return change(Asked(desk, token, key, alert, "end_snooze", wish), decide, alert_schemas.Alert)


@of_team.get("/snooze")
def get_snooze_limits(team: TeamId, desk: DeskOfApp, token: Token) -> alert_schemas.SnoozeLimits:
    """How long alerts of each colour can be put off."""
    with desk.work(token) as work:
        _mine(work, team, Deed.SEE_PATIENTS)
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
        _mine(work, team, Deed.SEE_PATIENTS)
        case.must_do(work, team, Deed.SET_PATHWAYS)
        case.hold_team(work, team)
        return case.once_only(work, key, ("set_snooze_limit", team), wish, decide, alert_schemas.SnoozeLimits)


def _mine(work: Work, team: int, deed: Deed) -> None:
    if team not in work.teams(deed):
        raise RefusedError(HTTPStatus.NOT_FOUND, "None of your teams has this number.")


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
