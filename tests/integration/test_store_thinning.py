"""Old readings thinned to hours: by a decision only, and whoever reads them finds what the hours had kept."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from devices.limits import Limit
from devices.vocabulary import Item, Kind, Mode, Observation, Quality
from server.__main__ import main
from server.alerts import replay_words
from server.store import board, hours, housekeeping, replaying, retention, sessions
from server.store.retention import About
from tests.integration.ingest_rig import NOW, OXIMETER, Rig, batch, sent
from tests.integration.monitor_rig import LIMIT_S, await_true

pytestmark = pytest.mark.integration

OLD = (NOW - timedelta(days=100)).replace(hour=10, minute=0, second=0, microsecond=0)
DAY_OF_OLD = OLD.replace(hour=0)
MINUTE = timedelta(minutes=1)
ROWS = "select taken_at, span_s, value, low, high, n, quality from observation where taken_at < %s order by 1, 7"
HOURS = "select hour, mean, low, high, n, first_at, until from observation_hourly where hour < %s order by kind, hour"


def reading(at: datetime, value: float, kind: Kind = Kind.SPO2, **more: Any) -> Observation:
    return Observation(device=OXIMETER, kind=kind, taken_at=at, value=value, mode=Mode.CONTINUOUS, **more)


def file(rig: Rig, items: Sequence[Item], outbox: str = "00000000000000aa") -> int:
    return rig.file(sent(batch(list(items), outbox=outbox))).readings


def an_hour_of_ten(rig: Rig) -> None:
    """97 ... 88 in the tenth hour, one a minute: mean 92.5."""
    file(rig, [reading(OLD + n * MINUTE, 97 - n) for n in range(10)])


def thin(rig: Rig, days: int | None = 90) -> int:
    retention.decide(rig.conn, about=About.THINNING, days=days, by="dpo", reason="room", now=NOW)
    return retention.thin_some(rig.conn, NOW)


def count_hours(rig: Rig) -> None:
    assert hours.seal(rig.conn, NOW)
    while hours.keep(rig.conn):
        pass


def test_nothing_is_thinned_as_long_as_nobody_has_decided_it(rig: Rig) -> None:
    an_hour_of_ten(rig)
    retention.decide(rig.conn, about=About.DELETION, days=200, by="dpo", reason="data minimisation", now=NOW)
    assert retention.thin_some(rig.conn, NOW) == 0
    assert thin(rig, days=None) == 0
    assert rig.one("select count(*) from observation") == 10
    assert retention.thinned_until(rig.conn) is None


def test_an_hour_of_a_stream_becomes_one_reading_with_all_that_the_hour_kept(rig: Rig) -> None:
    an_hour_of_ten(rig)
    assert thin(rig) == 1
    assert rig.ask(ROWS, NOW) == [(OLD, 540.0, 92.5, 88.0, 97.0, 10, 0)]
    assert rig.ask("select about, what, rows from deletion join retention_decision r on r.id = decision_id") == [
        ("thinning", f"observation_{OLD:%Y%m%d}", 9)
    ]
    assert retention.thinned_until(rig.conn) == DAY_OF_OLD + timedelta(days=1)
    assert retention.thin_some(rig.conn, NOW) == 0, "once is enough"


def test_readings_are_thinned_only_as_far_as_the_decision_says_two_days_at_a_time(rig: Rig) -> None:
    for ago in (0, 89, 90, 91, 92, 93):
        begin = NOW - timedelta(days=ago, hours=2)
        file(rig, [reading(begin + n * MINUTE, 90) for n in range(5)], outbox=f"{ago:016x}")
    rows = "select (%s::date - taken_at::date) as ago, count(*)::int from observation group by 1 order by 1"
    assert thin(rig) == 2
    assert rig.ask(rows, NOW) == [(0, 5), (89, 5), (90, 5), (91, 5), (92, 1), (93, 1)]
    assert retention.thin_some(rig.conn, NOW) == 1
    assert retention.thin_some(rig.conn, NOW) == 0
    assert rig.ask(rows, NOW) == [(0, 5), (89, 5), (90, 5), (91, 1), (92, 1), (93, 1)]


def test_what_is_measured_by_hand_and_what_is_counted_value_by_value_stays(rig: Rig) -> None:
    by_hand = [reading(OLD + n * MINUTE, 90 + n) for n in range(retention.BY_HAND)]
    by_sensor = [reading(OLD + n * MINUTE, 5 + n / 10, Kind.GLUCOSE_ISF) for n in range(10)]
    file(rig, [*by_hand, *by_sensor])
    assert thin(rig) == 1
    assert rig.one("select count(*) from observation") == len(by_hand) + len(by_sensor)
    assert file(rig, [*by_hand, *by_sensor], outbox="00000000000000bb") == 0, "each finds its like"


def test_what_a_device_doubted_is_not_mixed_with_what_it_did_not(rig: Rig) -> None:
    an_hour_of_ten(rig)
    file(
        rig,
        [reading(OLD + n * MINUTE, 70, quality=Quality.QUESTIONABLE) for n in range(20, 26)],
        outbox="00000000000000bb",
    )
    thin(rig)
    assert [(row[2], row[5], row[6]) for row in rig.ask(ROWS, NOW)] == [
        (92.5, 10, 0),
        (70.0, 6, int(Quality.QUESTIONABLE)),
    ]


STORED = """insert into observation
    (patient_id, kind, taken_at, span_s, device_id, value, n, quality, sign, clock, mode, received_at)
    values (1, 3, %s, %s, 1, 90, 1, %s, 0, 0, 1, %s)"""


def test_two_rows_of_an_hour_that_would_have_one_key_both_stay(rig: Rig) -> None:
    """Good and doubtful intervals of one device that begin together and end together, after 300.5 s."""
    rig.tell("select observation_days(array[%s::timestamptz])", OLD)
    for quality in (0, 1):
        for n in range(4):
            rig.tell(STORED, OLD + n * MINUTE, 60 + quality, quality, OLD)
        rig.tell(STORED, OLD + timedelta(seconds=240 + quality), 60.5 - quality, quality, OLD)
    thin(rig)
    assert [(row[0], row[5], row[6]) for row in rig.ask(ROWS, NOW)] == [(OLD, 5, 0), (OLD, 5, 1)]


@pytest.mark.parametrize("kept", [False, True], ids=["hours not kept yet", "hours kept"])
def test_hours_are_the_same_before_and_after(rig: Rig, kept: bool) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[DAY_OF_OLD] * 2)
    an_hour_of_ten(rig)
    file(rig, [reading(OLD + timedelta(hours=1, seconds=20 * n), 91) for n in range(30)], outbox="00000000000000bb")
    if kept:
        while hours.seal(rig.conn, OLD + timedelta(days=1)) and hours.keep(rig.conn):
            pass
    before = rig.ask(HOURS, NOW)
    thin(rig)
    assert rig.ask(HOURS, NOW) == before
    assert [row[1:5] for row in before] == [(92.5, 88.0, 97.0, 10), (91.0, 91.0, 91.0, 30)]


@pytest.mark.parametrize("kept", [False, True], ids=["hours not kept yet", "hours kept"])
def test_a_late_reading_joins_what_is_left_of_its_hour(rig: Rig, kept: bool) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[DAY_OF_OLD] * 2)
    an_hour_of_ten(rig)
    if kept:
        while hours.seal(rig.conn, OLD + timedelta(days=1)) and hours.keep(rig.conn):
            pass
    thin(rig)
    assert file(rig, [reading(OLD + 30 * MINUTE, 81.5)], outbox="00000000000000bb") == 1
    joined = [(OLD, 91.5, 81.5, 97.0, 11)]  # (10 * 92.5 + 81.5) / 11
    assert [row[:5] for row in rig.ask(HOURS, NOW)] == joined
    while hours.keep(rig.conn):
        pass
    assert [row[:5] for row in rig.ask(HOURS, NOW)] == joined


def test_what_was_thinned_and_is_sent_again_is_known_and_counts_once(rig: Rig) -> None:
    """Instants of a stream and intervals of it, from a gateway that was restored; what is new among them is stored."""
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[DAY_OF_OLD] * 2)
    interval = {"low": 60, "high": 70, "n": 20}
    spans = [reading(OLD + n * MINUTE, 65, Kind.PULSE_RATE, span_s=19.5 + n, **interval) for n in range(10)]
    an_hour_of_ten(rig)
    file(rig, spans, outbox="00000000000000bb")
    thin(rig)
    before = rig.ask(HOURS, NOW)
    again = [*(reading(OLD + n * MINUTE, 97 - n) for n in range(10)), *spans]
    assert file(rig, again, outbox="00000000000000cc") == 0
    assert rig.ask(HOURS, NOW) == before
    new = [reading(OLD + timedelta(seconds=30), 81.5), reading(OLD, 65, Kind.PULSE_RATE, span_s=20, **interval)]
    assert file(rig, [*again, *new], outbox="00000000000000dd") == 2
    assert file(rig, [*again, *new], outbox="00000000000000ee") == 0
    assert [row[4] for row in rig.ask(HOURS, NOW)] == [220, 11]  # times 10 x 20 + 20 of the pulse; 10 + 1


def test_a_reading_that_is_sent_again_while_its_day_is_thinned_waits_and_is_known(rig: Rig) -> None:
    an_hour_of_ten(rig)
    retention.decide(rig.conn, about=About.THINNING, days=90, by="dpo", reason="room", now=NOW)
    with psycopg.connect(rig.dsn) as thinning:
        thinning.execute("select observation_thin(%s, %s, '{}', 4)", (DAY_OF_OLD, DAY_OF_OLD + timedelta(days=1)))
        again: list[int] = []
        sender = threading.Thread(target=lambda: again.append(file(rig, [reading(OLD, 97)], outbox="00000000000000bb")))
        sender.start()
        waits = "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        await_true(lambda: rig.one(waits) == 1)
    sender.join(LIMIT_S)
    assert again == [0]


def test_what_is_deleted_is_no_longer_known(rig: Rig) -> None:
    an_hour_of_ten(rig)
    thin(rig)
    assert rig.one("select count(*) from thinned_reading") == 1
    retention.decide(rig.conn, about=About.DELETION, days=95, by="dpo", reason="data minimisation", now=NOW)
    housekeeping.chores(rig.conn, NOW)
    assert rig.one("select count(*) from thinned_reading") == 0


def test_a_series_over_thinned_days_still_shows_the_lowest_and_the_highest(rig: Rig) -> None:
    an_hour_of_ten(rig)
    thin(rig)
    rig.tell("insert into staff_team values (1, 1, 'nurse')")
    with rig.conn.transaction():
        sessions.identify(rig.conn, 1)
        shown = board.series(rig.conn, 1, Kind.SPO2, from_at=OLD, to_at=OLD + timedelta(hours=1), buckets=60)
    assert [(each.at, each.until, each.value, each.low, each.high) for each in shown] == [
        (OLD, OLD + 9 * MINUTE, 92.5, 88.0, 97.0)
    ]


def test_a_limit_that_is_tried_over_thinned_days_says_so(rig: Rig) -> None:
    eve = NOW - timedelta(days=91)
    file(rig, [reading(NOW - timedelta(days=20), 85), *(reading(eve + n * MINUTE, 85) for n in range(5))])
    tried = {Kind.SPO2: Limit(red_low=88)}
    thin(rig)
    recently = replaying.try_out(rig.conn, 1, tried, 30, NOW, mine=False)
    assert recently.thinned_until is None
    found = replaying.try_out(rig.conn, 1, tried, 92, NOW, mine=False)
    assert found.thinned_until == NOW.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=90)
    assert "Before 2025-12-02 00:00 streams are thinned to hours" in "\n".join(replay_words.lines(found))
    assert replay_words.plain(found)["thinned_until"] == "2025-12-02T00:00:00+00:00"


def test_readings_in_use_are_left_to_the_next_time_and_a_late_one_is_stored(rig: Rig) -> None:
    an_hour_of_ten(rig)
    with psycopg.connect(rig.dsn) as reader:
        reader.execute("select count(*) from observation")
        thin(rig)
        assert file(rig, [reading(OLD + 40 * MINUTE, 90)], outbox="00000000000000bb") == 1
    assert rig.one("select count(*) from observation") == 11
    assert retention.thin_some(rig.conn, NOW) == 1
    assert rig.one("select count(*) from observation") == 1


def test_what_is_deleted_soon_is_not_thinned_before(rig: Rig) -> None:
    an_hour_of_ten(rig)
    retention.decide(rig.conn, about=About.DELETION, days=95, by="dpo", reason="data minimisation", now=NOW)
    assert thin(rig) == 0
    housekeeping.chores(rig.conn, NOW)
    assert rig.one("select count(*) from observation") == 0


def test_thinned_days_are_deleted_like_others_when_their_time_has_come(rig: Rig) -> None:
    an_hour_of_ten(rig)
    thin(rig)
    retention.decide(rig.conn, about=About.DELETION, days=95, by="dpo", reason="data minimisation", now=NOW)
    housekeeping.chores(rig.conn, NOW)
    assert rig.one("select count(*) from observation") == 0


def test_the_command_says_both_settings(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    assert main(["retention", "--thin-days", "29", "--by", "dpo", "--reason", "room"]) == 1
    assert "at least 30 days" in capsys.readouterr().err
    assert main(["retention", "--thin-days", "90", "--by", "dpo", "--reason", "room"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Everything is kept.\nReadings are thinned to hours after 90 days.\nDecided by dpo on")
    assert main(["retention", "--thin-nothing", "--by", "dpo", "--reason", "a study"]) == 0
    assert "Everything is kept.\nNothing is thinned.\nDecided by dpo" in capsys.readouterr().out
    assert rig.ask("select about, keep_days from retention_decision order by id") == [
        ("thinning", 90),
        ("thinning", None),
    ]
