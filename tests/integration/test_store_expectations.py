"""Planned measurements as durable deadlines: met or alerted, whoever was down meanwhile."""

import threading
from datetime import time, timedelta

import pytest

from devices.vocabulary import Kind
from devices.wire.messages import LinkState
from server.clinical.plans import PlanItem
from server.store import expectations, expiry, pool, rolelife, settings
from server.store.ledger import PLAN_EVERY, Ledger
from server.store.settings import OfPatient
from tests.integration.ledger_rig import HOUR, MINUTE, MISSED, World, at, kols

pytestmark = pytest.mark.integration

__all__ = ["kols"]


def test_who_has_a_device_for_what_is_planned_is_awaited_and_nobody_else(kols: World) -> None:
    """The plan has peak flow and weight too; the second patient has a glucose meter and a plan of their own for it."""
    found = kols.rig.ask(
        "select s.reference, d.part, d.state, d.due_at from deadline d join subject s on s.id = d.subject_id"
        " where d.type = 'measurement' order by 1, 2"
    )
    assert found == [("1", "spo2", "waiting", at(2, 11, 10)), ("2", "glucose", "waiting", at(2, 10, 10))]


def test_a_morning_without_a_value_is_a_yellow_alert_that_says_when_it_was_due(kols: World) -> None:
    kols.round(at(2, 11, 9))
    assert kols.alerts() == []
    kols.round(at(2, 11, 10))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]
    found = kols.rig.ask(
        "select patient_id, priority, began_at, last_at, evidence ->> 'kind', evidence -> 'numbers', late from alert"
        " where rule = %s",
        MISSED,
    )
    assert found == [(1, "yellow", at(2, 7), at(2, 11), "spo2", {"in_a_row": 1}, False)]


def test_a_value_in_the_morning_meets_it(kols: World) -> None:
    kols.measure(at(2, 10, 59))
    kols.round(at(2, 11, 10))
    assert kols.alerts(MISSED) == []
    assert kols.awaited() == [("waiting", at(3, 11, 10))]


def test_an_attempt_without_a_value_does_not(kols: World) -> None:
    kols.measure(at(2, 8), None)
    kols.round(at(2, 11, 10))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_the_second_and_the_third_in_a_row_join_and_are_counted(kols: World) -> None:
    for day in (2, 3, 4):
        kols.beat(at(day, 12))
        kols.round(at(day, 12))
    found = kols.rig.ask(
        "select count, evidence -> 'numbers' ->> 'in_a_row', began_at from alert where rule = %s", MISSED
    )
    assert found == [(3, "3", at(2, 7))]


def test_a_value_that_comes_late_ends_it_and_the_alert_stays_until_somebody_saw_it(kols: World) -> None:
    kols.round(at(2, 12))
    kols.measure(at(2, 9), now=at(2, 13))
    kols.round(at(2, 13))
    assert kols.alerts(MISSED) == [(MISSED, "cleared")]
    assert kols.rig.one("select condition_ended_at from alert where rule = %s", MISSED) == at(2, 11)
    assert kols.awaited() == [("waiting", at(3, 11, 10))]


def test_while_the_gateway_is_silent_its_silence_is_the_only_alert_and_the_backlog_meets_the_mornings(
    kols: World,
) -> None:
    expiry.expire_due(kols.rig.conn, at(2, 1), monitor_hears=True)
    kols.round(at(2, 12))
    assert [rule for rule, _ in kols.alerts()] == ["technical:gateway_silent"]
    kols.beat(at(2, 20), waiting=1)
    kols.round(at(2, 20, 5))
    kols.measure(at(2, 8), now=at(2, 20, 6))
    kols.beat(at(2, 20, 7))
    kols.round(at(2, 20, 10))
    assert kols.alerts(MISSED) == []
    assert kols.awaited() == [("waiting", at(3, 11, 10))]


