"""What the slow rules see in stored readings becomes alerts: once, whoever dies in between, and whatever fails."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import KINDS, Kind, Mode, Observation
from server.store import pool
from server.store.assessor import Assessor, look
from tests.integration.assessor_rig import (
    ALERTS,
    DAY,
    MARKS,
    NOON,
    days,
    look_at_all,
    spot,
    waits_for_a_lock,
    with_heart_failure,
)
from tests.integration.ingest_rig import METER, OXIMETER
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration


@pytest.fixture
def rig(rig):
    return with_heart_failure(rig)


def test_two_kilos_in_three_days_are_an_alert_with_its_numbers(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    assert rig.ask(ALERTS) == []
    assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    assert look_at_all(conn) == 1
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]
    numbers, readings = rig.ask("select evidence -> 'numbers', evidence -> 'readings' from alert")[0]
    assert (numbers["gained_kg"], numbers["more_than_kg"], readings) == (2.2, 2.0, 4)
    assert rig.ask(MARKS) == []
    assert look_at_all(conn) == 0


def test_two_kilos_exactly_are_none(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.0]))
    look_at_all(conn)
    assert rig.ask(ALERTS) == []


def test_a_weight_that_is_as_before_again_ends_the_condition_and_the_alert_stays(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    look_at_all(conn)
    send([spot(Kind.WEIGHT, 80.3, NOON + DAY)], now=NOON + DAY)
    look_at_all(conn, NOON + DAY)
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "cleared")]


def test_a_day_without_weighing_ends_nothing(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    look_at_all(conn)
    send([spot(Kind.SPO2, 95, NOON + DAY)], now=NOON + DAY)
    look_at_all(conn, NOON + DAY)
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]


# ---- the mark


def continuous(value: float, at: datetime) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=value, mode=Mode.CONTINUOUS)


def test_a_continuous_stream_is_marked_once_in_ten_minutes_but_for_the_last_of_them(rig, send):
    for minute in range(0, 9):
        at = NOON + timedelta(minutes=minute)
        send([continuous(95, at)], now=at)
    assert rig.ask("select kind, rev, due_at, since from assessment") == [(3, 1, NOON + timedelta(minutes=10), NOON)]
    at = NOON + timedelta(minutes=9, seconds=1)  # so near to its being taken, it is marked anew
    send([continuous(95, at)], now=at)
    assert rig.ask("select kind, rev, due_at, since from assessment") == [(3, 2, NOON + timedelta(minutes=10), NOON)]


def test_an_old_reading_of_a_marked_stream_is_marked_too(rig, send):
    send([continuous(95, NOON)])
    send([continuous(95, NOON - DAY)], now=NOON + timedelta(minutes=1))
    assert rig.ask("select rev, due_at, since from assessment") == [(2, NOON + timedelta(minutes=10), NOON - DAY)]


def test_a_monitor_that_starts_anew_knows_when_a_mark_of_its_forerunner_is_due(rig, send, conn):
    send([continuous(95, NOON)])
    rig.restart()
    at = NOON + timedelta(minutes=5)
    send([continuous(95, at)], now=at)  # marked until 12:10, not until 12:15
    assert look_at_all(conn, NOON + timedelta(minutes=10)) == 1
    at = NOON + timedelta(minutes=11)
    send([continuous(95, at)], now=at)
    assert rig.one("select due_at from assessment") == at + timedelta(minutes=10)


def test_a_spot_reading_does_not_wait_for_the_mark_of_a_continuous_stream(rig, send):
    send([continuous(95, NOON)])
    at = NOON + timedelta(minutes=1)
    send([spot(Kind.SPO2, 94, at)], now=at)
    assert rig.ask("select rev, due_at from assessment") == [(2, at)]


def test_readings_that_no_rule_looks_at_leave_no_mark(rig, send):
    send([spot(Kind.HEIGHT, 170, NOON), spot(Kind.BATTERY, 50, NOON)])
    assert rig.ask(MARKS) == []


# ---- who meets whom


class Blocked:
    """A look that has read back, and waits at the first fact it asks for until the table is let go."""

    def __init__(self, rig, table: str = "care_fact") -> None:
        self._rig = rig
        self._door = psycopg.connect(rig.dsn)
        self._door.execute(f"lock table {table} in access exclusive mode".encode())
        self._conn = pool.connect(rig.dsn, name="blocked", autocommit=True)
        self._thread = threading.Thread(target=look, args=(self._conn, NOON))
        self._thread.start()
        await_true(lambda: waits_for_a_lock(rig, "blocked"))

    def let_go(self) -> None:
        self._door.rollback()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()

    def close(self) -> None:
        self._door.close()
        self._thread.join(LIMIT_S)
        self._conn.close()


@pytest.fixture
def blocked(rig):
    made = []

    def block() -> Blocked:
        made.append(Blocked(rig))
        return made[-1]

    yield block
    for each in made:
        each.close()


def test_a_reading_that_comes_after_the_others_were_read_back_is_looked_at_in_its_turn(rig, conn, send, blocked):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 80.3]))
    look_now = blocked()
    send([spot(Kind.WEIGHT, 82.5, NOON + timedelta(minutes=1))])
    look_now.let_go()
    assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 2)]
    assert rig.ask(ALERTS) == []
    look_at_all(conn, NOON + timedelta(minutes=2))
    assert [rule for rule, *_ in rig.ask(ALERTS)] == []  # the middle of 80.3 and 82.5 is 81.4
    send([spot(Kind.WEIGHT, 82.6, NOON + timedelta(minutes=2))], now=NOON + timedelta(minutes=2))
    look_at_all(conn, NOON + timedelta(minutes=2))
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]


def test_a_mark_that_is_being_written_is_left_alone_and_so_is_what_was_found_without_it(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]))
    with psycopg.connect(rig.dsn) as storing:
        storing.execute("update assessment set rev = rev + 1")
        assert look(conn, NOON) == 1
        assert rig.ask(ALERTS) == []
        assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    assert look_at_all(conn) == 1
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]


def test_a_reading_that_finds_its_mark_being_taken_away_waits_and_marks_anew(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 80.3]))
    with psycopg.connect(rig.dsn) as taking:
        taking.execute("delete from assessment")
        storing = threading.Thread(target=send, args=([spot(Kind.WEIGHT, 84.9, NOON + timedelta(minutes=1))],))
        storing.start()
        await_true(lambda: waits_for_a_lock(rig, "test"))
    storing.join(LIMIT_S)
    assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    look_at_all(conn, NOON + timedelta(minutes=1))
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]


def test_however_storing_and_looking_meet_nobody_is_forgotten(rig, send):
    """Forty people whose last reading says it, stored while somebody looks without a pause."""
    people = range(3, 43)
    rig.tell(
        """insert into patient (id, reference, name, born_on, pathway, team_id)
           overriding system value select n, 'p' || n, 'Test ' || n, '1950-01-01', 'heart_failure', 1
           from generate_series(3, 42) n"""
    )
    rig.tell(
        """with made as (insert into device (address) select 'D0:00:00:00:00:' || lpad(n::text, 2, '0')
           from generate_series(3, 42) n returning id, address)
           insert into binding (device_id, patient_id, valid_from)
           select id, right(address, 2)::int, '2025-01-01Z' from made"""
    )
    rig.tell("delete from assessment")
    stop = threading.Event()

    def look_all_the_time() -> None:
        with pool.connect(rig.dsn, name="looking", autocommit=True) as conn:
            while not stop.is_set():
                look(conn, NOON + timedelta(hours=1), most=7)

    looking = threading.Thread(target=look_all_the_time)
    looking.start()
    try:
        for round_ in range(4):
            for who in people:
                weight = Observation(
                    device=f"D0:00:00:00:00:{who:02d}",
                    kind=Kind.WEIGHT,
                    taken_at=NOON - (3 - round_) * DAY,
                    value=82.5 if round_ == 3 else 80.0,
                )
                send([weight])
    finally:
        stop.set()
        looking.join(LIMIT_S)
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        look_at_all(conn, NOON + timedelta(hours=1))
    assert rig.ask("select patient_id, count(*) from alert group by 1 order by 1") == [(who, 1) for who in people]
    assert rig.ask(MARKS) == []


# ---- what cannot be judged


def broken_rule(rig, patient: int) -> None:
    """A number that no setter lets through, and that the rule trips over."""
    rig.tell(
        """insert into rule_setting (rule, patient_id, enabled, numbers, set_at, reason)
           values ('weight_gain', %s, true, '{"days": -1000000}', now(), 'test')""",
        patient,
    )


FAULTS = "select patient_id, kind, faults from assessment order by 1, 2"


def test_what_cannot_be_judged_hurts_itself_alone_and_somebody_is_told(rig, conn, send, caplog):
    rig.tell("update patient set pathway = 'heart_failure'")
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]))
    meter = [replace(each, device=METER) for each in days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5])]
    send(meter)
    broken_rule(rig, 1)
    rig.tell("delete from assessment where kind = 0")
    look_at_all(conn)
    assert rig.ask("select patient_id, rule, team_id from alert order by rule") == [
        (None, "technical:not_assessed", 1),
        (2, "weight_gain", 2),
    ]
    assert "patient 1 weight" in rig.one("select evidence ->> 'cause' from alert where rule ~ 'not_assessed'")
    assert rig.ask(FAULTS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "could not look at patient 1 weight, for the 1. time"
    ]


def test_what_fails_is_tried_less_and_less_often_and_new_readings_do_not_hurry_it(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]))
    broken_rule(rig, 1)
    rig.tell("delete from assessment where kind = 0")
    now, waits = NOON, []
    for _ in range(12):
        assert look_at_all(conn, now) == 1
        send([spot(Kind.WEIGHT, 82.5, now)], now=now)
        due_at = rig.one("select due_at from assessment")
        waits.append((due_at - now).total_seconds() / 60)
        now = due_at
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    assert rig.one("select count(*) from alert") == 1


def test_when_it_can_be_judged_again_it_is_and_the_fault_is_over(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5]))
    broken_rule(rig, 1)
    rig.tell("delete from assessment where kind = 0")
    look_at_all(conn)
    rig.tell("delete from rule_setting")
    look_at_all(conn, NOON + timedelta(minutes=1))
    assert rig.ask(ALERTS) == [("technical:not_assessed", "grey", "ended"), ("weight_gain", "yellow", "raised")]
    assert rig.ask(FAULTS) == []


# ---- who dies


def clock_process(rig) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "server", "clock"],
        env={**os.environ, "HJEMVAKT_DATABASE_URL": rig.dsn},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_clock_role_that_is_killed_between_reading_and_writing_loses_nothing(rig, send):
    now = datetime.now(UTC)
    with psycopg.connect(rig.dsn) as conn:
        conn.execute("insert into duty (team_id, staff_id, part, from_at) select id, 1, 'duty', now() from team")
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5], last=now), now=now)
    with psycopg.connect(rig.dsn) as door:
        door.execute("lock table care_fact in access exclusive mode")
        first = clock_process(rig)
        try:
            await_true(lambda: waits_for_a_lock(rig, "assessor"))  # it has read the weights back
        finally:
            first.kill()
            first.wait(LIMIT_S)
    assert rig.ask(ALERTS) == []
    assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    second = clock_process(rig)
    try:
        await_true(lambda: rig.ask(MARKS) == [])
        assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]
        assert rig.one("select count(*) from alert_history") == 1
    finally:
        second.terminate()
        second.wait(LIMIT_S)


class Running:
    def __init__(self, dsn: str) -> None:
        self.assessor = Assessor(dsn=dsn, now=lambda: datetime.now(UTC))
        self._thread = threading.Thread(target=self.assessor.run)
        self._thread.start()

    def stop(self) -> None:
        self.assessor.stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


def test_one_assessor_looks_and_another_takes_over_when_its_connection_is_cut(rig, send):
    running = [Running(rig.dsn), Running(rig.dsn)]
    holders = (
        "select pid from pg_locks where locktype = 'advisory' and objid = %s and granted"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    key = Assessor.lock & 0xFFFFFFFF
    try:
        await_true(lambda: len(rig.ask(holders, key)) == 1)
        (pid,) = rig.ask(holders, key)[0]
        rig.tell("select pg_terminate_backend(%s)", pid)
        await_true(lambda: bool(rig.ask(holders, key)) and rig.ask(holders, key) != [(pid,)])
        now = datetime.now(UTC)
        send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.5], last=now), now=now)
        await_true(lambda: rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")])
    finally:
        for each in running:
            each.stop()
