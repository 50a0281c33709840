"""All slow rules in one call: what is found is a matter of the readings alone, not of the batch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.limits import Level
from devices.vocabulary import KINDS, Kind, Observation
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness, Scale2Choice, Seen
from server.detection.assess import DAYS_BACK, Assessed, assess
from server.detection.baseline import AcceptedBaseline
from server.detection.days import Hours
from server.detection.glucose_rate import points_of
from server.detection.histories import Beats, Histories, Pressures
from server.detection.patient_rules import Known
from server.detection.rules import (
    CUSUM,
    DEVIATION,
    EWMA,
    EXACERBATION,
    GAIN,
    HOME_PRESSURE,
    IRREGULAR_PULSE,
    LOSS_IN_A_MONTH,
    LOW_SOON,
    NEWS2,
    RULES,
    TREND,
    Rule,
)

OSLO = ZoneInfo("Europe/Oslo")
TODAY = datetime(2026, 11, 20, tzinfo=OSLO)
NOW = TODAY + timedelta(hours=14)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOTHING = np.zeros(0, np.int64)
NO_HOURS = Hours(key=NOTHING, hour_ms=NOTHING, mean=np.zeros(0), until_ms=NOTHING, continuous=np.zeros(0, np.bool_))
STEADY = [92.0, 93, 92, 91, 92, 92, 93, 91, 92, 92, 93, 92, 91, 92]


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def key(patient: int, kind: Kind) -> int:
    return (patient << 16) | KINDS[kind].number


class Ward:
    """Stored readings, and what is due of them."""

    def __init__(self) -> None:
        self.hours: list[tuple[int, datetime, float, datetime, bool]] = []
        self.since: dict[int, datetime] = {}
        self.points: list[tuple[int, datetime, float]] = []
        self.pressures: list[tuple[int, datetime, float, float]] = []
        self.beats: dict[int, Beats] = {}
        self.newest: dict[int, list[Observation]] = {}
        self.reported: list[int] = []
        self.known: dict[int, Known] = {}
        self.rules: dict[int, tuple[Rule, ...]] = {}

    def spot(self, patient: int, kind: Kind, *values: float, last: datetime = TODAY + 8 * HOUR) -> None:
        """One a day; NaN: not that day. The last is new."""
        for place, value in enumerate(values):
            at = last - (len(values) - 1 - place) * DAY
            if value == value:
                self.hours.append((key(patient, kind), at, value, at, False))
        self.since.setdefault(key(patient, kind), last)

    def worn(self, patient: int, kind: Kind, day: datetime, hours: Mapping[int, float]) -> None:
        for hour, value in hours.items():
            at = day + hour * HOUR
            self.hours.append((key(patient, kind), at, value, at + 50 * HOUR / 60, True))
            self.since[key(patient, kind)] = at

    def histories(self, midnights: int = 60) -> Histories:
        streams = sorted({stream for stream, *_ in self.points})
        rows = list(zip(*self.hours, strict=True)) or [[]] * 5
        pressures = list(zip(*self.pressures, strict=True)) or [[]] * 4
        return Histories(
            midnights_ms=np.array([ms(TODAY + each * DAY) for each in range(1 - midnights, 2)]),
            hours=Hours(
                key=np.array(rows[0], np.int64),
                hour_ms=np.array([ms(each) for each in rows[1]], np.int64),
                mean=np.array(rows[2], np.float64),
                until_ms=np.array([ms(each) for each in rows[3]], np.int64),
                continuous=np.array(rows[4], np.bool_),
            ),
            since_ms={stream: ms(at) for stream, at in self.since.items()},
            sensors=np.array(streams, np.int64),
            points=points_of(
                np.array([streams.index(stream) for stream, *_ in self.points], np.int64),
                np.array([ms(at) for _, at, _ in self.points], np.int64),
                np.array([ms(at) for _, at, _ in self.points], np.int64),
                np.array([value for *_, value in self.points]),
                len(streams),
            ),
            pressures=Pressures(
                patient=np.array(pressures[0], np.int32),
                taken_ms=np.array([ms(each) for each in pressures[1]], np.int64),
                systolic=np.array(pressures[2], np.float64),
                diastolic=np.array(pressures[3], np.float64),
            ),
            beats=self.beats,
            newest=self.newest,
            reported=self.reported,
        )

    def assess(self, now: datetime = NOW) -> Assessed:
        return assess(self.histories(), self.rules, self.known, ms(now))

    def found(self, now: datetime = NOW) -> list[tuple[int, str, int]]:
        """(patient, rule, days ago that were judged)"""
        rounds = self.assess(now).rounds
        return [
            (each.patient, each.rule, len(rounds) - 1 - place)
            for place, judged in enumerate(rounds)
            for each in judged.found
        ]


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


def agreed(patient: int, kind: Kind, center: float = 92.0) -> AcceptedBaseline:
    return AcceptedBaseline(
        patient=patient,
        kind=KINDS[kind].number,
        center=center,
        mad=0.5,
        days=14,
        first_day=date(2026, 10, 20),
        last_day=date(2026, 11, 2),
        accepted_on=date(2026, 11, 3),
        accepted_by=3,
    )


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


# ---- rules that do not look at days


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
