"""A dose that nobody took is a yellow alert, and the next one is news again, also to who has the first."""

from datetime import UTC, datetime, timedelta

import pytest

from server.alerts import lifecycle, policy
from server.alerts.findings import DoseMissed
from server.alerts.model import Action, Priority, State, patient_subject

EIGHT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
NURSE = 3


def missed(at=EIGHT, *, late=False):
    return DoseMissed(subject=patient_subject(1), at=at, late=late, place="kitchen")


def first(**how):
    (change,) = policy.decide([], [missed(**how)], EIGHT)
    return change


def test_a_missed_dose_is_yellow_and_rings():
    change = first()
    assert (change.alert.priority, change.alert.rule, change.rings) == (Priority.YELLOW, "dose:missed", True)
    assert (change.alert.evidence.event, change.alert.evidence.place) == ("dose_missed", "kitchen")
    assert (change.alert.began_at, change.alert.state) == (EIGHT, State.RAISED)


def test_one_out_of_a_backlog_does_not_ring():
    change = first(late=True)
    assert (change.alert.late, change.rings) == (True, False)


@pytest.mark.parametrize("taken", [False, True])
def test_the_next_one_is_raised_again_and_counted(taken):
    standing = first().alert
    if taken:
        standing = lifecycle.acknowledge(standing, 1, NURSE, EIGHT + timedelta(minutes=1)).alert
    noon = EIGHT + timedelta(hours=4)
    (change,) = policy.decide([standing], [missed(noon)], noon)
    assert (change.action, change.rings) == (Action.RAISED_AGAIN, True)
    assert (change.alert.state, change.alert.count, change.alert.owner) == (State.RAISED, 2, None)
    assert change.alert.evidence.since == noon


def test_an_older_one_that_comes_late_only_counts():
    (change,) = policy.decide([first().alert], [missed(EIGHT - timedelta(hours=4), late=True)], EIGHT)
    assert (change.action, change.rings, change.alert.count) == (Action.REPEATED, False, 2)
    assert (change.alert.last_at, change.alert.evidence.since) == (EIGHT, EIGHT)
