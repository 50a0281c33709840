"""Several writers at once: nothing is filed to the wrong person, nobody deadlocks, no log has a gap."""

import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest

from devices.vocabulary import Event, EventType, Kind, Observation
from devices.wire.messages import Lane
from server.alerts import lifecycle
from server.alerts.model import Change, Outcome
from server.store import alerts, enrolment, expiry, intake, people, pool, rolelife
from server.store.devices import Bindings, StaleNamesError
from server.store.ingest import Ingest, Watch
from tests.integration.ingest_rig import BUTTON, METER, NOW, OXIMETER, Rig, batch, beat, seconds, sent

pytestmark = pytest.mark.integration

LIMIT_S = 60.0


def in_threads(*jobs: Callable[[], None]) -> None:
    """All at once; the first fault of any of them is raised here."""
    with ThreadPoolExecutor(len(jobs)) as pool_of_threads:
        for job in [pool_of_threads.submit(job) for job in jobs]:
            job.result(LIMIT_S)


def reading(n: int, device: str = OXIMETER) -> Observation:
    return Observation(device=device, kind=Kind.SPO2, taken_at=NOW + seconds(n), value=95)


def test_a_change_of_binding_waits_for_the_batch_that_files_by_the_old_one(rig: Rig) -> None:
    rig.file(sent(batch([reading(0)])))
    bindings = Bindings()
    rebound = threading.Event()

    def rebind() -> None:
        with psycopg.connect(rig.dsn) as conn:
            conn.execute("update binding set valid_to = %s where device_id = 1", (NOW + seconds(5),))
        rebound.set()

    with rig.conn.transaction():
        bindings.hold(rig.conn, [1])
        changer = threading.Thread(target=rebind)
        changer.start()
        waiting = (
            "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        )
        while rig.one(waiting) == 0:
            assert not rebound.is_set(), "it did not wait"
        assert bindings.at(1, 0, NOW + seconds(6)).patient_id == 1
    changer.join(LIMIT_S)
    assert rebound.is_set()


def test_the_first_batch_after_a_change_of_binding_files_by_the_new_one(rig: Rig) -> None:
    rig.file(sent(batch([reading(0)])))
    rig.tell("update binding set valid_to = %s where device_id = 1", NOW + seconds(5))
    rig.tell("insert into binding (device_id, patient_id, valid_from) values (1, 2, %s)", NOW + seconds(5))
    rig.file(sent(batch([reading(4), reading(5)], first=2)), now=NOW + seconds(6))
    assert rig.ask("select patient_id from observation order by taken_at") == [(1,), (1,), (2,)]
    rig.tell("delete from binding where patient_id = 2 and device_id = 1")
    rig.file(sent(batch([reading(6)], first=4)), now=NOW + seconds(7))
    assert rig.one("select count(*) from device_observation") == 1


def test_every_reading_is_filed_by_the_binding_that_was_committed_before_it(rig: Rig) -> None:
    """A device goes back and forth between two people while a stream of it is filed."""
    done = threading.Event()
    changes: list[tuple[int, int]] = []  # from which second on, whose

    def rebind() -> None:
        with psycopg.connect(rig.dsn) as conn:
            for n in range(1, 15):
                at = NOW + seconds(100 * n)
                patient = 1 + n % 2
                conn.execute("update binding set valid_to = %s where device_id = 1 and valid_to = 'infinity'", (at,))
                conn.execute(
                    "insert into binding (device_id, patient_id, valid_from) values (1, %s, %s)", (patient, at)
                )
                conn.commit()
                changes.append((100 * n, patient))
        done.set()

    def stream() -> None:
        n = 0
        while not done.is_set() or n < 20:
            known = list(changes)  # committed before this batch begins
            second = known[-1][0] + 1 if known else 1
            rows = [reading(second + k) for k in range(3)]
            first = n * 3 + 1
            rig.file(sent(batch(rows, first=first), at=NOW + seconds(2000)), now=NOW + seconds(2000))
            n += 1

    in_threads(rebind, stream)
    wrong = rig.ask(
        "select count(*) from observation o join binding b on b.device_id = o.device_id and b.valid_from <= o.taken_at "
        "and o.taken_at < b.valid_to and b.patient_id <> o.patient_id"
    )
    assert wrong == [(0,)]
    assert rig.one("select count(*) from observation") > 0


ROUNDS = 60
NAMES = [f"gw-{n}" for n in range(6)]


def test_three_writers_many_times_never_deadlock_and_leave_no_gap(rig: Rig) -> None:
    """Monitor (both lanes), clock and nurses on the same few subjects; a deadlock would raise in one of them."""
    for n, name in enumerate(NAMES):
        rig.tell("insert into gateway (name, home_id, bucket, enrolled) values (%s, 1 + %s, 7, true)", name, n % 2)
    watch = Watch()
    in_threads(
        lambda: _lane(rig.dsn, watch, Lane.ALARM, 1),
        lambda: _lane(rig.dsn, watch, Lane.BULK, 2),
        lambda: _clock(rig.dsn),
        lambda: _nurse(rig.dsn, 3),
        lambda: _nurse(rig.dsn, 4),
    )
    assert (
        rig.ask("select t.id from team t where head <> (select count(*) from team_log l where l.team_id = t.id)") == []
    )
    assert rig.ask("select alert_id from alert_history group by 1 having max(rev) <> count(*)") == []
    assert rig.one("select count(*) from alert_history") > ROUNDS


def _lane(dsn: str, watch: Watch, lane: Lane, seed: int) -> None:
    chance = random.Random(seed)
    with closing(pool.connect(dsn, name="lane", autocommit=True)) as conn:
        ingest = Ingest(conn, watch)
        for n in range(ROUNDS):
            messages = []
            for name in chance.sample(NAMES, 4):
                at = NOW + seconds(n * 100 + chance.randrange(50))
                press = Event(device=BUTTON, type=EventType.SOS, occurred_at=at)
                spo2 = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=chance.choice((80, 95)))
                item = press if lane is Lane.ALARM else spo2
                messages.append(sent(batch([item], lane=lane, gateway=name, outbox=f"{n:016x}"), at=at))
                if lane is Lane.ALARM:
                    messages.append(beat(gateway=name, at=at))
            ingest.file([intake.open_one(each) for each in messages], NOW + seconds(n * 100))