def test_a_gateway_that_is_back_and_has_nothing_kept_lets_the_ledger_judge(kols: World) -> None:
    kols.beat(at(2, 10), state=LinkState.LOST)
    kols.round(at(2, 12))
    assert kols.alerts(MISSED) == []
    kols.beat(at(2, 12, 1))
    kols.round(at(2, 12, 5))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_nobody_is_unmeasured_for_longer_than_a_day_behind_a_silent_gateway(kols: World) -> None:
    kols.beat(at(2, 10), state=LinkState.LOST)
    kols.round(at(3, 10, 59))
    assert kols.alerts(MISSED) == []
    kols.round(at(3, 11, 5))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_after_days_of_standstill_every_morning_is_judged_from_what_is_stored(kols: World) -> None:
    kols.measure(at(2, 8))
    kols.measure(at(5, 8))
    kols.beat(at(5, 12))
    kols.restart()
    kols.round(at(5, 12))
    found = kols.rig.ask("select state, late, evidence -> 'numbers' ->> 'in_a_row' from alert where rule = %s", MISSED)
    assert found == [("cleared", True, "2")]
    assert kols.rig.ask("select body -> 'ring' from team_log where type = 'alert' and team_id = 1") == [(False,)] * 2


def test_a_restart_neither_repeats_nor_forgets(kols: World) -> None:
    kols.round(at(2, 11, 5))
    kols.restart()
    kols.round(at(2, 11, 10))
    kols.restart()
    kols.round(at(2, 11, 11))
    kols.round(at(2, 18))
    assert kols.rig.ask("select count, state from alert where rule = %s", MISSED) == [(1, "raised")]


def test_two_clocks_at_once_tell_it_once(kols: World) -> None:
    """As after a leader whose connection hung: both look at the same row."""
    conns = [pool.connect(kols.rig.dsn, name=f"clock-{n}", autocommit=True) for n in range(2)]
    start = threading.Barrier(2)

    def go(ledger: Ledger) -> None:
        start.wait()
        ledger.round(at(2, 12), monitor_hears=True)

    threads = [threading.Thread(target=go, args=(Ledger(conn),)) for conn in conns]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for conn in conns:
        conn.close()
    assert kols.rig.ask("select count, state from alert where rule = %s", MISSED) == [(1, "raised")]


def test_what_a_look_did_not_commit_did_not_happen(kols: World) -> None:
    """A clock that is killed inside its look, at its last step."""
    conn = pool.connect(kols.rig.dsn, name="dies", autocommit=True)
    with pytest.raises(RuntimeError), conn.transaction():
        assert expectations.look(conn, at(2, 12)) == 2
        raise RuntimeError("killed")
    conn.close()
    assert kols.alerts() == []
    kols.round(at(2, 12))
    assert kols.rig.ask("select count from alert where rule = %s", MISSED) == [(1,)]


# ---- what is awaited changes


def test_a_plan_that_is_set_is_followed_from_then_on_without_a_restart(kols: World) -> None:
    evening = PlanItem(
        kind=Kind.SPO2, weekdays=frozenset(range(1, 8)), times=(time(20),), before=HOUR, after=timedelta(hours=2)
    )
    said = {"by": 1, "now": at(2, 6), "reason": "Måler om kvelden"}
    settings.set_plan(kols.rig.conn, OfPatient(patient=1), Kind.SPO2, evening, **said)  # type: ignore[arg-type]
    kols.round(at(2, 6, 1))
    kols.round(at(2, 6, 2))
    assert kols.awaited() == [("waiting", at(2, 21, 10))]
    kols.round(at(2, 12))
    assert kols.alerts(MISSED) == []
    kols.round(at(2, 21, 10))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


STRAP = "C0:00:00:00:00:08"


@pytest.fixture
def strapped(kols: World) -> World:
    """From six on the first patient has a chest strap, no oximeter, and a plan for each of two names of the pulse."""
    kols.rig.tell("insert into device (address, profile) values (%s, 'heart_rate')", STRAP)
    kols.rig.tell("insert into binding (device_id, patient_id, valid_from) values (5, 1, %s)", at(2, 0))
    kols.rig.tell("update binding set valid_to = %s where device_id = 1", at(2, 5))
    for kind in (Kind.PULSE_RATE, Kind.HEART_RATE):
        every_morning = PlanItem(
            kind=kind, weekdays=frozenset(range(1, 8)), times=(time(8),), before=HOUR, after=timedelta(hours=4)
        )
        settings.set_plan(
            kols.rig.conn, OfPatient(patient=1), kind, every_morning, by=1, now=at(2, 5), reason="Puls om morgenen"
        )
    kols.round(at(2, 5) + PLAN_EVERY)
    kols.round(at(2, 5) + PLAN_EVERY + MINUTE)
    return kols


