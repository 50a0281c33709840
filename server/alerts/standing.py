"""What becomes of a concern: it stands, is told again only when there is news, and rests when somebody has decided."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from server.alerts.changes import again, changed, over, raised
from server.alerts.findings import Concern, ConcernOver
from server.alerts.habits import Habit, habit_of
from server.alerts.lifecycle import Happening
from server.alerts.model import STEPS, Action, Alert, Change, Priority, State, Subject
from server.alerts.slow import alert_rule_of
from server.detection.findings import Evidence

BUSY_FOR: Final = timedelta(minutes=30)  # who has it is taken to be busy with it: what returns joins it [proposal]
URGENT_FOR: Final = timedelta(hours=1)  # something red and late is heard this long [proposal]
Standing = Mapping[tuple[Subject, str], Alert]


def concern(standing: Standing, handled: Standing, found: Concern, now: datetime) -> Change | None:
    """`handled`: what somebody closed last of each rule. None: nothing that anybody must be told."""
    alert = standing.get((found.subject, found.rule))
    if alert is not None:
        return _found_again(alert, found, now)
    host = _host(standing, found)
    if host is not None:
        return _joined(host, found, now)
    if any(_rests(each, found, now) for each in _decided(handled, found)):
        return None
    evidence = _with_steps(found.evidence, found.steps)
    return raised(found, found.priority, found.began, evidence, now, late=found.late, rings=_rings(found, now))


def concern_over(standing: Standing, ended: ConcernOver, now: datetime) -> Change | None:
    alert = standing.get((ended.subject, ended.rule))
    if alert is None or alert.condition_ended_at is not None:
        return None
    if ended.of and ended.at < alert.last_at:  # an older look; what was missed may have been measured before that
        return None
    feared = (standing.get((ended.subject, rule)) for rule in ended.unless)
    if any(_holds(each) for each in feared) or not _looked_at(alert, ended):
        return None
    return over(alert, ended.at, now)


def _found_again(alert: Alert, found: Concern, now: datetime) -> Change | None:
    if found.at < alert.last_at:
        return None  # out of a backlog: newer is known
    habit = habit_of(found.rule)
    steps = alert.evidence.numbers.get(STEPS)
    joined = replace(
        alert, last_at=found.at, late=alert.late and found.late, evidence=_with_steps(found.evidence, steps)
    )
    if _is_worse(alert, found):
        worse = replace(joined, priority=_worst(alert, found), raised_at=now, condition_ended_at=None)
        return _told(worse, found, Happening.CONDITION_WORSE, Action.WORSE, now)
    if alert.condition_ended_at is not None:
        return _returned(alert, joined, found, habit, now)
    if _is_news(alert, found, habit):
        anew = replace(joined, raised_at=now, count=alert.count + 1)
        return _told(anew, found, Happening.RETURNED, Action.RAISED_AGAIN, now)
    if found.at - alert.last_at < habit.told_every and found.evidence.rules == alert.evidence.rules:
        return None
    counted = replace(joined, count=alert.count + 1) if habit.again_after is not None else joined
    eased = alert.priority is Priority.RED and found.priority is Priority.YELLOW  # it stays red: history tells
    return changed(counted, Happening.REPEATED, Action.EASED if eased else Action.REPEATED, now)


def _returned(alert: Alert, joined: Alert, found: Concern, habit: Habit, now: datetime) -> Change:
    """It was over. Soon after that it is the same one that comes and goes."""
    assert alert.condition_ended_at is not None
    joined = replace(joined, condition_ended_at=None)
    long_over = found.at - alert.condition_ended_at >= habit.back_after
    busy = alert.acknowledged_at is not None and now - alert.acknowledged_at < BUSY_FOR
    if long_over and not busy:
        anew = replace(joined, began_at=found.began, raised_at=now, count=alert.count + 1)
        return _told(anew, found, Happening.RETURNED, Action.RAISED_AGAIN, now)
    if alert.state is State.CLEARED:  # nobody has looked, and it is not over
        return changed(joined, Happening.RETURNED, Action.RAISED_AGAIN, now)
    return changed(joined, Happening.REPEATED, Action.REPEATED, now)


def _is_news(alert: Alert, found: Concern, habit: Habit) -> bool:
    if alert.late and not found.late:
        return True  # what was only known to have been is so now
    if alert.state is not State.ACKNOWLEDGED or habit.again_after is None:
        return False
    return found.at - alert.last_at >= habit.again_after


def _decided(handled: Standing, found: Concern) -> Iterator[Alert]:
    """The last of its own, and of those that it had joined when somebody closed them."""
    own = handled.get((found.subject, found.rule))
    if own is not None:
        yield own
    for rule in found.joins:
        host = handled.get((found.subject, rule))
        if host is not None and set(found.evidence.rules) <= set(host.evidence.rules):
            yield host


def _rests(handled: Alert, found: Concern, now: datetime) -> bool:
    """Somebody has decided about the same, as bad as it is."""
    if handled.handled_at is None or handled.outcome is None or _is_worse(handled, found):
        return False
    return now - handled.handled_at < habit_of(found.rule).rests.get(handled.outcome, timedelta())


def _is_worse(alert: Alert, found: Concern) -> bool:
    if found.priority is Priority.RED and alert.priority is Priority.YELLOW:
        return True
    then = alert.evidence.numbers.get(STEPS)
    return found.steps is not None and then is not None and found.steps >= then + 1


def _told(alert: Alert, found: Concern, happening: Happening, action: Action, now: datetime) -> Change:
    alert = replace(alert, late=found.late, evidence=_with_steps(found.evidence, found.steps))
    return again(alert, happening, action, now, rings=_rings(found, now))


def _rings(found: Concern, now: datetime) -> bool:
    return not found.late or (found.priority is Priority.RED and now - found.at <= URGENT_FOR)


def _worst(alert: Alert, found: Concern) -> Priority:
    return Priority.RED if Priority.RED in (alert.priority, found.priority) else found.priority


# ---- one worsening, two rules


def _host(standing: Standing, found: Concern) -> Alert | None:
    """What tells of the same already, at least as loudly. What is over does not: this says that it is not over."""
    hosts = (standing.get((found.subject, rule)) for rule in found.joins)
    return next((host for host in hosts if _holds(host) and _as_loud(host, found)), None)


def _holds(alert: Alert | None) -> bool:
    return alert is not None and alert.condition_ended_at is None


def _as_loud(host: Alert | None, found: Concern) -> bool:
    return host is not None and (host.priority is Priority.RED or found.priority is Priority.YELLOW)


def _joined(host: Alert, found: Concern, now: datetime) -> Change | None:
    news = [rule for rule in found.evidence.rules if rule not in host.evidence.rules]
    if not news:
        return None
    joined = replace(host, evidence=_evidence_with(host.evidence, _with_steps(found.evidence, found.steps)))
    return changed(joined, Happening.REPEATED, Action.JOINED, now)


def _evidence_with(of_host: Evidence, found: Evidence) -> Evidence:
    """A limit's own evidence has no numbers; beside another rule's they bear the name of the rule that leads."""
    if of_host.numbers:
        named = {f"{found.rules[0]}_{name}": number for name, number in found.numbers.items() if name != STEPS}
        rules = tuple(dict.fromkeys((*of_host.rules, *found.rules)))
        return replace(of_host, rules=rules, numbers=named | dict(of_host.numbers))
    return replace(of_host, rules=found.rules, numbers=found.numbers, from_at=found.from_at, readings=found.readings)


def _looked_at(alert: Alert, ended: ConcernOver) -> bool:
    """Each rule that told of it could have told again, and was looking at what it rests on."""
    if not ended.of:
        return True
    kind, direction = alert.evidence.kind, alert.evidence.direction
    own = [name for name in alert.evidence.rules if alert_rule_of(name, kind, direction or "low") == alert.rule]
    return all((None, name) in ended.of or (kind, name) in ended.of for name in own)


def _with_steps(evidence: Evidence, steps: float | None) -> Evidence:
    """How bad it was when it last rang: what the next one is measured against."""
    return evidence if steps is None else replace(evidence, numbers={**evidence.numbers, STEPS: steps})
