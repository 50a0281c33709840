"""Planned measurements as durable deadlines: met, excused or alerted, whoever was down meanwhile."""

import threading
from collections.abc import Iterator
from datetime import datetime, time, timedelta

import pytest

from devices.vocabulary import Event, EventType, Kind
from devices.wire.messages import Lane, LinkState
from server.clinical.plans import PlanItem
from server.store import excuses, expectations, pool, rolelife, settings, signals
from server.store.excuses import Why
from server.store.ledger import Ledger
from server.store.settings import OfPatient
from tests.integration.ingest_rig import BUTTON, OXIMETER, Rig, batch, sent
from tests.integration.ledger_rig import DAY, HOUR, MINUTE, World, at

pytestmark = pytest.mark.integration

MISSED = "measurement:missed:spo2"


@pytest.fixture
def world(rig: Rig) -> Iterator[World]:
    made = World(rig=rig)
    yield made
    made.close()


@pytest.fixture
def kols(world: World) -> World:
    """The first patient has an oximeter, a plan for every morning, and a gateway that is there all the time."""
    world.beat(at(2, 0))
    world.round(at(2, 0))
    return world


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
    from server.store import expiry

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


# ---- excuses


def excuse(world: World, from_at: datetime, to_at: datetime, *, now: datetime, patient: int | None = 1) -> int:
    home = 1 if patient is None else None
    said = {"why": Why.HOSPITAL, "from_at": from_at, "to_at": to_at, "by": 1, "now": now, "reason": "Innlagt"}
    return excuses.excuse(world.rig.conn, patient=patient, home=home, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize("patient", [1, None])
def test_an_excuse_of_the_patient_or_the_home_stops_missed_measurements_and_says_so(
    kols: World, patient: int | None
) -> None:
    excuse(kols, at(2, 6), at(4, 8), now=at(2, 6), patient=patient)
    kols.round(at(2, 6, 1))
    assert kols.awaited() == [("excused", at(2, 11, 10))]
    for day in (2, 3, 4):
        kols.beat(at(day, 12))
        kols.round(at(day, 12))
    assert kols.alerts(MISSED) == []
    assert kols.awaited() == [("waiting", at(5, 11, 10))]
    kols.round(at(5, 12))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_an_excuse_is_told_by_whom_it_is_about_so_that_nobody_else_is_forgotten(kols: World) -> None:
    conn = kols.rig.conn
    kols.rig.tell("insert into home (name, address, team_id, bucket) values ('empty', 'Testveien 3', 1, 9)")
    kols.rig.tell("update patient set home_id = 1")
    said = {"why": Why.HOLIDAY, "from_at": at(2, 6), "to_at": at(4, 8), "by": 1, "now": at(2, 6)}
    with pool.connect(kols.rig.dsn, name="listener", autocommit=True) as listener:
        signals.listen(listener, [signals.Channel.ENROLMENT])

        def heard(times: int) -> list[str]:
            found: list[str] = []
            while len(found) < times:
                found += [whose for _, whose in signals.wait(listener, 10)]
            return found

        of_patient = excuses.excuse(conn, patient=2, **said)  # type: ignore[arg-type]
        assert heard(1) == ["2"]
        assert excuses.end(conn, of_patient, 1, at(2, 7))
        assert heard(1) == ["2"]
        excuses.excuse(conn, home=1, **said)  # type: ignore[arg-type]
        assert heard(2) == ["1", "2"]
        excuses.excuse(conn, home=3, **said)  # type: ignore[arg-type]
        assert heard(1) == [""]


def test_an_excuse_that_ends_early_awaits_anew_from_its_end(kols: World) -> None:
    id_ = excuse(kols, at(2, 6), at(9, 0), now=at(2, 6))
    assert excuses.end(kols.rig.conn, id_, 1, at(3, 8))
    assert not excuses.end(kols.rig.conn, id_, 1, at(3, 9))
    kols.round(at(3, 8, 1))
    kols.round(at(3, 12))
    assert kols.alerts(MISSED) == []
    kols.beat(at(4, 12))
    kols.round(at(4, 12))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_an_excuse_never_ends_an_alert(kols: World) -> None:
    kols.round(at(2, 12))
    excuse(kols, at(2, 0), at(5, 0), now=at(2, 13))
    kols.round(at(2, 13, 5))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]
    assert kols.awaited() == [("excused", at(3, 11, 10))]


