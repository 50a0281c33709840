"""Several monitors on one broker: each has its buckets, and whoever goes leaves nothing unheard."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.vocabulary import Kind, Observation
from devices.wire.messages import Batch
from server.roles.broker import EmbeddedBroker
from server.roles.monitor import Monitor
from server.store import pool
from server.store.shares import Member
from tests.integration.ingest_rig import OXIMETER, batch, dsn
from tests.integration.monitor_rig import Gateway, ask, await_true, running
from tests.ports import free_ports

pytestmark = pytest.mark.integration

__all__ = ["dsn"]

BEGIN = datetime.now(UTC).replace(microsecond=0)
HELD = "select count(monitor), count(distinct monitor) from bucket_share"
UNHEARD = "select value from monitor_figures() where figure = 'buckets_unheard'"
WAITING = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
Start = Callable[[], ExitStack]


@pytest.fixture
def own(own_place: Path) -> Iterator[EmbeddedBroker]:
    """Consumers stay for a while, and would hear what other tests say."""
    port, nats_port = free_ports(2)
    server = EmbeddedBroker(own_place / "own", port=port, nats_port=nats_port)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start(dsn: str, own: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Another monitor, in a hurry; closing what it answers stops it."""
    monkeypatch.setattr("server.roles.monitor.BEAT_S", 0.2)
    monkeypatch.setattr("server.stream.PULL_S", 0.5)
    with ExitStack() as everybody:

        def one_more() -> ExitStack:
            it = everybody.enter_context(ExitStack())
            monitor = Monitor(dsn=dsn, mqtt_url=own.url, nats_url=f"nats://127.0.0.1:{own.nats_port}")
            it.enter_context(running(monitor))
            return it

        yield one_more


@pytest.fixture
def gateway(own: EmbeddedBroker) -> Iterator[Gateway]:
    it = Gateway(own.port, "gw-one")
    yield it
    it.stop()


def reading(seq: int) -> Batch:
    taken = BEGIN + timedelta(milliseconds=seq)
    return batch([Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=taken, value=95)], first=seq)


def held(dsn: str, buckets: int, monitors: int) -> None:
    await_true(lambda: ask(dsn, HELD) == [(buckets, monitors)])


def test_two_share_what_one_had_and_one_has_again_what_two_had(dsn: str, gateway: Gateway, start: Start) -> None:
    """A reading after each turn, and each is stored once."""
    start()
    held(dsn, 64, 1)
    gateway.send_until_confirmed(reading(1))
    second = start()
    await_true(lambda: ask(dsn, "select count(*) from bucket_share group by monitor") == [(32,), (32,)])
    held(dsn, 64, 2)
    gateway.send_until_confirmed(reading(2))
    second.close()
    held(dsn, 64, 1)
    gateway.send_until_confirmed(reading(3))
    assert ask(dsn, "select count(*) from observation") == [(3,)]
    assert ask(dsn, "select count(*) from role_life where role = 'monitor'") == [(1,)]


def test_what_another_one_files_is_given_back_and_comes_again(
    dsn: str, gateway: Gateway, start: Start, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a pause in which everybody thought it dead: the bucket moves while its reading waits to be filed."""
    monkeypatch.setattr("server.stream.ACK_WAIT_S", 3600.0)  # nothing comes again but what was given back
    start()
    await_true(lambda: ask(dsn, UNHEARD) == [(0.0,)])
    with psycopg.connect(dsn) as conn:
        conn.execute("insert into monitor values ('other', 'h', now(), now() + interval '1 day', true)")
        conn.execute("update bucket_share set monitor = 'other' where bucket = 7")
        gateway.send(reading(1))
        await_true(lambda: ask(dsn, WAITING) == [(1,)])
    await_true(lambda: "the buckets [7] are another monitor's" in caplog.text)
    assert ask(dsn, "select count(*) from observation") == [(0,)]
    with psycopg.connect(dsn) as conn:
        conn.execute("delete from monitor where name = 'other'")
    gateway.await_receipt(lambda receipt: receipt.bulk == 1)
    assert ask(dsn, "select count(*) from observation") == [(1,)]


def test_who_moves_a_bucket_and_does_not_end_keeps_nobody_from_saying_that_it_is_at_work(dsn: str) -> None:
    one, two = (Member(name=name, host="h", started=BEGIN) for name in ("one", "two"))
    with pool.connect(dsn, name="test", autocommit=True) as conn, psycopg.connect(dsn) as slow:
        conn.execute("set lock_timeout = '1s'")
        assert len(one.look(conn, hears=True, rests=lambda _: True).serve) == 64
        slow.execute("update bucket_share set monitor = 'two' where bucket = 7")
        one.look(conn, hears=True, rests=lambda _: True)
        one.leave(conn)
        assert two.look(conn, hears=True, rests=lambda _: True).serve == frozenset(range(64)) - {7}


def test_who_has_just_taken_a_bucket_does_not_hear_it_yet(dsn: str) -> None:
    """Its consumers are not there, and what nobody asks for the broker does not keep."""
    member = Member(name="one", host="h", started=BEGIN)
    with pool.connect(dsn, name="test", autocommit=True) as conn:
        for unheard in (64.0, 0.0):
            member.look(conn, hears=True, rests=lambda _: True)
            assert ask(dsn, UNHEARD) == [(unheard,)]


def test_a_database_that_hung_between_two_statements_does_not_end_a_monitor(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.store.shares.LASTS", timedelta(0))  # what it said a moment ago is too old already
    member = Member(name="slow", host="h", started=BEGIN)
    with pool.connect(dsn, name="test", autocommit=True) as conn:
        shares = member.look(conn, hears=True, rests=lambda _: True)
        assert (len(shares.serve), shares.all_are_heard, shares.since) == (64, False, BEGIN)


def test_monitoring_is_told_how_many_are_at_work_and_what_nobody_hears(dsn: str, start: Start) -> None:
    figures = "select figure, value from monitor_figures() order by 1"
    assert ask(dsn, figures) == [("monitors", 0.0)]
    start()
    await_true(lambda: ask(dsn, figures) == [("buckets_unheard", 0.0), ("monitors", 1.0)])
