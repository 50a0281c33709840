"""A monitor that starts anew: how soon it knows a stream, and how long until it knows those of 100,000 patients."""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter, process_time
from typing import Final

import psycopg

from server.detection.panel import MOST_STREAMS, STREAM, Panel
from server.store import pool, streams
from tests.bench import cpu
from tests.bench.own_database import own_database

PATIENTS: Final = 100_000
KINDS: Final = (1, 2, 3, 5, 11)
AT_ONCE: Final = 5000  # streams that one batch brings at most
REGION: Final = (
    b"insert into team (name) select 'team ' || n from generate_series(1, 200) n",
    b"""insert into patient (reference, name, born_on, pathway, team_id)
        select 'p' || n, 'p', '1950-01-01', 'kols', n %% 200 + 1 from generate_series(1, %(patients)s) n order by n""",
    b"""insert into stream_state (patient_id, kind, last_at, level, pending_level)
        select p, k, now(), 0, 0 from generate_series(1, %(patients)s) p, unnest(%(kinds)s::smallint[]) k""",
    b"vacuum analyze",
)


def rows() -> list[tuple[str, ...]]:
    with own_database() as dsn, pool.connect(dsn, name="bench", autocommit=True) as conn:
        for statement in REGION:
            given = {"patients": PATIENTS, "kinds": list(KINDS)}
            conn.execute(statement, given if b"%(" in statement else None)
        return _measure(conn)


def _measure(conn: psycopg.Connection) -> list[tuple[str, ...]]:
    first_s = _hydrated(conn, Panel(), [(1, kind) for kind in KINDS])
    panel, began_s, cpu_s = Panel(), perf_counter(), _cpu_s(conn)
    for batch in _batches():
        _hydrated(conn, panel, batch)
    whole_s, used_s, count = perf_counter() - began_s, _cpu_s(conn) - cpu_s, PATIENTS * len(KINDS)
    return [
        (f"{PATIENTS:,} patients x {len(KINDS)} streams", "measured", "target"),
        ("the streams of the first patient who is heard", f"{first_s * 1e3:.1f} ms", "under 1 s"),
        (f"all {count:,}, {AT_ONCE:,} at a time", f"{whole_s:.1f} s", "60 s"),
        ("processor for it, ours and the database's", f"{used_s:.1f} s", "-"),
        ("memory of a stream in the panel", f"{STREAM.itemsize} bytes and its name", "under 3 KiB"),
        ("streams that a panel holds at most", f"{MOST_STREAMS:,}", "-"),
    ]


def _batches() -> Iterator[list[tuple[int, int]]]:
    each = AT_ONCE // len(KINDS)
    for first in range(1, PATIENTS + 1, each):
        yield [(patient, kind) for patient in range(first, min(first + each, PATIENTS + 1)) for kind in KINDS]


def _hydrated(conn: psycopg.Connection, panel: Panel, wanted: list[tuple[int, int]]) -> float:
    began_s = perf_counter()
    panel.hydrate(streams.settings(conn, wanted, datetime.now(UTC)))
    return perf_counter() - began_s


def _cpu_s(conn: psycopg.Connection) -> float:
    return process_time() + cpu.seconds(conn.info.backend_pid)
