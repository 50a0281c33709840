"""The slow rules through the database: streams a second that are read back, judged and written, and how long it takes
from a weight that is stored to its alert.

2,000 patients with heart failure or KOLS. Of each: two streams that run (fifteen days of hours kept by the clock role,
the last hour as intervals), a weight a day for half a year, and two weeks of blood pressures, twice a day; of a quarter
a glucose sensor. Who is told about is one patient in a hundred."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter, thread_time
from typing import Final

import numpy as np
import psycopg

from devices.vocabulary import Kind, Observation
from devices.wire.codec import encode, pack
from devices.wire.messages import Batch, Lane
from devices.wire.topics import Channel, Topic
from server.store import assessing, intake, pool, signals
from server.store.arrival import Arrival
from server.store.assessor import MARKS_AT_ONCE, Assessor, look
from server.store.ingest import Ingest, Watch
from tests.bench.own_database import own_database

PEOPLE: Final = 2000
WEIGHTS: Final = 21
TOWN: Final = """
insert into team (name) values ('bench');
insert into home (name, address, team_id, bucket) values ('home', '', 1, 7);
insert into patient (reference, name, born_on, pathway, team_id)
select 'p' || n, 'Patient ' || n, '1950-01-01', case when n % 2 = 0 then 'kols' else 'heart_failure' end, 1
from generate_series(1, {people}) n;
insert into device (address, profile)
select regexp_replace(lpad(upper(to_hex(id)), 12, '0'), '(..)(?=.)', '\\1:', 'g'), 'scale' from patient order by id;
insert into binding (device_id, patient_id, valid_from) select id, id, '2020-01-01Z' from device;
insert into gateway (name, home_id, bucket, enrolled) values ('gw-bench', 1, 7, true);
select observation_days(array(select generate_series(now() - interval '192 days', now() + interval '1 day', '1 day')));
create temporary table reading as
select p as patient_id, k::smallint as kind, at, span_s::real, value, n
from (
    select p, k, date_trunc('hour', now()) + n * interval '20 s' as at, 19 as span_s,
           case k when 2 then 74 else 93 end + round((random() - 0.5) * 4) as value, 20 as n
    from generate_series(1, {people}) p, generate_series(2, 3) k, generate_series(0, 179) n
    union all
    select p, 10, date_trunc('hour', now()) - d * interval '1 day' - interval '3 hours', 0,
           80 + round(random()::numeric, 1) + case when d = 0 and p % 100 = 1 then 3 else 0 end, 1
    from generate_series(1, {people}) p, generate_series(0, 190) d
    union all
    select p, k, date_trunc('hour', now()) - d * interval '12 hours' - interval '4 hours', 0,
           case k when 7 then 128 else 78 end + round(random() * 6), 1
    from generate_series(1, {people}) p, generate_series(7, 8) k, generate_series(0, 29) d
    union all
    select p, 15, now() - d * interval '5 minutes', 0, 7 + random(), 1
    from generate_series(4, {people}, 4) p, generate_series(0, 24) d
) given (p, k, at, span_s, value, n) where at <= now();
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, n, quality, sign, clock, mode,
                         received_at)
select patient_id, kind, at, span_s, patient_id, value, n, 0, 0, 0, (kind in (2, 3, 15))::int, at
from reading order by 1, 2, 3;
insert into observation_hour
select patient_id, kind, date_trunc('hour', at), avg(value), min(value), max(value), sum(n), count(*), min(at), max(at),
       (kind = 15)::int
from reading where at < date_trunc('hour', now()) group by 1, 2, 3;
insert into observation_hour
select p, k, hour, mean, mean, mean, 3600, 180, hour, hour + interval '1 hour', 1
from generate_series(1, {people}) p, generate_series(2, 3) k,
     lateral (select hour, case k when 2 then 74 else 93 end + (random() - 0.5) * 2 as mean
              from generate_series(date_trunc('hour', now()) - interval '15 days',
                                   date_trunc('hour', now()) - interval '1 hour', '1 hour') hour) h;
