"""A slow finding is told when there is news, and leaves alone who knows already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import Kind
from server.alerts.findings import Concern, ConcernOver
from server.alerts.habits import HABITS, LONGEST_REST
from server.alerts.lifecycle import acknowledge, handle
from server.alerts.model import Action, Alert, Outcome, Priority, State, home_subject, patient_subject
from server.alerts.policy import LOOKS_BACK, decide, looks_back
from server.detection.findings import Crossing, Evidence, LimitFinding

T0 = datetime(2026, 3, 10, 7, 0, tzinfo=UTC)
NURSE = 7
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CHANGE = "change:spo2:low"
YELLOW, RED = Priority.YELLOW, Priority.RED


def found(rule=CHANGE, after=timedelta(), *, priority=YELLOW, steps=2.0, rules=("deviation",), late=False, joins=()):
    kind = Kind.SPO2 if rule == CHANGE else None
    return Concern(
        subject=home_subject(5) if rule.startswith("home:") else patient_subject(1),
        rule=rule,
        priority=priority,
        at=T0 + after,
        began=T0 + after,
        evidence=Evidence(kind=kind, direction="low", rules=rules, numbers={"value": 89.0}, since=T0 + after),
        late=late,
        steps=steps,
        joins=joins,
    )


def ended(rule=CHANGE, after=HOUR, *, of=(), unless=()):
    return ConcernOver(subject=patient_subject(1), rule=rule, at=T0 + after, of=of, unless=unless)


def limit(crossing=Crossing.BEGAN, level=Level.YELLOW_LOW, after=timedelta(), value=89.0):
    return LimitFinding(
        patient=1,
        kind=Kind.SPO2,
        crossing=crossing,
        direction="low",
        level=level,
        began=T0 + after,
        at=T0 + after,
        late=False,
        evidence=Evidence(kind=Kind.SPO2, value=value, limit=90.0, level=level, direction="low"),
    )


class Ward:
    """Alerts between decisions, as the database holds them: what stands, and what was handled last."""

    def __init__(self) -> None:
        self.open: list[Alert] = []
        self.handled: list[Alert] = []

    def see(self, *findings, now=None):
        changes = decide(self.open, findings, now or max(each.at for each in findings), self.handled)
        for change in changes:
            self._keep(change.alert)
        return changes

    def take(self, after=timedelta()):
        (alert,) = self.open
        self._keep(acknowledge(alert, alert.rev, NURSE, T0 + after).alert)

    def close(self, outcome=Outcome.REAL_NO_ACTION, after=timedelta()):
        (alert,) = self.open
        self._keep(handle(alert, alert.rev, NURSE, outcome, T0 + after).alert)

    def _keep(self, alert):
        self.open = [each for each in self.open if each.key != alert.key]
        self.handled = [each for each in self.handled if each.key != alert.key or alert.state is not State.HANDLED]
        (self.handled if alert.state is State.HANDLED else self.open).append(replace(alert, id=alert.id or 9))


@pytest.fixture
def ward() -> Ward:
    return Ward()


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


# ---- one worsening, two rules

JOINS = ("limit:spo2:low",)


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


# ---- rest


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


def test_what_happens_again_rings_who_is_not_busy_with_it_any_more(ward):
    ward.see(found("home:wandering", steps=None))
    ward.take()
    (soon,) = ward.see(found("home:wandering", timedelta(minutes=29), steps=None))
    assert (soon.action, soon.rings, soon.alert.count) == (Action.REPEATED, False, 2)
    (later,) = ward.see(found("home:wandering", timedelta(minutes=59), steps=None))
    assert (later.action, later.rings, later.alert.count) == (Action.RAISED_AGAIN, True, 3)


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
