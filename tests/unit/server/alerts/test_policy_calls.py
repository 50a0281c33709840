"""From findings to changes: calls for help, and doors at night."""

from datetime import timedelta

import pytest

from devices.vocabulary import CALLS_FOR_HELP, EventType
from server.alerts.findings import DoorAtNight, HelpCall, subject_of
from server.alerts.lifecycle import acknowledge
from server.alerts.model import Action, Priority, State, home_subject, patient_subject
from tests.unit.server.alerts.policy_rig import T0, minutes, outside


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
