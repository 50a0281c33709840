"""One worsening that two rules tell of is one alert, unless something worse would hide in it."""

from devices.limits import Level
from server.alerts.model import Action
from server.detection.findings import Crossing
from tests.unit.server.alerts.concerns_rig import CHANGE, DAY, HOUR, JOINS, RED, Ward, ended, found, limit


def test_a_change_on_the_side_of_a_limit_that_is_crossed_is_a_line_in_its_history(ward):
    ward.see(limit())
    (change,) = ward.see(found(joins=JOINS))
    assert (change.action, change.rings, change.alert.rule) == (Action.JOINED, False, "limit:spo2:low")
    assert (change.alert.evidence.limit, change.alert.evidence.rules, change.alert.count) == (90, ("deviation",), 1)
    assert len(ward.open) == 1


def test_it_joins_once_and_the_next_reading_outside_does_not_take_it_away(ward):
    ward.see(limit())
    ward.see(found(joins=JOINS))
    ward.see(limit(Crossing.STILL, after=HOUR, value=88))
    (alert,) = ward.open
    assert (alert.evidence.value, alert.evidence.rules) == (88, ("deviation",))
    assert ward.see(found(after=DAY, joins=JOINS)) == []


def test_a_limit_that_is_crossed_anew_does_not_keep_what_was_told_of_the_last_time(ward):
    ward.see(limit())
    ward.see(found(joins=JOINS))
    ward.see(limit(Crossing.ENDED, Level.INSIDE, HOUR))
    (again,) = ward.see(limit(after=DAY))
    assert (again.action, again.alert.evidence.rules) == (Action.RAISED_AGAIN, ())


def test_a_change_does_not_hide_behind_a_limit_that_is_over(ward):
    ward.see(limit())
    ward.see(limit(Crossing.ENDED, Level.INSIDE, HOUR))
    (change,) = ward.see(found(after=DAY, joins=JOINS))
    assert (change.action, change.alert.rule, change.rings) == (Action.RAISED, CHANGE, True)


def test_something_red_does_not_hide_behind_something_yellow(ward):
    ward.see(limit())
    (change,) = ward.see(found("low_soon:glucose_isf", priority=RED, joins=JOINS))
    assert (change.action, change.rings) == (Action.RAISED, True)
    ward = Ward()
    ward.see(limit(level=Level.RED_LOW))
    (change,) = ward.see(found("low_soon:glucose_isf", priority=RED, joins=JOINS))
    assert change.action is Action.JOINED


def test_beside_another_rules_numbers_those_that_join_bear_their_own_name(ward):
    ward.see(found("weight_gain", rules=("weight_gain",)))
    (change,) = ward.see(found("change:weight:high", rules=("trend",), joins=("weight_gain",)))
    assert change.alert.evidence.rules == ("weight_gain", "trend")
    assert change.alert.evidence.numbers == {"value": 89, "steps": 2, "trend_value": 89}
    over = ended("weight_gain", of=((None, "weight_gain"),))
    assert len(ward.see(over)) == 1  # the trend is not what it stands for
