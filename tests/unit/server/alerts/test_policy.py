"""From findings to changes: what is raised, what joins, what rings, and what never closes by itself. Of limits."""

from dataclasses import replace
from datetime import timedelta

import pytest

from devices.limits import Level
from server.alerts.lifecycle import acknowledge, handle
from server.alerts.model import Action, Outcome, Priority, State, patient_subject
from server.detection.findings import Crossing
from tests.unit.server.alerts.policy_rig import NURSE, T0, ended, minutes, outside

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


@pytest.mark.parametrize(("after", "action"), [(29, Action.REPEATED), (30, Action.RAISED_AGAIN)])
def test_whoever_has_just_taken_what_waited_for_hours_is_busy_with_the_next_reading_too(desk, after, action):
    """The first is from six o'clock, it is taken at ten, and measured again soon after."""
    desk.find(outside(Level.YELLOW_LOW))
    desk.do(acknowledge, now=T0 + timedelta(hours=4))
    next_ = outside(Level.YELLOW_LOW, at=T0 + timedelta(hours=4) + minutes(after), crossing=Crossing.STILL)
    (change,) = desk.find(next_)
    assert (change.action, change.rings) == (action, action is Action.RAISED_AGAIN)
    assert (change.alert.owner == NURSE) is (action is Action.REPEATED)


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