def _clock(dsn: str) -> None:
    with closing(pool.connect(dsn, name="clock", autocommit=True)) as conn:
        for n in range(ROUNDS):
            expiry.expire_due(conn, NOW + seconds(n * 100 + 90), monitor_hears=True)
            if n % 10 == 9:
                rolelife.monitor_hears(conn, NOW + timedelta(hours=n), NOW, {})


def _nurse(dsn: str, seed: int) -> None:
    chance = random.Random(seed)
    with closing(pool.connect(dsn, name="nurse", autocommit=True)) as conn:
        for n in range(ROUNDS):
            ids = [id_ for (id_,) in conn.execute("select id from alert where state not in ('handled', 'ended')")]
            if ids:
                _act(conn, chance.choice(ids), chance, n)


def _act(conn: psycopg.Connection, alert_id: int, chance: random.Random, n: int) -> None:
    now = NOW + seconds(n * 100)
    with conn.transaction():
        alert = alerts.hold_alert(conn, alert_id)
        assert alert is not None
        done = (
            lifecycle.acknowledge(alert, alert.rev, 1, now)
            if chance.random() < 0.7
            else lifecycle.handle(alert, alert.rev, 1, Outcome.REAL_ACTED, now)
        )
        if isinstance(done, Change):
            alerts.apply(conn, [done], now)


def test_a_dump_does_not_hold_up_the_readings_of_a_new_day(rig: Rig) -> None:
    """A new day needs a new partition; a lock that waits for the dump would stop everybody behind it."""
    rig.conn.execute("set lock_timeout = '10s'")
    with psycopg.connect(rig.dsn) as dump:
        dump.execute("lock table observation in access share mode")  # as pg_dump does
        rig.file(sent(batch([reading(0), reading(86_400 * -3)])))
    assert rig.one("select count(*) from observation") == 2
    assert rig.one("select count(*) from pg_inherits where inhparent = 'observation'::regclass") == 2


