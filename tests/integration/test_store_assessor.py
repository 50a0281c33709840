"""What the slow rules see in stored readings becomes alerts: once, whoever dies in between, and whatever fails."""

import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from devices.vocabulary import KINDS, Kind, Mode, Observation
from server.clinical.copd import Symptom
from server.clinical.news2 import Consciousness
from server.store import assessor, facts, pool
from server.store.assessor import Assessor, look
from tests.integration import ingest_rig
from tests.integration.ingest_rig import OXIMETER, batch, sent

pytestmark = pytest.mark.integration
OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=OSLO)
DAY = timedelta(days=1)
ALERTS = "select rule, priority, state from alert order by rule"
MARKS = "select patient_id, kind, rev from assessment order by 1, 2"


@pytest.fixture
def rig(database):
    made = ingest_rig.build(database.owner)
    made.tell("update patient set pathway = 'heart_failure' where id = 1")
    made.tell("delete from assessment")
    yield made
    made.conn.close()


@pytest.fixture
def conn(rig):
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        yield conn


def spot(kind: Kind, value: float, at: datetime) -> Observation:
    return Observation(device=OXIMETER, kind=kind, taken_at=at, value=value)


def days(kind: Kind, values: Sequence[float], *, last: datetime = NOON) -> list[Observation]:
    """One a day, the last of them at `last`."""
    return [spot(kind, value, last - DAY * (len(values) - 1 - place)) for place, value in enumerate(values)]


def worn(kind: Kind, hourly: Iterable[float], *, since: datetime) -> list[Observation]:
    """A continuous stream, thinned to one interval an hour."""
    return [
        Observation(
            device=OXIMETER,
            kind=kind,
            taken_at=since + timedelta(hours=hour),
            value=value,
            low=value,
            high=value,
            n=100,
            span_s=3000,
            mode=Mode.CONTINUOUS,
        )
        for hour, value in enumerate(hourly)
    ]


class Sender:
    def __init__(self, rig):
        self.rig, self.seq = rig, 1

    def __call__(self, items: Sequence[Observation], *, now: datetime = NOON) -> None:
        for begin in range(0, len(items), 200):
            part = items[begin : begin + 200]
            self.rig.file(sent(batch(part, first=self.seq), at=now), now=now)
            self.seq += len(part)


@pytest.fixture
def send(rig):
    return Sender(rig)


def look_at_all(conn: psycopg.Connection, now: datetime = NOON) -> int:
    looked = 0
    while many := look(conn, now):
        looked += many
    return looked


def test_two_kilos_in_three_days_are_an_alert_with_its_numbers(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    assert rig.ask(ALERTS) == []
    assert rig.ask(MARKS) == [(1, KINDS[Kind.WEIGHT].number, 1)]
    assert look_at_all(conn) == 1
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]
    numbers, readings = rig.ask("select evidence -> 'numbers', evidence -> 'readings' from alert")[0]
    assert (numbers["gained_kg"], numbers["more_than_kg"], readings) == (2.2, 2.0, 4)
    assert rig.ask(MARKS) == []
    assert look_at_all(conn) == 0


def test_two_kilos_exactly_are_none(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.0]))
    look_at_all(conn)
    assert rig.ask(ALERTS) == []


def test_a_weight_that_is_as_before_again_ends_the_condition_and_the_alert_stays(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    look_at_all(conn)
    send([spot(Kind.WEIGHT, 80.3, NOON + DAY)], now=NOON + DAY)
    look_at_all(conn, NOON + DAY)
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "cleared")]


def test_a_day_without_weighing_ends_nothing(rig, conn, send):
    send(days(Kind.WEIGHT, [80.0, 80.1, 80.2, 82.2]))
    look_at_all(conn)
    send([spot(Kind.SPO2, 95, NOON + DAY)], now=NOON + DAY)
    look_at_all(conn, NOON + DAY)
    assert rig.ask(ALERTS) == [("weight_gain", "yellow", "raised")]
