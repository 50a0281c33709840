"""Who is away is excused from what was planned, until an end that is always there; and stays heard."""

from datetime import datetime

import pytest

from devices.vocabulary import Event, EventType
from devices.wire.messages import Lane
from server.errors import CareError
from server.store import excuses, pool, signals
from server.store.excuses import Why
from tests.integration.ingest_rig import BUTTON, OXIMETER, batch, sent
from tests.integration.ledger_rig import DAY, MISSED, World, at, kols

pytestmark = pytest.mark.integration

__all__ = ["kols"]


def excuse(world: World, from_at: datetime, to_at: datetime, *, now: datetime, patient: int | None = 1) -> int:
    home = 1 if patient is None else None
    said = {"why": Why.HOSPITAL, "from_at": from_at, "to_at": to_at, "by": 1, "now": now, "reason": "Innlagt"}
    return excuses.excuse(world.rig.conn, patient=patient, home=home, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize("patient", [1, None])
def test_an_excuse_of_the_patient_or_the_home_stops_missed_measurements_and_says_so(
    kols: World, patient: int | None
) -> None:
    excuse(kols, at(2, 6), at(4, 8), now=at(2, 6), patient=patient)
    kols.round(at(2, 6, 1))
    assert kols.awaited() == [("excused", at(2, 11, 10))]
    for day in (2, 3, 4):
        kols.beat(at(day, 12))
        kols.round(at(day, 12))
    assert kols.alerts(MISSED) == []
    assert kols.awaited() == [("waiting", at(5, 11, 10))]
    kols.round(at(5, 12))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_an_excuse_is_told_by_whom_it_is_about_so_that_nobody_else_is_forgotten(kols: World) -> None:
    conn = kols.rig.conn
    kols.rig.tell("insert into home (name, address, team_id, bucket) values ('empty', 'Testveien 3', 1, 9)")
    kols.rig.tell("update patient set home_id = 1")
    said = {"why": Why.HOLIDAY, "from_at": at(2, 6), "to_at": at(4, 8), "by": 1, "now": at(2, 6)}
    with pool.connect(kols.rig.dsn, name="listener", autocommit=True) as listener:
        signals.listen(listener, [signals.Channel.ENROLMENT])

        def heard(times: int) -> list[str]:
            found: list[str] = []
            while len(found) < times:
                found += [whose for _, whose in signals.wait(listener, 10)]
            return found

        of_patient = excuses.excuse(conn, patient=2, **said)  # type: ignore[arg-type]
        assert heard(1) == ["2"]
        assert excuses.end(conn, of_patient, 1, at(2, 7))
        assert heard(1) == ["2"]
        excuses.excuse(conn, home=1, **said)  # type: ignore[arg-type]
        assert heard(2) == ["1", "2"]
        excuses.excuse(conn, home=3, **said)  # type: ignore[arg-type]
        assert heard(1) == [""]


def test_an_excuse_that_ends_early_awaits_anew_from_its_end(kols: World) -> None:
    id_ = excuse(kols, at(2, 6), at(9, 0), now=at(2, 6))
    assert excuses.end(kols.rig.conn, id_, 1, at(3, 8))
    assert not excuses.end(kols.rig.conn, id_, 1, at(3, 9))
    kols.round(at(3, 8, 1))
    kols.round(at(3, 12))
    assert kols.alerts(MISSED) == []
    kols.beat(at(4, 12))
    kols.round(at(4, 12))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]


def test_an_excuse_never_ends_an_alert(kols: World) -> None:
    kols.round(at(2, 12))
    excuse(kols, at(2, 0), at(5, 0), now=at(2, 13))
    kols.round(at(2, 13, 5))
    assert kols.alerts(MISSED) == [(MISSED, "raised")]
    assert kols.awaited() == [("excused", at(3, 11, 10))]


def test_an_excuse_never_stops_a_call_for_help(kols: World) -> None:
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0))
    pressed = Event(device=BUTTON, type=EventType.SOS, occurred_at=at(2, 13))
    kols.rig.file(sent(batch([pressed], lane=Lane.ALARM), at=at(2, 13)), now=at(2, 13))
    assert kols.alerts() == [("call:sos", "raised")]


def test_an_excuse_stops_a_sensor_that_was_taken_off_for_as_long_as_it_holds_and_never_its_being_on(
    kols: World,
) -> None:
    excuse(kols, at(2, 6), at(3, 0), now=at(2, 6))
    told = []
    words = (EventType.SENSOR_OFF, EventType.SENSOR_ON)
    when = (at(2, 5), at(2, 7), at(2, 8), at(2, 9), at(3, 0))
    for n, (type_, now) in enumerate(zip((words[0], words[1], words[0], words[1], words[0]), when, strict=True)):
        event = Event(device=OXIMETER, type=type_, occurred_at=now)
        kols.rig.file(sent(batch([event], first=n + 1), at=now), now=now)
        told.append([state for _, state in kols.alerts("technical:sensor_off")])
    assert told == [["raised"], ["ended"], ["ended"], ["ended"], ["ended", "raised"]]


def test_a_home_is_excused_when_everybody_who_lives_there_is(kols: World) -> None:
    kols.rig.tell(
        "insert into patient (reference, name, born_on, pathway, team_id, home_id)"
        " values ('p3', 'Test Tre', '1950-01-01', 'kols', 1, 1)"
    )
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0))
    one = excuses.in_force(kols.rig.conn, [1, 2, 3], [1, 2], at(2, 12))
    assert (one.patients, one.homes) == ({1}, set())
    excuse(kols, at(2, 0), at(9, 0), now=at(2, 0), patient=3)
    both = excuses.in_force(kols.rig.conn, [1, 2, 3], [1, 2], at(2, 12))
    assert (both.patients, both.homes) == ({1, 3}, {1})
    assert excuses.in_force(kols.rig.conn, [1, 3], [1], at(9, 0)) == excuses.InForce(
        patients=frozenset(), homes=frozenset()
    )
    (newest, _) = excuses.history(kols.rig.conn, home=1, patient=3) + excuses.history(kols.rig.conn, patient=1)
    assert (newest.patient, newest.why, newest.said_by, newest.reason) == (3, Why.HOSPITAL, 1, "Innlagt")


def test_an_excuse_always_has_an_end(kols: World) -> None:
    with pytest.raises(CareError):
        excuse(kols, at(2, 0), at(2, 0), now=at(2, 0))
    with pytest.raises(CareError):
        excuse(kols, at(2, 0), at(2, 0) + 93 * DAY, now=at(2, 0))