@pytest.mark.only_plain
def test_a_partition_has_the_key_of_the_whole_and_takes_its_day_alone(rig: Rig) -> None:
    rig.file(sent(batch([reading(0)])))
    ((bound, key),) = rig.ask(
        "select pg_get_expr(relpartbound, oid), (select pg_get_constraintdef(con.oid) from pg_constraint con"
        " where conrelid = pg_class.oid and contype = 'p') from pg_class where relname = 'observation_20260302'"
    )
    assert bound == "FOR VALUES FROM ('2026-03-02 00:00:00+00') TO ('2026-03-03 00:00:00+00')"
    assert key == "PRIMARY KEY (patient_id, kind, taken_at, span_s, device_id, slot) INCLUDE (value)"


@pytest.mark.parametrize("connect", [lambda dsn: pool.connect(dsn, name="asleep"), lambda dsn: api_session(dsn)])
def test_who_falls_asleep_in_a_transaction_does_not_hold_alerts_up_for_ever(
    rig: Rig, connect: Callable[[str], psycopg.Connection]
) -> None:
    with closing(connect(rig.dsn)) as conn:
        assert conn.execute("show idle_in_transaction_session_timeout").fetchone() == ("30s",)


def api_session(dsn: str) -> psycopg.Connection:
    with pool.api_pool(dsn) as made:
        return made.getconn()


def test_a_list_is_loaded_while_its_homes_are_watched(rig: Rig) -> None:
    """Loading locks devices and gateways too: in another order than ingest, one of them would deadlock."""
    listed = enrolment.read(json.dumps(backwards()).encode())
    done = threading.Event()

    def load() -> None:
        try:
            with closing(pool.connect(rig.dsn, name="load", autocommit=True)) as conn:
                for _ in range(ROUNDS):
                    people.load(conn, listed, hash_password=str, is_right=lambda *_: True)
        finally:
            done.set()

    def watch() -> None:
        n = 0
        while not done.is_set():
            n += 1
            rows = [reading(n, OXIMETER), reading(n, METER)]
            beats = [beat(gateway=name, at=NOW + seconds(n)) for name in ("gw-one", "gw-two")]
            rig.file(sent(batch(rows, first=2 * n - 1)), *beats)

    in_threads(load, watch)


def backwards() -> dict[str, object]:
    """What the rig's world holds, in the other order."""
    devices = [{"address": METER, "profile": "glucose"}, {"address": OXIMETER, "profile": "oximeter"}]
    gateways = [{"name": "gw-two", "home": "home-2"}, {"name": "gw-one", "home": "home-1"}]
    bindings = [
        {"device": METER, "patient": "p2", "from": "2025-01-01T00:00:00Z"},
        {"device": OXIMETER, "patient": "p1", "from": "2025-01-01T00:00:00Z"},
    ]
    return {"devices": devices, "gateways": gateways, "bindings": bindings}


def test_two_nurses_who_take_the_same_alert_are_told_apart(rig: Rig) -> None:
    rig.tell("insert into staff (login, name, initials, password_hash) values ('ola', 'Ola Test', 'OT', 'x')")
    rig.file(sent(batch([reading(0)])))
    rig.file(sent(batch([Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW)], lane=Lane.ALARM)))
    answers: list[object] = []

    def take(staff: int) -> None:
        with closing(pool.connect(rig.dsn, name="nurse")) as conn, conn:
            alert = alerts.hold_alert(conn, 1)
            assert alert is not None
            answer = lifecycle.acknowledge(alert, 1, staff, NOW)
            if isinstance(answer, Change):
                alerts.apply(conn, [answer], NOW)
            answers.append(type(answer).__name__)

    in_threads(lambda: take(1), lambda: take(2))
    assert sorted(map(str, answers)) == ["Change", "Conflict"]
    assert rig.one("select count(*) from alert_history where action = 'acknowledged'") == 1


def test_two_monitors_that_share_a_gateway_for_a_moment_double_nothing(rig: Rig) -> None:
    messages = [sent(batch([reading(n)], first=n + 1)) for n in range(40)]

    def monitor() -> None:
        with closing(pool.connect(rig.dsn, name="monitor", autocommit=True)) as conn:
            ingest = Ingest(conn, Watch())
            for each in messages:
                try:
                    ingest.file([intake.open_one(each)], NOW)
                except StaleNamesError:  # the other one was first: what this one knew of the stream is forgotten
                    ingest.file([intake.open_one(each)], NOW)

    in_threads(monitor, monitor)
    assert rig.one("select count(*) from observation") == 40
    assert rig.ask("select seq from watermark") == [(40,)]
