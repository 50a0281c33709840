"""Rules that do not look at days, over what is due: a low that is coming, home pressures, beats, NEWS2, symptoms."""

from dataclasses import replace
from datetime import date, datetime

import numpy as np
import pytest

from devices.limits import Level
from devices.vocabulary import Kind, Observation
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness, Scale2Choice, Seen
from server.detection.histories import Beats
from server.detection.patient_rules import Known
from server.detection.rules import (
    DEVIATION,
    EXACERBATION,
    HOME_PRESSURE,
    IRREGULAR_PULSE,
    LOW_SOON,
    NEWS2,
)
from tests.unit.server.detection.ward_rig import DAY, HOUR, NOW, TODAY, Ward, key, ms


@pytest.fixture
def ward() -> Ward:
    return Ward()


def test_a_low_that_is_coming_is_found_by_the_sensor_rules_of_each_patient(ward):
    ward.rules = {1: (LOW_SOON,), 2: (replace(LOW_SOON, below_mmol_per_l=3.0),), 3: (DEVIATION,)}
    for patient in (1, 2, 3):
        for place, value in enumerate((7.0, 6.5, 6.0, 5.5, 5.0)):
            ward.points.append((key(patient, Kind.GLUCOSE_ISF), NOW - (4 - place) * HOUR / 12, value))
    assert ward.found() == [(1, "low_soon:glucose_isf:low", 0), (2, "low_soon:glucose_isf:low", 0)]
    assert {each.patient for each in ward.assess().rounds[-1].looked} == {1, 2}
    assert ward.found(NOW + HOUR) == []  # nobody knows any more
    assert ward.assess(NOW + HOUR).rounds[-1].looked == ()


def test_a_week_of_high_pressures_is_found_with_its_mean(ward):
    ward.rules = {1: (HOME_PRESSURE,), 2: (replace(HOME_PRESSURE, systolic_mmhg=150),)}
    for patient in (1, 2):
        for back in range(6, -1, -1):
            for hour in (7, 7.1, 18, 18.1):
                ward.pressures.append((patient, TODAY - back * DAY + hour * HOUR, 140.0, 80.0))
    now = TODAY + 20 * HOUR
    assert ward.found(now) == [(1, "home_pressure:systolic:high", 0)]
    (judged,) = ward.assess(now).rounds
    assert [(each.patient, each.kind) for each in judged.looked] == [(1, Kind.SYSTOLIC), (2, Kind.SYSTOLIC)]
    assert judged.found[0].at == TODAY + 18.1 * HOUR


