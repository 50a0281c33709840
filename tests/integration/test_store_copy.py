"""Readings are copied into the table when all of them are new, else inserted: the rows are the same."""

from collections.abc import Iterator
from dataclasses import fields, replace

import numpy as np
import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from server.store import observations, pool
from server.store.rows import Rows, by_patient_key
from tests.conftest import Database

pytestmark = pytest.mark.integration

DAY = np.datetime64("2026-03-02T00:00:00", "us")
COLUMNS = (
    "patient_id",
    "kind",
    "span_s",
    "device_id",
    "slot",
    "value",
    "low",
    "high",
    "n",
    "quality",
    "sign",
    "clock",
    "mode",
)


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with pool.connect(database.owner, name="test", autocommit=True) as opened:
        yield opened


def readings(count: int, *, seed: int = 1) -> Rows:
    """Each with a value or none, a least or none, a most or none; over two days."""
    chance = np.random.default_rng(seed)

    def some(numbers: np.ndarray) -> np.ndarray:
        return np.where(chance.random(count) < 0.3, np.nan, numbers.astype(float))

    def ints(dtype: type, most: int) -> np.ndarray:
        return chance.integers(0, most, count).astype(dtype)

    return by_patient_key(
        Rows(
            device_id=ints(np.int32, 5),
            slot=ints(np.int16, 3),
            kind=ints(np.int16, 9),
            taken_at=DAY + np.arange(count) * np.timedelta64(48 * 3600 * 1_000_000 // count, "us"),
            value=some(ints(np.int32, 100)),
            low=some(ints(np.int32, 100)),
            high=some(ints(np.int32, 100)),
            n=ints(np.int32, 30),
            span_s=ints(np.int32, 60).astype(np.float32),
            quality=ints(np.int16, 3),
            sign=ints(np.int16, 3) - np.int16(1),
            clock=ints(np.int16, 4),
            mode=ints(np.int16, 2),
            received_at=np.full(count, DAY) + np.timedelta64(3, "D"),
            source=ints(np.int32, 3),
            patient_id=ints(np.int32, 4),
            home_id=np.zeros(count, np.int32),
        )
    )


def file(conn: psycopg.Connection, rows: Rows) -> Rows:
    observations.make_days(conn, rows.taken_at)
    with conn.transaction():
        return observations.file_readings(conn, rows, observations.begin_batch(conn))


def stored(conn: psycopg.Connection) -> list[tuple[object, ...]]:
    columns = SQL(", ").join(map(Identifier, COLUMNS))
    return conn.execute(SQL("select {} from observation order by taken_at").format(columns)).fetchall()


def as_stored(rows: Rows) -> list[tuple[object, ...]]:
    columns = [getattr(rows, name)[np.argsort(rows.taken_at)].tolist() for name in COLUMNS]
    return [tuple(None if each != each else each for each in row) for row in zip(*columns, strict=True)]


def same(one: Rows, other: Rows) -> bool:
    return all(
        np.array_equal(
            getattr(one, each.name), getattr(other, each.name), equal_nan=each.name in ("value", "low", "high")
        )
        for each in fields(Rows)
    )


def test_whatever_is_missing_of_them_all_are_stored_as_they_are(conn: psycopg.Connection) -> None:
    rows = readings(300)
    assert same(file(conn, rows), rows)
    assert stored(conn) == as_stored(rows)


def test_of_rows_that_were_there_in_part_the_new_ones_are_the_answer(conn: psycopg.Connection) -> None:
    rows = readings(300)
    known = np.arange(300) % 3 == 0
    file(conn, rows.where(known))
    assert same(file(conn, rows), rows.where(~known))
    assert stored(conn) == as_stored(rows)
    assert len(file(conn, rows)) == 0
    assert len(stored(conn)) == 300


def test_a_known_reading_that_comes_with_another_value_stays_as_it_was(conn: psycopg.Connection) -> None:
    rows = readings(10)
    file(conn, rows)
    assert len(file(conn, replace(rows, value=rows.value + 1))) == 0
    assert stored(conn) == as_stored(rows)
