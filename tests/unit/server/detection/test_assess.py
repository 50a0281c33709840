"""All slow rules in one call: what is found is a matter of the readings alone, not of the batch."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from devices.vocabulary import Kind
from server.detection.assess import DAYS_BACK, Assessed, assess
from server.detection.patient_rules import Known
from server.detection.rules import (
    CUSUM,
    DEVIATION,
    EWMA,
    GAIN,
    LOSS_IN_A_MONTH,
    RULES,
    TREND,
)
from tests.unit.server.detection.ward_rig import DAY, HOUR, NOW, STEADY, TODAY, Ward, agreed, key, ms


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_nothing_due_is_nothing_found(ward):
    assessed = ward.assess()
    assert [(judged.found, judged.looked) for judged in assessed.rounds] == [((), ())]
    assert assessed.unripe == frozenset()


def test_everybody_is_judged_by_rules_of_their_own(ward):
    milder = replace(DEVIATION, z=9.0)  # 89 is 6 MADs of 0.5 from 92: z = 4.05
    ward.rules = {1: (DEVIATION,), 2: (milder,), 3: (), 5: (DEVIATION,)}
    for patient in (1, 2, 3, 4, 5):
        ward.spot(patient, Kind.SPO2, *STEADY, 89.0)
    assert ward.found() == [(1, "deviation:spo2:low", 0), (5, "deviation:spo2:low", 0)]
    (judged,) = ward.assess().rounds
    assert [(each.patient, each.rules) for each in judged.looked] == [(p, frozenset({"deviation"})) for p in (1, 5, 2)]


def test_a_finding_is_of_the_newest_reading_that_it_rests_on_whenever_it_is_looked_at(ward):
    ward.rules = {1: (DEVIATION,)}
    ward.spot(1, Kind.SPO2, *STEADY, 89.0)
    for now in (NOW, NOW + 5 * HOUR):
        (judged,) = ward.assess(now).rounds
        (finding,) = judged.found
        assert finding.at == finding.grounds.to_at == TODAY + 8 * HOUR
        assert judged.looked[0].at == TODAY + 8 * HOUR


def test_only_rules_that_knew_enough_have_looked(ward):
    ward.rules = {1: (DEVIATION, TREND, EWMA, CUSUM), 2: (GAIN, LOSS_IN_A_MONTH, DEVIATION)}
    ward.spot(1, Kind.SPO2, *STEADY[-8:])  # seven days before today are enough to know what is usual, not for a trend
    ward.spot(2, Kind.WEIGHT, 80.0, 80.1)
    (judged,) = ward.assess().rounds
    assert {(each.patient, each.kind): set(each.rules) for each in judged.looked} == {
        (1, Kind.SPO2): {"deviation"},
        (2, Kind.WEIGHT): {"weight_gain"},
    }
    ward.known = {1: Known(baselines=(agreed(1, Kind.SPO2),))}
    (judged,) = ward.assess().rounds
    assert judged.looked[0].rules == {"deviation", "ewma", "cusum"}


# ---- the running day


def nights_and_days(ward: Ward, until_hour: int) -> None:
    """Worn day and night for two weeks: 88 asleep (0-7), 93 awake; today until this hour."""
    for back in range(14, -1, -1):
        hours = range(24) if back else range(until_hour)
        ward.worn(1, Kind.SPO2, TODAY - back * DAY, {hour: 88.0 if hour < 7 else 93.0 for hour in hours})


@pytest.mark.parametrize(("until_hour", "judged"), [(7, False), (17, False), (18, True), (24, True)])
def test_a_morning_that_holds_the_night_alone_is_not_yet_a_day_like_others(ward, until_hour, judged):
    # Three quarters of 24 hours are 18.
    ward.rules = {1: (DEVIATION,)}
    nights_and_days(ward, until_hour)
    now = TODAY + until_hour * HOUR - HOUR / 60
    assessed = ward.assess(now)
    assert ward.found(now) == []
    assert bool(assessed.rounds[-1].looked) is judged
    assert (key(1, Kind.SPO2) in assessed.unripe) is not judged


def test_who_wears_the_sensor_four_hours_a_day_has_enough_of_it_after_three(ward):
    ward.rules = {1: (DEVIATION,)}
    for back in range(14, 0, -1):
        ward.worn(1, Kind.SPO2, TODAY - back * DAY, dict.fromkeys(range(9, 13), 92.0))
    ward.worn(1, Kind.SPO2, TODAY, dict.fromkeys(range(9, 11), 88.0))
    assert ward.found() == []
    ward.worn(1, Kind.SPO2, TODAY, {11: 88.0})
    assert ward.found() == [(1, "deviation:spo2:low", 0)]


def test_a_day_that_is_over_counts_when_a_quarter_of_it_is_there(ward):
    ward.rules = {1: (DEVIATION,)}
    for back in range(15, 1, -1):
        ward.worn(1, Kind.SPO2, TODAY - back * DAY, dict.fromkeys(range(24), 92.0))
    ward.worn(1, Kind.SPO2, TODAY - DAY, dict.fromkeys(range(5), 88.0))
    assert ward.found() == []
    ward.worn(1, Kind.SPO2, TODAY - DAY, {5: 88.0})
    assert ward.found() == [(1, "deviation:spo2:low", 1)]


def test_the_value_of_a_day_is_the_middle_of_its_hours(ward):
    ward.rules = {1: (DEVIATION,)}
    ward.spot(1, Kind.SPO2, *STEADY)
    ward.hours = [each for each in ward.hours if each[1] < TODAY]
    for hour, value in ((8, 93.0), (12, 80.0), (13, 92.0)):
        ward.hours.append((key(1, Kind.SPO2), TODAY + hour * HOUR, value, TODAY + hour * HOUR, False))
    assert ward.found() == []


# ---- a backlog


def test_each_day_of_a_backlog_is_judged_as_of_its_own_end(ward):
    ward.rules = {1: (DEVIATION,)}
    ward.spot(1, Kind.SPO2, *STEADY, 89.0, 92.0, 88.0, 92.0)
    ward.since[key(1, Kind.SPO2)] = TODAY - 3 * DAY + 8 * HOUR
    assert ward.found() == [(1, "deviation:spo2:low", 3), (1, "deviation:spo2:low", 1)]
    rounds = ward.assess().rounds
    assert [each.at for judged in rounds for each in judged.found] == [
        TODAY - 3 * DAY + 8 * HOUR,
        TODAY - DAY + 8 * HOUR,
    ]
    assert [bool(judged.looked) for judged in rounds] == [False, False, False, True]


def test_a_day_that_is_over_with_nothing_after_it_may_end_what_stood(ward):
    ward.rules = {1: (DEVIATION,)}
    ward.spot(1, Kind.SPO2, *STEADY, 92.0, np.nan, last=TODAY + 8 * HOUR)
    ward.since[key(1, Kind.SPO2)] = TODAY - DAY
    assert [bool(judged.looked) for judged in ward.assess().rounds] == [True, False]


def test_of_a_long_past_the_last_two_weeks_are_judged(ward):
    ward.rules = {1: (DEVIATION,)}
    ward.spot(1, Kind.SPO2, *([92.0] * 20), 70.0, *([92.0] * (DAYS_BACK + 1)))
    ward.since[key(1, Kind.SPO2)] = TODAY - 50 * DAY
    assert len(ward.assess().rounds) == DAYS_BACK + 1
    assert ward.found() == []


# ---- whatever the batch


def crowd(chance: Random) -> Ward:
    """Forty people with a few streams each, some drifting, some with days missing, some with numbers of their own."""
    ward = Ward()
    for patient in range(1, 41):
        for kind in chance.sample([Kind.SPO2, Kind.WEIGHT, Kind.PULSE_RATE, Kind.SYSTOLIC], 2):
            center, spread = {Kind.SPO2: (92, 1), Kind.WEIGHT: (80, 0.5)}.get(kind, (110, 6))
            drift = chance.choice([0, 0, 0, -0.4, 0.4]) * spread
            values = [round(chance.gauss(center + drift * day, spread), 1) for day in range(40)]
            gone = [np.nan if chance.random() < 0.1 else value for value in values[:-1]]
            ward.spot(patient, kind, *gone, values[-1])
            ward.since[key(patient, kind)] = TODAY - chance.randint(0, 5) * DAY
        numbers = replace(DEVIATION, z=chance.choice([2.5, 3.5, 3.5]))
        ward.rules[patient] = (numbers, *(rule for rule in RULES if rule is not DEVIATION))
        if chance.random() < 0.5:
            ward.known[patient] = Known(baselines=(agreed(patient, Kind.SPO2),))
    return ward


def part_of(ward: Ward, patients: Iterable[int]) -> Ward:
    part, mine = Ward(), set(patients)
    part.hours = [each for each in ward.hours if each[0] >> 16 in mine]
    part.since = {stream: at for stream, at in ward.since.items() if stream >> 16 in mine}
    part.rules, part.known = ward.rules, ward.known
    return part


def told(assessed: Assessed) -> list[object]:
    last = len(assessed.rounds) - 1
    return [(last - place, each) for place, judged in enumerate(assessed.rounds) for each in judged.found]


def looked(assessed: Assessed) -> set[object]:
    return {(each.patient, each.kind, each.rules, each.at) for judged in assessed.rounds for each in judged.looked}


def cut(patients: Sequence[int], chance: Random) -> list[Sequence[int]]:
    inner = sorted(chance.sample(range(1, len(patients)), chance.randint(0, 8)))
    return [patients[begin:end] for begin, end in pairwise([0, *inner, len(patients)])]


@pytest.mark.parametrize("seed", range(20))
def test_the_same_streams_in_any_batches_and_any_order_of_arrival_give_the_same_findings(seed):
    chance = Random(seed)
    ward = crowd(chance)
    whole = ward.assess()
    patients = list(ward.rules)
    chance.shuffle(patients)
    parts = [part_of(ward, part) for part in cut(patients, chance)]
    for part in parts:
        chance.shuffle(part.hours)
    in_parts = [part.assess() for part in parts]
    by_place = lambda each: (each[0], each[1].patient, each[1].kind, each[1].name, each[1].direction)  # noqa: E731
    assert sorted(told(whole), key=by_place) == sorted((each for part in in_parts for each in told(part)), key=by_place)
    assert looked(whole) == {each for part in in_parts for each in looked(part)}
    assert len(told(whole)) > 10


@pytest.mark.parametrize("seed", range(10))
def test_what_was_found_day_by_day_is_found_again_of_all_days_at_once(seed):
    """A server that slept for five days says of each what one that was awake said."""
    ward = crowd(Random(seed))
    for stream in ward.since:
        ward.since[stream] = TODAY - 5 * DAY
    at_once = [[(each.patient, each.rule, each.at) for each in judged.found] for judged in ward.assess().rounds]
    for back in range(5, -1, -1):
        day = Ward()
        day.rules, day.known = ward.rules, ward.known
        day.hours = [each for each in ward.hours if each[1] < TODAY + (1 - back) * DAY]
        day.since = dict.fromkeys(ward.since, TODAY - back * DAY)
        now = min(NOW, TODAY + (1 - back) * DAY)
        awake = assess(replace(day.histories(), midnights_ms=_until(back)), day.rules, day.known, ms(now))
        assert [(each.patient, each.rule, each.at) for each in awake.rounds[-1].found] == at_once[5 - back]


def _until(back: int) -> np.ndarray:
    return np.array([ms(TODAY + each * DAY) for each in range(-59, 2 - back)])
