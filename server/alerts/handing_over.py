"""Going off duty: what somebody has goes to the next one, rings there, and stays what it was."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from server.alerts.escalation import Part, Person, Roster
from server.alerts.lifecycle import Happening, done, nobodys
from server.alerts.model import Action, Alert, Change


def hand_over(alert: Alert, to: int | None, by: int | None, now: datetime) -> Change:
    """Of an open alert. `to` None: nobody is left; it is in the queue."""
    happening = Happening.BACK if alert.condition_ended_at is None else Happening.BACK_OVER
    given = replace(nobodys(alert), owner=to)
    return replace(done(given, happening, Action.HANDED_OVER, by, now, rings=True), to=to)


def is_last(roster: Roster, staff: int) -> bool:
    """Nobody else is on duty."""
    return not {person.staff for people in roster.on_duty.values() for person in people} - {staff}


def next_of(roster: Roster, leaving: int, part: Part) -> Person | None:
    """Who has what somebody had: a colleague in the same part, else by the order of the parts. None: nobody."""
    return next((each for each in _others(roster.on_duty, part) if each.staff not in (leaving, None)), None)


def _others(on_duty: Mapping[Part, tuple[Person, ...]], part: Part) -> list[Person]:
    return [person for each in (part, *Part) for person in on_duty.get(each, ())]
