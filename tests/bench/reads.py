"""What screens read: the board of 500 patients, fourteen days of one of them, and its days; from a database of its own.

Everybody has two streams that run (an interval every 20 s), three kinds measured three times a day for two weeks, and
two alerts a day for a year. The streams of some patients go back two weeks, those of the others two hours. Each figure
is the best of several reads by the api's role, with row-level security; `kept` is after the clock role has done its
work, and half of the streams that run have spoken since. On a busy machine the time of the processor (ours and the
database's) says more."""

import contextlib
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final

import psycopg

from devices.vocabulary import Kind
from server.api import board_json
from server.store import board, hours, pool, sessions, sparks
from tests.bench import cpu
from tests.bench.own_database import migrated

ROUNDS: Final = 15
DAYS: Final = 14
LONG: Final = 20  # patients whose streams go back two weeks
READINGS_OF_ONE: Final = 2 * 4320 * DAYS
TEAMS: Final = [1]
TOWN: Final = """
insert into team (name) values ('bench');
insert into staff (login, name, initials, password_hash) values ('kari', 'Kari Bench', 'KB', 'x');
insert into staff_team values (1, 1, 'nurse');
insert into home (name, address, team_id, bucket)
select 'home ' || n, '', 1, n % 64 from generate_series(1, 500) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id)
select 'p' || id, 'Patient ' || id, '1950-01-01', 'kols', 1, id from home order by id;
insert into device (address, profile)
select regexp_replace(lpad(upper(to_hex(id)), 12, '0'), '(..)(?=.)', '\\1:', 'g'), 'oximeter' from home order by id;
insert into gateway (name, home_id, bucket, enrolled) select 'gw-' || id, id, bucket, true from home;
select observation_days(array(select generate_series(now() - interval '16 days', now() + interval '1 day', '1 day')));
"""
# One day at a time: sorting weeks of rows at once would need more disk than the rows.
DAY: Final = """
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,
                         received_at)
select p, k, at, span_s, p, 70 + floor(20 * random()), case when n > 1 then 60 end, case when n > 1 then 95 end, n, 0,
       0, 0, case when n > 1 then 1 else 0 end, at
from (
    select p, k, now - n * interval '8 hours' - p * interval '10 s' as at, 0 as span_s, 1 as n
    from generate_series(1, 500) p, generate_series(7, 9) k, generate_series(3 * %(day)s, 3 * %(day)s + 2) n,
         (values (%(now)s::timestamptz)) x (now)
    union all
    select p, k, now - n * interval '20 s' + p %% 20 * interval '1 s', 19, 20
    from generate_series(1, 500) p, generate_series(2, 3) k, (values (%(now)s::timestamptz)) x (now),
         generate_series(4320 * %(day)s + 1, case when p <= %(long)s then 4320 * (%(day)s + 1)
                                                  when %(day)s = 0 then 360 else 0 end) n
) reading
order by at
"""
NEWEST: Final = """
insert into latest (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at,
                    batch)
select distinct on (patient_id, kind) patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id,
       received_at, 1
from observation order by patient_id, kind, taken_at desc;
update observation_kept set sealed_until = since, kept_until = since
from (select time_bucket(interval '1 hour', min(taken_at)) as since from observation) o;
"""

# A year with two alerts a day about everybody, of which one in ten has an open one.
ALERTS: Final = """
insert into subject (type, reference) select 'patient', id::text from patient order by id;
insert into alert (team_id, subject_id, patient_id, rule, priority, state, began_at, raised_at, last_at, late,
                   handled_at, outcome, evidence)
select 1, s.id, s.reference::int, 'limit:spo2:low', 'yellow', 'handled', at, at, at, false, at + interval '10 minutes',
       'real_no_action', '{"kind": "spo2", "value": 89, "limit": 90, "level": -1, "direction": "low"}'
from generate_series(0, 729) n, lateral (select now() - n * interval '12 hours' as at) a, subject s
where s.type = 'patient' order by n desc, s.id;
insert into alert (team_id, subject_id, patient_id, rule, priority, state, began_at, raised_at, last_at, late, evidence)
select 1, id, reference::int, 'limit:spo2:low', 'yellow', 'raised', now(), now(), now(), false,
       '{"kind": "spo2", "value": 89, "limit": 90, "level": -1, "direction": "low"}'
from subject where type = 'patient' and id % 10 = 0;
vacuum analyze alert;
"""

Figures = dict[str, tuple[float, float]]  # ms that the best took, and ms of processor that each took


def rows() -> list[tuple[str, ...]]:
    return measured(LONG)


