"""What is said of a patient is kept for ever, can be taken back, and is read as the clinical rules want it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import Kind
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness, Scale, Seen
from server.clinical.saturation import Oxygen, PrescribedRange
from server.errors import CareError
from server.store import facts, pool, signals
from server.store.facts import (
    Baseline,
    ConsciousnessSeen,
    News2Scale,
    OxygenAgreed,
    OxygenSeen,
    SaturationRange,
    Symptoms,
)
from tests.integration.conftest import Town

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
FROM_88_TO_92 = SaturationRange(low_percent=88, high_percent=92)
USUAL_91 = Baseline(
    kind=Kind.SPO2, center=91.4, mad=0.8, days=12, last_day=date(2026, 3, 1), first_day=date(2026, 2, 16)
)


@pytest.fixture
def conn(town: Town) -> Iterator[psycopg.Connection]:
    with pool.connect(town.owner, name="test", autocommit=True) as it:
        yield it


@pytest.fixture
def anna(town: Town) -> int:
    return town.patients["anna"]


@pytest.fixture
def kari(town: Town) -> int:
    return town.staff["kari"]


def test_every_fact_comes_back_as_the_clinical_rules_want_it(conn, town, anna, kari):
    said = {"by": kari, "at": NOW - HOUR, "now": NOW}
    facts.say(conn, anna, USUAL_91, **said)
    facts.say(conn, anna, FROM_88_TO_92, **said, reason="Dr. Test: hypercapnia", until=NOW + DAY)
    facts.say(conn, anna, OxygenAgreed(on=True, litres_per_min=1.5), **said)
    facts.say(conn, anna, OxygenSeen(on=False), **said)
    facts.say(conn, anna, ConsciousnessSeen(acvpu=Consciousness.CONFUSED), **said)
    facts.say(conn, anna, News2Scale(scale=Scale.SCALE_2), **said, reason="Dr. Test: blood gas of February")
    facts.say(conn, anna, Symptoms(day=date(2026, 3, 2), symptoms=(Symptom.COUGH, Symptom.DYSPNOEA)), **said)
    found = facts.of_patients(conn, [anna, town.patients["arne"]])
    hers = found[anna]
    assert found[town.patients["arne"]] == facts.NOTHING
    (baseline,) = hers.baselines
    assert (baseline.patient, baseline.kind, baseline.center, baseline.mad, baseline.days) == (anna, 3, 91.4, 0.8, 12)
    assert (baseline.first_day, baseline.last_day) == (date(2026, 2, 16), date(2026, 3, 1))
    assert (baseline.accepted_on, baseline.accepted_by) == (date(2026, 3, 2), kari)
    assert [each.percent for each in hers.saturation_baselines] == [91]  # as the screen shows it
    assert hers.ranges == (PrescribedRange(by=kari, at=NOW - HOUR, until=NOW + DAY, low_percent=88, high_percent=92),)
    assert hers.oxygen == (Oxygen(by=kari, at=NOW - HOUR, on=True, litres_per_min=1.5),)
    assert hers.oxygen_seen == (Seen(value=False, at=NOW - HOUR),)
    assert hers.consciousness == (Seen(value=Consciousness.CONFUSED, at=NOW - HOUR),)
    assert hers.symptoms == {date(2026, 3, 2): {Symptom.COUGH, Symptom.DYSPNOEA}}
    assert (hers.scale_2(NOW), hers.scale_2(NOW - 2 * HOUR)) == (hers.scales[0], None)


def test_a_fact_that_was_withdrawn_never_held_and_the_one_before_it_does(conn, anna, kari):
    facts.say(conn, anna, OxygenAgreed(on=True), by=kari, at=NOW - DAY, now=NOW - DAY)
    mistake = facts.say(conn, anna, OxygenAgreed(on=False), by=kari, at=NOW - HOUR, now=NOW - HOUR)
    assert facts.withdraw(conn, mistake, kari, NOW)
    assert not facts.withdraw(conn, mistake, kari, NOW)
    assert facts.of_patients(conn, [anna])[anna].oxygen == (Oxygen(by=kari, at=NOW - DAY, on=True),)
    newest, oldest = facts.history(conn, anna)
    assert (newest.id, newest.withdrawn_at, newest.withdrawn_by_name) == (mistake, NOW, "Kari")
    assert (oldest.fact, oldest.withdrawn_at, oldest.by_name) == (OxygenAgreed(on=True), None, "Kari")


def test_a_range_can_end_and_begin_again_and_none_of_it_is_lost(conn, anna, kari):
    facts.say(conn, anna, FROM_88_TO_92, by=kari, at=NOW - 9 * DAY, now=NOW - 9 * DAY, reason="Dr. Test")
    facts.end(conn, anna, "saturation_range", by=kari, at=NOW - 5 * DAY, now=NOW - 5 * DAY, reason="blood gas is fine")
    facts.say(conn, anna, FROM_88_TO_92, by=kari, at=NOW - DAY, now=NOW - DAY, reason="Dr. Test")
    held = [(each.at, each.until) for each in facts.of_patients(conn, [anna])[anna].ranges]
    assert held == [(NOW - 9 * DAY, NOW - 5 * DAY), (NOW - DAY, None)]
    assert [row.fact for row in facts.history(conn, anna)] == [FROM_88_TO_92, None, FROM_88_TO_92]


def test_of_two_facts_of_the_same_instant_the_later_word_holds(conn, anna, kari):
    for on in (True, False):
        facts.say(conn, anna, OxygenAgreed(on=on), by=kari, at=NOW, now=NOW)
    assert [each.on for each in facts.of_patients(conn, [anna])[anna].oxygen] == [False]


def test_a_baseline_that_was_ended_is_no_longer_accepted(conn, anna, kari):
    facts.say(conn, anna, USUAL_91, by=kari, at=NOW, now=NOW)
    facts.end(conn, anna, "baseline", kind=Kind.SPO2, by=kari, at=NOW + HOUR, now=NOW + HOUR, reason="after pneumonia")
    found = facts.of_patients(conn, [anna])[anna]
    assert found.baselines == ()
    assert [each.until for each in found.saturation_baselines] == [NOW + HOUR]


def test_the_last_word_about_a_day_counts_whoever_said_it(conn, anna, kari):
    day = date(2026, 3, 1)
    facts.say(conn, anna, Symptoms(day=day, symptoms=(Symptom.COUGH,)), by=kari, at=NOW, now=NOW)
    facts.say(conn, anna, Symptoms(day=day), by=None, at=NOW - HOUR, now=NOW)
    assert facts.of_patients(conn, [anna])[anna].symptoms == {day: frozenset()}


def test_of_each_type_the_newest_are_read_however_many_there_are(conn, town, anna, kari):
    town.sql(
        """insert into care_fact (patient_id, type, at, value, said_at)
           select %s, 'consciousness', %s - n * interval '1 hour', '{"acvpu": "alert"}', %s
           from generate_series(1, 1000) n""",
        anna, NOW, NOW,
    )  # fmt: skip
    seen = facts.of_patients(conn, [anna])[anna].consciousness
    assert (len(seen), seen[-1].at) == (facts.MOST_OF_A_TYPE, NOW - HOUR)


def test_a_fact_that_this_server_does_not_understand_hurts_itself_alone(conn, town, anna, kari, caplog):
    facts.say(conn, anna, FROM_88_TO_92, by=kari, at=NOW - DAY, now=NOW, reason="Dr. Test")
    facts.say(conn, town.patients["arne"], OxygenAgreed(on=True), by=kari, at=NOW, now=NOW)
    insert = "insert into care_fact (patient_id, type, at, value, said_by, said_at) values (%s, %s, %s, %s, %s, %s)"
    for type_, value in (
        ("saturation_range", '{"low_percent": 92, "high_percent": 88}'),
        ("saturation_range", '{"low_percent": 92}'),
        ("oxygen", '{"on": "sometimes"}'),
        ("symptoms", '{"day": "2026-03-01", "symptoms": ["a newer word"]}'),
        ("baseline", '{"center": 91, "mad": 1, "days": 9, "last_day": "2026-03-01"}'),
    ):
        town.sql(insert, anna, type_, NOW, value, kari, NOW)
    found = facts.of_patients(conn, [anna, town.patients["arne"]])
    assert [each.low_percent for each in found[anna].ranges] == [88]
    assert (found[anna].oxygen, found[anna].baselines, found[anna].symptoms) == ((), (), {})
    assert len(found[town.patients["arne"]].oxygen) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 5


def test_a_patient_who_reports_every_day_hides_nothing_of_what_stands(conn, town, anna, kari):
    facts.say(conn, anna, FROM_88_TO_92, by=kari, at=NOW - DAY, now=NOW - DAY, reason="Dr. Test")
    town.sql(
        """insert into care_fact (patient_id, type, at, value, said_at)
           select %s, 'oxygen_seen', %s, '{"on": true}', %s from generate_series(1, 2000)""",
        anna, NOW, NOW,
    )  # fmt: skip
    rows = facts.history(conn, anna)
    assert (len(rows), rows[-1].fact) == (facts.MOST_OF_A_TYPE + 1, FROM_88_TO_92)
    assert [row.fact for row in facts.history(conn, anna, "saturation_range")] == [FROM_88_TO_92]


@pytest.mark.parametrize(
    ("fact", "also", "sentence"),
    [
        (SaturationRange(low_percent=92, high_percent=88), {"reason": "x"}, "92-88 % cannot be prescribed"),
        (SaturationRange(low_percent=69, high_percent=92), {"reason": "x"}, "at least 70"),
        (SaturationRange(low_percent=90, high_percent=101), {"reason": "x"}, "at most 100"),
        (FROM_88_TO_92, {}, "who prescribed"),
        (FROM_88_TO_92, {"reason": "x", "by": None}, "member of staff"),
        (FROM_88_TO_92, {"reason": "x", "until": NOW}, "ends before it begins"),
        (FROM_88_TO_92, {"reason": "x" * 501}, "501 characters"),
        (FROM_88_TO_92, {"reason": "x", "at": NOW.replace(tzinfo=None)}, "time zone"),
        (News2Scale(scale=Scale.SCALE_2), {}, "who prescribed"),
        (OxygenAgreed(on=False, litres_per_min=2), {}, "no litres"),
        (OxygenAgreed(on=True, litres_per_min=0), {}, "litres_per_min"),
        (OxygenSeen(on=True), {"at": NOW + HOUR}, "future"),
        (OxygenSeen(on=True), {"until": NOW + HOUR}, "leave out `until`"),
        (Symptoms(day=date(2026, 3, 3)), {}, "has not come"),
        (Baseline(kind=Kind.GLUCOSE, center=6, mad=1, days=9, last_day=date(2026, 3, 1)), {}, "No rule looks at"),
        (Baseline(kind=Kind.SPO2, center=101, mad=1, days=9, last_day=date(2026, 3, 1)), {}, "not possible"),
        (Baseline(kind=Kind.SPO2, center=float("nan"), mad=1, days=9, last_day=date(2026, 3, 1)), {}, "not possible"),
        (Baseline(kind=Kind.SPO2, center=90, mad=-1, days=9, last_day=date(2026, 3, 1)), {}, "mad"),
        (Baseline(kind=Kind.SPO2, center=90, mad=1, days=9, last_day=date(2026, 3, 3)), {}, "has not come"),
        (
            Baseline(kind=Kind.SPO2, center=90, mad=1, days=9, last_day=date(2026, 3, 1), first_day=date(2026, 2, 22)),
            {},
            "no 9 days",
        ),
        (USUAL_91, {"at": NOW + HOUR}, "future"),
    ],
)
def test_what_cannot_be_so_is_refused_in_a_sentence_and_not_kept(conn, anna, kari, fact, also, sentence):
    with pytest.raises(CareError, match=sentence):
        facts.say(conn, anna, fact, **({"by": kari, "at": NOW, "now": NOW} | also))
    assert facts.history(conn, anna) == []


def test_nothing_can_be_said_of_a_patient_who_is_not_there(conn, kari):
    with pytest.raises(CareError, match="no patient 4711"):
        facts.say(conn, 4711, OxygenSeen(on=True), by=kari, at=NOW, now=NOW)


def test_another_team_neither_reads_nor_says_nor_withdraws_anything(conn, database, town, anna, kari):
    id_ = facts.say(conn, anna, OxygenAgreed(on=True), by=kari, at=NOW, now=NOW)
    berit = town.staff["berit"]
    with pool.connect(database.api, name="test") as theirs:
        theirs.execute("select set_config('hjemvakt.staff', %s, false)", (str(berit),))
        assert facts.of_patients(theirs, [anna])[anna] == facts.NOTHING
        assert facts.history(theirs, anna) == []
        assert not facts.withdraw(theirs, id_, berit, NOW)
        with pytest.raises(CareError, match="no patient"):
            facts.say(theirs, anna, OxygenAgreed(on=False), by=berit, at=NOW, now=NOW)
    with pool.connect(database.api, name="test") as hers:
        hers.execute("select set_config('hjemvakt.staff', %s, false)", (str(kari),))
        facts.say(hers, anna, OxygenAgreed(on=False), by=kari, at=NOW, now=NOW)
        assert facts.withdraw(hers, id_, kari, NOW)
    assert [each.on for each in facts.of_patients(conn, [anna])[anna].oxygen] == [False]


def heard_at(listener, conn, told_until, now):
    """Whom it was told of, and until when. Signals come in the order of commits, so one after it ends the wait."""
    told_until = facts.tell_of_turns(conn, told_until, now)
    signals.send(conn, signals.Channel.COMMAND)
    heard = []
    while (signals.Channel.COMMAND, "") not in heard:
        heard += signals.wait(listener, 10)
    return [whose for _, whose in heard[:-1]], told_until


def test_it_is_told_when_a_fact_begins_and_ends_and_again_when_every_clock_has_passed_it(conn, town, anna, kari):
    begins, ends, second = NOW + HOUR, NOW + DAY, timedelta(seconds=1)
    facts.say(conn, anna, FROM_88_TO_92, by=kari, at=begins, until=ends, now=NOW, reason="Dr. Test")
    gone = facts.say(conn, anna, OxygenAgreed(on=True), by=kari, at=NOW + 2 * HOUR, now=NOW)
    facts.withdraw(conn, gone, kari, NOW)
    facts.say(conn, anna, OxygenAgreed(on=False), by=kari, at=NOW - HOUR, now=NOW)
    moments = [NOW, begins - second, begins, begins + second, begins + facts.CLOCKS_DIFFER, NOW + 3 * HOUR, ends]
    with pool.connect(town.owner, name="listener", autocommit=True) as listener:
        signals.listen(listener, [signals.Channel.ENROLMENT, signals.Channel.COMMAND])
        heard, told_until = [], None
        for now in moments:
            whose, told_until = heard_at(listener, conn, told_until, now)
            heard.append(whose)
        assert heard_at(listener, conn, NOW, NOW + 3 * HOUR)[0] == [
            f"{anna}"
        ]  # a clock that stood still for three hours
    hers = [f"{anna}"]
    assert heard == [[""], [], hers, [], hers, [], hers]  # the first time nobody knows what was told before
