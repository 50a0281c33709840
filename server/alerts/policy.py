"""Open alerts and findings in, changes out. One open alert per subject and rule; repeats join it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from devices.limits import Level
from server.alerts.calls import CALLED_AGAIN_WITHIN, help_call
from server.alerts.changes import again, changed, over, raised, repeated
from server.alerts.findings import (
    NOBODY_ON_DUTY,
    Concern,
    ConcernOver,
    DoorAtNight,
    DoseMissed,
    Fault,
    FaultOver,
    Finding,
    HelpCall,
    Outage,
    subject_of,
)
from server.alerts.habits import LONGEST_REST
from server.alerts.lifecycle import OPEN, Happening
from server.alerts.model import Action, Alert, Change, Priority, State, Subject
from server.alerts.snoozing import muted, time_up
from server.alerts.standing import URGENT_FOR, concern, concern_over
from server.detection.findings import Crossing, Evidence, LimitFinding

RE_ALERT_AFTER: Final = timedelta(minutes=30)  # what returns sooner joins what somebody has, unless worse [proposal]
UNHEARD_FOR: Final = timedelta(hours=4)  # a reading outside after so long is news, even of what somebody has [proposal]
LOOKS_BACK: Final = max(LONGEST_REST, CALLED_AGAIN_WITHIN)  # so far does it matter what was handled
Key = tuple[Subject, str]


def decide(
    open_alerts: Iterable[Alert], findings: Sequence[Finding], now: datetime, lately: Iterable[Alert] = ()
) -> list[Change]:
    """The open alerts of all subjects that the findings are about, read under those subjects' locks. `lately`: what was
    handled last about them, of each rule; needed when `looks_back`."""
    standing = {alert.key: alert for alert in open_alerts}
    handled = {alert.key: alert for alert in lately}
    changes = [over for alert in standing.values() if (over := time_up(alert, now)) is not None]
    standing |= {change.alert.key: change.alert for change in changes}
    for finding in findings:
        found = _decide_one(standing, handled, finding, now)
        if found is None:
            continue
        change = muted(standing.get(found.alert.key), found, now)
        changes.append(change)
        standing[change.alert.key] = change.alert
        if change.alert.state not in OPEN:
            del standing[change.alert.key]
    return changes


def looks_back(findings: Iterable[Finding]) -> bool:
    """Whether it matters what was handled lately."""
    return any(isinstance(finding, HelpCall | Concern) for finding in findings)


def _decide_one(
    standing: Mapping[Key, Alert], handled: Mapping[Key, Alert], finding: Finding, now: datetime
) -> Change | None:
    key = (subject_of(finding), finding.rule)
    alert = standing.get(key)
    match finding:
        case LimitFinding():
            return _limit(alert, finding, now)
        case HelpCall():
            return help_call(alert, handled.get(key), finding, now)
        case DoorAtNight():
            return _door(alert, finding, now)
        case DoseMissed():
            return _dose_missed(alert, finding, now)
        case Concern():
            return concern(standing, handled, finding, now)
        case ConcernOver():
            return concern_over(standing, finding, now)
        case Fault():
            return _fault(alert, finding, now)
        case Outage():
            return _outage(alert, finding, now)
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
        return raised(finding, priority, finding.began, finding.evidence, now, late=finding.late, rings=rings)
    returned = _has_returned(alert, finding, now)
    evidence = finding.evidence if returned else _beside(alert.evidence, finding.evidence)
    found = replace(alert, last_at=max(alert.last_at, finding.at), evidence=evidence, condition_ended_at=None)
    if returned:
        found = replace(found, began_at=finding.began)
    if priority is Priority.RED and alert.priority is Priority.YELLOW:
        worse = replace(found, priority=priority, late=finding.late, raised_at=now)
        return again(worse, Happening.CONDITION_WORSE, Action.WORSE, now, rings=rings)
    if returned:
        anew = replace(found, late=finding.late, raised_at=now)
        return again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=rings)
    return changed(replace(found, count=alert.count + 1), Happening.REPEATED, Action.REPEATED, now)


def _has_returned(alert: Alert, finding: LimitFinding, now: datetime) -> bool:
    """Whether it is news to those who know of the alert. Who has it is taken to be busy with it for a while."""
    if alert.state is State.CLEARED or (alert.late and not finding.late):
        return True
    if alert.state is not State.ACKNOWLEDGED or alert.acknowledged_at is None:
        return False
    if now - alert.acknowledged_at < RE_ALERT_AFTER:
        return False
    return finding.crossing is not Crossing.STILL or finding.at - alert.last_at >= UNHEARD_FOR


def _beside(before: Evidence, found: Evidence) -> Evidence:
    """A new reading outside does not take away what slow rules said of the same worsening."""
    if not before.rules:
        return found
    return replace(found, rules=before.rules, numbers=before.numbers, from_at=before.from_at, readings=before.readings)


def _has_been(alert: Alert | None, finding: LimitFinding, now: datetime) -> Change:
    """Joins what stands and leaves its evidence alone; else it is raised yellow, as over and not yet looked at."""
    if alert is not None:
        return repeated(alert, alert.evidence, finding.at, now)
    change = raised(finding, Priority.YELLOW, finding.began, finding.evidence, now, late=True, rings=False)
    has_been = replace(change.alert, state=State.CLEARED, condition_ended_at=finding.at)
    return replace(change, alert=has_been)


def _eased(alert: Alert, finding: LimitFinding, now: datetime) -> Change:
    """Red that turned yellow stays red: only history tells."""
    eased = replace(alert, last_at=max(alert.last_at, finding.at))
    return changed(eased, Happening.REPEATED, Action.EASED, now)


def _condition_ended(alert: Alert, finding: LimitFinding, now: datetime) -> Change | None:
    return None if alert.condition_ended_at is not None else over(alert, finding.at, now)


def _door(alert: Alert | None, door: DoorAtNight, now: datetime) -> Change:
    evidence = Evidence(event="door_opened", place=door.place, since=door.at)
    if alert is None:
        return raised(door, Priority.YELLOW, door.at, evidence, now, late=door.late, rings=not door.late)
    if alert.state is State.ACKNOWLEDGED and door.at - alert.last_at >= RE_ALERT_AFTER:
        anew = replace(alert, last_at=door.at, raised_at=now, count=alert.count + 1, late=door.late, evidence=evidence)
        return again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=not door.late)
    return repeated(alert, evidence, door.at, now)


def _dose_missed(alert: Alert | None, dose: DoseMissed, now: datetime) -> Change:
    """Each dose is news of its own, also to who has the one before it [proposal]."""
    evidence = Evidence(event="dose_missed", place=dose.place, since=dose.at)
    if alert is None:
        return raised(dose, Priority.YELLOW, dose.at, evidence, now, late=dose.late, rings=not dose.late)
    if dose.at <= alert.last_at:  # an older one out of a backlog
        return repeated(alert, alert.evidence, dose.at, now)
    anew = replace(
        alert,
        last_at=dose.at,
        raised_at=alert.raised_at if alert.state is State.RAISED else now,
        count=alert.count + 1,
        late=alert.late and dose.late,
        evidence=evidence,
    )
    return again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=not dose.late)


def _fault(alert: Alert | None, fault: Fault, now: datetime) -> Change | None:
    evidence = Evidence(cause=fault.cause, since=fault.at, numbers=dict(fault.numbers))
    if alert is None:
        rings = fault.rule == NOBODY_ON_DUTY
        return raised(fault, Priority.GREY, fault.at, evidence, now, late=False, rings=rings)
    return repeated(alert, evidence, fault.at, now) if fault.repeats else None


def _outage(alert: Alert | None, outage: Outage, now: datetime) -> Change:
    return replace(_outage_told(alert, outage, now), call_by=outage.call_by)


def _outage_told(alert: Alert | None, outage: Outage, now: datetime) -> Change:
    """Whoever has it knows of those who had lost cover then: with more of them it is in the queue again."""
    numbers = {"gateways": outage.gateways, "of": outage.of, "covering": outage.covering}
    cause = f"{outage.gateways} of {outage.of} gateways are silent together"
    evidence = Evidence(cause=cause, place=outage.line, since=outage.began, numbers=numbers)
    if alert is None:
        return raised(outage, Priority.GREY, outage.began, evidence, now, late=False, rings=False)
    stands = replace(alert, last_at=max(alert.last_at, outage.at), evidence=evidence)
    if outage.lost_cover and alert.state is State.ACKNOWLEDGED:
        anew = replace(stands, raised_at=now, count=alert.count + 1)
        return again(anew, Happening.RETURNED, Action.RAISED_AGAIN, now, rings=True)
    return changed(stands, Happening.REPEATED, Action.REPEATED, now)


def _fault_over(alert: Alert, over: FaultOver, now: datetime) -> Change | None:
    ended = replace(alert, condition_ended_at=over.at, last_at=max(alert.last_at, over.at))
    return changed(ended, Happening.FAULT_OVER, Action.ENDED, now)
