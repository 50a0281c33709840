"""The whole life of an alert as a table, and what a person does to it."""

from dataclasses import replace
from datetime import datetime
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
        (ACKNOWLEDGED, Happening.HANDLE): HANDLED,
        (ACKNOWLEDGED, Happening.CONDITION_ENDED): ACKNOWLEDGED,  # somebody has it, and says what it was
        (ACKNOWLEDGED, Happening.CONDITION_WORSE): RAISED,  # a turn for the worse must be seen again
        (ACKNOWLEDGED, Happening.RETURNED): RAISED,
        (ACKNOWLEDGED, Happening.PRESSED_AGAIN): RAISED,  # each press rings
        (ACKNOWLEDGED, Happening.REPEATED): ACKNOWLEDGED,
        (ACKNOWLEDGED, Happening.FAULT_OVER): ENDED,
        (CLEARED, Happening.ACKNOWLEDGE): ACKNOWLEDGED,
        (CLEARED, Happening.HANDLE): HANDLED,
        (CLEARED, Happening.CONDITION_WORSE): RAISED,
        (CLEARED, Happening.RETURNED): RAISED,
        (CLEARED, Happening.PRESSED_AGAIN): RAISED,
        (CLEARED, Happening.REPEATED): CLEARED,
    }
)
OPEN: Final = frozenset({RAISED, ACKNOWLEDGED, CLEARED})


def acknowledge(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    """`rev`: the revision that the nurse saw."""
    refusal = _refusal(alert, rev, Happening.ACKNOWLEDGE)
    if refusal is not None:
        return Conflict(alert=alert, why=refusal)
    after = replace(alert, state=ACKNOWLEDGED, owner=staff, acknowledged_at=now, rev=alert.rev + 1)
    return Change(action=Action.ACKNOWLEDGED, alert=after, at=now, rings=False, staff=staff)


def handle(
    alert: Alert, rev: int, staff: int, outcome: Outcome, now: datetime, *, note: str | None = None
) -> Change | Conflict:
    refusal = _refusal(alert, rev, Happening.HANDLE)
    if refusal is not None:
        return Conflict(alert=alert, why=refusal)
    after = replace(alert, state=HANDLED, handled_at=now, handled_by=staff, outcome=outcome, rev=alert.rev + 1)
    return Change(action=Action.HANDLED, alert=after, at=now, rings=False, staff=staff, note=note)


def _refusal(alert: Alert, rev: int, happening: Happening) -> str | None:
    if alert.state not in OPEN:
        return "It is closed already."
    if (alert.state, happening) not in TRANSITIONS:
        return "Somebody has it already."
    return None if alert.rev == rev else "It has changed since you looked."
