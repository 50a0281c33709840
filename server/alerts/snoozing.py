"""Putting an alert off: a lease of its owner's, with an end, of one rule, one direction and one colour.

Calls for help and technical alerts are never put off. What is worse than what was put off rings; so does every other
rule. When the time is up and the condition stands, it rings again for everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from server.alerts.lifecycle import Happening, done, nobodys, refused
from server.alerts.model import Action, Alert, Change, Conflict, Priority, State

SHORTEST: Final = timedelta(minutes=5)
LONGEST: Final = timedelta(hours=24)  # whatever a team decides
# How long a colour can be put off where a team has not decided otherwise [proposal].
MOST: Final[Mapping[Priority, timedelta]] = MappingProxyType(
    {Priority.YELLOW: timedelta(hours=12), Priority.RED: timedelta(0)}
)
NEVER: Final = ("call:", "technical:")


@dataclass(frozen=True, kw_only=True, slots=True)
class NotSo:
    """A wish that cannot be met, whoever was first; `why` is a sentence."""

    why: str


def snooze(
    alert: Alert,
    rev: int,
    staff: int,
    until: datetime,
    reason: str,
    now: datetime,
    *,
    most: Mapping[Priority, timedelta] = MOST,
) -> Change | Conflict | NotSo:
    """`most`: the team's; a colour that is not in it is not put off."""
    wrong = _wrong(alert, until - now, most)
    if wrong is not None:
        return NotSo(why=wrong)
    refusal = refused(alert, rev, Happening.SNOOZE)
    if refusal is not None:
        return refusal
    if alert.state is State.ACKNOWLEDGED and alert.owner != staff:
        return Conflict(alert=alert, why="Somebody has it already.")
    later = replace(alert, owner=staff, acknowledged_at=alert.acknowledged_at or now, snoozed_until=until)
    return replace(done(later, Happening.SNOOZE, Action.SNOOZED, staff, now, note=reason), until=until)


def end_early(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    """Its owner goes on with it; ended by somebody else, it is in the queue again."""
    if alert.snoozed_until is None:
        return Conflict(alert=alert, why="It is not put off.")
    happening = Happening.SAY if alert.owner == staff else _back(alert)
    refusal = refused(alert, rev, happening)
    if refusal is not None:
        return refusal
    if happening is Happening.SAY:
        mine = replace(alert, snoozed_until=None, acknowledged_at=now)
        return done(mine, happening, Action.SNOOZE_ENDED, staff, now)
    return _queued(alert, happening, Action.SNOOZE_ENDED, staff, now)


def time_up(alert: Alert, now: datetime) -> Change | None:
    """None: it is not put off, or for longer."""
    if alert.snoozed_until is None or now < alert.snoozed_until:
        return None
    return _queued(alert, _back(alert), Action.SNOOZE_OVER, None, now)


def muted(before: Alert | None, change: Change, now: datetime) -> Change:
    """The policy's change of an alert: what was put off and only came back stays with its owner, without a sound."""
    if before is None or before.snoozed_until is None or now >= before.snoozed_until:
        return change
    if change.action is not Action.RAISED_AGAIN or (before.late and not change.alert.late):
        return change  # what is worse; or what was only known to have been, and is so now
    kept = replace(
        change.alert,
        state=State.ACKNOWLEDGED,
        owner=before.owner,
        acknowledged_at=before.acknowledged_at,
        on_way_at=before.on_way_at,
        there_at=before.there_at,
        raised_at=before.raised_at,
        snoozed_until=before.snoozed_until,
    )
    return replace(change, action=Action.REPEATED, alert=kept, rings=False)


def _wrong(alert: Alert, length: timedelta, most: Mapping[Priority, timedelta]) -> str | None:
    if alert.rule.startswith(NEVER) or alert.priority is Priority.GREY:
        return "Calls for help and technical alerts are never put off."
    longest = min(most.get(alert.priority, timedelta(0)), LONGEST)
    if longest <= timedelta(0):
        return f"Your team does not put {alert.priority} alerts off."
    if length > longest:
        return f"Your team puts a {alert.priority} alert off for at most {_length(longest)}."
    if length < SHORTEST:
        return f"An alert is put off for at least {_length(SHORTEST)}."
    return None


def _length(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    return f"{minutes // 60} hours" if minutes >= 120 and minutes % 60 == 0 else f"{minutes} minutes"


def _queued(alert: Alert, happening: Happening, action: Action, staff: int | None, now: datetime) -> Change:
    rings = happening is Happening.BACK
    queued = replace(nobodys(alert), raised_at=now if rings else alert.raised_at)
    return done(queued, happening, action, staff, now, rings=rings)


def _back(alert: Alert) -> Happening:
    return Happening.BACK if alert.condition_ended_at is None else Happening.BACK_OVER