insert into latest (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at,
                    batch)
select distinct on (patient_id, kind) patient_id, kind, at, span_s, value, 0, 0, (kind in (2, 3, 15))::int, 0,
       patient_id, at, 1
from reading order by patient_id, kind, at desc;
update observation_kept set sealed_until = date_trunc('hour', now()), kept_until = date_trunc('hour', now());
"""
MARK_ALL: Final = """
insert into assessment (patient_id, kind, due_at, since)
select patient_id, kind, now(), date_trunc('hour', now()) from latest on conflict do nothing
"""


def rows() -> list[tuple[str, ...]]:
    with own_database() as dsn:
        return list(_measured(dsn))


def _measured(dsn: str) -> Iterator[tuple[str, ...]]:
    yield "what", "streams", "seconds", "streams/s", "ours", "alerts"
    with pool.connect(dsn, name="bench", autocommit=True) as conn:
        conn.execute(TOWN.replace("{people}", str(PEOPLE)).encode())
        conn.execute("vacuum analyze")
        assessing.plan_anew(conn)
        for what in ("all streams, first time", "all streams again"):
            conn.execute(MARK_ALL.encode())
            yield _all(conn, what)
    stored = _latencies(dsn)
    best, median, worst = min(stored), float(np.median(stored)), max(stored)
    what = f"a weight stored until its alert is committed ({WEIGHTS} times)"
    yield what, "1", f"{median:.3f} (best {best:.3f}, worst {worst:.3f})", "-", "-", str(WEIGHTS)


def _all(conn: psycopg.Connection, what: str) -> tuple[str, ...]:
    began, used, streams = perf_counter(), thread_time(), 0
    while many := look(conn, datetime.now(UTC)):
        streams += many
    took, ours = perf_counter() - began, thread_time() - used
    alerts = conn.execute("select count(*) from alert").fetchone() or (0,)
    per_s = f"{streams / took:,.0f}"
    return (
        f"{what}, {MARKS_AT_ONCE} at once",
        f"{streams:,}",
        f"{took:.1f}",
        per_s,
        f"{ours / took:.0%}",
        str(alerts[0]),
    )


def _latencies(dsn: str) -> list[float]:
    assessor = Assessor(dsn=dsn, now=lambda: datetime.now(UTC))
    thread = threading.Thread(target=assessor.run)
    thread.start()
    try:
        with (
            pool.connect(dsn, name="bench", autocommit=True) as storing,
            pool.connect(dsn, name="listen", autocommit=True) as hearing,
        ):
            ingest = Ingest(storing, Watch())
            signals.listen(hearing, [signals.Channel.TEAM])
            return [_latency(ingest, hearing, place) for place in range(WEIGHTS)]
    finally:
        assessor.stop()
        thread.join()


def _latency(ingest: Ingest, hearing: psycopg.Connection, place: int) -> float:
    now = datetime.now(UTC)
    who = 3 + 4 * place  # with heart failure, and no alert yet
    address = ":".join(f"{who:012X}"[each : each + 2] for each in range(0, 12, 2))
    weight = Observation(device=address, kind=Kind.WEIGHT, taken_at=now - timedelta(seconds=1), value=99.0)
    message = Batch(
        gateway="gw-bench",
        outbox="00000000000000aa",
        lane=Lane.BULK,
        after=place,
        first=place + 1,
        last=place + 1,
        sent_at=int(now.timestamp() * 1000),
        lost=[],
        body=pack([(place + 1, weight)]),
    )
    topic = Topic(bucket=7, gateway="gw-bench", channel=Channel.OBS)
    arrival = Arrival(topic=str(topic), payload=encode(message), received_at=now, acknowledge=lambda: None)
    filed = ingest.file([intake.open_one(arrival)], now)
    began = perf_counter()
    assert filed.readings == 1
    heard = list(signals.wait(hearing, 10.0))
    assert heard, "no alert"
    return perf_counter() - began
