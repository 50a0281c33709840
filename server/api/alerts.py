"""Alerts one by one: look, acknowledge, handle. The first revision wins, and the second nurse sees who has it."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Path

from server.access import Deed
from server.alerts import lifecycle, model
from server.alerts.model import Change, Conflict
from server.api import schemas, shapes
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import ConflictError, RefusedError
from server.store import alerts, board, commands

AlertId = Annotated[int, Path(ge=1, le=2**63 - 1)]
router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
CONFLICT: dict[int | str, dict[str, Any]] = {
    HTTPStatus.CONFLICT.value: {"model": schemas.AlertConflict, "description": "Somebody was first"}
}

Decide = Callable[[model.Alert], Change | Conflict]


@router.get("/{alert}")
def get_alert(alert: AlertId, desk: DeskOfApp, token: Token) -> schemas.AlertDetail:
    with desk.work(token) as work:
        row = _visible(work, alert, Deed.SEE_PATIENTS)
        if row.patient is not None:
            board.remember_look(work.conn, row.patient, f"alert {alert}", work.now)
        history = board.history(work.conn, alert)
    return schemas.AlertDetail(alert=shapes.alert(row), history=[shapes.history(each) for each in history])


@router.post("/{alert}/acknowledge", responses=CONFLICT)
def acknowledge(alert: AlertId, wish: schemas.Acknowledge, desk: DeskOfApp, token: Token) -> schemas.Alert:
    """`rev`: the revision on the nurse's screen."""
    with desk.work(token) as work:
        return _change(
            work, alert, lambda standing: lifecycle.acknowledge(standing, wish.rev, work.caller.staff, work.now)
        )


@router.post("/{alert}/handle", responses=CONFLICT)
def handle(alert: AlertId, wish: schemas.Handle, desk: DeskOfApp, token: Token) -> schemas.Alert:
    with desk.work(token) as work:
        outcome = model.Outcome(wish.outcome)
        return _change(
            work,
            alert,
            lambda standing: lifecycle.handle(standing, wish.rev, work.caller.staff, outcome, work.now, note=wish.note),
        )


def _change(work: Work, alert: int, decide: Decide) -> schemas.Alert:
    _visible(work, alert, Deed.HANDLE_ALERTS)
    standing = alerts.hold_alert(work.conn, alert)
    assert standing is not None, "alerts are never deleted"
    decision = decide(standing)
    if isinstance(decision, Conflict):
        as_it_stands = shapes.alert(_row(work, alert))
        raise ConflictError(as_it_stands, _who_was_first(decision, as_it_stands))
    if standing.owner is None:  # now a person has it; the home hears of it
        commands.acknowledged(work.conn, standing, work.now)
    alerts.apply(work.conn, [decision], work.now)
    return shapes.alert(_row(work, alert))


def _who_was_first(conflict: Conflict, alert: schemas.Alert) -> str:
    return conflict.why if alert.owner is None else f"{conflict.why} {alert.owner.name} has it."


def _visible(work: Work, alert: int, deed: Deed) -> board.AlertRow:
    teams = work.teams(deed)
    row = board.alerts(work.conn, [alert]).get(alert)
    if row is None or row.team not in teams:
        raise RefusedError(HTTPStatus.NOT_FOUND, "None of your teams has an alert with this number.")
    return row


def _row(work: Work, alert: int) -> board.AlertRow:
    return board.alerts(work.conn, [alert])[alert]