def test_a_chest_strap_measures_the_pulse_that_is_planned(strapped: World) -> None:
    assert strapped.awaited("pulse_rate") == strapped.awaited("heart_rate") == [("waiting", at(2, 11, 10))]
    strapped.measure(at(2, 8), 71, kind=Kind.HEART_RATE, device=STRAP)
    strapped.round(at(2, 11, 10))
    assert strapped.alerts() == []
    strapped.round(at(3, 11, 10))
    missed = ["measurement:missed:heart_rate", "measurement:missed:pulse_rate"]
    assert sorted(rule for rule, _ in strapped.alerts("measurement:missed:%rate")) == missed


def test_a_pulse_at_the_finger_is_not_the_rate_of_the_heart(strapped: World) -> None:
    strapped.rig.tell("update binding set valid_to = 'infinity' where device_id = 1")
    strapped.measure(at(2, 8), 64, kind=Kind.PULSE_RATE)
    strapped.round(at(2, 11, 10))
    assert strapped.alerts("measurement:missed:%rate") == [("measurement:missed:heart_rate", "raised")]


def test_who_has_no_device_any_more_is_not_awaited(kols: World) -> None:
    kols.rig.tell("update binding set valid_to = %s where device_id = 1", at(2, 9))
    kols.round(at(2, 9) + PLAN_EVERY)
    kols.round(at(2, 12))
    assert kols.awaited() == []
    assert kols.alerts(MISSED) == []


def test_who_gets_a_device_is_awaited_from_then_on(kols: World) -> None:
    kols.rig.tell("insert into device (address, profile) values ('C0:00:00:00:00:07', 'health_sensor')")
    kols.rig.tell("insert into binding (device_id, patient_id, valid_from) values (5, 1, %s)", at(2, 9))
    kols.round(at(2, 9) + PLAN_EVERY)
    kols.round(at(2, 9) + PLAN_EVERY + MINUTE)
    assert kols.awaited("peak_flow") == [("waiting", at(3, 11, 10))]


# ---- the monitor


def test_while_the_monitor_hears_nothing_nothing_is_missed_and_afterwards_the_backlog_has_time(kols: World) -> None:
    rolelife.monitor_hears(kols.rig.conn, at(2, 10), at(2, 0), {})
    kols.round(at(2, 12), monitor_hears=False)
    assert kols.alerts(MISSED) == []
    rolelife.monitor_hears(kols.rig.conn, at(2, 12, 30), at(2, 0), {})
    kols.round(at(2, 12, 59))
    assert kols.alerts(MISSED) == []
    kols.round(at(2, 13))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_many_patients_are_judged_in_bounded_steps_and_none_is_left_out(kols: World, monkeypatch) -> None:
    monkeypatch.setattr(expectations, "LOOKS_MAX", 3)
    monkeypatch.setattr(expectations, "PAGE", 3)
    kols.rig.tell(
        "insert into patient (reference, name, born_on, pathway, team_id, home_id)"
        " select 'x' || n, 'Test', '1950-01-01', 'kols', 1, 1 from generate_series(1, 20) n"
    )
    kols.rig.tell(
        "insert into device (address, profile) select 'C0:00:00:00:01:' || to_char(n, 'FM00'), 'oximeter'"
        " from generate_series(1, 20) n"
    )
    kols.rig.tell(
        "insert into binding (device_id, patient_id, valid_from)"
        " select d.id, p.id, '2026-01-01Z' from device d join patient p"
        " on p.reference = 'x' || right(d.address, 2)::int where d.address like 'C0:00:00:00:01:%'".replace("%", "%%")
    )
    for minute in range(6, 12):
        kols.round(at(2, 0, minute))
    for minute in range(10, 14):
        kols.round(at(2, 11, minute))
    assert kols.rig.one("select count(*) from alert where rule = %s", MISSED) == 21
