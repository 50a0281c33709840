"""A limit that is tried on 30 days of one patient, as the api and as the command do it.

Two streams, an interval every 20 s as gateways thin them, in and out of the limit now and then; and beside it what is
measured by hand three times a day."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter
from typing import Final

import psycopg

from devices.limits import Limit
from devices.vocabulary import Kind
from server.store import pool, replaying, sessions
from tests.bench.own_database import own_database

ROUNDS: Final = 9
DAYS: Final = 30
TRIED: Final = {Kind.SPO2: Limit(red_low=86, yellow_low=88)}
BOTH: Final = {**TRIED, Kind.PULSE_RATE: Limit(yellow_high=90, red_high=110)}
COMMAND: Final = ("replay", "--patient", "p1", "--limit", "spo2:red_low=86", "--days", str(DAYS))
PATIENT: Final = b"""
insert into team (name) values ('bench');
insert into staff (login, name, initials, password_hash) values ('kari', 'Kari Bench', 'KB', 'x');
insert into staff_team values (1, 1, 'nurse');
insert into patient (reference, name, born_on, pathway, team_id) values ('p1', 'Patient 1', '1950-01-01', 'kols', 1);
insert into device (address, profile) values ('C0:00:00:00:00:01', 'oximeter');
select observation_days(array(select generate_series(now() - interval '32 days', now() + interval '1 day', '1 day')));
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,
                         received_at)
select 1, k, at, 19, 1, middle, middle - 2, middle + 2, 20, 0, 0, 0, 1, at + interval '20 s'
from (
    select k, now() - n * interval '20 s' as at,
           case k when 3 then 92 else 78 end + round(5 * sin(n / 500.0) + 4 * (random() - 0.5)) as middle
    from generate_series(2, 3) k, generate_series(1, 4320 * 31) n
) reading order by at;
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, n, quality, sign, clock, mode,
                         received_at)
select 1, 3, now() - n * interval '8 hours' - interval '7 s', 0, 1, 90, 1, 0, 0, 0, 0, now() - n * interval '8 hours'
from generate_series(0, 3 * 31) n;
analyze;
"""


def rows() -> list[tuple[str, ...]]:
    with own_database() as dsn:
        with psycopg.connect(dsn) as owner:
            owner.execute(PATIENT)
        return _measure(dsn)


def _measure(dsn: str) -> list[tuple[str, ...]]:
    with pool.connect(dsn, name="bench") as conn:
        pool.act_as_api(conn)
        sessions.identify(conn, 1)
        found = replaying.try_out(conn, 1, TRIED, DAYS, datetime.now(UTC))
        one = _best_ms(lambda: replaying.try_out(conn, 1, TRIED, DAYS, datetime.now(UTC)))
        two = _best_ms(lambda: replaying.try_out(conn, 1, BOTH, DAYS, datetime.now(UTC)))
    environment = {**os.environ, "HJEMVAKT_DATABASE_URL": dsn}
    command = _best_ms(
        lambda: subprocess.run(
            [sys.executable, "-m", "server", *COMMAND], env=environment, check=True, stdout=subprocess.DEVNULL
        )
    )
    readings = f"{4320 * DAYS:,} readings"
    return [
        (f"{DAYS} days of one patient", "ms", "target, ms"),
        (f"as the api does it, {readings} ({len(found.then)} alerts)", f"{one:.0f}", "1000"),
        ("two kinds, twice as many", f"{two:.0f}", "1000"),
        ("the command, from its start to its end", f"{command:.0f}", "1000"),
    ]


def _best_ms(work: Callable[[], object]) -> float:
    took_ms = []
    for _ in range(ROUNDS):
        began_s = perf_counter()
        work()
        took_ms.append((perf_counter() - began_s) * 1e3)
    return min(took_ms)
