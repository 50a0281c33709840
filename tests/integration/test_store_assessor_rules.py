"""Each of the slow rules finds what it is for in readings that are stored, and in what somebody saw."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from devices.vocabulary import Kind, Mode, Observation
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness
from server.store import assessing, facts
from server.store.assessor import look
from tests.integration.assessor_rig import (
    ALERTS,
    DAY,
    MARKS,
    NOON,
    days,
    look_at_all,
    spot,
    with_heart_failure,
    worn,
)
from tests.integration.ingest_rig import METER, OXIMETER

pytestmark = pytest.mark.integration


@pytest.fixture
def rig(rig):
    return with_heart_failure(rig)


def test_a_day_that_was_too_short_to_be_judged_is_judged_when_it_is_over(rig, conn, send):
    """Worn 24 hours a day for ten days, then seven hours: less than three quarters, more than a quarter."""
    midnight = NOON - timedelta(hours=12)
    usual = [92.0, 93.0, 92.0, 91.0, 92.0, 93.0] * 40
    send(worn(Kind.SPO2, usual, since=midnight - 10 * DAY))
    look_at_all(conn, midnight + timedelta(minutes=30))
    send(worn(Kind.SPO2, [88.0] * 7, since=midnight), now=NOON)
    assert look_at_all(conn, NOON + timedelta(minutes=10)) == 1
    assert rig.ask("select rule from alert where rule ~ 'change'") == []
    assert rig.ask("select kind, due_at, since from assessment") == [
        (3, midnight + DAY + timedelta(minutes=5), midnight)
    ]
    assert look_at_all(conn, midnight + DAY + timedelta(minutes=4)) == 0
    assert look_at_all(conn, midnight + DAY + timedelta(minutes=5)) == 1
    assert rig.ask("select rule from alert where rule ~ 'change'") == [("change:spo2:low",)]
    assert rig.ask(MARKS) == []


def test_an_irregular_pulse_is_found_in_the_beats_that_the_gateway_left_raw(rig, conn, send):
    """As edge.core.thin sends them: 140 raw beats each half hour, and intervals of many beats between."""
    chance = random.Random(4)
    rows: list[Observation] = []
    for strip in range(2):
        at = NOON - timedelta(minutes=70 - 30 * strip)
        for _ in range(140):
            ms = chance.uniform(350, 1300)
            at += timedelta(milliseconds=ms)
            rows.append(beat(ms, at))
        for _ in range(20):
            at += timedelta(seconds=15)
            rows.append(replace(beat(800.0, at), low=400.0, high=1200.0, n=20, span_s=14.0))
    send(rows)
    look_at_all(conn, NOON + timedelta(minutes=10))
    assert rig.ask(ALERTS) == [("irregular_pulse", "yellow", "raised")]


def beat(ms: float, at: datetime) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.RR_INTERVAL, taken_at=at, value=ms, mode=Mode.CONTINUOUS)


def test_a_low_that_is_coming_is_an_alert_within_the_same_minute(rig, conn, send):
    fall = [
        Observation(
            device=METER,
            kind=Kind.GLUCOSE_ISF,
            taken_at=NOON - timedelta(minutes=5 * (4 - place)),
            value=value,
            mode=Mode.CONTINUOUS,
        )
        for place, value in enumerate((7.0, 6.5, 6.0, 5.5, 5.0))
    ]
    for reading in fall:
        send([reading], now=reading.taken_at)
        look_at_all(conn, reading.taken_at)
    assert [rule for rule, *_ in rig.ask(ALERTS)] == ["low_soon:glucose_isf"]


def test_a_week_of_high_pressures_is_an_alert(rig, conn, send):
    rows = []
    for back in range(6, -1, -1):
        for minutes in (0, 2):
            at = NOON - timedelta(hours=4, minutes=minutes) - back * DAY
            rows += [spot(Kind.SYSTOLIC, 141, at), spot(Kind.DIASTOLIC, 82, at)]
            at = NOON - timedelta(hours=17, minutes=minutes) - back * DAY
            rows += [spot(Kind.SYSTOLIC, 139, at), spot(Kind.DIASTOLIC, 84, at)]
    send(rows)
    look_at_all(conn)
    assert ("home_pressure", "yellow", "raised") in rig.ask(ALERTS)


PNEUMONIA = {
    Kind.RESPIRATORY_RATE: 24,
    Kind.SPO2: 93,
    Kind.SYSTOLIC: 105,
    Kind.PULSE_RATE: 112,
    Kind.BODY_TEMPERATURE: 38.6,
}


def test_an_early_warning_score_waits_for_what_somebody_saw_and_is_then_an_alert(rig, conn, send):
    send([spot(kind, value, NOON) for kind, value in PNEUMONIA.items()])
    look_at_all(conn)
    assert rig.one("select count(*) from alert where rule = 'news2'") == 0
    at = NOON + timedelta(minutes=5)
    for fact in (facts.OxygenSeen(on=False), facts.ConsciousnessSeen(acvpu=Consciousness.ALERT)):
        facts.say(conn, 1, fact, by=1, at=at, now=at)
    assert rig.ask("select patient_id, kind from assessment") == [(1, 0)]
    look_at_all(conn, at)
    assert rig.ask("select rule, priority from alert where rule = 'news2'") == [("news2", "red")]
    assert rig.one("select evidence -> 'numbers' -> 'total' from alert where rule = 'news2'") == 8


def test_two_days_of_reported_symptoms_are_an_exacerbation_and_a_good_day_ends_it(rig, conn):
    rig.tell("update patient set pathway = 'kols' where id = 1")
    worse = (Symptom.DYSPNOEA, Symptom.SPUTUM_VOLUME)
    for back in (1, 0):
        at = NOON - back * DAY
        facts.say(conn, 1, facts.Symptoms(day=at.date(), symptoms=worse), by=None, at=at, now=at)
        look_at_all(conn, at)
    assert rig.ask(ALERTS) == [("exacerbation", "yellow", "raised")]
    at = NOON + DAY
    facts.say(conn, 1, facts.Symptoms(day=at.date(), symptoms=()), by=None, at=at, now=at)
    look_at_all(conn, at)
    assert rig.ask(ALERTS) == [("exacerbation", "yellow", "cleared")]


def test_a_rule_that_is_switched_on_looks_at_what_is_stored(rig, conn, send):
    rig.tell("update patient set pathway = 'palliative' where id = 1")
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]))
    look_at_all(conn)
    assert rig.ask(ALERTS) == []
    rig.tell(
        """insert into rule_setting (rule, patient_id, enabled, set_at, reason)
           values ('weight_gain', 1, true, now(), 'the doctor asks for it')"""
    )
    look_at_all(conn)
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]


@pytest.mark.parametrize("seed", range(5))
def test_stored_in_any_order_and_looked_at_in_any_turn_the_same_stands_in_the_end(rig, conn, send, seed):
    chance = random.Random(seed)
    rows = [
        *days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]),
        *days(Kind.SYSTOLIC, [*[130.0] * 14, 152.0]),
        *worn(Kind.SPO2, [97.0, 96.0, 96.0, 95.0] * 84, since=NOON - timedelta(hours=12) - 14 * DAY),
        *worn(Kind.SPO2, [92.0] * 12, since=NOON - timedelta(hours=12)),
    ]
    chance.shuffle(rows)
    at = NOON + timedelta(hours=13)
    while rows:
        many = chance.randint(1, 200)
        part, rows = rows[:many], rows[many:]
        send(part, now=at)
        if chance.random() < 0.5:
            at += timedelta(minutes=10)
            look(conn, at)
    look_at_all(conn, at + timedelta(minutes=10))
    standing = rig.ask(
        "select rule, priority from alert where rule !~ 'limit' and condition_ended_at is null order by rule"
    )
    assert standing == [
        ("change:spo2:low", "yellow"),
        ("change:systolic:high", "yellow"),
        ("weight_gain", "yellow"),
    ]


def test_a_look_opens_only_the_days_that_it_reads(rig, conn, send):
    """With a year of days there is a partition for each, and an index of it; a lock on all of them is 800."""
    rig.tell("select observation_days(array(select %s - n * interval '1 day' from generate_series(0, 399) n))", NOON)
    begin = NOON - timedelta(hours=12) - 3 * DAY
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[begin + 2 * DAY] * 2)
    send([*days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]), *worn(Kind.SPO2, [97.0, 96.0] * 36, since=begin)])
    send([spot(kind, value, NOON) for kind, value in PNEUMONIA.items()])
    assessing.plan_anew(conn)
    opened = "select count(*) from pg_locks join pg_class on oid = relation where pid = pg_backend_pid()"
    with conn.transaction():
        assert look(conn, NOON + timedelta(minutes=10)) == 6
        (days_opened,) = conn.execute(f"{opened} and relname ~ '(^observation_\\d+|_chunk)$'".encode()).fetchone()
    assert 0 < days_opened < 25
    assert ("weight_gain", "yellow", "raised") in rig.ask(ALERTS)