def test_an_excuse_never_stops_a_call_for_help(kols: World) -> None:
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0))
    pressed = Event(device=BUTTON, type=EventType.SOS, occurred_at=at(2, 13))
    kols.rig.file(sent(batch([pressed], lane=Lane.ALARM), at=at(2, 13)), now=at(2, 13))
    assert kols.alerts() == [("call:sos", "raised")]


def test_an_excuse_stops_a_sensor_that_was_taken_off_for_as_long_as_it_holds_and_never_its_being_on(
    kols: World,
) -> None:
    excuse(kols, at(2, 6), at(3, 0), now=at(2, 6))
    told = []
    words = (EventType.SENSOR_OFF, EventType.SENSOR_ON)
    when = (at(2, 5), at(2, 7), at(2, 8), at(2, 9), at(3, 0))
    for n, (type_, now) in enumerate(zip((words[0], words[1], words[0], words[1], words[0]), when, strict=True)):
        event = Event(device=OXIMETER, type=type_, occurred_at=now)
        kols.rig.file(sent(batch([event], first=n + 1), at=now), now=now)
        told.append([state for _, state in kols.alerts("technical:sensor_off")])
    assert told == [["raised"], ["ended"], ["ended"], ["ended"], ["ended", "raised"]]


def test_a_home_is_excused_when_everybody_who_lives_there_is(kols: World) -> None:
    kols.rig.tell(
        "insert into patient (reference, name, born_on, pathway, team_id, home_id)"
        " values ('p3', 'Test Tre', '1950-01-01', 'kols', 1, 1)"
    )
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0))
    one = excuses.in_force(kols.rig.conn, [1, 2, 3], [1, 2], at(2, 12))
    assert (one.patients, one.homes) == ({1}, set())
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0), patient=3)
    both = excuses.in_force(kols.rig.conn, [1, 2, 3], [1, 2], at(2, 12))
    assert (both.patients, both.homes) == ({1, 3}, {1})
    assert excuses.in_force(kols.rig.conn, [1, 3], [1], at(9, 0)) == excuses.InForce(
        patients=frozenset(), homes=frozenset()
    )
    (newest, _) = excuses.history(kols.rig.conn, home=1, patient=3) + excuses.history(kols.rig.conn, patient=1)
    assert (newest.patient, newest.why, newest.said_by, newest.reason) == (3, Why.HOSPITAL, 1, "Innlagt")


def test_an_excuse_always_has_an_end(kols: World) -> None:
    from server.errors import CareError

    with pytest.raises(CareError):
        excuse(kols, at(2, 0), at(2, 0), now=at(2, 0))
    with pytest.raises(CareError):
        excuse(kols, at(2, 0), at(2, 0) + 93 * DAY, now=at(2, 0))


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
    kols.round(at(2, 5) + expectations_plan_every())
    kols.round(at(2, 5) + expectations_plan_every() + MINUTE)
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
    kols.round(at(2, 9) + expectations_plan_every())
    kols.round(at(2, 12))
    assert kols.awaited() == []
    assert kols.alerts(MISSED) == []


def test_who_gets_a_device_is_awaited_from_then_on(kols: World) -> None:
    kols.rig.tell("insert into device (address, profile) values ('C0:00:00:00:00:07', 'health_sensor')")
    kols.rig.tell("insert into binding (device_id, patient_id, valid_from) values (5, 1, %s)", at(2, 9))
    kols.round(at(2, 9) + expectations_plan_every())
    kols.round(at(2, 9) + expectations_plan_every() + MINUTE)
    assert kols.awaited("peak_flow") == [("waiting", at(3, 11, 10))]


def expectations_plan_every() -> timedelta:
    from server.store.ledger import PLAN_EVERY

    return PLAN_EVERY


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
