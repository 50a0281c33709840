import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from server.roles.clock import Clock
from server.store import rolelife
from tests.integration.ingest_rig import Rig, beat
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.tell("insert into duty (team_id, staff_id, part, from_at) select id, 1, 'duty', '2026-01-01Z' from team")
    return rig


class Running:
    def __init__(self, rig: Rig) -> None:
        self.clock = Clock(dsn=rig.dsn)
        self._thread = threading.Thread(target=self.clock.run)
        self._thread.start()

    def stop(self) -> None:
        self.clock.stop()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


def test_the_clock_ends_what_nobody_met_while_the_monitor_hears(rig: Rig) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    rolelife.monitor_hears(rig.conn, datetime.now(UTC), long_ago, {})
    rig.file(beat(at=long_ago), now=long_ago)
    clock = Running(rig)
    try:
        await_true(lambda: rig.ask("select rule, team_id from alert") == [("technical:gateway_silent", 1)])
        assert rig.one("select state from gateway where id = 1") == "silent"
    finally:
        clock.stop()


def test_the_clock_blames_the_monitor_and_not_the_gateways(rig: Rig) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    rolelife.monitor_hears(rig.conn, long_ago, long_ago, {})
    rig.file(beat(at=long_ago), now=long_ago)
    clock = Running(rig)
    try:
        await_true(lambda: rig.one("select count(*) from alert") == 2)
        first_beat = rig.one("select alive_at from role_life where role = 'clock'")
        await_true(lambda: rig.one("select alive_at from role_life where role = 'clock'") > first_beat)
        assert rig.ask("select distinct rule from alert") == [("technical:monitor_was_down",)]
    finally:
        clock.stop()


def test_one_clock_leads_and_another_takes_over(rig: Rig) -> None:
    first, second = Running(rig), Running(rig)
    try:
        await_true(lambda: first.clock.leads.is_set() or second.clock.leads.is_set())
        leader, other = (first, second) if first.clock.leads.is_set() else (second, first)
        assert not other.clock.leads.is_set()
        leader.stop()
        await_true(other.clock.leads.is_set)
    finally:
        first.stop()
        second.stop()


def test_a_leader_whose_connection_is_cut_is_no_leader_until_it_has_the_lock_again(rig: Rig) -> None:
    clock = Running(rig)
    try:
        await_true(lambda: bool(rig.ask("select from role_life where role = 'clock'")))
        before = rig.one("select alive_at from role_life where role = 'clock'")
        with psycopg.connect(rig.dsn, autocommit=True) as conn:
            conn.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hjemvakt-clock'"
                " and datname = current_database()"
            )
        await_true(lambda: rig.one("select alive_at from role_life where role = 'clock'") > before)
        holders = (
            "select count(*) from pg_locks join pg_stat_activity using (pid) where locktype = 'advisory'"
            " and datname = current_database() and application_name = 'hjemvakt-clock'"
        )
        await_true(lambda: rig.one(holders) == 1)
    finally:
        clock.stop()


@pytest.mark.only_plain
def test_partitions_are_there_before_their_day(rig: Rig) -> None:
    clock = Running(rig)
    try:
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        await_true(lambda: rig.one(f"select to_regclass('observation_{tomorrow:%Y%m%d}')") is not None)
    finally:
        clock.stop()


def test_the_hours_of_the_past_are_counted_while_the_clock_goes_on(rig: Rig) -> None:
    long_ago = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=30)
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", long_ago, long_ago)
    rig.tell("select observation_days(array[%s]::timestamptz[])", long_ago)
    rig.tell("insert into observation values (1, 3, %s, 0, 1, 95, null, null, 1, 0, 0, 0, 0, now())", long_ago)
    rig.tell("insert into latest values (1, 3, %s, 95, 0, 0, 0, 0, 1, now(), 1)", long_ago)
    clock = Running(rig)
    try:
        await_true(lambda: rig.ask("select hour, mean from observation_hour") == [(long_ago, 95)])
        await_true(lambda: rig.one("select kept_until = sealed_until from observation_kept"))
        await_true(lambda: rig.one("select count(*) from spark") == 1)
    finally:
        clock.stop()


def test_logins_that_have_run_out_are_cleared_away(rig: Rig) -> None:
    rig.tell("insert into session values ('\\x01', 1, now() - interval '9 days', now() - interval '8 days')")
    rig.tell("insert into session values ('\\x02', 1, now(), now() + interval '1 hour')")
    clock = Running(rig)
    try:
        await_true(lambda: rig.one("select count(*) from session") == 1)
    finally:
        clock.stop()
