"""Alerts one by one: look, take, give away, close. The first revision wins, and the second nurse sees who has it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Protocol, TypeAlias

import psycopg
from fastapi import APIRouter, Depends, Header, Path, Request

from server.access import Deed
from server.alerts import lifecycle, model
from server.alerts.model import Action, Change, Conflict, Outcome
from server.alerts.snoozing import NotSo
from server.api import alert_schemas, case, shapes
from server.api.case import SIGNED_IN, Key
from server.api.desk import Desk, DeskOfApp, Token, Work
from server.api.problems import ConflictError, RefusedError
from server.store import alerts, answering, board, commands, outages, snoozes
from server.store.snoozes import Snooze

AlertId = Annotated[int, Path(ge=1, le=2**63 - 1)]
KeyOrNone: TypeAlias = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=80,
        pattern=r"^[\x21-\x7e]+$",
        description="a new one for every change; the same one when it is sent again, then it is done once",
    ),
]
router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"], dependencies=SIGNED_IN)
CONFLICT: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CONFLICT.value: {
        "model": alert_schemas.AlertConflict,
        "description": "Somebody was first, or it cannot be now",
    }
}
TAKES: tuple[Action, ...] = (Action.ACKNOWLEDGED, Action.HANDLED, Action.SNOOZED)


class Decide(Protocol):
    """One of the deeds of server/alerts, with what only it needs bound to it. `rev`: what the nurse saw."""

    def __call__(self, alert: model.Alert, rev: int, staff: int, /, *, now: datetime) -> Change | Conflict | NotSo: ...


Look = Callable[[Work, board.AlertRow], Decide]
"""What only this decision needs to know, read under the alert's lock."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Who wants what done with which alert. `key` None: from a screen that does not send again."""

    desk: Desk
    token: str | None
    key: str | None
    alert: int
    deed: str


def _asks(request: Request, alert: AlertId, desk: DeskOfApp, token: Token, key: Key) -> Asked:
    return Asked(desk=desk, token=token, key=key, alert=alert, deed=request.scope["route"].name)


def _asks_perhaps_once(request: Request, alert: AlertId, desk: DeskOfApp, token: Token, key: KeyOrNone = None) -> Asked:
    return Asked(desk=desk, token=token, key=key, alert=alert, deed=request.scope["route"].name)


Asks: TypeAlias = Annotated[Asked, Depends(_asks)]
AsksPerhapsOnce: TypeAlias = Annotated[Asked, Depends(_asks_perhaps_once)]


@router.get("/{alert}")
def get_alert(alert: AlertId, desk: DeskOfApp, token: Token) -> alert_schemas.AlertDetail:
    """With everything that was done about it."""
    with desk.work(token) as work:
        row = visible(work, alert, Deed.SEE_PATIENTS)
        for patient in [row.patient] if row.patient is not None else row.lives_there:
            board.remember_look(work.conn, patient, f"alert {alert}", work.now)
        history, calls = board.history(work.conn, alert), board.calls(work.conn, alert)
        put_off = _put_off(work, snoozes.of_alert(work.conn, alert))
    return alert_schemas.AlertDetail(
        alert=shapes.alert(row),
        history=[shapes.history(each) for each in history],
        snoozes=put_off,
        calls=[alert_schemas.Called(step=each.step, at=each.at, name=each.name, staff=each.staff) for each in calls],
    )


@router.get("/{alert}/colleagues")
def get_colleagues(alert: AlertId, desk: DeskOfApp, token: Token) -> alert_schemas.Colleagues:
    """Who may be given this alert."""
    with desk.work(token) as work:
        team = visible(work, alert, Deed.HANDLE_ALERTS).team
        found = answering.may_answer(work.conn, team)
    return alert_schemas.Colleagues(team=team, staff=[case.member(each) for each in found])


@router.get("/{alert}/silence")
def get_silence(alert: AlertId, desk: DeskOfApp, token: Token) -> alert_schemas.Silence:
    """Of an outage, or of one silent gateway: whom it concerns. Of any other alert: nobody."""
    with desk.work(token) as work:
        visible(work, alert, Deed.SEE_PATIENTS)
        gateways, patients = outages.of_alert(work.conn, alert, work.now)
        for each in patients:
            board.remember_look(work.conn, each.id, f"silence {alert}", work.now)
    return alert_schemas.Silence(
        alert=alert,
        gateways=[
            alert_schemas.SilentGateway(
                gateway=each.gateway,
                home=each.home,
                operator=each.operator or None,
                heard_at=each.heard_at,
                back_at=each.back_at,
            )
            for each in gateways
        ],
        patients=[
            alert_schemas.SilentPatient(
                patient=each.id,
                name=each.name,
                phone=each.phone,
                home=each.home,
                has_alarm=each.has_alarm,
                lives_alone=each.lives_alone,
                alone_is_said=each.alone_is_said,
            )
            for each in patients
        ],
    )


@router.post("/{alert}/acknowledge", responses=CONFLICT)
def acknowledge(wish: alert_schemas.Acknowledge, asked: AsksPerhapsOnce) -> alert_schemas.Alert:
    """Whoever acknowledges has it."""
    return change(asked, wish, lifecycle.acknowledge)


@router.post("/{alert}/take-back", responses=CONFLICT)
def take_back(wish: alert_schemas.TakeBackAcknowledgement, asked: Asks) -> alert_schemas.Alert:
    """The finger slipped: within ten seconds of one's own acknowledgement it stands as before, and history says so."""
    return change(asked, wish, lifecycle.take_back)


