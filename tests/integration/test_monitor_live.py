import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.vocabulary import Event, EventType, Kind, Observation
from devices.wire.codec import encode
from devices.wire.messages import Batch, Lane, LinkState, Status
from devices.wire.topics import Channel
from server.roles.broker import EmbeddedBroker
from server.roles.monitor import Monitor
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate
from tests.integration.ingest_rig import BUTTON, OUTBOX, OXIMETER, RUN, WORLD, batch, dsn
from tests.integration.monitor_rig import Gateway, ask, await_true, running

pytestmark = pytest.mark.integration

__all__ = ["dsn"]


BEGIN = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def monitor(dsn: str, broker: EmbeddedBroker) -> Iterator[Monitor]:
    with running(Monitor(dsn=dsn, mqtt_url=broker.url)) as it:
        yield it


@pytest.fixture
def gateway(broker: EmbeddedBroker, monitor: Monitor) -> Iterator[Gateway]:
    it = Gateway(broker.port, "gw-one")
    yield it
    it.stop()


@contextlib.contextmanager
def gateway_on(broker: EmbeddedBroker) -> Iterator[Gateway]:
    it = Gateway(broker.port, "gw-one")
    try:
        yield it
    finally:
        it.stop()


def readings(first: int, count: int, *, value: float = 95) -> Batch:
    """The same rows each time they are asked for."""
    items = [
        Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=BEGIN + timedelta(milliseconds=first + n), value=value)
        for n in range(count)
    ]
    return batch(items, first=first)


def press(seq: int) -> Batch:
    return batch([Event(device=BUTTON, type=EventType.SOS, occurred_at=datetime.now(UTC))], first=seq, lane=Lane.ALARM)


def test_a_receipt_says_what_is_committed(dsn: str, gateway: Gateway) -> None:
    gateway.send(readings(1, 20))
    gateway.await_receipt(lambda receipt: receipt.bulk == 20)
    assert ask(dsn, "select count(*) from observation") == [(20,)]


def test_every_receipt_says_the_servers_time(gateway: Gateway) -> None:
    """A gateway without a battery for its clock has no other that it can trust."""
    gateway.send(readings(1, 20))
    gateway.send_bytes(b"{", Channel.OBS, "gw-one")
    committed = gateway.await_receipt(lambda receipt: receipt.bulk == 20)
    refused = gateway.await_receipt(lambda receipt: bool(receipt.refused))
    for receipt in (committed, refused):
        assert receipt.at is not None
        assert abs(receipt.at / 1000 - datetime.now(UTC).timestamp()) < 60


def test_poison_of_every_kind_hurts_itself_alone(dsn: str, gateway: Gateway) -> None:
    for poison in (b"", b"{", b"\xff\xfe", b"[" * 5000, b'{"v":99}', b"null", os.urandom(300)):
        for channel in (Channel.OBS, Channel.ALARM, Channel.STATUS):
            gateway.send_bytes(poison, channel, "gw-one")
    gateway.send(readings(1, 5))
    gateway.send(press(1))
    gateway.await_receipt(lambda receipt: receipt.bulk == 5)
    await_true(lambda: ask(dsn, "select rule from alert") == [("call:sos",)])
    (count,) = ask(dsn, "select count(*) from set_aside")[0]
    assert count in (13, 14)  # seven on each of two connections; the status lane shares the alarms' memory of them


def test_fields_of_a_newer_gateway_are_ignored_and_counted(dsn: str, gateway: Gateway) -> None:
    newer = json.loads(encode(readings(1, 5)))
    gateway.send_bytes(json.dumps({**newer, "mood": 1, "colour": "red"}).encode(), Channel.OBS, "gw-one")
    gateway.await_receipt(lambda receipt: receipt.bulk == 5)
    assert ask(dsn, "select count(*) from observation") == [(5,)]
    counted = "select (detail #>> '{bulk,unknown_fields}')::int from role_life where role = 'monitor'"
    await_true(lambda: ask(dsn, counted) == [(2,)])


def test_a_batch_that_the_database_refuses_is_set_aside_and_its_lane_goes_on(dsn: str, gateway: Gateway) -> None:
    with psycopg.connect(dsn) as conn:
        conn.execute("alter table observation add check (value <> 66)")
    for first in range(1, 60, 20):
        gateway.send(readings(first, 20, value=66 if first == 21 else 95))
    gateway.await_receipt(lambda receipt: receipt.bulk == 60)
    assert ask(dsn, "select count(*), min(value) from observation") == [(40, 95)]
    ((reason, gateway_name),) = ask(dsn, "select reason, gateway from set_aside")
    assert "check constraint" in str(reason)
    assert gateway_name == "gw-one"


def test_an_alarm_does_not_wait_for_a_bulk_lane_that_stands_still(dsn: str, gateway: Gateway) -> None:
    with psycopg.connect(dsn) as blocker:
        blocker.execute("lock table latest in access exclusive mode")
        gateway.send(readings(1, 20))
        gateway.send(press(1))
        gateway.await_receipt(lambda receipt: receipt.alarm == 1)
        assert ask(dsn, "select rule from alert") == [("call:sos",)]
    gateway.await_receipt(lambda receipt: receipt.bulk == 20)


