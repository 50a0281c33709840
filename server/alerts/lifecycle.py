"""The whole life of an alert as a table, and how people take it, give it away and close it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from server.alerts.model import Action, Alert, Change, Conflict, Outcome, State


class Happening(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    HANDLE = "handle"
    CONDITION_ENDED = "condition_ended"
    CONDITION_WORSE = "condition_worse"
    RETURNED = "returned"  # it was over, and is so again; or what was only known to have been is so now
    PRESSED_AGAIN = "pressed_again"
    REPEATED = "repeated"
    FAULT_OVER = "fault_over"  # technical alerts only
    BACK = "back"  # to the queue: nobody has it any more
    BACK_OVER = "back_over"  # the same of one whose condition is over
    TAKE_OVER = "take_over"  # from a colleague
    COME = "come"  # its owner is on the way, or there
    SAY = "say"  # contact made, a new measurement asked for
    NOTE = "note"
    SNOOZE = "snooze"
    GO_ON = "go_on"  # along its chain
    REOPEN = "reopen"
    REOPEN_OVER = "reopen_over"


RAISED, ACKNOWLEDGED, CLEARED, HANDLED, ENDED = State

# What is not in the table does not happen: a person gets a Conflict, the system changes nothing.
TRANSITIONS: Final = MappingProxyType(
    {
        (RAISED, Happening.ACKNOWLEDGE): ACKNOWLEDGED,
        (RAISED, Happening.HANDLE): HANDLED,
        (RAISED, Happening.CONDITION_ENDED): CLEARED,  # over, but nobody has looked yet
        (RAISED, Happening.CONDITION_WORSE): RAISED,
        (RAISED, Happening.RETURNED): RAISED,
        (RAISED, Happening.PRESSED_AGAIN): RAISED,
        (RAISED, Happening.REPEATED): RAISED,
        (RAISED, Happening.FAULT_OVER): ENDED,
        (RAISED, Happening.BACK): RAISED,  # for whom it rang has not taken it
        (RAISED, Happening.SAY): RAISED,  # said, but nobody has it
        (RAISED, Happening.NOTE): RAISED,
        (RAISED, Happening.SNOOZE): ACKNOWLEDGED,
        (RAISED, Happening.GO_ON): RAISED,
        (ACKNOWLEDGED, Happening.HANDLE): HANDLED,
        (ACKNOWLEDGED, Happening.CONDITION_ENDED): ACKNOWLEDGED,  # somebody has it, and says what it was
        (ACKNOWLEDGED, Happening.CONDITION_WORSE): RAISED,  # a turn for the worse must be seen again
        (ACKNOWLEDGED, Happening.RETURNED): RAISED,
        (ACKNOWLEDGED, Happening.PRESSED_AGAIN): RAISED,  # each press rings
        (ACKNOWLEDGED, Happening.REPEATED): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.FAULT_OVER): ENDED,
        (ACKNOWLEDGED, Happening.BACK): RAISED,
        (ACKNOWLEDGED, Happening.BACK_OVER): CLEARED,
        (ACKNOWLEDGED, Happening.TAKE_OVER): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.COME): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.SAY): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.NOTE): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.SNOOZE): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.GO_ON): ACKNOWLEDGED,
        (CLEARED, Happening.ACKNOWLEDGE): ACKNOWLEDGED,
        (CLEARED, Happening.HANDLE): HANDLED,
        (CLEARED, Happening.CONDITION_WORSE): RAISED,
        (CLEARED, Happening.RETURNED): RAISED,
        (CLEARED, Happening.PRESSED_AGAIN): RAISED,
        (CLEARED, Happening.REPEATED): CLEARED,
        (CLEARED, Happening.BACK_OVER): CLEARED,
        (CLEARED, Happening.SAY): CLEARED,
        (CLEARED, Happening.NOTE): CLEARED,
        (CLEARED, Happening.SNOOZE): ACKNOWLEDGED,
        (CLEARED, Happening.GO_ON): CLEARED,
        (HANDLED, Happening.NOTE): HANDLED,
        (HANDLED, Happening.REOPEN): RAISED,
        (HANDLED, Happening.REOPEN_OVER): CLEARED,
        (ENDED, Happening.NOTE): ENDED,
    }
)
OPEN: Final = frozenset({RAISED, ACKNOWLEDGED, CLEARED})
# The screen offers ten seconds to take an acknowledgement back; the rest is for the way to the server.
TAKEN_BACK_WITHIN: Final = timedelta(seconds=10 + 5)
REOPENED_WITHIN: Final = timedelta(hours=12)  # later it is a new matter [proposal]


def acknowledge(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    """`rev`: the revision that the nurse saw."""
    refusal = refused(alert, rev, Happening.ACKNOWLEDGE)
    if refusal is not None:
        return refusal
    taken = replace(alert, owner=staff, acknowledged_at=now)
    return done(taken, Happening.ACKNOWLEDGE, Action.ACKNOWLEDGED, staff, now)


def take_back(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    """The finger slipped: it stands as it stood before."""
    happening = _back(alert)
    refusal = refused(alert, rev, happening)
    if refusal is not None:
        return refusal
    if alert.owner != staff or alert.acknowledged_at is None:
        return Conflict(alert=alert, why="Only who acknowledged it can take that back.")
    if alert.snoozed_until is not None or now - alert.acknowledged_at > TAKEN_BACK_WITHIN:
        return Conflict(alert=alert, why="It is too late to take that back: give the alert away instead.")
    return done(nobodys(alert), happening, Action.TAKEN_BACK, staff, now)


def release(alert: Alert, rev: int, staff: int, now: datetime, *, note: str | None = None) -> Change | Conflict:
    """Given away: it rings for the others, at the place in the queue that it had."""
    happening = _back(alert)
    refusal = refused(alert, rev, happening)
    if refusal is not None:
        return refusal
    if alert.owner != staff:
        return Conflict(alert=alert, why="You do not have it, so you cannot give it away.")
    return done(nobodys(alert), happening, Action.RELEASED, staff, now, rings=True, note=note)


def assign(alert: Alert, rev: int, staff: int, to: int, now: datetime, *, note: str | None = None) -> Change | Conflict:
    """Rings for the colleague, and goes on along its chain until somebody takes it. Oneself takes it at once."""
    if to == staff:
        return _take(alert, rev, staff, now)
    happening = _back(alert)
    refusal = refused(alert, rev, happening)
    if refusal is not None:
        return refusal
    if alert.owner == to:
        return Conflict(alert=alert, why="It is with this colleague already.")
    given = replace(nobodys(alert), owner=to)
    return replace(done(given, happening, Action.ASSIGNED, staff, now, rings=True, note=note), to=to)


def handle(
    alert: Alert, rev: int, staff: int, outcome: Outcome, now: datetime, *, note: str | None = None
) -> Change | Conflict:
    refusal = refused(alert, rev, Happening.HANDLE)
    if refusal is not None:
        return refusal
    if alert.contact_needed and alert.contact_at is None:
        return Conflict(
            alert=alert, why="There was another call soon after the first: note contact before you close it."
        )
    closed = replace(alert, handled_at=now, handled_by=staff, outcome=outcome, snoozed_until=None)
    return done(closed, Happening.HANDLE, Action.HANDLED, staff, now, note=note)


def reopen(
    alert: Alert, rev: int, staff: int, now: datetime, *, standing: Iterable[Alert], note: str | None = None
) -> Change | Conflict:
    """Closed by mistake, or too early. `standing`: what is open about its subject."""
    over = alert.condition_ended_at is not None
    happening = Happening.REOPEN_OVER if over else Happening.REOPEN
    if (alert.state, happening) not in TRANSITIONS or alert.handled_at is None:
        why = (
            "It is open already."
            if alert.state in OPEN
            else "It ended by itself: if the fault returns, it is a new one."
        )
        return Conflict(alert=alert, why=why)
    if alert.rev != rev:
        return Conflict(alert=alert, why=CHANGED)
    if now - alert.handled_at > REOPENED_WITHIN:
        hours = REOPENED_WITHIN // timedelta(hours=1)
        return Conflict(alert=alert, why=f"It was closed more than {hours} hours ago and stays closed.")
    if any(other.key == alert.key for other in standing):
        return Conflict(alert=alert, why="A newer alert about the same is open: use that one.")
    again = replace(nobodys(alert), handled_at=None, handled_by=None, outcome=None, raised_at=now, step=0)
    return done(again, happening, Action.REOPENED, staff, now, rings=True, note=note)


CHANGED: Final = "It has changed since you looked."


def refused(alert: Alert, rev: int, happening: Happening) -> Conflict | None:
    if (alert.state, happening) not in TRANSITIONS:
        why = (
            _WITHOUT_OWNER.get(happening, "Somebody has it already.")
            if alert.state in OPEN
            else "It is closed already."
        )
        return Conflict(alert=alert, why=why)
    return None if alert.rev == rev else Conflict(alert=alert, why=CHANGED)


_WITHOUT_OWNER: Final = MappingProxyType(
    {
        Happening.COME: "Acknowledge it first: then the others see that you have it.",
        Happening.TAKE_OVER: "Nobody has it: acknowledge it.",
    }
)


def done(
    alert: Alert,
    happening: Happening,
    action: Action,
    staff: int | None,
    now: datetime,
    *,
    rings: bool = False,
    note: str | None = None,
) -> Change:
    after = replace(alert, state=TRANSITIONS[alert.state, happening], rev=alert.rev + 1)
    return Change(action=action, alert=after, at=now, rings=rings, staff=staff, note=note)


def nobodys(alert: Alert) -> Alert:
    """Who was on the way is so no longer; history keeps it."""
    return replace(alert, owner=None, acknowledged_at=None, on_way_at=None, there_at=None, snoozed_until=None)


def _back(alert: Alert) -> Happening:
    return Happening.BACK if alert.condition_ended_at is None else Happening.BACK_OVER


def _take(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    if alert.state in (RAISED, CLEARED):
        return acknowledge(alert, rev, staff, now)
    refusal = refused(alert, rev, Happening.TAKE_OVER)
    if refusal is not None:
        return refusal
    if alert.owner == staff:
        return Conflict(alert=alert, why="You have it already.")
    taken = replace(nobodys(alert), owner=staff, acknowledged_at=now)
    return replace(done(taken, Happening.TAKE_OVER, Action.ASSIGNED, staff, now), to=staff)
