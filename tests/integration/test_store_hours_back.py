"""The hours that the slow rules read back are those of the view: kept, new, touched by late ones, or read singly."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from devices.vocabulary import KINDS, Kind
from server.store import hours, hours_back, pool
from tests.integration.assessor_rig import NOON, Sender, spot, with_heart_failure, worn
from tests.integration.ingest_rig import Rig

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
BEGIN = NOON - 72 * HOUR
SPO2 = KINDS[Kind.SPO2].number
VIEW = """select hour, mean, until, mode = 1 from observation_hourly
          where patient_id = 1 and kind = 3 and hour >= %s and hour <= %s and not (mode = 0 and readings > 1)"""
SINGLES = """select taken_at, value, taken_at, false from observation join observation_hourly h
             on h.patient_id = 1 and h.kind = 3 and h.mode = 0 and h.readings > 1 and taken_at >= hour
                and taken_at < hour + interval '1 hour'
             where observation.patient_id = 1 and observation.kind = 3 and hour >= %s and taken_at <= %s"""


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", BEGIN, BEGIN)
    return with_heart_failure(rig)


def read(rig: Rig, since: datetime, now: datetime = NOON) -> list[tuple[object, ...]]:
    with pool.connect(rig.dsn, name="test") as conn:
        patient, kind = np.array([1, 2], np.int32), np.array([SPO2, SPO2], np.int16)
        instant = np.datetime64(since.astimezone(UTC).replace(tzinfo=None), "us")
        found = hours_back.read(conn, patient, kind, np.array([instant, instant]), now)
    assert set(found.key.tolist()) == {(1 << 16) | SPO2}
    times = [
        [datetime.fromtimestamp(ms / 1000, UTC) for ms in each.tolist()] for each in (found.hour_ms, found.until_ms)
    ]
    return sorted(zip(times[0], found.mean.tolist(), times[1], found.continuous.tolist(), strict=True))


def stored(rig: Rig, since: datetime, now: datetime = NOON) -> list[tuple[object, ...]]:
    return sorted(rig.ask(VIEW, since, now) + rig.ask(SINGLES, since, now))


def keep(rig: Rig, until: datetime) -> None:
    assert hours.seal(rig.conn, until + hours.GRACE)
    while hours.keep(rig.conn):
        pass


def test_kept_hours_new_ones_and_touched_ones_are_all_there_once(rig: Rig) -> None:
    send = Sender(rig)
    send(worn(Kind.SPO2, [90.0 + n % 7 for n in range(72)], since=BEGIN))
    send([spot(Kind.SPO2, 95, BEGIN + 60 * HOUR + timedelta(minutes=n)) for n in (55, 57)])
    keep(rig, NOON - 24 * HOUR)
    assert read(rig, BEGIN) == stored(rig, BEGIN)
    late = [spot(Kind.SPO2, 80.0, BEGIN + n * HOUR + timedelta(minutes=58)) for n in (3, 4, 40, 70)]
    send(late)
    assert rig.one("select count(*) from observation_dirty") == 3
    found = read(rig, BEGIN)
    assert len(found) == 72
    assert found == stored(rig, BEGIN)
    assert found[3][1] == pytest.approx((93 * 100 + 80) / 101)
    keep_touched(rig)
    assert read(rig, BEGIN) == found


def keep_touched(rig: Rig) -> None:
    while hours.keep(rig.conn):
        pass
    assert rig.one("select count(*) from observation_dirty") == 0


def test_hours_with_several_single_readings_are_read_singly_wherever_they_stand(rig: Rig) -> None:
    by_hand = [
        spot(Kind.SPO2, 80.0 + n, BEGIN + 6 * n * HOUR + timedelta(minutes=m)) for n in range(12) for m in (1, 2)
    ]
    Sender(rig)(by_hand)
    for until in (BEGIN, NOON - 24 * HOUR, NOON):
        keep(rig, until)
        found = read(rig, BEGIN)
        assert [row[1] for row in found] == [each.value for each in by_hand]
        assert found == stored(rig, BEGIN)


def test_only_hours_since_the_instant_and_not_those_to_come_are_read(rig: Rig) -> None:
    Sender(rig)(worn(Kind.SPO2, [97.0] * 72, since=BEGIN))
    for until in (BEGIN, NOON - 24 * HOUR, NOON):
        keep(rig, until)
        found = read(rig, BEGIN + 10 * HOUR, NOON - 10 * HOUR)
        assert len(found) == 53  # from the tenth hour to the hour of now, which is the 62nd
        assert found == stored(rig, BEGIN + 10 * HOUR, NOON - 10 * HOUR)
