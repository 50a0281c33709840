"""Open alerts and findings in, changes out. One open alert per subject and rule; repeats join it."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from devices.limits import Level
from server.alerts.findings import (
    Concern,
    ConcernOver,
    DoorAtNight,
    DoseMissed,
    Fault,
    FaultOver,
    Finding,
    HelpCall,
    subject_of,
)
from server.alerts.lifecycle import OPEN, TRANSITIONS, Happening
from server.alerts.model import Action, Alert, Change, Priority, State, Subject
from server.detection.findings import Crossing, Evidence, LimitFinding

RE_ALERT_AFTER: Final = timedelta(minutes=30)  # what returns sooner joins what somebody has, unless worse [proposal]
UNHEARD_FOR: Final = timedelta(hours=4)  # a reading outside after so long is news, even of what somebody has [proposal]
URGENT_FOR: Final = timedelta(hours=1)  # a late red reading that nothing has contradicted is heard this long [proposal]


def decide(open_alerts: Iterable[Alert], findings: Iterable[Finding], now: datetime) -> list[Change]:
    """The open alerts of all subjects that the findings are about, read under those subjects' locks."""
    standing = {alert.key: alert for alert in open_alerts}
    changes = []
    for finding in findings:
        key = (subject_of(finding), finding.rule)
        change = _decide_one(standing.get(key), finding, now)
        if change is None:
            continue
        changes.append(change)
        standing[key] = change.alert
        if change.alert.state not in OPEN:
            del standing[key]
    return changes


def _decide_one(alert: Alert | None, finding: Finding, now: datetime) -> Change | None:
    match finding:
        case LimitFinding():
            return _limit(alert, finding, now)
        case HelpCall():
            return _help_call(alert, finding, now)
        case DoorAtNight():
            return _door(alert, finding, now)
        case DoseMissed():
            return _dose_missed(alert, finding, now)
        case Concern():
            return _concern(alert, finding, now)
        case ConcernOver():
            return None if alert is None else _concern_over(alert, finding, now)
        case Fault():
            return _fault(alert, finding, now)
        case FaultOver():
            return None if alert is None else _fault_over(alert, finding, now)


def _limit(alert: Alert | None, finding: LimitFinding, now: datetime) -> Change | None:
    match finding.crossing:
        case Crossing.ENDED:
            return None if alert is None else _condition_ended(alert, finding, now)
        case Crossing.EASED:
            return None if alert is None else _eased(alert, finding, now)
        case Crossing.HAS_BEEN:
            return _has_been(alert, finding, now)
        case Crossing.BEGAN | Crossing.WORSE | Crossing.STILL:
            return _outside(alert, finding, now)


def _outside(alert: Alert | None, finding: LimitFinding, now: datetime) -> Change:
    priority = Priority.RED if abs(finding.level) == abs(Level.RED_LOW) else Priority.YELLOW
    rings = not finding.late or (priority is Priority.RED and now - finding.at <= URGENT_FOR)
    if alert is None:
        return _raise(finding, priority, finding.began, finding.evidence, now, late=finding.late, rings=rings)
    found = replace(alert, last_at=max(alert.last_at, finding.at), evidence=finding.evidence, condition_ended_at=None)
    returned = _has_returned(alert, finding, now)
    if returned:
        found = replace(found, began_at=finding.began)
    if priority is Priority.RED and alert.priority is Priority.YELLOW:
        worse = replace(found, priority=priority, late=finding.late, raised_at=now)
        return _again(worse, Happening.CONDITION_WORSE, Action.WORSE, now, rings=rings)
    if returned:
        anew = replace(found, late=finding.late, raised_at=now)
        return _again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=rings)
    return _change(replace(found, count=alert.count + 1), Happening.REPEATED, Action.REPEATED, now, rings=False)


def _has_returned(alert: Alert, finding: LimitFinding, now: datetime) -> bool:
    """Whether it is news to those who know of the alert. Who has it is taken to be busy with it for a while."""
    if alert.state is State.CLEARED or (alert.late and not finding.late):
        return True
    if alert.state is not State.ACKNOWLEDGED or alert.acknowledged_at is None:
        return False
    if finding.at - alert.last_at >= UNHEARD_FOR:
        return True
    return finding.crossing is not Crossing.STILL and now - alert.acknowledged_at >= RE_ALERT_AFTER


def _has_been(alert: Alert | None, finding: LimitFinding, now: datetime) -> Change:
    """Joins what stands and leaves its evidence alone; else it is raised yellow, as over and not yet looked at."""
    if alert is not None:
        return _repeat(alert, alert.evidence, finding.at, now)
    raised = _raise(finding, Priority.YELLOW, finding.began, finding.evidence, now, late=True, rings=False)
    over = replace(raised.alert, state=State.CLEARED, condition_ended_at=finding.at)
    return replace(raised, alert=over)


def _eased(alert: Alert, finding: LimitFinding, now: datetime) -> Change:
    """Red that turned yellow stays red: only history tells."""
    eased = replace(alert, last_at=max(alert.last_at, finding.at))
    return _change(eased, Happening.REPEATED, Action.EASED, now, rings=False)


def _condition_ended(alert: Alert, finding: LimitFinding, now: datetime) -> Change | None:
    if alert.condition_ended_at is not None:
        return None
    over = replace(alert, condition_ended_at=finding.at, last_at=max(alert.last_at, finding.at))
    return _change(over, Happening.CONDITION_ENDED, Action.CONDITION_ENDED, now, rings=False)


