"""From findings to changes: faults of the equipment."""

import pytest

from server.alerts import findings as faults
from server.alerts.lifecycle import acknowledge
from server.alerts.model import Action, Priority, State, device_subject, gateway_subject
from tests.unit.server.alerts.policy_rig import T0, minutes

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
