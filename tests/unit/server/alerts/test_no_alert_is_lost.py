"""Whatever happens in whatever order: nothing that a person should see goes away by itself."""

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.limits import Level
from devices.vocabulary import EventType
from server.alerts.findings import Concern, ConcernOver, DoorAtNight, HelpCall, gateway_back, gateway_silent, rows_lost
from server.alerts.habits import LONGEST_REST
from server.alerts.lifecycle import OPEN, acknowledge, handle
from server.alerts.model import Alert, Change, Outcome, Priority, State, gateway_subject, home_subject, patient_subject
from server.alerts.policy import decide
from server.detection.findings import Crossing, Evidence, LimitFinding
from tests.unit.server.alerts.policy_rig import T0, outside

URGENCY = {Priority.GREY: 0, Priority.YELLOW: 1, Priority.RED: 2}


def limit_finding(crossing: Crossing, level: Level, late: bool) -> LimitFinding:
    level = Level.INSIDE if crossing is Crossing.ENDED else level
    return replace(outside(level, crossing=crossing, late=late), evidence=Evidence())


limit_findings = st.builds(
    limit_finding, st.sampled_from(Crossing), st.sampled_from([Level.RED_LOW, Level.YELLOW_LOW]), st.booleans()
)
buttons = st.sampled_from([EventType.FALL, EventType.SOS])
calls = st.builds(HelpCall, subject=st.just(patient_subject(1)), type=buttons, at=st.just(T0), late=st.booleans())
CHANGE, HOST = "change:spo2:low", ("limit:spo2:low",)


def concern_finding(rule: str, priority: Priority, steps: float | None, late: bool) -> Concern:
    return Concern(
        subject=patient_subject(1),
        rule=rule,
        priority=priority,
        at=T0,
        began=T0,
        evidence=Evidence(rules=("deviation",)),
        late=late,
        steps=steps,
        joins=HOST if rule == CHANGE else (),
    )


concerns = st.builds(
    concern_finding,
    st.sampled_from([CHANGE, "news2", "home:wandering"]),
    st.sampled_from([Priority.YELLOW, Priority.RED]),
    st.one_of(st.none(), st.floats(0, 5)),
    st.booleans(),
)
ends = st.builds(
    ConcernOver, subject=st.just(patient_subject(1)), rule=st.sampled_from([CHANGE, "news2"]), at=st.just(T0)
)
others = st.sampled_from(
    [
        DoorAtNight(subject=home_subject(5), at=T0, late=False),
        gateway_silent(gateway_subject(4), T0),
        gateway_back(gateway_subject(4), T0),
        rows_lost(gateway_subject(4), T0, rows=3, why="thinned"),
    ]
)
deeds = st.sampled_from(["acknowledge", "handle"])
happenings = st.lists(
    st.tuples(st.one_of(limit_findings, calls, concerns, ends, others, deeds), st.integers(0, 3 * 3600)),
    min_size=1,
    max_size=25,
)


def by_a_nurse(deed: str, standing: dict, now: datetime) -> list[Change]:
    if not standing:
        return []
    alert = min(standing.values(), key=lambda each: each.raised_at)
    answer = (
        acknowledge(alert, alert.rev, 1, now)
        if deed == "acknowledge"
        else handle(alert, alert.rev, 1, Outcome.TECHNICAL, now)
    )
    return [answer] if isinstance(answer, Change) else []


def check(before: Alert | None, change: Change) -> None:
    alert = change.alert
    assert alert.rev == (1 if before is None else before.rev + 1)
    assert before is None or URGENCY[alert.priority] >= URGENCY[before.priority]
    assert before is None or not before.urgent or alert.urgent
    assert before is None or alert.began_at <= alert.last_at
    assert (alert.state is State.HANDLED) == (alert.handled_at is not None and alert.outcome is not None)
    assert alert.state is not State.ACKNOWLEDGED or alert.owner is not None
    assert alert.state is not State.RAISED or alert.owner is None
    if alert.state is State.ENDED:
        assert alert.priority is Priority.GREY
    if alert.state is State.HANDLED:
        assert change.staff is not None
    if alert.state is State.CLEARED:
        assert alert.condition_ended_at is not None
        assert not alert.rule.startswith(("call:", "night:", "technical:"))
    if change.rings:
        assert alert.state is State.RAISED


@settings(deadline=None, max_examples=200)
@given(happenings)
def test_no_order_of_happenings_loses_an_alert(story):
    standing: dict = {}
    handled: dict = {}
    now = T0
    for happening, later_s in story:
        now += timedelta(seconds=later_s)
        if isinstance(happening, str):
            changes = by_a_nurse(happening, standing, now)
        else:
            changes = decide(standing.values(), [_at(happening, now)], now, handled.values())
        if isinstance(happening, Concern) and not changes:
            assert _somebody_knows(happening, standing, handled, now)
        for change in changes:
            check(standing.get(change.alert.key), change)
            if isinstance(happening, HelpCall):
                assert change.rings
                assert change.alert.state is State.RAISED
            standing.pop(change.alert.key, None)
            if change.alert.state in OPEN:
                standing[change.alert.key] = change.alert
            elif change.alert.state is State.HANDLED:
                handled[change.alert.key] = change.alert
        if _must_be_seen(happening):
            assert changes


@settings(deadline=None, max_examples=100)
@given(happenings, st.integers(0, 24))
def test_findings_decided_together_and_one_by_one_come_to_the_same(story, cut):
    found = [_at(happening, T0) for happening, _ in story if not isinstance(happening, str)]
    together = decide([], found, T0)
    first = decide([], found[:cut], T0)
    standing = {change.alert.key: change.alert for change in first}
    rest = decide([each for each in standing.values() if each.state in OPEN], found[cut:], T0)
    assert together == [*first, *rest]


def _at(finding, now: datetime):
    has_begun = isinstance(finding, LimitFinding | Concern)
    return replace(finding, began=now, at=now) if has_begun else replace(finding, at=now)


def _somebody_knows(found: Concern, standing: dict, handled: dict, now: datetime) -> bool:
    """Of a concern nothing is written only where it stands, or belongs to what stands, or somebody has just decided."""
    key = (found.subject, found.rule)
    stands = any((found.subject, rule) in standing for rule in (found.rule, *found.joins))
    hosts = [handled[found.subject, rule] for rule in found.joins if (found.subject, rule) in handled]
    decided = [each for each in hosts if set(found.evidence.rules) <= set(each.evidence.rules)]  # it had joined it
    decided += [handled[key]] if key in handled else []
    return stands or any(now - each.handled_at < LONGEST_REST for each in decided)


def _must_be_seen(happening: object) -> bool:
    if isinstance(happening, LimitFinding):
        return happening.crossing not in (Crossing.ENDED, Crossing.EASED)
    return isinstance(happening, HelpCall | DoorAtNight)