def _help_call(alert: Alert | None, call: HelpCall, now: datetime) -> Change:
    evidence = Evidence(event=call.type, place=call.place, since=call.at)
    if alert is None:
        return _raise(call, Priority.RED, call.at, evidence, now, late=call.late, rings=True)
    pressed = replace(
        alert,
        last_at=max(alert.last_at, call.at),
        count=alert.count + 1,
        late=alert.late and call.late,
        evidence=evidence,
    )
    if alert.state is not State.RAISED:  # one that nobody has taken keeps its place in the queue
        pressed = replace(pressed, raised_at=now)
    return _again(pressed, Happening.PRESSED_AGAIN, Action.PRESSED_AGAIN, now, rings=True)


def _door(alert: Alert | None, door: DoorAtNight, now: datetime) -> Change:
    evidence = Evidence(event="door_opened", place=door.place, since=door.at)
    if alert is None:
        return _raise(door, Priority.YELLOW, door.at, evidence, now, late=door.late, rings=not door.late)
    if alert.state is State.ACKNOWLEDGED and door.at - alert.last_at >= RE_ALERT_AFTER:
        anew = replace(alert, last_at=door.at, raised_at=now, count=alert.count + 1, late=door.late, evidence=evidence)
        return _again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=not door.late)
    return _repeat(alert, evidence, door.at, now)


def _dose_missed(alert: Alert | None, dose: DoseMissed, now: datetime) -> Change:
    """Each dose is news of its own, also to who has the one before it [proposal]."""
    evidence = Evidence(event="dose_missed", place=dose.place, since=dose.at)
    if alert is None:
        return _raise(dose, Priority.YELLOW, dose.at, evidence, now, late=dose.late, rings=not dose.late)
    if dose.at <= alert.last_at:  # an older one out of a backlog
        return _repeat(alert, alert.evidence, dose.at, now)
    anew = replace(
        alert,
        last_at=dose.at,
        raised_at=alert.raised_at if alert.state is State.RAISED else now,
        count=alert.count + 1,
        late=alert.late and dose.late,
        evidence=evidence,
    )
    return _again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=not dose.late)


def _concern(alert: Alert | None, found: Concern, now: datetime) -> Change:
    rings = not found.late or (found.priority is Priority.RED and now - found.at <= URGENT_FOR)
    if alert is None:
        return _raise(found, found.priority, found.began, found.evidence, now, late=found.late, rings=rings)
    joined = replace(
        alert, last_at=max(alert.last_at, found.at), evidence=found.evidence, condition_ended_at=None, late=found.late
    )
    if found.priority is Priority.RED and alert.priority is Priority.YELLOW:
        worse = replace(joined, priority=Priority.RED, raised_at=now)
        return _again(worse, Happening.CONDITION_WORSE, Action.WORSE, now, rings=rings)
    if alert.state is State.CLEARED:
        anew = replace(joined, began_at=found.began, raised_at=now)
        return _again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=rings)
    return _change(replace(joined, count=alert.count + 1), Happening.REPEATED, Action.REPEATED, now, rings=False)


def _concern_over(alert: Alert, over: ConcernOver, now: datetime) -> Change | None:
    if alert.condition_ended_at is not None:
        return None
    ended = replace(alert, condition_ended_at=over.at, last_at=max(alert.last_at, over.at))
    return _change(ended, Happening.CONDITION_ENDED, Action.CONDITION_ENDED, now, rings=False)


def _fault(alert: Alert | None, fault: Fault, now: datetime) -> Change | None:
    evidence = Evidence(cause=fault.cause, since=fault.at)
    if alert is None:
        return _raise(fault, Priority.GREY, fault.at, evidence, now, late=False, rings=False)
    return _repeat(alert, evidence, fault.at, now) if fault.repeats else None


def _fault_over(alert: Alert, over: FaultOver, now: datetime) -> Change | None:
    ended = replace(alert, condition_ended_at=over.at, last_at=max(alert.last_at, over.at))
    return _change(ended, Happening.FAULT_OVER, Action.ENDED, now, rings=False)


def _raise(
    finding: LimitFinding | HelpCall | DoorAtNight | DoseMissed | Concern | Fault,
    priority: Priority,
    began_at: datetime,
    evidence: Evidence,
    now: datetime,
    *,
    late: bool,
    rings: bool,
) -> Change:
    subject: Subject = subject_of(finding)
    alert = Alert(
        subject=subject,
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


def _again(alert: Alert, happening: Happening, action: Action, now: datetime, *, rings: bool) -> Change:
    """Back in the queue: whoever had it must take it again."""
    return _change(replace(alert, owner=None, acknowledged_at=None), happening, action, now, rings=rings)


def _repeat(alert: Alert, evidence: Evidence, at: datetime, now: datetime) -> Change:
    joined = replace(alert, count=alert.count + 1, last_at=max(alert.last_at, at), evidence=evidence)
    return _change(joined, Happening.REPEATED, Action.REPEATED, now, rings=False)


def _change(alert: Alert, happening: Happening, action: Action, now: datetime, *, rings: bool) -> Change:
    after = replace(alert, state=TRANSITIONS[alert.state, happening], rev=alert.rev + 1)
    return Change(action=action, alert=after, at=now, rings=rings)
