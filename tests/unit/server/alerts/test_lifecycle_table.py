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
    """DESIGN, promise 5, written out: rows are states, columns what happens; '-' does not happen."""
    columns = list(Happening)
    agreed = {
        #                    acknow.  handle  ended    worse   returned pressed repeated fault over
        State.RAISED:       "acknowledged handled cleared raised raised raised raised ended",
        State.ACKNOWLEDGED: "- handled acknowledged raised raised raised acknowledged ended",
        State.CLEARED:      "acknowledged handled - raised raised raised cleared -",
        State.HANDLED:      "- - - - - - - -",
        State.ENDED:        "- - - - - - - -",
    }  # fmt: skip
    for state, row in agreed.items():
        for happening, after in zip(columns, row.split(), strict=True):
            assert str(TRANSITIONS.get((state, happening), "-")) == after, (state, happening)


def test_no_transition_closes_an_alert_but_a_person_or_the_end_of_a_fault():
    closing = {happening for (_, happening), after in TRANSITIONS.items() if after not in OPEN}
    assert closing == {Happening.HANDLE, Happening.FAULT_OVER}


def test_every_open_state_can_be_handled_and_no_closed_one_comes_back():
    assert {state for state, happening in TRANSITIONS if happening is Happening.HANDLE} == OPEN
    assert {state for state, _ in TRANSITIONS} == OPEN


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