def test_a_monitor_whose_lane_gets_nowhere_does_not_say_that_it_hears(dsn: str, broker: EmbeddedBroker) -> None:
    """Else its own standstill would be told as the silence of every gateway."""
    is_old = "select now() - alive_at > interval '5 s' from role_life where role = 'monitor'"
    with running(Monitor(dsn=dsn, mqtt_url=broker.url, stuck_after_s=0.5)) as monitor:
        await_true(lambda: ask(dsn, is_old) == [(False,)])
        with psycopg.connect(dsn) as blocker, gateway_on(broker) as gateway:
            blocker.execute("lock table latest in access exclusive mode")
            gateway.send(readings(1, 5))
            await_true(lambda: not monitor.lanes["bulk"].hears)
            await_true(lambda: ask(dsn, is_old) == [(True,)])
        await_true(lambda: ask(dsn, is_old) == [(False,)])


def test_a_gateway_that_vanishes_is_lost_at_once(dsn: str, gateway: Gateway, broker: EmbeddedBroker) -> None:
    status = Status(gateway="gw-one", state=LinkState.ONLINE, outbox=OUTBOX, started=RUN, hello=True)
    gateway.send(status)
    gateway.await_receipt(lambda receipt: receipt.outbox == OUTBOX)
    gateway.send(Status(gateway="gw-one", state=LinkState.LOST, outbox=OUTBOX, started=RUN))
    await_true(lambda: ask(dsn, "select state from gateway where id = 1") == [("lost",)])


def test_new_limits_hold_from_the_next_reading_on(dsn: str, gateway: Gateway) -> None:
    gateway.send_until_confirmed(readings(1, 1, value=93))
    with psycopg.connect(dsn) as conn:
        conn.execute(
            "insert into patient_limit (patient_id, kind, yellow_low, red_low, reason) values (1, 3, 96, 94, 'test')"
        )
        conn.execute("notify hjemvakt_enrolment")
    first = 2
    while not ask(dsn, "select 1 from alert"):
        gateway.send_until_confirmed(readings(first, 1, value=93))
        first += 1
        assert first < 200
    assert ask(dsn, "select rule, priority from alert") == [("limit:spo2:low", "red")]


def test_connections_that_are_cut_lose_and_double_nothing(dsn: str, gateway: Gateway) -> None:
    stop = threading.Event()

    def cut() -> None:
        while not stop.wait(0.3):
            with psycopg.connect(dsn, autocommit=True) as conn:
                conn.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name like 'hjemvakt-monitor%' and datname = current_database()"
                )

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        for first in range(1, 601, 20):
            gateway.send_until_confirmed(readings(first, 20))
    finally:
        stop.set()
        cutter.join()
    assert ask(dsn, "select count(*) from observation") == [(600,)]


def test_a_broker_that_is_killed_loses_and_doubles_nothing(dsn: str, short_dir: Path, free_port: int) -> None:
    own = EmbeddedBroker(short_dir / "broker-to-kill", port=free_port)
    own.start()
    try:
        with running(Monitor(dsn=dsn, mqtt_url=own.url)) as monitor:
            sender = Gateway(own.port, "gw-one")
            for round_ in range(3):
                for first in range(round_ * 100 + 1, round_ * 100 + 101, 20):
                    sender.send_until_confirmed(readings(first, 20))
                assert own.pid is not None
                os.kill(own.pid, signal.SIGKILL)
                await_true(lambda: not own.is_alive())
                own.start()
            await_true(lambda: all(lane.hears for lane in monitor.lanes.values()))
            sender.stop()
    finally:
        own.stop()
    assert ask(dsn, "select count(*) from observation") == [(300,)]


def test_a_database_that_is_killed_mid_stream_loses_and_doubles_nothing(
    short_dir: Path, broker: EmbeddedBroker
) -> None:
    own = EmbeddedPostgres(short_dir / "postgres-to-kill")
    own.start()
    try:
        migrate(own.dsn())
        with psycopg.connect(own.dsn()) as conn:
            conn.execute(WORLD.encode())
        with running(Monitor(dsn=own.dsn(), mqtt_url=broker.url)):
            sender = Gateway(broker.port, "gw-kill")
            for first in range(1, 401, 20):
                if first in (101, 201, 301):
                    sender.send(readings(first, 20))
                    assert own.pid is not None
                    os.kill(own.pid, signal.SIGKILL)
                    await_true(lambda: not own.is_alive())
                    own.start()
                sender.send_until_confirmed(readings(first, 20))
            sender.stop()
        stored = ask(own.dsn(), "select seq from watermark")
        assert stored == [(400,)]
        ((count,),) = ask(own.dsn(), "select count(*) from observation")
        assert count == 400
    finally:
        own.stop()
