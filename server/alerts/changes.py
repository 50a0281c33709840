"""The steps in an alert's life that findings take: each makes the alert as it stands after."""

from dataclasses import replace
from datetime import datetime

from server.alerts.findings import Concern, DoorAtNight, DoseMissed, Fault, HelpCall, Outage, subject_of
from server.alerts.lifecycle import TRANSITIONS, Happening, nobodys
from server.alerts.model import Action, Alert, Change, Priority, State
from server.detection.findings import Evidence, LimitFinding

Raising = LimitFinding | HelpCall | DoorAtNight | DoseMissed | Concern | Fault | Outage


def raised(
    finding: Raising,
    priority: Priority,
    began_at: datetime,
    evidence: Evidence,
    now: datetime,
    *,
    late: bool,
    rings: bool,
) -> Change:
    alert = Alert(
        subject=subject_of(finding),
        rule=finding.rule,
        priority=priority,
        state=State.RAISED,
        began_at=began_at,
        raised_at=now,
        last_at=finding.at,
        late=late,
        evidence=evidence,
    )
    return Change(action=Action.RAISED, alert=alert, at=now, rings=rings)


def again(alert: Alert, happening: Happening, action: Action, now: datetime, *, rings: bool) -> Change:
    """Back in the queue: whoever had it must take it again."""
    return changed(nobodys(alert), happening, action, now, rings=rings)


def repeated(alert: Alert, evidence: Evidence, at: datetime, now: datetime) -> Change:
    joined = replace(alert, count=alert.count + 1, last_at=max(alert.last_at, at), evidence=evidence)
    return changed(joined, Happening.REPEATED, Action.REPEATED, now)


def over(alert: Alert, at: datetime, now: datetime) -> Change:
    ended = replace(alert, condition_ended_at=at, last_at=max(alert.last_at, at))
    return changed(ended, Happening.CONDITION_ENDED, Action.CONDITION_ENDED, now)


def changed(alert: Alert, happening: Happening, action: Action, now: datetime, *, rings: bool = False) -> Change:
    after = replace(alert, state=TRANSITIONS[alert.state, happening], rev=alert.rev + 1)
    return Change(action=action, alert=after, at=now, rings=rings)
