"""A message that was set aside is tried again: once, around the watermark, and whatever becomes of it is answered."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from devices.vocabulary import Event, EventType, Item, Kind, Observation
from devices.wire.messages import Batch, Lane
from server.__main__ import main
from server.store import intake, pool, retries, sessions
from server.store.intake import Parcel
from server.store.retrying import GONE, NEVER_DONE, OF_ITS_TIME, Retrier
from tests.integration.ingest_rig import BUTTON, NOW, OXIMETER, Rig, arrival, batch, beat, receipt_of, seconds, sent

pytestmark = pytest.mark.integration
LATER = NOW + timedelta(hours=6)


def spo2(at_s: float, value: float = 95) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + seconds(at_s), value=value)


@pytest.fixture
def conn(rig: Rig) -> Iterator[psycopg.Connection]:
    rig.tell("insert into staff_team values (1, 1, 'administrator')")
    with pool.connect(rig.dsn, name="test-retries", autocommit=True) as conn:
        yield conn


@pytest.fixture
def retrier(rig: Rig) -> Retrier:
    return Retrier(dsn=rig.dsn, watch=rig.watch, now=lambda: LATER)


def set_aside(rig: Rig, message: Batch) -> int:
    """As after a fault of the server's own: its rows are not stored, and its receipt is sent."""
    opened = intake.open_one(sent(message))
    assert isinstance(opened, Parcel)
    rig.ingest.file([intake.without_body(opened, "a fault of the edition before")], NOW)
    return newest(rig)


def newest(rig: Rig) -> int:
    return int(rig.one("select max(id) from set_aside"))


def ask(conn: psycopg.Connection, message: int) -> str | None:
    with conn.transaction():
        sessions.identify(conn, 1)
        return retries.ask(conn, message, NOW, "the fault is mended")


def tried(conn: psycopg.Connection, retrier: Retrier, message: int) -> tuple[int, int, int, str]:
    assert ask(conn, message) is None
    assert retrier.look(conn) == 1
    found = retries.answer(conn, message)
    assert found is not None and found.tried_at == LATER
    return found.stored, found.events, found.refused, found.why


