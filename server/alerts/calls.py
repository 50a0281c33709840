"""Calls for help. Each one rings; one that comes soon after another is worse than the first: nobody has helped yet."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from server.alerts.changes import again, raised
from server.alerts.findings import HelpCall
from server.alerts.lifecycle import Happening
from server.alerts.model import URGENT, Action, Alert, Change, Priority, State
from server.detection.findings import Evidence

CALLED_AGAIN_WITHIN: Final = timedelta(minutes=30)  # of the one before, or of what was done about it [proposal]


def help_call(alert: Alert | None, handled: Alert | None, call: HelpCall, now: datetime) -> Change:
    """`handled`: the last one of this rule that somebody closed; a call soon after that says that it did not help."""
    before = alert or handled
    soon = before is not None and _soon(before, call.at)
    urgent = soon or (alert is not None and alert.urgent)
    evidence = _evidence(call, before if soon else None, urgent=urgent)
    if alert is None:
        first = raised(call, Priority.RED, call.at, evidence, now, late=call.late, rings=True)
        return replace(first, alert=replace(first.alert, contact_needed=urgent))
    pressed = replace(
        alert,
        last_at=max(alert.last_at, call.at),
        count=alert.count + 1,
        late=alert.late and call.late,
        evidence=evidence,
        contact_needed=urgent,
        contact_at=None if alert.contact_at is None or alert.contact_at < call.at else alert.contact_at,
    )
    if alert.state is not State.RAISED:  # one that nobody has taken keeps its place in the queue
        pressed = replace(pressed, raised_at=now)
    action = Action.CALLED_AGAIN if soon else Action.PRESSED_AGAIN
    return again(pressed, Happening.PRESSED_AGAIN, action, now, rings=True)


def _soon(before: Alert, at: datetime) -> bool:
    """Out of a backlog calls come in any order."""
    first, last = _first_of_row(before), before.handled_at or before.last_at
    return first - CALLED_AGAIN_WITHIN <= at <= last + CALLED_AGAIN_WITHIN


def _evidence(call: HelpCall, before: Alert | None, *, urgent: bool) -> Evidence:
    """`calls` in a row, none longer than `within_min` after the one before; what was urgent once stays so."""
    numbers = {"calls": 1.0, "within_min": CALLED_AGAIN_WITHIN.total_seconds() / 60}
    first = call.at
    if before is not None:
        numbers["calls"] += before.evidence.numbers.get("calls", 1.0)
        first = min(call.at, _first_of_row(before))
    if urgent:
        numbers[URGENT] = 1.0
    return Evidence(event=call.type, place=call.place, since=call.at, from_at=first, numbers=numbers)


def _first_of_row(alert: Alert) -> datetime:
    return alert.evidence.from_at or alert.began_at
