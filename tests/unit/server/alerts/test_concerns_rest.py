"""What somebody decided about rests for a while, unless it gets worse; and nothing else rests with it."""

from datetime import timedelta

import pytest

from server.alerts.habits import HABITS, LONGEST_REST
from server.alerts.model import Action, Outcome
from server.alerts.policy import LOOKS_BACK
from tests.unit.server.alerts.concerns_rig import CHANGE, DAY, HOUR, JOINS, RED, found, limit


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_somebody_decided_about_rests_for_a_while_and_then_is_raised_anew(ward, outcome):
    ward.see(found())
    ward.close(outcome)
    rest = HABITS["change"].rests[outcome]
    assert ward.see(found(after=rest - timedelta(minutes=1))) == []
    (change,) = ward.see(found(after=rest))
    assert (change.action, change.rings, change.alert.rev) == (Action.RAISED, True, 1)


def test_every_outcome_has_a_rest_in_every_habit_that_rests():
    assert all(set(habit.rests) == set(Outcome) for habit in HABITS.values())
    assert LOOKS_BACK == LONGEST_REST == 14 * DAY


@pytest.mark.parametrize(
    ("again", "raised"),
    [({"steps": 2.9}, False), ({"steps": 3.0}, True), ({"priority": RED}, True)],
)
def test_worse_than_it_was_breaks_the_rest(ward, again, raised):
    ward.see(found())
    ward.close()
    assert bool(ward.see(found(after=DAY, **again))) is raised


def test_what_joined_a_limit_rests_when_that_is_closed(ward):
    ward.see(limit())
    ward.see(found(joins=JOINS))
    ward.close(Outcome.REAL_ACTED)
    assert ward.see(found(after=DAY, joins=JOINS)) == []
    (worse,) = ward.see(found(after=DAY, joins=JOINS, steps=3.0))
    assert (worse.action, worse.alert.rule) == (Action.RAISED, CHANGE)


def test_a_limit_that_was_closed_before_anybody_knew_of_the_change_does_not_silence_it(ward):
    ward.see(limit())
    ward.close(Outcome.REAL_ACTED)
    assert len(ward.see(found(after=HOUR, joins=JOINS))) == 1


def test_the_rest_of_one_rule_is_not_that_of_another(ward):
    ward.see(found())
    ward.close()
    assert len(ward.see(found("weight_gain", DAY))) == 1


def test_what_happens_in_a_home_is_news_each_time(ward):
    ward.see(found("home:wandering", steps=None))
    ward.close()
    assert len(ward.see(found("home:wandering", HOUR, steps=None))) == 1
