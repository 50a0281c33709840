"""From findings to changes: what is raised, what joins, what rings, and what never closes by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import CALLS_FOR_HELP, EventType, Kind
from server.alerts import findings as faults
from server.alerts.findings import DoorAtNight, HelpCall, subject_of
from server.alerts.lifecycle import acknowledge, handle
from server.alerts.model import (
    Action,
    Alert,
    Outcome,
    Priority,
    State,
    device_subject,
    gateway_subject,
    home_subject,
    patient_subject,
)
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


@pytest.fixture
def desk() -> Desk:
    return Desk()


# ---- limits


def test_a_red_finding_raises_a_red_alert_that_rings_with_the_readings_own_time(desk):
    (change,) = desk.find(outside(began=T0 - minutes(1)), now=T0 + minutes(1))
    assert (change.action, change.rings, change.alert.rev, change.alert.id) == (Action.RAISED, True, 1, None)
    alert = change.alert
    assert (alert.priority, alert.state, alert.rule) == (Priority.RED, State.RAISED, "limit:spo2:low")
    assert (alert.subject, alert.began_at, alert.raised_at) == (patient_subject(1), T0 - minutes(1), T0 + minutes(1))


def test_a_yellow_finding_raises_a_yellow_alert(desk):
    (change,) = desk.find(outside(Level.YELLOW_LOW))
    assert (change.alert.priority, change.rings) == (Priority.YELLOW, True)


def test_a_second_finding_of_the_same_rule_joins_the_open_alert_quietly_with_the_newest_evidence(desk):
    desk.find(outside())
    (change,) = desk.find(outside(at=T0 + minutes(5), crossing=Crossing.STILL, value=83))
    assert (change.action, change.rings, change.alert.count) == (Action.REPEATED, False, 2)
    assert (change.alert.last_at, change.alert.evidence.value) == (T0 + minutes(5), 83)
    assert len(desk.open) == 1


def test_low_and_high_are_two_rules(desk):
    high = replace(outside(Level.RED_HIGH), direction="high")
    desk.find(outside(), high)
    assert sorted(alert.rule for alert in desk.open) == ["limit:spo2:high", "limit:spo2:low"]


def test_two_patients_have_two_alerts(desk):
    desk.find(outside(), replace(outside(), patient=2))
    assert len(desk.open) == 2


def test_yellow_that_turns_red_rings_again(desk):
    desk.find(outside(Level.YELLOW_LOW))
    (change,) = desk.find(outside(at=T0 + minutes(20), crossing=Crossing.WORSE))
    assert (change.action, change.rings, change.alert.priority) == (Action.WORSE, True, Priority.RED)
    assert change.alert.raised_at == T0 + minutes(20)


def test_worse_while_acknowledged_must_be_acknowledged_again(desk):
    desk.find(outside(Level.YELLOW_LOW))
    desk.do(acknowledge)
    (change,) = desk.find(outside(at=T0 + minutes(1), crossing=Crossing.WORSE))
    assert (change.alert.state, change.alert.owner, change.rings) == (State.RAISED, None, True)


def test_red_that_eases_stays_red_and_raised(desk):
    desk.find(outside())
    (change,) = desk.find(outside(Level.YELLOW_LOW, at=T0 + minutes(1), crossing=Crossing.EASED))
    assert (change.alert.priority, change.alert.state, change.rings) == (Priority.RED, State.RAISED, False)
    assert (change.action, change.alert.count) == (Action.EASED, 1)


def test_red_again_after_easing_is_quiet_while_somebody_is_busy_with_it_and_rings_later(desk):
    desk.find(outside())
    desk.do(acknowledge)
    (soon,) = desk.find(outside(at=T0 + minutes(29), crossing=Crossing.WORSE))
    assert (soon.action, soon.rings, soon.alert.state) == (Action.REPEATED, False, State.ACKNOWLEDGED)
    (later,) = desk.find(outside(at=T0 + minutes(30), crossing=Crossing.WORSE))
    assert (later.action, later.rings, later.alert.state) == (Action.RAISED_AGAIN, True, State.RAISED)


def test_what_ends_before_anybody_looked_stays_in_the_queue_as_over(desk):
    desk.find(outside())
    (change,) = desk.find(ended(T0 + minutes(2)))
    assert (change.action, change.alert.state, change.rings) == (Action.CONDITION_ENDED, State.CLEARED, False)
    assert change.alert.condition_ended_at == T0 + minutes(2)


def test_what_ends_after_somebody_took_it_stays_with_them(desk):
    desk.find(outside())
    desk.do(acknowledge)
    (change,) = desk.find(ended(T0 + minutes(2)))
    assert (change.alert.state, change.alert.owner) == (State.ACKNOWLEDGED, NURSE)
    assert change.alert.condition_ended_at == T0 + minutes(2)


def test_an_end_is_told_once_and_only_about_what_stands(desk):
    assert desk.find(ended(T0)) == []
    desk.find(outside())
    desk.find(ended(T0 + minutes(1)))
    assert desk.find(ended(T0 + minutes(2))) == []


def test_what_was_over_and_returns_is_the_same_alert_raised_again(desk):
    desk.find(outside())
    desk.find(ended(T0 + minutes(2)))
    (change,) = desk.find(outside(at=T0 + minutes(3)))
    assert (change.action, change.alert.state, change.rings) == (Action.RAISED_AGAIN, State.RAISED, True)
    assert (change.alert.condition_ended_at, change.alert.began_at) == (None, T0 + minutes(3))
    assert len(desk.open) == 1


@pytest.mark.parametrize(("after", "action"), [(29, Action.REPEATED), (30, Action.RAISED_AGAIN)])
def test_what_returns_under_somebodys_hands_rings_after_half_an_hour(desk, after, action):
    desk.find(outside())
    desk.do(acknowledge)
    desk.find(ended(T0 + minutes(2)))
    (change,) = desk.find(outside(at=T0 + minutes(after)))
    assert (change.action, change.rings) == (action, action is Action.RAISED_AGAIN)
    assert change.alert.condition_ended_at is None


@pytest.mark.parametrize(("hours", "action"), [(3.9, Action.REPEATED), (4, Action.RAISED_AGAIN)])
def test_another_spot_reading_outside_the_next_day_is_news_even_of_what_somebody_has(desk, hours, action):
    desk.find(outside())
    desk.do(acknowledge)
    (change,) = desk.find(outside(at=T0 + timedelta(hours=hours), crossing=Crossing.STILL))
    assert change.action is action


def test_still_outside_after_it_was_handled_is_a_new_alert(desk):
    desk.find(outside())
    desk.do(handle, Outcome.REAL_ACTED)
    (change,) = desk.find(outside(at=T0 + minutes(30), crossing=Crossing.STILL))
    assert (change.action, change.rings, change.alert.rev) == (Action.RAISED, True, 1)


def test_a_condition_that_began_and_ended_in_one_batch_leaves_one_alert_that_is_over(desk):
    changes = desk.find(outside(), ended(T0 + minutes(1)))
    assert [change.action for change in changes] == [Action.RAISED, Action.CONDITION_ENDED]
    assert [change.alert.rev for change in changes] == [1, 2]
    assert [change.alert.id for change in changes] == [None, None]


# ---- backlog


def test_what_has_been_is_yellow_over_late_and_silent(desk):
    finding = outside(at=T0, crossing=Crossing.HAS_BEEN, began=T0 - minutes(5), late=True)
    (change,) = desk.find(finding, now=T0 + minutes(120))
    alert = change.alert
    assert (alert.priority, alert.state, alert.late, change.rings) == (Priority.YELLOW, State.CLEARED, True, False)
    assert (alert.began_at, alert.condition_ended_at) == (T0 - minutes(5), T0)
    assert alert.evidence.level == Level.RED_LOW  # the nurse still reads how bad it was


@pytest.mark.parametrize("state", [State.RAISED, State.ACKNOWLEDGED])
def test_what_has_been_joins_what_stands_and_leaves_it_as_it_is(desk, state):
    desk.find(outside(Level.YELLOW_LOW, value=89))
    if state is State.ACKNOWLEDGED:
        desk.do(acknowledge)
    (change,) = desk.find(outside(at=T0 - minutes(60), crossing=Crossing.HAS_BEEN, late=True), now=T0)
    assert (change.action, change.rings, change.alert.state) == (Action.REPEATED, False, state)
    assert (change.alert.priority, change.alert.evidence.value) == (Priority.YELLOW, 89)
    assert (change.alert.last_at, change.alert.condition_ended_at) == (T0, None)


@pytest.mark.parametrize(
    ("level", "age", "rings"),
    [(Level.RED_LOW, 60, True), (Level.RED_LOW, 61, False), (Level.YELLOW_LOW, 5, False)],
)
def test_a_late_finding_that_nothing_contradicts_rings_only_if_red_and_recent(desk, level, age, rings):
    (change,) = desk.find(outside(level, late=True), now=T0 + minutes(age))
    assert (change.alert.late, change.alert.state, change.alert.began_at) == (True, State.RAISED, T0)
    assert change.rings is rings


def test_late_news_that_turns_out_to_be_so_now_rings(desk):
    desk.find(outside(late=True), now=T0 + minutes(90))
    (change,) = desk.find(outside(at=T0 + minutes(90), crossing=Crossing.STILL))
    assert (change.action, change.rings, change.alert.late) == (Action.RAISED_AGAIN, True, False)


# ---- calls for help


def call(at=T0, type_=EventType.FALL, late=False, place=None) -> HelpCall:
    return HelpCall(subject=patient_subject(1), type=type_, at=at, late=late, place=place)


@pytest.mark.parametrize("type_", sorted(CALLS_FOR_HELP))
def test_every_call_for_help_is_red_and_rings(desk, type_):
    (change,) = desk.find(call(type_=type_))
    assert (change.alert.priority, change.rings, change.alert.rule) == (Priority.RED, True, f"call:{type_}")


def test_each_press_rings_and_counts(desk):
    desk.find(call())
    (change,) = desk.find(call(at=T0 + minutes(120)))
    assert (change.action, change.rings, change.alert.count) == (Action.PRESSED_AGAIN, True, 2)


def test_two_presses_in_one_batch_ring_twice(desk):
    changes = desk.find(call(), call(at=T0 + timedelta(seconds=4)))
    assert [change.rings for change in changes] == [True, True]


def test_a_press_that_nobody_has_taken_keeps_its_place_in_the_queue(desk):
    desk.find(call())
    (change,) = desk.find(call(at=T0 + minutes(1)))
    assert change.alert.raised_at == T0


def test_a_press_never_disappears_into_an_acknowledged_alert(desk):
    desk.find(call())
    desk.do(acknowledge)
    (change,) = desk.find(call(at=T0 + timedelta(seconds=1)))
    assert (change.alert.state, change.alert.owner, change.rings) == (State.RAISED, None, True)
    assert change.alert.raised_at == T0 + timedelta(seconds=1)


def test_a_late_call_still_rings_because_somebody_may_lie_there(desk):
    (change,) = desk.find(call(late=True), now=T0 + timedelta(hours=9))
    assert (change.rings, change.alert.late, change.alert.began_at) == (True, True, T0)


def test_a_press_of_now_makes_a_late_call_one_of_now(desk):
    desk.find(call(late=True), now=T0 + minutes(60))
    (change,) = desk.find(call(at=T0 + minutes(60)))
    assert change.alert.late is False


def test_a_late_press_does_not_make_a_call_of_now_an_old_one(desk):
    desk.find(call())
    (change,) = desk.find(call(at=T0 - minutes(60), late=True), now=T0)
    assert (change.alert.late, change.alert.last_at, change.rings) == (False, T0, True)


def test_a_device_bound_to_a_home_calls_for_the_home(desk):
    smoke = HelpCall(subject=home_subject(5, device=8), type=EventType.SMOKE, at=T0, late=False, place="kjøkken")
    (change,) = desk.find(smoke)
    assert (change.alert.subject.home, change.alert.subject.device, change.alert.evidence.place) == (5, 8, "kjøkken")


def test_who_an_alert_is_about_is_its_type_and_reference_whatever_else_it_shows():
    assert patient_subject(1, home=2) == patient_subject(1)
    assert patient_subject(1) != home_subject(1)
    assert subject_of(outside()) == patient_subject(1)


# ---- doors at night


def door(at=T0, late=False) -> DoorAtNight:
    return DoorAtNight(subject=home_subject(5), at=at, late=late, place="front door")


def test_a_door_at_night_is_yellow_and_rings(desk):
    (change,) = desk.find(door())
    assert (change.alert.priority, change.rings, change.alert.rule) == (Priority.YELLOW, True, "night:door")


def test_a_door_of_last_night_is_shown_and_does_not_ring(desk):
    (change,) = desk.find(door(late=True), now=T0 + timedelta(hours=10))
    assert (change.alert.late, change.rings) == (True, False)


def test_a_door_that_opens_again_soon_joins_and_later_rings_again(desk):
    desk.find(door())
    desk.do(acknowledge)
    (soon,) = desk.find(door(T0 + minutes(10)))
    assert (soon.rings, soon.alert.count, soon.alert.state) == (False, 2, State.ACKNOWLEDGED)
    (later,) = desk.find(door(T0 + minutes(40)))
    assert (later.rings, later.alert.count, later.alert.state) == (True, 3, State.RAISED)


# ---- technical


GATEWAY = gateway_subject(4)


def test_a_silent_gateway_is_grey_silent_and_closes_itself(desk):
    (raised,) = desk.find(faults.gateway_silent(GATEWAY, T0))
    assert (raised.alert.priority, raised.rings) == (Priority.GREY, False)
    (over,) = desk.find(faults.gateway_back(GATEWAY, T0 + minutes(9)))
    assert (over.action, over.alert.state, over.rings) == (Action.ENDED, State.ENDED, False)
    assert desk.open == []


def test_a_technical_alert_that_somebody_took_closes_itself_too(desk):
    desk.find(faults.gateway_silent(GATEWAY, T0))
    desk.do(acknowledge)
    (over,) = desk.find(faults.gateway_back(GATEWAY, T0 + minutes(9)))
    assert over.alert.state is State.ENDED


def test_a_fault_that_stands_is_not_told_twice_and_one_that_returns_is_new(desk):
    desk.find(faults.gateway_silent(GATEWAY, T0))
    assert desk.find(faults.gateway_silent(GATEWAY, T0 + minutes(1))) == []
    changes = desk.find(faults.gateway_back(GATEWAY, T0 + minutes(2)), faults.gateway_silent(GATEWAY, T0 + minutes(3)))
    assert [change.action for change in changes] == [Action.ENDED, Action.RAISED]
    assert len(desk.open) == 1


def test_the_end_of_a_fault_that_nobody_raised_is_nothing(desk):
    assert desk.find(faults.sensor_on(device_subject(3), T0)) == []


def test_a_sensor_taken_off_shows_with_its_patient_and_closes_when_it_is_on_again(desk):
    sensor = device_subject(3, patient=1)
    (off,) = desk.find(faults.sensor_off(sensor, T0))
    assert (off.alert.subject.patient, off.alert.rule) == (1, "technical:sensor_off")
    (on,) = desk.find(faults.sensor_on(sensor, T0 + minutes(1)))
    assert on.alert.state is State.ENDED


def test_every_declared_loss_counts(desk):
    desk.find(faults.rows_lost(GATEWAY, T0, rows=5, why="thinned"))
    (change,) = desk.find(faults.rows_lost(GATEWAY, T0 + minutes(1), rows=2, why="damaged"))
    assert (change.alert.count, change.alert.evidence.cause) == (2, "2 rows will never come: damaged")


@pytest.mark.parametrize(
    "fault",
    [
        faults.identity_conflict(GATEWAY, T0),
        faults.monitor_was_down(GATEWAY, T0, cause="stopped for 9 minutes"),
        faults.rows_lost(GATEWAY, T0, rows=1, why="damaged"),
    ],
)
def test_every_fault_is_grey_under_a_technical_rule(desk, fault):
    (change,) = desk.find(fault)
    assert (change.alert.priority, change.alert.rule in faults.TECHNICAL_RULES) == (Priority.GREY, True)
    (over,) = desk.find(faults.fault_over(GATEWAY, fault.rule, T0 + minutes(1)))
    assert over.alert.state is State.ENDED
