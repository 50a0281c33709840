"""Whatever people do in whatever order, while readings and calls go on coming: what the alerts promise."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import event, given, settings
from hypothesis import strategies as st

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts import answering, lifecycle, snoozing
from server.alerts.findings import Concern, ConcernOver, HelpCall, gateway_back, gateway_silent
from server.alerts.lifecycle import OPEN
from server.alerts.model import Action, Alert, Change, Outcome, Priority, State, gateway_subject, patient_subject
from server.alerts.policy import decide
from server.detection.findings import Crossing, Evidence, LimitFinding

T0 = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
NURSES = (1, 2, 3)
MOST = {Priority.YELLOW: timedelta(hours=12), Priority.RED: timedelta(minutes=30)}
# What a finding can say that is news, also to who has the alert.
NEWS = {Action.WORSE, Action.RAISED_AGAIN, Action.PRESSED_AGAIN, Action.CALLED_AGAIN}


def limit(direction: str, crossing: Crossing, severity: int, late: bool) -> LimitFinding:
    level = Level(severity if direction == "high" else -severity)
    return LimitFinding(
        patient=1,
        kind=Kind.GLUCOSE,
        crossing=crossing,
        direction=direction,
        level=Level.INSIDE if crossing is Crossing.ENDED else level,
        began=T0,
        at=T0,
        late=late,
        evidence=Evidence(direction=direction),
    )


def weight(priority: Priority, steps: float) -> Concern:
    return Concern(
        subject=patient_subject(1),
        rule="weight_gain",
        priority=priority,
        at=T0,
        began=T0,
        evidence=Evidence(rules=("gain",)),
        steps=steps,
    )


IT_COMES_AND_GOES = [limit("low", crossing, 1, False) for crossing in (Crossing.BEGAN, Crossing.ENDED, Crossing.STILL)]
findings = st.one_of(
    st.sampled_from(IT_COMES_AND_GOES),
    st.builds(
        limit, st.sampled_from(["low", "high"]), st.sampled_from(Crossing), st.sampled_from([1, 2]), st.booleans()
    ),
    st.builds(
        HelpCall,
        subject=st.just(patient_subject(1)),
        type=st.sampled_from([EventType.FALL, EventType.SOS]),
        at=st.just(T0),
        late=st.just(False),
    ),
    st.builds(weight, st.just(Priority.YELLOW), st.floats(0, 4)),
    st.just(ConcernOver(subject=patient_subject(1), rule="weight_gain", at=T0)),
    st.sampled_from([gateway_silent(gateway_subject(4), T0), gateway_back(gateway_subject(4), T0)]),
)
DEEDS = {
    "acknowledge": lambda a, rev, by, now: lifecycle.acknowledge(a, rev, by, now),
    "take_back": lambda a, rev, by, now: lifecycle.take_back(a, rev, by, now),
    "release": lambda a, rev, by, now: lifecycle.release(a, rev, by, now),
    "assign": lambda a, rev, by, now: lifecycle.assign(a, rev, by, by % 3 + 1, now),
    "take_over": lambda a, rev, by, now: lifecycle.assign(a, rev, by, by, now),
    "handle": lambda a, rev, by, now: lifecycle.handle(a, rev, by, Outcome.REAL_ACTED, now),
    "on_my_way": lambda a, rev, by, now: answering.on_my_way(a, rev, by, now),
    "there": lambda a, rev, by, now: answering.there(a, rev, by, now),
    "contact": lambda a, rev, by, now: answering.contact(a, rev, by, now),
    "measure": lambda a, rev, by, now: answering.ask_for_measurement(a, rev, by, now),
    "note": lambda a, rev, by, now: answering.note(a, rev, by, now, note="x"),
    "snooze": lambda a, rev, by, now: snoozing.snooze(a, rev, by, now + timedelta(minutes=29), "x", now, most=MOST),
    "snooze_long": lambda a, rev, by, now: snoozing.snooze(a, rev, by, now + timedelta(hours=12), "x", now, most=MOST),
    "end_snooze": lambda a, rev, by, now: snoozing.end_early(a, rev, by, now),
}
every_deed = st.tuples(st.sampled_from([*DEEDS, "reopen"]), st.sampled_from(NURSES), st.integers(0, 5))
often = st.tuples(st.sampled_from(["snooze_long", "contact"]), st.just(1), st.integers(0, 5))
happenings = st.lists(
    st.tuples(st.one_of(findings, findings, every_deed, often, st.just("time")), st.sampled_from([1, 60, 2000, 16000])),
    min_size=1,
    max_size=30,
)


class Ward:
    """What stands, what was closed, and every change in order."""

    def __init__(self) -> None:
        self.alerts: list[Alert] = []

    @property
    def standing(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.state in OPEN]

    def take(self, changes: list[Change], now: datetime) -> None:
        for change in changes:
            before = self._before(change)
            check(before, change, now)
            after = replace(change.alert, id=before.id if before else len(self.alerts) + 1)
            self.alerts = [each for each in self.alerts if before is None or each.id != before.id] + [after]
        keys = [alert.key for alert in self.standing]
        assert len(keys) == len(set(keys)), "two open alerts about the same"

    def _before(self, change: Change) -> Alert | None:
        """None: it is new. One that was made in the same decision is known by what it is about."""
        if change.alert.rev == 1:
            return None
        if change.alert.id is not None:
            return next(each for each in self.alerts if each.id == change.alert.id)
        return next(each for each in self.standing if each.key == change.alert.key)

    def act(self, deed: str, by: int, which: int, now: datetime) -> None:
        closed = [alert for alert in self.alerts if alert.state is State.HANDLED]
        choice = closed if deed == "reopen" else self.alerts if deed == "note" else self.standing
        if not choice:
            return
        alert = choice[which % len(choice)]
        if deed == "reopen":
            answer = lifecycle.reopen(alert, alert.rev, by, now, standing=self.standing)
        else:
            answer = DEEDS[deed](alert, alert.rev, by, now)
        if isinstance(answer, Change):
            event(deed)
            assert answer.staff == by
            self.take([answer], now)
        else:
            assert answer.why.endswith(".")


def check(before: Alert | None, change: Change, now: datetime) -> None:
    after = change.alert
    assert after.rev == (1 if before is None else before.rev + 1)
    assert after.state is not State.ACKNOWLEDGED or after.owner is not None
    assert (after.state is State.HANDLED) == (after.handled_by is not None)
    assert not change.rings or after.state in (State.RAISED, State.CLEARED)
    if after.rule.startswith("call:"):
        assert after.snoozed_until is None, "a call for help was put off"
        assert after.state is not State.CLEARED, "a call for help was over by itself"
    if after.snoozed_until is not None:
        assert after.state is State.ACKNOWLEDGED
        assert after.priority is not Priority.GREY
        assert now < after.snoozed_until <= now + MOST[after.priority]
    if change.action in (Action.PRESSED_AGAIN, Action.CALLED_AGAIN):
        assert after.contact_at is None, "contact before the newest call is not contact about it"
    if before is None:
        return
    closes = before.state in OPEN and after.state not in OPEN
    if closes and before.priority is not Priority.GREY:
        assert change.action is Action.HANDLED, "an alert was lost"
        assert change.staff is not None
        assert not before.contact_needed or before.contact_at is not None, "a second call was closed without contact"
    if before.state is State.ACKNOWLEDGED and change.rings and change.staff is None:
        assert change.action in NEWS | {Action.SNOOZE_OVER}, "what somebody had rang again by itself"
    if before.snoozed_until is not None and now < before.snoozed_until and change.rings and change.staff is None:
        steps = after.evidence.numbers.get("steps", 0.0) - before.evidence.numbers.get("steps", 0.0)
        worse = change.action is Action.WORSE and (after.priority is not before.priority or steps >= 1)
        assert worse or (before.late and not after.late), "what was put off rang before its time"


@settings(deadline=None, max_examples=400)
@given(happenings)
def test_nothing_that_people_do_loses_an_alert_or_makes_it_ring_by_itself(story):
    ward, now = Ward(), T0
    for happening, later_s in story:
        now += timedelta(seconds=later_s)
        ward.take(decide(ward.standing, [], now), now)  # the clock looks before anything else
        assert all(alert.snoozed_until is None or now < alert.snoozed_until for alert in ward.standing)
        if isinstance(happening, tuple):
            ward.act(*happening, now)
        elif happening != "time":
            has_begun = isinstance(happening, LimitFinding | Concern)
            found = replace(happening, began=now, at=now) if has_begun else replace(happening, at=now)
            handled = [alert for alert in ward.alerts if alert.state is State.HANDLED]
            changes = decide(ward.standing, [found], now, handled)
            ward.take(changes, now)
            if isinstance(happening, HelpCall):
                assert changes[-1].rings
    red_ever = {alert.id for alert in ward.alerts if alert.priority is Priority.RED}
    for alert in ward.alerts:
        if alert.id in red_ever:
            assert alert.state in OPEN or (alert.handled_by is not None and alert.outcome is not None)


@settings(deadline=None, max_examples=200)
@given(happenings)
def test_time_alone_rings_only_what_was_put_off(story):
    ward, now = Ward(), T0
    for happening, later_s in story:
        now += timedelta(seconds=later_s)
        put_off = {alert.id for alert in ward.standing if alert.snoozed_until and alert.snoozed_until <= now}
        alone = decide(ward.standing, [], now)
        assert {change.alert.id for change in alone} == put_off
        for change in alone:
            assert change.rings == (change.alert.condition_ended_at is None)
        ward.take(alone, now)
        if isinstance(happening, tuple):
            ward.act(*happening, now)
        elif happening != "time":
            ward.take(decide(ward.standing, [replace(happening, at=now)], now), now)
