"""What slow rules and limits found, and a ward whose alerts are decided about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from devices.limits import Level
from devices.vocabulary import Kind
from server.alerts.findings import Concern, ConcernOver
from server.alerts.lifecycle import acknowledge, handle
from server.alerts.model import Alert, Outcome, Priority, State, home_subject, patient_subject
from server.alerts.policy import decide
from server.detection.findings import Crossing, Evidence
from tests.unit.server.alerts.policy_rig import outside

T0 = datetime(2026, 3, 10, 7, 0, tzinfo=UTC)
NURSE = 7
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHANGE = "change:spo2:low"
YELLOW, RED = Priority.YELLOW, Priority.RED
JOINS = ("limit:spo2:low",)


def found(rule=CHANGE, after=timedelta(), *, priority=YELLOW, steps=2.0, rules=("deviation",), late=False, joins=()):
    kind = Kind.SPO2 if rule == CHANGE else None
    return Concern(
        subject=home_subject(5) if rule.startswith("home:") else patient_subject(1),
        rule=rule,
        priority=priority,
        at=T0 + after,
        began=T0 + after,
        evidence=Evidence(kind=kind, direction="low", rules=rules, numbers={"value": 89.0}, since=T0 + after),
        late=late,
        steps=steps,
        joins=joins,
    )


def ended(rule=CHANGE, after=HOUR, *, of=(), unless=()):
    return ConcernOver(subject=patient_subject(1), rule=rule, at=T0 + after, of=of, unless=unless)


def limit(crossing=Crossing.BEGAN, level=Level.YELLOW_LOW, after=timedelta(), value=89.0):
    evidence = Evidence(kind=Kind.SPO2, value=value, limit=90.0, level=level, direction="low")
    return replace(outside(level, at=T0 + after, crossing=crossing), evidence=evidence)


class Ward:
    """Alerts between decisions, as the database holds them: what stands, and what was handled last."""

    def __init__(self) -> None:
        self.open: list[Alert] = []
        self.handled: list[Alert] = []

    def see(self, *findings, now=None):
        changes = decide(self.open, findings, now or max(each.at for each in findings), self.handled)
        for change in changes:
            self._keep(change.alert)
        return changes

    def take(self, after=timedelta()):
        (alert,) = self.open
        self._keep(acknowledge(alert, alert.rev, NURSE, T0 + after).alert)

    def close(self, outcome=Outcome.REAL_NO_ACTION, after=timedelta()):
        (alert,) = self.open
        self._keep(handle(alert, alert.rev, NURSE, outcome, T0 + after).alert)

    def _keep(self, alert):
        self.open = [each for each in self.open if each.key != alert.key]
        self.handled = [each for each in self.handled if each.key != alert.key or alert.state is not State.HANDLED]
        (self.handled if alert.state is State.HANDLED else self.open).append(replace(alert, id=alert.id or 9))
