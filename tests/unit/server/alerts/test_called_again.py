"""A call for help that comes soon after another is worse than the first: stored, shown and never forgotten."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import EventType
from server.alerts.findings import HelpCall
from server.alerts.lifecycle import acknowledge, handle
from server.alerts.model import Action, Outcome, State, patient_subject
from server.alerts.policy import decide, looks_back

T0 = datetime(2026, 3, 10, 3, 0, tzinfo=UTC)
NURSE = 7


def call(minutes=0.0, type_=EventType.SOS, *, late=False):
    return HelpCall(subject=patient_subject(1), type=type_, at=T0 + timedelta(minutes=minutes), late=late)


def pressed(*minutes, lately=(), now=None):
    changes = decide([], [call(each) for each in minutes], now or T0, lately)
    return changes[-1]


def numbers(change):
    return dict(change.alert.evidence.numbers)


def closed(change, outcome=Outcome.REAL_ACTED, *, minutes=0.0):
    alert = replace(change.alert, id=5)
    return handle(alert, alert.rev, NURSE, outcome, T0 + timedelta(minutes=minutes)).alert


def test_the_first_call_is_not_urgent_and_says_within_what_the_next_one_would_be():
    change = pressed(0)
    assert numbers(change) == {"calls": 1, "within_min": 30}
    assert (change.action, change.alert.urgent) == (Action.RAISED, False)


@pytest.mark.parametrize(
    ("after", "action", "calls", "urgent"),
    [(0.1, Action.CALLED_AGAIN, 2, True), (30, Action.CALLED_AGAIN, 2, True), (30.1, Action.PRESSED_AGAIN, 1, False)],
)
def test_a_second_call_within_half_an_hour_is_worse_than_the_first(after, action, calls, urgent):
    change = pressed(0, after)
    assert (change.action, change.rings, change.alert.state) == (action, True, State.RAISED)
    assert (numbers(change)["calls"], change.alert.urgent) == (calls, urgent)


def test_calls_in_a_row_are_counted_from_the_first_of_them():
    change = pressed(0, 25, 50)
    assert numbers(change) == {"calls": 3, "within_min": 30, "urgent": 1}
    assert (change.alert.evidence.from_at, change.alert.evidence.since) == (T0, T0 + timedelta(minutes=50))


def test_what_was_urgent_once_stays_so_though_the_next_call_comes_late_in_the_night():
    change = pressed(0, 5, 240)
    assert (change.action, change.alert.urgent, numbers(change)["calls"]) == (Action.PRESSED_AGAIN, True, 1)


def test_a_call_that_was_heard_late_belongs_to_the_row_it_was_made_in():
    first = decide([], [call(60)], T0 + timedelta(minutes=60))[0].alert
    (change,) = decide([first], [call(45, late=True)], T0 + timedelta(minutes=61))
    assert (change.action, numbers(change)["calls"]) == (Action.CALLED_AGAIN, 2)
    assert change.alert.evidence.from_at == T0 + timedelta(minutes=45)


def test_somebody_who_has_it_must_take_it_again():
    alert = replace(pressed(0).alert, id=5)
    taken = acknowledge(alert, alert.rev, NURSE, T0 + timedelta(minutes=1)).alert
    (change,) = decide([taken], [call(2)], T0 + timedelta(minutes=2))
    assert (change.alert.state, change.alert.owner, change.alert.urgent) == (State.RAISED, None, True)


@pytest.mark.parametrize(("after", "urgent"), [(49, True), (70, True), (70.5, False)])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_a_call_soon_after_the_last_one_was_closed_says_that_it_did_not_help(after, urgent, outcome):
    lately = closed(pressed(0), outcome, minutes=40)
    change = pressed(after, lately=[lately])
    assert (change.action, change.rings, change.alert.rev, change.alert.id) == (Action.RAISED, True, 1, None)
    assert (change.alert.urgent, numbers(change)["calls"]) == (urgent, 2 if urgent else 1)


def test_another_kind_of_call_is_a_call_of_its_own():
    changes = decide([], [call(0), call(1, EventType.FALL)], T0)
    assert [change.action for change in changes] == [Action.RAISED, Action.RAISED]
    assert not any(change.alert.urgent for change in changes)


def test_an_alert_from_before_this_was_counted_counts_as_one_call():
    old = replace(pressed(0).alert, id=5)
    old = replace(old, evidence=replace(old.evidence, numbers={}, from_at=None))
    (change,) = decide([old], [call(3)], T0 + timedelta(minutes=3))
    assert (numbers(change)["calls"], change.alert.evidence.from_at) == (2, T0)


def test_the_store_is_asked_what_was_handled_lately_only_when_it_matters():
    assert looks_back([call()])
    assert not looks_back([])
