from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import Item, Kind, Observation
from server.__main__ import main
from server.errors import RetentionError
from server.store import columnstore, hours, housekeeping, retention
from server.store.retention import About
from tests.integration.ingest_rig import NOW, OXIMETER, STRANGER, Rig, batch, sent

pytestmark = pytest.mark.integration


def spo2(days_ago: int, device: str = OXIMETER) -> Observation:
    return Observation(device=device, kind=Kind.SPO2, taken_at=NOW - timedelta(days=days_ago), value=90)


def file(rig: Rig, *items: Item, outbox: str = "00000000000000aa") -> int:
    return rig.file(sent(batch(list(items), outbox=outbox))).readings


def decide(rig: Rig, keep_days: int | None) -> None:
    retention.decide(rig.conn, about=About.DELETION, days=keep_days, by="dpo", reason="data minimisation", now=NOW)


def ages(rig: Rig) -> list[int]:
    return [row[0] for row in rig.ask("select (%s::date - taken_at::date) from observation order by 1", NOW)]


def test_nothing_is_deleted_as_long_as_nobody_has_decided_it(rig: Rig) -> None:
    file(rig, *(spo2(days) for days in (0, 31, 100, 399)))
    for hour in range(100):
        housekeeping.chores(rig.conn, NOW + timedelta(days=3650, hours=hour))
    assert ages(rig) == [0, 31, 100, 399]
    assert rig.one("select count(*) from deletion") == 0


def test_readings_go_only_as_far_as_the_decision_says_a_few_days_at_a_time(rig: Rig) -> None:
    file(rig, *(spo2(days) for days in (0, 89, 90, 91, 92, 93)))
    decide(rig, 90)
    housekeeping.chores(rig.conn, NOW)
    assert ages(rig) == [0, 89, 90, 91]
    housekeeping.chores(rig.conn, NOW)
    housekeeping.chores(rig.conn, NOW)
    assert ages(rig) == [0, 89, 90]
    assert rig.ask("select what, before, rows, decision_id from deletion order by id") == [
        (f"observation_{NOW - timedelta(days=days):%Y%m%d}", datetime(2025, 12, 2, tzinfo=UTC), 1, 1)
        for days in (93, 92, 91)
    ]


def test_everything_is_kept_again_when_that_is_decided(rig: Rig) -> None:
    file(rig, *(spo2(days) for days in (91, 92, 93)))
    decide(rig, 90)
    decide(rig, None)
    housekeeping.chores(rig.conn, NOW)
    assert ages(rig) == [91, 92, 93]
    assert rig.ask("select keep_days, decided_by, decided_at, reason from retention_decision order by id") == [
        (90, "dpo", NOW, "data minimisation"),
        (None, "dpo", NOW, "data minimisation"),
    ]


def test_what_was_kept_apart_and_the_boards_old_values_go_as_well(rig: Rig) -> None:
    file(rig, spo2(100), spo2(100, STRANGER), spo2(10, STRANGER))
    decide(rig, 90)
    housekeeping.chores(rig.conn, NOW)
    assert rig.one("select count(*) from latest") == 0
    assert rig.ask("select taken_at from device_observation") == [(NOW - timedelta(days=10),)]
    assert rig.ask("select what, rows from deletion order by what") == [
        ("device_observation", 1),
        ("latest", 1),
        (f"observation_{NOW - timedelta(days=100):%Y%m%d}", 1),
    ]


def test_what_was_counted_from_readings_goes_with_them(rig: Rig) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[NOW - timedelta(days=93)] * 2)
    file(rig, *(spo2(days) for days in (92, 91, 90, 0)))
    assert hours.seal(rig.conn, NOW)
    while hours.keep(rig.conn):
        pass
    assert rig.one("select count(*) from observation_hour") == 3
    decide(rig, 90)
    housekeeping.chores(rig.conn, NOW)
    assert rig.ask("select hour from observation_hour") == [(NOW - timedelta(days=90),)]
    assert rig.one("select count(*) from observation_hourly") == 2


def test_readings_in_use_are_left_to_the_next_time_and_nobody_waits_long(rig: Rig) -> None:
    file(rig, spo2(91), spo2(0))
    decide(rig, 90)
    with psycopg.connect(rig.dsn) as reader:
        reader.execute("select count(*) from observation")
        assert retention.delete_some(rig.conn, NOW) == 1
        assert file(rig, spo2(1), outbox="00000000000000cc") == 1
    assert ages(rig) == [0, 1, 91]
    retention.delete_some(rig.conn, NOW)
    assert ages(rig) == [0, 1]


def test_a_late_reading_of_a_day_that_is_gone_is_stored_not_set_aside(rig: Rig) -> None:
    file(rig, spo2(91), spo2(0))
    decide(rig, 90)
    retention.delete_some(rig.conn, NOW)
    assert file(rig, spo2(91), spo2(1), outbox="00000000000000cc") == 2
    assert rig.one("select count(*) from set_aside") == 0


@pytest.mark.only_plain
def test_partitions_are_made_ahead(rig: Rig) -> None:
    housekeeping.chores(rig.conn, NOW)
    days = [NOW + timedelta(days=n) for n in range(-1, 8)]
    missing = [day for day in days if rig.one("select to_regclass(%s)", f"observation_{day:%Y%m%d}") is None]
    assert missing == []


@pytest.mark.only_plain
def test_without_timescaledb_nothing_is_compressed_and_nothing_fails(rig: Rig) -> None:
    file(rig, spo2(31))
    assert not columnstore.compress_overdue(rig.conn, NOW)


def test_the_command_asks_who_and_why(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    assert main(["retention"]) == 0
    assert capsys.readouterr().out == "Everything is kept.\nNothing is thinned.\n"
    assert main(["retention", "--keep-days", "400"]) == 1
    assert "Say who decides it and why" in capsys.readouterr().err
    assert main(["retention", "--keep-days", "400", "--by", "dpo", "--reason", "data minimisation"]) == 0
    assert "Readings are kept for 400 days.\nDecided by dpo on" in capsys.readouterr().out
    assert main(["retention", "--keep-everything", "--by", "dpo", "--reason", "a study"]) == 0
    assert "Everything is kept.\nDecided by dpo on" in capsys.readouterr().out


def test_a_number_of_days_that_would_empty_the_baselines_is_refused(rig: Rig) -> None:
    with pytest.raises(RetentionError, match="at least 30 days"):
        decide(rig, 3)
    assert retention.standing(rig.conn, About.DELETION) is None
