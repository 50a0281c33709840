"""The bodies of the exercise: what an episode promises about them must hold for every seed."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Level, Limit
from devices.virtual.physiology import Course, Person
from devices.vocabulary import KINDS, Kind

SEEDS = st.integers(0, 2**32)


@dataclass(frozen=True)
class AtRest:
    spo2: float = 91.5
    pulse: float = 82
    temperature: float = 36.7
    glucose: float = 7.2


def person(seed: int) -> Person:
    return Person(seed=seed, baseline=AtRest())


def signals(body: Person, t_s: float) -> list[float]:
    return [body.spo2(t_s), body.pulse(t_s), body.respiration(t_s), body.temperature(t_s), body.glucose(t_s)]


@given(SEEDS)
def test_one_seed_and_one_script_are_one_person(seed: int) -> None:
    first, second = person(seed), person(seed)
    for t_s in range(0, 600, 7):
        if t_s == 70:
            first.begin("desaturation", at_s=t_s, over_s=180)
            second.begin("desaturation", at_s=t_s, over_s=180)
        assert signals(first, t_s) == signals(second, t_s)


def test_asking_twice_changes_nothing() -> None:
    body = person(1)
    once = [signals(body, t_s) for t_s in range(60)]
    assert once == [signals(body, t_s) for t_s in range(60)]


def test_two_persons_are_not_one() -> None:
    assert [signals(person(1), t_s) for t_s in range(60)] != [signals(person(2), t_s) for t_s in range(60)]


@given(SEEDS)
def test_at_rest_nobody_leaves_the_limits_of_the_exercise(seed: int) -> None:
    body = person(seed)
    for t_s in range(0, 1800, 3):
        assert Limit(red_low=88, yellow_low=90).level_of(body.spo2(t_s), decimals=0) is Level.INSIDE
        assert Limit(yellow_low=50, yellow_high=110).level_of(body.pulse(t_s), decimals=0) is Level.INSIDE
        assert Limit(yellow_low=3.9, yellow_high=13.9).level_of(body.glucose(t_s), decimals=1) is Level.INSIDE
        assert Limit(yellow_low=35.1, yellow_high=38.0).level_of(body.temperature(t_s), decimals=1) is Level.INSIDE


@given(SEEDS)
def test_a_desaturation_takes_minutes_goes_below_88_and_drives_the_pulse(seed: int) -> None:
    body = person(seed)
    body.begin("desaturation", at_s=45, over_s=180)
    assert body.spo2(45) > 90
    assert body.spo2(100) > 88
    for t_s in range(225, 345):
        assert 81 < body.spo2(t_s) < 84
        assert body.pulse(t_s) > 100
        assert body.respiration(t_s) > 20


@given(SEEDS)
def test_a_hypoglycaemia_goes_below_3_0_and_leaves_the_saturation_alone(seed: int) -> None:
    body, untouched = person(seed), person(seed)
    body.begin("hypoglycaemia", at_s=30, over_s=100)
    falling = [body.glucose(t_s) for t_s in (30, 60, 80, 100, 130)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 7
    assert all(2.6 <= body.glucose(t_s) < 2.8 for t_s in range(130, 240))
    assert [body.spo2(t_s) for t_s in range(240)] == [untouched.spo2(t_s) for t_s in range(240)]


@given(SEEDS)
def test_a_fever_is_a_fever(seed: int) -> None:
    body = person(seed)
    body.begin("fever", at_s=0, over_s=60)
    assert all(38.8 <= body.temperature(t_s) <= 39.0 for t_s in range(60, 600, 10))


@given(SEEDS)
def test_recovery_brings_everything_back(seed: int) -> None:
    body, untouched = person(seed), person(seed)
    body.begin("desaturation", at_s=0, over_s=60)
    body.begin("fever", at_s=30, over_s=60)
    body.begin("recovery", at_s=120, over_s=60)
    for t_s in range(180, 300, 5):
        assert signals(body, t_s) == pytest.approx(signals(untouched, t_s))


@given(SEEDS, st.lists(st.sampled_from(Course), max_size=6), st.floats(0, 120))
def test_no_course_jumps_or_leaves_what_is_possible(seed: int, courses: list[Course], over_s: float) -> None:
    body = person(seed)
    for number, course in enumerate(courses):
        at_s = 40.0 * number
        before = signals(body, at_s)
        body.begin(course, at_s=at_s, over_s=max(over_s, 5))
        assert signals(body, at_s) == pytest.approx(before)
        for t_s in range(int(at_s), int(at_s) + 40, 3):
            assert KINDS[Kind.SPO2].lowest <= body.spo2(t_s) <= KINDS[Kind.SPO2].highest
            assert KINDS[Kind.GLUCOSE].lowest <= body.glucose(t_s) <= KINDS[Kind.GLUCOSE].highest


def test_a_course_over_no_time_is_a_step() -> None:
    body = person(1)
    body.begin("hypoglycaemia", at_s=10, over_s=0)
    assert body.glucose(10) < 2.8


def test_what_nobody_can_play_is_refused() -> None:
    body = person(1)
    body.begin("fever", at_s=10, over_s=5)
    with pytest.raises(ValueError, match="began at 10"):
        body.begin("rest", at_s=9, over_s=5)
    with pytest.raises(ValueError, match="began at 10"):
        body.begin("rest", at_s=11, over_s=-1)
    with pytest.raises(ValueError, match="boredom"):
        body.begin("boredom", at_s=12, over_s=5)
