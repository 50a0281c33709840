"""The whole life of an alert: who may do what when, and that nothing loses one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from server.alerts.lifecycle import OPEN, TRANSITIONS, Happening, acknowledge, handle
from server.alerts.model import Action, Alert, Change, Conflict, Outcome, Priority, State, patient_subject
from server.detection.findings import Evidence

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
NURSE, COLLEAGUE = 1, 2


def an_alert(state: State = State.RAISED, **facts: object) -> Alert:
    alert = Alert(
        id=9,
        subject=patient_subject(1),
        rule="limit:spo2:low",
        priority=Priority.RED,
        state=state,
        began_at=NOW,
        raised_at=NOW,
        last_at=NOW,
        evidence=Evidence(),
        owner=NURSE if state is State.ACKNOWLEDGED else None,
        rev=4,
    )
    return replace(alert, **facts)  # type: ignore[arg-type]


def test_the_table_is_the_one_that_was_agreed():
    """DESIGN, promise 5, written out: '-' does not happen, '=' leaves it as it is."""
    agreed = """
        #                raised        acknowledged  cleared       handled  ended
        acknowledge      acknowledged  -             acknowledged  -        -
        handle           handled       handled       handled       -        -
        condition_ended  cleared       =             -             -        -
        condition_worse  =             raised        raised        -        -
        returned         =             raised        raised        -        -
        pressed_again    =             raised        raised        -        -
        repeated         =             =             =             -        -
        fault_over       ended         ended         -             -        -
        back             =             raised        -             -        -
        back_over        -             cleared       =             -        -
        take_over        -             =             -             -        -
        come             -             =             -             -        -
        say              =             =             =             -        -
        note             =             =             =             =        =
        snooze           acknowledged  =             acknowledged  -        -
        go_on            =             =             =             -        -
        reopen           -             -             -             raised   -
        reopen_over      -             -             -             cleared  -
    """
    (_, *states), *rows = [line.split() for line in agreed.strip().splitlines()]
    assert [row[0] for row in rows] == list(Happening)
    for happening, *row in rows:
        for state, after in zip(states, row, strict=True):
            expected = state if after == "=" else after
            assert TRANSITIONS.get((State(state), Happening(happening)), "-") == expected, (state, happening)


def test_no_transition_closes_an_alert_but_a_person_or_the_end_of_a_fault():
    closing = {happening for (state, happening), after in TRANSITIONS.items() if state in OPEN and after not in OPEN}
    assert closing == {Happening.HANDLE, Happening.FAULT_OVER}


def test_every_open_state_can_be_handled_and_no_closed_one_comes_back_but_by_a_person_who_opens_it():
    assert {state for state, happening in TRANSITIONS if happening is Happening.HANDLE} == OPEN
    back = {happening for (state, happening), after in TRANSITIONS.items() if state not in OPEN and after in OPEN}
    assert back == {Happening.REOPEN, Happening.REOPEN_OVER}


def test_acknowledging_gives_the_alert_an_owner_and_makes_no_sound():
    change = acknowledge(an_alert(), 4, NURSE, NOW)
    assert isinstance(change, Change)
    assert (change.alert.state, change.alert.owner, change.alert.acknowledged_at) == (State.ACKNOWLEDGED, NURSE, NOW)
    assert (change.alert.rev, change.action, change.staff, change.rings) == (5, Action.ACKNOWLEDGED, NURSE, False)


def test_the_second_nurse_gets_who_has_it():
    first = acknowledge(an_alert(), 4, NURSE, NOW)
    second = acknowledge(first.alert, 4, COLLEAGUE, NOW)
    assert isinstance(second, Conflict)
    assert (second.alert.owner, second.why) == (NURSE, "Somebody has it already.")


def test_an_alert_that_changed_since_it_was_looked_at_must_be_looked_at_again():
    conflict = acknowledge(an_alert(), 3, NURSE, NOW)
    assert isinstance(conflict, Conflict)
    assert conflict.why == "It has changed since you looked."


def test_what_is_over_can_be_acknowledged_and_stays_over():
    ended_at = NOW - timedelta(minutes=3)
    change = acknowledge(an_alert(State.CLEARED, condition_ended_at=ended_at), 4, NURSE, NOW)
    assert (change.alert.state, change.alert.condition_ended_at) == (State.ACKNOWLEDGED, ended_at)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_every_open_alert_can_be_handled_with_an_outcome_and_a_note(state):
    change = handle(an_alert(state), 4, NURSE, Outcome.REAL_ACTED, NOW, note="ga inhalasjon")
    assert isinstance(change, Change)
    assert (change.alert.state, change.alert.outcome, change.alert.handled_at) == (
        State.HANDLED,
        Outcome.REAL_ACTED,
        NOW,
    )
    assert (change.note, change.staff, change.alert.rev) == ("ga inhalasjon", NURSE, 5)


@pytest.mark.parametrize("state", [State.HANDLED, State.ENDED])
def test_a_closed_alert_stays_closed(state):
    for answer in (
        acknowledge(an_alert(state), 4, NURSE, NOW),
        handle(an_alert(state), 4, NURSE, Outcome.TECHNICAL, NOW),
    ):
        assert isinstance(answer, Conflict)
        assert answer.why == "It is closed already."


def test_handling_needs_the_revision_too():
    assert isinstance(handle(an_alert(), 3, NURSE, Outcome.TECHNICAL, NOW), Conflict)