def measured(long: int, place: Path | None = None) -> list[tuple[str, ...]]:
    """`long`: patients whose streams go back two weeks. `place`: where the readings stay, and may be already."""
    with contextlib.ExitStack() as ends:
        if place is None:
            name = tempfile.TemporaryDirectory(prefix="hvb-", ignore_cleanup_errors=True)
            place = Path(ends.enter_context(name))
        dsn = ends.enter_context(migrated(place))
        with pool.connect(dsn, name="bench", autocommit=True) as owner:
            new = owner.execute("select not exists (select from latest)").fetchone() == (True,)
            if new:
                _load(owner, long)
            if owner.execute("select not exists (select from alert)").fetchone() == (True,):
                for statement in ALERTS.split(";\n"):
                    owner.execute(statement.encode())
            return _measure(owner, dsn, new=new)


def _load(owner: psycopg.Connection, long: int) -> None:
    owner.execute(TOWN.encode())
    (now,) = owner.execute("select date_trunc('second', now())").fetchone() or (None,)
    for day in range(DAYS):
        owner.execute(DAY.encode(), {"day": day, "now": now, "long": long})
    owner.execute(NEWEST.encode())
    owner.execute("vacuum analyze")


def _measure(owner: psycopg.Connection, dsn: str, *, new: bool) -> list[tuple[str, ...]]:
    """Not `new`: the clock role has done its work, at the first time."""
    readings, now = owner.execute("select count(*), max(taken_at) from observation").fetchone() or (0, None)
    assert isinstance(now, datetime)
    bytes_each = _bytes(owner) / readings
    before: Figures = _figures(dsn, now, kept=False)[0] if new else {}
    keep_s = _keep_all(owner, now) if new else float("nan")
    owner.execute("update latest set batch = batch + 1 where mode = 1 and patient_id % 2 = 0")
    owner.execute("vacuum analyze observation_hour, spark, latest")
    after, size = _figures(dsn, now, kept=True)
    head = (f"500 patients, {readings:,} readings", "from readings, ms", "kept, ms", "kept, CPU ms", "target, ms")
    table: list[tuple[str, ...]] = [head]
    for name, (ms, used_ms) in after.items():
        from_readings = f"{before[name][0]:.1f}" if new else "-"
        table.append((name, from_readings, f"{ms:.1f}", f"{used_ms:.1f}", "50"))
    table.append(("bytes a reading, not compressed: table and key", f"{bytes_each:.0f}", "-", "-", "-"))
    return [
        *table,
        (f"size of the board: {size / 1e6:.1f} MB; keeping it all took", "-", f"{keep_s * 1e3:,.0f}", "-", "-"),
    ]


def _bytes(owner: psycopg.Connection) -> int:
    row = owner.execute("select sum(pg_total_relation_size(relid)) from pg_partition_tree('observation')").fetchone()
    return int(row[0]) if row else 0


def _figures(dsn: str, now: datetime, *, kept: bool) -> tuple[Figures, int]:
    with pool.connect(dsn, name="bench") as conn:
        pool.act_as_api(conn)
        sessions.identify(conn, 1)
        seen = board.snapshot(conn, TEAMS, now)
        span: dict[str, Any] = {"from_at": now - timedelta(days=14), "to_at": now, "buckets": 400}
        best = partial(_best, backend=conn.info.backend_pid)
        week = {"teams": TEAMS, "days": [now - timedelta(days=each) for each in range(7, 0, -1)], "to_at": now}
        first, last = (now - timedelta(days=14)).date(), now.date()
        figures = {
            "board: newest values": best(lambda: board.values(conn, TEAMS)),
            "board: the week of each": best(lambda: conn.execute(board.SQL["weeks"], week).fetchall()),
            "board: small charts": best(lambda: sparks.read(conn, seen.values, sparks.kept(conn, TEAMS), now)),
            "board: all that the database says": best(lambda: board.snapshot(conn, TEAMS, now)),
            "board: as JSON, after that": best(lambda: board_json.as_json(seen, now)),
            "board: both": best(lambda: board_json.as_json(board.snapshot(conn, TEAMS, now), now)),
            "14 days of a stream, 400 points": best(lambda: _series(conn, span, kept=kept)),
            "its 15 daily summaries": best(lambda: hours.days(conn, 1, Kind.SPO2, first=first, last=last)),
        }
    return figures, len(board_json.as_json(seen, now))


def _series(conn: psycopg.Connection, span: dict[str, Any], *, kept: bool) -> None:
    """As the route does it once hours are kept, and as it would without them."""
    found = hours.series(conn, 1, Kind.SPO2, **span) if kept else board.series(conn, 1, Kind.SPO2, **span)
    assert found


def _keep_all(owner: psycopg.Connection, now: datetime) -> float:
    began_s = perf_counter()
    assert hours.seal(owner, now)
    while hours.keep(owner):
        pass
    sparks.keep(owner, now, most=10_000)
    return perf_counter() - began_s


def _best(read: Callable[[], object], backend: int) -> tuple[float, float]:
    took_ms = []
    cpu_s = process_time() + cpu.seconds(backend)
    for _ in range(ROUNDS):
        began_s = perf_counter()
        read()
        took_ms.append((perf_counter() - began_s) * 1e3)
    return min(took_ms), (process_time() + cpu.seconds(backend) - cpu_s) / ROUNDS * 1e3
