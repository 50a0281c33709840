"""A slow finding is told when there is news, and leaves alone who knows already."""

from datetime import timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import Kind
from server.alerts.model import Action, State
from server.alerts.policy import looks_back
from server.detection.findings import Crossing
from tests.unit.server.alerts.concerns_rig import CHANGE, DAY, HOUR, RED, T0, YELLOW, ended, found, limit

# ---- once


def test_a_change_for_the_worse_is_raised_and_rings_once(ward):
    (change,) = ward.see(found())
    assert (change.action, change.rings, change.alert.priority) == (Action.RAISED, True, YELLOW)
    assert change.alert.evidence.numbers == {"value": 89, "steps": 2}


@pytest.mark.parametrize("taken", [False, True])
def test_the_same_change_found_every_day_for_a_week_never_rings_again(ward, taken):
    ward.see(found())
    if taken:
        ward.take()
    later = [ward.see(found(after=day * DAY)) for day in range(1, 8)]
    assert [len(changes) for changes in later] == [1] * 7
    assert not any(change.rings or change.action is not Action.REPEATED for (change,) in later)
    (alert,) = ward.open
    assert (alert.count, alert.last_at, alert.state) == (
        1,
        T0 + 7 * DAY,
        State.ACKNOWLEDGED if taken else State.RAISED,
    )


def test_a_stream_that_is_looked_at_every_ten_minutes_does_not_fill_the_history(ward):
    ward.see(found())
    changes = [ward.see(found(after=timedelta(minutes=10 * n))) for n in range(1, 37)]
    assert [len(each) for each in changes] == [0] * 35 + [1]  # after six hours


def test_another_rule_that_tells_of_it_is_written_down_at_once_and_quietly(ward):
    ward.see(found())
    (change,) = ward.see(found(after=timedelta(minutes=10), rules=("deviation", "trend")))
    assert (change.action, change.rings, change.alert.evidence.rules) == (
        Action.REPEATED,
        False,
        ("deviation", "trend"),
    )


@pytest.mark.parametrize("rule", [CHANGE, "news2"])
def test_what_is_older_than_what_is_known_changes_nothing(ward, rule):
    ward.see(found(rule))
    assert ward.see(found(rule, -DAY), now=T0 + HOUR) == []


# ---- worse


@pytest.mark.parametrize("taken", [False, True])
def test_red_after_yellow_rings_whoever_has_it(ward, taken):
    ward.see(found("news2"))
    if taken:
        ward.take()
    (change,) = ward.see(found("news2", HOUR, priority=RED))
    assert (change.action, change.rings, change.alert.state, change.alert.owner) == (
        Action.WORSE,
        True,
        State.RAISED,
        None,
    )
    assert change.alert.priority is RED


@pytest.mark.parametrize(("steps", "action"), [(2.9, Action.REPEATED), (3.0, Action.WORSE)])
def test_one_step_more_than_when_it_rang_is_worse(ward, steps, action):
    ward.see(found())
    ward.take()
    (change,) = ward.see(found(after=DAY, steps=steps))
    assert (change.action, change.rings) == (action, action is Action.WORSE)


def test_steps_are_counted_from_when_it_last_rang_however_slowly_it_creeps(ward):
    ward.see(found())
    ward.take()
    actions = [ward.see(found(after=day * DAY, steps=2 + day * 0.3))[0].action for day in range(1, 8)]
    assert actions == [Action.REPEATED] * 3 + [Action.WORSE] + [Action.REPEATED] * 3


def test_red_that_eases_stays_red_and_the_history_says_so(ward):
    ward.see(found("news2", priority=RED, steps=4.0))
    (change,) = ward.see(found("news2", HOUR, steps=3.0))
    assert (change.action, change.alert.priority, change.rings) == (Action.EASED, RED, False)


def test_a_new_score_hours_later_is_news_to_who_has_it(ward):
    ward.see(found("news2"))
    ward.take()
    (soon,) = ward.see(found("news2", 3.9 * HOUR))
    assert not soon.rings
    (later,) = ward.see(found("news2", 8 * HOUR))
    assert (later.action, later.rings) == (Action.RAISED_AGAIN, True)


def test_what_happens_again_rings_who_is_not_busy_with_it_any_more(ward):
    ward.see(found("home:wandering", steps=None))
    ward.take()
    (soon,) = ward.see(found("home:wandering", timedelta(minutes=29), steps=None))
    assert (soon.action, soon.rings, soon.alert.count) == (Action.REPEATED, False, 2)
    (later,) = ward.see(found("home:wandering", timedelta(minutes=59), steps=None))
    assert (later.action, later.rings, later.alert.count) == (Action.RAISED_AGAIN, True, 3)


