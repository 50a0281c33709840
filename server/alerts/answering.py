"""What a person says about an alert while it is being answered; none of it closes it."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import Kind
from server.alerts.lifecycle import OPEN, Happening, done, refused
from server.alerts.model import Action, Alert, Change, Conflict

ANSWERED_WITHIN: Final = timedelta(hours=1)  # a new measurement that somebody asked for [proposal]


def on_my_way(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    return _comes(alert, rev, staff, now, Action.ON_WAY)


def there(alert: Alert, rev: int, staff: int, now: datetime) -> Change | Conflict:
    """Also without having said "on my way"."""
    return _comes(alert, rev, staff, now, Action.THERE)


def contact(alert: Alert, rev: int, staff: int, now: datetime, *, note: str | None = None) -> Change | Conflict:
    """Somebody has spoken with who called, or with somebody who is there."""
    refusal = refused(alert, rev, Happening.SAY)
    if refusal is not None:
        return refusal
    spoken = replace(alert, contact_at=now)
    return done(spoken, Happening.SAY, Action.CONTACT_MADE, staff, now, note=note)


def ask_for_measurement(
    alert: Alert,
    rev: int,
    staff: int,
    now: datetime,
    *,
    kind: Kind | None = None,
    within: timedelta = ANSWERED_WITHIN,
    note: str | None = None,
) -> Change | Conflict:
    """`kind` None: what the alert is about. An alert that is of no kind, or of no patient, awaits nothing."""
    refusal = refused(alert, rev, Happening.SAY)
    if refusal is not None:
        return refusal
    asked = done(alert, Happening.SAY, Action.MEASUREMENT_ASKED, staff, now, note=note)
    awaited = kind or alert.evidence.kind
    if awaited is None or alert.subject.patient is None:
        return asked
    return replace(asked, kind=awaited, until=now + within)


def measured(alert: Alert, kind: Kind, measured_at: datetime | None, now: datetime) -> Change:
    """What became of the question. `measured_at` None: nothing came: who waits for it hears that, while it is open."""
    missed = measured_at is None
    action = Action.NOT_MEASURED if missed else Action.MEASURED
    told = done(alert, Happening.NOTE, action, None, now, rings=missed and alert.state in OPEN)
    return replace(told, kind=kind)


def note(alert: Alert, rev: int, staff: int, now: datetime, *, note: str) -> Change | Conflict:
    """Also of one that is closed."""
    refusal = refused(alert, rev, Happening.NOTE)
    return refusal or done(alert, Happening.NOTE, Action.NOTE, staff, now, note=note)


def _comes(alert: Alert, rev: int, staff: int, now: datetime, action: Action) -> Change | Conflict:
    refusal = refused(alert, rev, Happening.COME)
    if refusal is not None:
        return refusal
    if alert.owner != staff:
        return Conflict(alert=alert, why="Only who has it says who is coming: take it over first.")
    before = alert.on_way_at if action is Action.ON_WAY else alert.there_at
    if before is not None or alert.there_at is not None:
        return Conflict(alert=alert, why="You have said so already.")
    comes = replace(alert, on_way_at=now) if action is Action.ON_WAY else replace(alert, there_at=now)
    return done(comes, Happening.COME, action, staff, now)