@router.post("/{alert}/release", responses=CONFLICT)
def release(wish: alert_schemas.Remark, asked: Asks) -> alert_schemas.Alert:
    """Given away by who has it: it is in the queue again, and rings for the others."""
    return change(asked, wish, partial(lifecycle.release, note=wish.note))


@router.post("/{alert}/assign", responses=CONFLICT)
def assign(wish: alert_schemas.Assign, asked: Asks) -> alert_schemas.Alert:
    """It rings until the colleague takes it. `to` oneself: taken at once, also from who has it."""

    def look(work: Work, row: board.AlertRow) -> Decide:
        if wish.to not in {each.id for each in answering.may_answer(work.conn, row.team)}:
            raise RefusedError(
                HTTPStatus.UNPROCESSABLE_ENTITY, "This colleague is not one of the team who may handle its alerts."
            )
        return partial(lifecycle.assign, to=wish.to, note=wish.note)

    return change_after(asked, wish, look)


@router.post("/{alert}/handle", responses=CONFLICT)
def handle(wish: alert_schemas.Handle, asked: AsksPerhapsOnce) -> alert_schemas.HandledAlert:
    """Closed, with what it was. Called for help again soon after the first time: only after contact."""
    handled = change(asked, wish, partial(lifecycle.handle, outcome=Outcome(wish.outcome), note=wish.note))
    return alert_schemas.HandledAlert(**handled.model_dump(), suggests=_suggests(handled))


@router.post("/{alert}/reopen", responses=CONFLICT)
def reopen(wish: alert_schemas.Reopen, asked: Asks) -> alert_schemas.Alert:
    """Closed by mistake or too early: in the queue again, by anybody of the team, within some hours."""

    def look(work: Work, row: board.AlertRow) -> Decide:
        return partial(lifecycle.reopen, standing=answering.beside(work.conn, row.id), note=wish.note)

    return change_after(asked, wish, look)


def change(asked: Asked, wish: alert_schemas.Wish, decide: Decide) -> alert_schemas.Alert:
    return change_after(asked, wish, lambda _work, _row: decide)


def change_after(asked: Asked, wish: alert_schemas.Wish, look: Look) -> alert_schemas.Alert:
    with asked.desk.work(asked.token) as work:
        visible(work, asked.alert, Deed.HANDLE_ALERTS)  # the database puts each change into the access log

        def do() -> alert_schemas.Alert:
            return _change(work, asked.alert, wish.rev, look)

        if asked.key is None:
            return do()
        return case.once_only(work, asked.key, (asked.deed, asked.alert), wish, do, alert_schemas.Alert)


def visible(work: Work, alert: int, deed: Deed) -> board.AlertRow:
    """`SEE_PATIENTS`: also of a patient whom the caller has opened in an emergency."""
    teams = work.teams(deed)
    row = board.alerts(work.conn, [alert]).get(alert)
    opened = row is not None and deed is Deed.SEE_PATIENTS and row.patient in work.caller.opened
    if row is None or (row.team not in teams and not opened):
        raise RefusedError(HTTPStatus.NOT_FOUND, "None of your teams has an alert with this number.")
    return row


def _change(work: Work, alert: int, rev: int, look: Look) -> alert_schemas.Alert:
    standing = alerts.hold_alert(work.conn, alert)
    assert standing is not None, "alerts are never deleted"
    row = _row(work, alert)
    as_it_stands = shapes.alert(row)
    decision = look(work, row)(standing, rev, work.caller.staff, now=work.now)
    if isinstance(decision, NotSo):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, decision.why)
    if isinstance(decision, Conflict):
        raise ConflictError(as_it_stands, _who_was_first(decision, as_it_stands))
    if decision.action in TAKES and standing.acknowledged_at is None:  # now a person has it; the home hears of it
        commands.acknowledged(work.conn, standing, work.now)
    try:
        alerts.apply(work.conn, [decision], work.now)
    except psycopg.errors.UniqueViolation as error:  # reopened, and another team has a newer one about the same
        raise ConflictError(as_it_stands, "A newer alert about the same is open.") from error
    return shapes.alert(_row(work, alert))


def _who_was_first(conflict: Conflict, alert: alert_schemas.Alert) -> str:
    return conflict.why if alert.owner is None else f"{conflict.why} {alert.owner.name} has it."


def _row(work: Work, alert: int) -> board.AlertRow:
    return board.alerts(work.conn, [alert])[alert]


def _suggests(handled: alert_schemas.Alert) -> alert_schemas.LimitHint | None:
    kind, patient = handled.evidence.kind, handled.patient
    if handled.outcome != Outcome.WRONG_LIMIT.value or kind is None or patient is None:
        return None
    return alert_schemas.LimitHint(patient=patient, kind=kind, try_out=f"/api/v1/patients/{patient}/try-out")


def _put_off(work: Work, found: list[Snooze]) -> list[alert_schemas.Snooze]:
    people = case.people(work, [id_ for each in found for id_ in (each.said_by, each.ended_by)])
    return [
        alert_schemas.Snooze.model_validate(
            {
                "until": each.until_at,
                "up_to": each.up_to,
                "by": people[each.said_by],
                "reason": each.reason,
                "begun_at": each.from_at,
                "ended_at": each.ended_at,
                "ended_by": None if each.ended_by is None else people[each.ended_by],
                "ended_because": each.ended_because,
            }
        )
        for each in found
    ]
