"""Bytes of a stored reading on TimescaleDB, as it comes and compressed: of the server that the tests use, too, in a
database that is dropped again.

Three days of twenty people with four streams each: an interval every 20 s, values that wander and are rounded as
devices round them."""

from time import perf_counter
from typing import Final

import psycopg

from server.store.migrate import migrate
from tests import servers

PEOPLE: Final = 20
DAYS: Final = 3
READINGS: Final = b"""
insert into observation (patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,
                         received_at)
select p, k, at, 19, p, v, v - floor(random() * 4) * step, v + floor(random() * 4) * step, 15, 0, 0, 0, 1,
       at + interval '2 s'
from (
    select p, k, step, now() - interval '10 days' + (n * 20 + random()) * interval '1 s' as at,
           round((middle + spread * sin(n / 300.0 + p) + random() * spread / 2) / step) * step as v
    from generate_series(0, 4320 * %(days)s - 1) n, generate_series(1, %(people)s) p,
         (values (2, 75, 4, 1.0), (3, 94, 1.5, 1), (4, 6.5, 1.2, 0.1), (5, 16, 2, 1)) s (k, middle, spread, step)
) reading order by at
"""
SIZE: Final = b"select hypertable_size('observation')"
COMPRESS: Final = b"select compress_chunk(chunk, true) from show_chunks('observation') chunk"
VERSION: Final = b"select extversion from pg_extension where extname = 'timescaledb'"


def rows() -> list[tuple[str, ...]]:
    if not servers.is_named():
        return [("a reading on TimescaleDB", "bytes"), (f"not measured: {servers.URL} names no server", "-")]
    server = servers.named()
    name, dsn = servers.create_any(server)
    try:
        migrate(dsn)
        with psycopg.connect(dsn, autocommit=True) as conn:
            return _measure(conn)
    finally:
        servers.drop(server, name)


def _measure(conn: psycopg.Connection) -> list[tuple[str, ...]]:
    empty = _number(conn, SIZE)
    readings = conn.execute(READINGS, {"days": DAYS, "people": PEOPLE}).rowcount
    plain = (_number(conn, SIZE) - empty) / readings
    began_s = perf_counter()
    conn.execute(COMPRESS).fetchall()
    took_s = perf_counter() - began_s
    compressed = (_number(conn, SIZE) - empty) / readings
    (version,) = conn.execute(VERSION).fetchone() or ("?",)
    return [
        (f"a reading on TimescaleDB {version}, {readings:,} of them", "bytes"),
        ("as it comes: table and key", f"{plain:.0f}"),
        (f"compressed, {took_s / readings * 1e6:.1f} us each", f"{compressed:.1f}"),
        ("times smaller", f"{plain / compressed:.1f}"),
    ]


def _number(conn: psycopg.Connection, question: bytes) -> int:
    row = conn.execute(question).fetchone()
    assert row is not None
    return int(row[0])