def test_what_it_says_is_stored_once_though_the_gateway_is_done_with_it(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    message = set_aside(rig, batch([spo2(1), spo2(2), spo2(3)]))
    assert receipt_of(rig.file(sent(batch([spo2(4)], first=4)))).bulk == 4
    assert tried(conn, retrier, message) == (3, 0, 0, "")
    assert tried(conn, retrier, message) == (0, 0, 0, "")
    assert rig.ask("select taken_at from observation order by 1") == [(NOW + seconds(n),) for n in (1, 2, 3, 4)]
    assert receipt_of(rig.file(sent(batch([spo2(5)], first=5)))).bulk == 5
    assert (
        rig.ask("select set_aside_id, asked_by, reason from set_aside_try") == [(message, 1, "the fault is mended")] * 2
    )


def test_a_fall_in_it_rings_once_and_as_what_it_is_news_of_long_ago(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    fall = Event(device=BUTTON, type=EventType.FALL, occurred_at=NOW - seconds(5))
    message = set_aside(rig, batch([fall], lane=Lane.ALARM))
    assert tried(conn, retrier, message) == (0, 1, 0, "")
    assert tried(conn, retrier, message) == (0, 0, 0, "")
    called = "select rule, priority, began_at, late from alert where rule like 'call:%%'"
    assert rig.ask(called) == [("call:fall", "red", NOW - seconds(5), True)]


def test_an_event_without_a_clock_is_of_when_its_message_came_however_often_it_is_tried(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    in_2070 = NOW.replace(year=2070)
    message = set_aside(rig, batch([Event(device=BUTTON, type=EventType.SOS, occurred_at=in_2070)], lane=Lane.ALARM))
    assert tried(conn, retrier, message)[1] == 1
    assert tried(conn, retrier, message)[1] == 0
    assert rig.ask("select occurred_at from event") == [(NOW,)]


def test_a_low_reading_in_it_is_told_as_over_long_ago(rig: Rig, conn: psycopg.Connection, retrier: Retrier) -> None:
    message = set_aside(rig, batch([spo2(0, 80)]))
    rig.file(sent(batch([spo2(600, 96)], first=2)), now=NOW + seconds(601))
    assert tried(conn, retrier, message)[0] == 1
    assert rig.ask("select state, late, began_at from alert where rule like 'limit:%%'") == [("cleared", True, NOW)]
    rings = "select (body ->> 'ring')::boolean from team_log where body #>> '{alert,rule}' like 'limit:%%'"
    assert True not in [ring for (ring,) in rig.ask(rings)]


def test_rows_that_still_have_no_room_are_counted_and_the_others_stored(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    message = set_aside(rig, batch([spo2(1), spo2(3600), spo2(2)]))
    stored, _, refused, why = tried(conn, retrier, message)
    assert (stored, refused) == (2, 1) and "future" in why
    assert newest(rig) == message, "what is set aside already is not set aside again"


def readings_of_tomorrow(rig: Rig) -> int:
    items: list[Item] = [spo2(1), Observation(device=OXIMETER, kind=Kind.PULSE_RATE, taken_at=NOW, value=70)]
    message = sent(batch(items)).payload.replace(b"pulse_rate", b"moon_phase")
    rig.file(arrival(message))
    return newest(rig)


def a_status(rig: Rig) -> int:
    rig.file(arrival(b'{"v":1}'))
    rig.tell("update set_aside set topic = replace(topic, 'obs', 'status'), payload = %s", beat().payload)
    return newest(rig)


def no_batch(rig: Rig) -> int:
    rig.file(arrival(b"{"))
    return newest(rig)


@pytest.mark.parametrize(
    ("make", "refused", "why"),
    [(readings_of_tomorrow, 1, "moon_phase"), (a_status, 0, OF_ITS_TIME), (no_batch, 0, "header")],
)
def test_what_cannot_be_used_now_either_is_refused_with_the_reason(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier, make: Any, refused: int, why: str
) -> None:
    found = tried(conn, retrier, make(rig))
    assert found[:3] == (0, 0, refused) and why in found[3]


def test_what_the_database_refuses_hurts_itself_alone(rig: Rig, conn: psycopg.Connection, retrier: Retrier) -> None:
    poison = set_aside(rig, batch([spo2(1), spo2(2, 66)]))
    rig.tell("alter table observation add constraint broken check (value <> 66)")
    stored, _, _, why = tried(conn, retrier, poison)
    assert stored == 0 and "check constraint" in why
    rig.tell("alter table observation drop constraint broken")
    assert tried(conn, retrier, poison) == (2, 0, 0, "")
    assert rig.one("select count(*) from observation") == 2


def test_one_at_which_three_monitors_ended_is_not_tried_a_fourth_time(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    message = set_aside(rig, batch([spo2(1)]))
    assert ask(conn, message) is None
    for _ in range(3):
        assert retries.begin(conn) is not None
    assert retrier.look(conn) == 1
    assert rig.ask("select why, stored from set_aside_try") == [(NEVER_DONE, 0)]
    assert retrier.look(conn) == 0


def test_one_that_is_not_kept_any_more_is_answered_too(rig: Rig, conn: psycopg.Connection, retrier: Retrier) -> None:
    assert ask(conn, set_aside(rig, batch([spo2(1)]))) is None
    rig.tell("delete from set_aside")
    assert retrier.look(conn) == 1
    assert rig.ask("select why from set_aside_try") == [(GONE,)]


def test_two_monitors_do_not_try_the_same_one_at_once(rig: Rig, conn: psycopg.Connection, retrier: Retrier) -> None:
    message = set_aside(rig, batch([spo2(1)]))
    assert ask(conn, message) is None
    with pool.connect(rig.dsn, name="test-other") as other:
        assert retries.hold(other, rig.one("select id from set_aside_try"))
        assert retrier.look(conn) == 0
    assert retrier.look(conn) == 1
    assert rig.one("select count(*) from observation") == 1


def test_of_several_monitors_the_one_whose_bucket_it_is_tries_it(
    rig: Rig, conn: psycopg.Connection, retrier: Retrier
) -> None:
    message = set_aside(rig, batch([spo2(1)]))
    assert ask(conn, message) is None
    rig.tell("insert into bucket_share (bucket, monitor) values (7, 'one'), (8, 'two')")
    two, one = (Retrier(dsn=rig.dsn, watch=rig.watch, now=lambda: LATER, monitor=name) for name in ("two", "one"))
    assert (two.look(conn), one.look(conn)) == (0, 1)
    assert rig.one("select count(*) from observation") == 1


def test_one_waits_once_and_a_hundred_at_the_most(rig: Rig, conn: psycopg.Connection) -> None:
    message = set_aside(rig, batch([spo2(1)]))
    assert ask(conn, message) is None
    assert ask(conn, message) == "waits"
    fill = """insert into set_aside_try (set_aside_id, asked_by, asked_at, reason)
              select n, 1, now(), 'x' from generate_series(%s::int, %s) n"""
    rig.tell(fill, message + 1, message + 99)
    assert ask(conn, set_aside(rig, batch([spo2(2)], first=2))) == "full"
    assert ask(conn, 999_999) == "unknown"


def test_whoever_runs_the_server_has_one_tried_in_an_administrators_name(
    rig: Rig,
    conn: psycopg.Connection,
    retrier: Retrier,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    message = str(set_aside(rig, batch([spo2(1), spo2(2)])))
    retrier.start()
    try:
        assert main(["set-aside", "try", message, "--by", "kari", "--reason", "mended"]) == 0
        assert capsys.readouterr().out == "Stored: 2 readings, 0 events.\n"
        assert main(["set-aside", "try", message, "--by", "kari", "--reason", "again"]) == 0
        assert "All of it was stored before." in capsys.readouterr().out
    finally:
        retrier.stop()
    assert main(["set-aside", "list"]) == 0
    assert "tried 2 times\ta fault of the edition before" in capsys.readouterr().out
    assert main(["set-aside", "try", message, "--by", "nobody", "--reason", "mended"]) == 1
    rig.tell("update staff_team set role = 'technician'")
    assert main(["set-aside", "try", message, "--by", "kari", "--reason", "mended"]) == 1
    assert "another team's" in capsys.readouterr().err