def fluttering(beats: int, *, since: datetime) -> Beats:
    """Each interval drawn anew, as in atrial fibrillation; after 140 beats half an hour of nothing."""
    chance = np.random.default_rng(3)
    rr = chance.uniform(350, 1300, beats)
    taken = ms(since) + np.cumsum(rr).astype(np.int64) + 1_800_000 * (np.arange(beats) // 140)
    return Beats(taken_ms=taken, rr_ms=rr)


def test_two_unbroken_rows_of_irregular_beats_are_an_irregular_pulse_and_one_is_not_known(ward):
    ward.rules = {1: (IRREGULAR_PULSE,), 2: (IRREGULAR_PULSE,)}
    ward.beats = {1: fluttering(280, since=NOW - 2 * HOUR), 2: fluttering(140, since=NOW - 2 * HOUR)}
    assert ward.found() == [(1, "irregular_pulse:rr_interval:high", 0)]
    (judged,) = ward.assess().rounds
    assert judged.found[0].level is Level.YELLOW_HIGH
    assert [each.patient for each in judged.looked] == [1]


def reading(kind: Kind, value: float, at: datetime = NOW - HOUR / 6) -> Observation:
    return Observation(device="", kind=kind, taken_at=at, value=value)


PNEUMONIA = {
    Kind.RESPIRATORY_RATE: 24,
    Kind.SPO2: 93,
    Kind.SYSTOLIC: 105,
    Kind.PULSE_RATE: 112,
    Kind.BODY_TEMPERATURE: 38.6,
}
SEEN = Known(
    oxygen_seen=(Seen(value=False, at=NOW - HOUR / 2),),
    consciousness=(Seen(value=Consciousness.ALERT, at=NOW - HOUR / 3),),
)


def test_a_score_of_eight_is_red_with_the_points_of_each_parameter(ward):
    # RCP 2017, chart 1: 24/min 2, 93 % 2, air 0, 105 mmHg 1, 112/min 2, alert 0, 38.6 Cel 1.
    ward.rules, ward.known = {1: (NEWS2,)}, {1: SEEN}
    ward.newest = {1: [reading(kind, value) for kind, value in PNEUMONIA.items()]}
    (judged,) = ward.assess().rounds
    (finding,) = judged.found
    assert (finding.name, finding.level) == ("news2", Level.RED_HIGH)
    assert finding.grounds.numbers == {
        "total": 8,
        "scale": 1,
        "respiration": 2,
        "spo2": 2,
        "oxygen": 0,
        "systolic": 1,
        "pulse": 2,
        "consciousness": 0,
        "temperature": 1,
    }
    assert (finding.grounds.from_at, finding.at) == (NOW - HOUR / 2, NOW - HOUR / 6)
    assert [(each.patient, each.kind, each.rules) for each in judged.looked] == [(1, None, frozenset({"news2"}))]


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, Level.RED_HIGH),  # 8
        ({Kind.RESPIRATORY_RATE: 20, Kind.SPO2: 95}, Level.YELLOW_HIGH),  # 5
        ({Kind.RESPIRATORY_RATE: 20, Kind.SPO2: 96}, None),  # 4
        (
            {
                Kind.RESPIRATORY_RATE: 25,
                Kind.SPO2: 97,
                Kind.SYSTOLIC: 120,
                Kind.PULSE_RATE: 70,
                Kind.BODY_TEMPERATURE: 37,
            },
            Level.YELLOW_HIGH,
        ),
    ],
)
def test_the_answer_follows_the_total_and_a_single_red_parameter(ward, changed, level):
    ward.rules, ward.known = {1: (NEWS2,)}, {1: SEEN}
    ward.newest = {1: [reading(kind, value) for kind, value in {**PNEUMONIA, **changed}.items()]}
    (judged,) = ward.assess().rounds
    assert [each.level for each in judged.found] == ([] if level is None else [level])
    assert len(judged.looked) == 1


@pytest.mark.parametrize("missing", ["oxygen_seen", "consciousness"])
def test_without_what_somebody_saw_there_is_no_score_and_nobody_has_looked(ward, missing):
    ward.rules, ward.known = {1: (NEWS2,)}, {1: replace(SEEN, **{missing: ()})}
    ward.newest = {1: [reading(kind, value) for kind, value in PNEUMONIA.items()]}
    (judged,) = ward.assess().rounds
    assert (judged.found, judged.looked) == ((), ())


def test_scale_two_is_used_only_while_it_is_prescribed(ward):
    # 88-92 % is 0 points on scale 2, 2-3 on scale 1.
    usual = {**PNEUMONIA, Kind.RESPIRATORY_RATE: 16, Kind.SPO2: 90, Kind.PULSE_RATE: 80}
    ward.rules = {1: (NEWS2,)}
    ward.newest = {1: [reading(kind, value) for kind, value in usual.items()]}
    chosen = Scale2Choice(by=3, at=NOW - 30 * DAY)
    ward.known = {1: replace(SEEN, scales=(chosen,))}
    assert ward.found() == []
    ward.known = {1: replace(SEEN, scales=(replace(chosen, until=NOW - DAY),))}
    (finding,) = ward.assess().rounds[-1].found
    assert (finding.grounds.numbers["total"], finding.grounds.numbers["scale"]) == (5, 1)


def test_two_days_of_worse_breath_and_sputum_are_an_exacerbation(ward):
    two = frozenset({Symptom.DYSPNOEA, Symptom.SPUTUM_VOLUME, Symptom.COUGH})
    ward.rules, ward.reported = {1: (EXACERBATION,)}, [1]
    ward.known = {1: Known(symptoms={date(2026, 11, 19): two, date(2026, 11, 20): two})}
    (judged,) = ward.assess().rounds
    (finding,) = judged.found
    assert finding.grounds.numbers == {"type": 2, "days": 2, "dyspnoea": 1, "sputum_volume": 1, "cough": 1}
    assert (finding.level, finding.grounds.readings) == (Level.YELLOW_HIGH, 2)
    assert (finding.grounds.from_at, finding.at) == (TODAY - DAY, NOW)
    ward.known = {1: Known(symptoms={date(2026, 11, 19): two, date(2026, 11, 20): frozenset()})}
    (judged,) = ward.assess().rounds
    assert (judged.found, len(judged.looked)) == ((), 1)