# ---- over, and back


def test_what_is_over_before_anybody_looked_stays_in_the_queue(ward):
    ward.see(found())
    (change,) = ward.see(ended())
    assert (change.action, change.alert.state, change.alert.condition_ended_at) == (
        Action.CONDITION_ENDED,
        State.CLEARED,
        T0 + HOUR,
    )


@pytest.mark.parametrize("taken", [False, True])
@pytest.mark.parametrize(("gone", "rings"), [(19 * HOUR, False), (20 * HOUR, True)])
def test_what_was_over_for_most_of_a_day_and_returned_rings_again(ward, taken, gone, rings):
    ward.see(found())
    if taken:
        ward.take()
    ward.see(ended())
    (change,) = ward.see(found(after=HOUR + gone))
    assert (change.rings, change.alert.condition_ended_at) == (rings, None)
    assert change.alert.state is (State.ACKNOWLEDGED if taken and not rings else State.RAISED)


def test_what_returns_under_somebodys_hands_joins_what_they_have(ward):
    ward.see(found("news2"))
    ward.take(50 * HOUR / 60)
    ward.see(ended("news2", 10 * HOUR / 60), now=T0 + 51 * HOUR / 60)
    (soon,) = ward.see(found("news2", HOUR))
    assert (soon.rings, soon.alert.state, soon.alert.condition_ended_at) == (False, State.ACKNOWLEDGED, None)


def test_what_comes_and_goes_around_the_edge_does_not_ring_each_time(ward):
    ward.see(found())
    rings = 0
    for hour in range(1, 12, 2):
        ward.see(ended(after=hour * HOUR))
        (change,) = ward.see(found(after=(hour + 1) * HOUR))
        rings += change.rings
    assert rings == 0
    assert ward.open[0].state is State.RAISED  # and nobody is told that it is over


@pytest.mark.parametrize(
    ("of", "over"),
    [
        ([(Kind.SPO2, "deviation")], True),
        ([(None, "deviation")], True),
        ([(Kind.SPO2, "trend")], False),
        ([(Kind.PULSE_RATE, "deviation")], False),
        ([], True),
    ],
)
def test_only_who_could_have_found_it_again_can_say_that_it_is_over(ward, of, over):
    ward.see(found())
    assert bool(ward.see(ended(of=tuple(of)))) is over


def test_an_older_look_does_not_end_what_was_found_since(ward):
    ward.see(found())
    assert ward.see(ended(after=-HOUR, of=((None, "deviation"),)), now=T0) == []


def test_what_was_missed_is_over_when_the_value_comes_though_it_was_taken_before(ward):
    ward.see(found("measurement:missed:weight", steps=None, rules=()))
    (change,) = ward.see(ended("measurement:missed:weight", after=-HOUR), now=T0 + HOUR)
    assert (change.alert.state, change.alert.condition_ended_at) == (State.CLEARED, T0 - HOUR)
    assert change.alert.last_at == T0


def test_a_low_that_came_as_feared_is_not_over(ward):
    ward.see(found("low_soon:glucose_isf"), limit())
    fear = ended("low_soon:glucose_isf", unless=("limit:spo2:low",))
    assert ward.see(fear) == []
    ward.see(limit(Crossing.ENDED, Level.INSIDE, HOUR))
    assert len(ward.see(fear)) == 1


# ---- late


@pytest.mark.parametrize(
    ("priority", "age", "rings"), [(YELLOW, HOUR, False), (RED, HOUR, True), (RED, 1.1 * HOUR, False)]
)
def test_late_news_rings_only_if_red_and_recent(ward, priority, age, rings):
    (change,) = ward.see(found(priority=priority, late=True), now=T0 + age)
    assert (change.alert.late, change.rings) == (True, rings)


def test_late_news_that_turns_out_to_be_so_now_rings(ward):
    ward.see(found(late=True), now=T0 + 3 * HOUR)
    (change,) = ward.see(found(after=3 * HOUR))
    assert (change.action, change.rings, change.alert.late) == (Action.RAISED_AGAIN, True, False)


def test_the_store_is_asked_what_was_handled_lately_for_a_concern_only():
    assert looks_back([found()])
    assert not looks_back([ended(), limit()])
