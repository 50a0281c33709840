"""A desk whose open alerts are decided about, and readings outside their limits, for the tests of the policy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from devices.limits import Level
from devices.vocabulary import Kind
from server.alerts.model import Alert, State
from server.alerts.policy import decide
from server.detection.findings import Crossing, Evidence, LimitFinding

T0 = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
NURSE = 1


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def outside(level=Level.RED_LOW, *, at=T0, crossing=Crossing.BEGAN, late=False, began=None, value=85.0) -> LimitFinding:
    return LimitFinding(
        patient=1,
        kind=Kind.SPO2,
        crossing=crossing,
        direction="low",
        level=level,
        began=began or at,
        at=at,
        late=late,
        evidence=Evidence(kind=Kind.SPO2, value=value, level=level, since=began or at),
    )


def ended(at) -> LimitFinding:
    return outside(Level.INSIDE, at=at, crossing=Crossing.ENDED)


class Desk:
    """The open alerts between decisions, as the database holds them."""

    def __init__(self) -> None:
        self.open: list[Alert] = []
        self.closed: list[Alert] = []
        self.ids = 0

    def find(self, *found, now=None):
        now = now or max(each.at for each in found)
        changes = decide(self.open, found, now)
        for change in changes:
            self._keep(change.alert)
        return changes

    def do(self, deed, *rest, now=T0):
        (alert,) = self.open
        change = deed(alert, alert.rev, NURSE, *rest, now)
        self._keep(change.alert)
        return change

    def _keep(self, alert: Alert) -> None:
        self.open = [each for each in self.open if each.key != alert.key]
        if alert.id is None:
            self.ids += 1
            alert = replace(alert, id=self.ids)
        (self.closed if alert.state in (State.HANDLED, State.ENDED) else self.open).append(alert)
