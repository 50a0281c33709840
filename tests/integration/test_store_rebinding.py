import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import Event, EventType, Gap, GapReason, Item, Kind, Observation, Quality
from devices.wire.messages import Lane
from server.__main__ import main
from server.errors import RebindingError
from server.store import enrolment, hours, people, rebinding
from server.store.rebinding import Rebinding
from tests.integration.ingest_rig import BUTTON, DOOR, METER, NOW, OXIMETER, STRANGER, Rig, batch, sent

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)
ALWAYS = datetime(2025, 1, 1, tzinfo=UTC)


def spo2(hours_ago: float, value: float = 95, device: str = OXIMETER, quality: Quality = Quality.GOOD) -> Observation:
    at = NOW - timedelta(hours=hours_ago)
    return Observation(device=device, kind=Kind.SPO2, taken_at=at, value=value, quality=quality)


def glucose(hours_ago: float, slot: int, value: float = 6.0) -> Observation:
    at = NOW - timedelta(hours=hours_ago)
    return Observation(device=METER, kind=Kind.GLUCOSE, taken_at=at, value=value, slot=slot)


def file(rig: Rig, *items: Item, outbox: str = "00000000000000aa", lane: Lane = Lane.BULK) -> int:
    return rig.file(sent(batch(list(items), outbox=outbox, lane=lane))).readings


def change(rig: Rig, device: str = OXIMETER, **of: object) -> int:
    """From a day ago, unless it says otherwise; and everything that follows from it."""
    told = {"from_": NOW - 24 * HOUR, "by": "kari", "reason": "the meters were swapped"}
    id_ = rebinding.rebind(rig.conn, Rebinding(device=device, **told | of), NOW)  # type: ignore[arg-type]
    rebinding.finish(rig.conn, NOW)
    return id_


def whose(rig: Rig) -> list[tuple[object, ...]]:
    """(patient, hours ago, value) of all patients' readings."""
    return rig.ask(
        "select patient_id, (extract(epoch from %s - taken_at) / 3600)::float, value from observation"
        " order by taken_at desc, slot",
        NOW,
    )


def test_readings_go_to_the_patient_to_whom_the_binding_is_dated_back(rig: Rig) -> None:
    file(rig, spo2(30, 93), spo2(20, 94), spo2(1, 95))
    id_ = change(rig, patient="p2")
    assert whose(rig) == [(2, 1, 95), (2, 20, 94), (1, 30, 93)]
    assert rebinding.told(rig.conn, id_) == [("reading", 1, 0, 2, 0, 2, NOW - 20 * HOUR, NOW - HOUR)]
    (trace,) = rig.ask("select changed_by, changed_at, reason, from_at, done_at, before, after from rebinding")
    assert trace[:5] == ("kari", NOW, "the meters were swapped", NOW - 24 * HOUR, NOW)
    assert [(each["patient"], each["to"]) for each in trace[5]] == [(1, "infinity")]
    assert [each["patient"] for each in trace[6]] == [1, 2]


def test_the_counted_hours_follow_the_readings(rig: Rig) -> None:
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", *[NOW - 48 * HOUR] * 2)
    file(rig, spo2(30, 93), spo2(20, 94), spo2(1, 95))
    assert hours.seal(rig.conn, NOW + HOUR)
    while hours.keep(rig.conn):
        pass
    change(rig, patient="p2")
    now = "select patient_id, mean from observation_hourly order by hour"
    assert rig.ask(now) == [(1, 93), (2, 94), (2, 95)]
    while hours.keep(rig.conn):
        pass
    assert rig.ask(now) == rig.ask("select patient_id, mean from observation_hour order by hour")


def test_the_slow_rules_look_again_at_who_lost_readings_and_who_got_them(rig: Rig) -> None:
    file(rig, spo2(30, 93), spo2(20, 94), spo2(1, 95))
    rig.tell("delete from assessment")
    change(rig, patient="p2")
    first = NOW - 20 * HOUR
    assert rig.ask("select patient_id, kind, since from assessment order by 1") == [(1, 3, first), (2, 3, first)]


def test_a_re_filed_reading_that_is_sent_again_finds_its_new_place(rig: Rig) -> None:
    file(rig, spo2(30, 93), spo2(20, 94), glucose(2, 0))
    change(rig, patient="p2")
    change(rig, METER, home="home-1", place="kitchen")
    again = file(rig, spo2(30, 93), spo2(20, 94), glucose(2, 0), spo2(19, 96), outbox="00000000000000cc")
    assert again == 1
    assert whose(rig) == [(2, 19, 96), (2, 20, 94), (1, 30, 93)]
    assert rig.ask("select home_id, value from device_observation") == [(1, 6.0)]


def test_readings_that_were_doubled_by_an_earlier_change_are_one_again(rig: Rig) -> None:
    file(rig, spo2(20, 94))
    rig.tell("update binding set patient_id = 2 where device_id = 1")
    file(rig, spo2(20, 94), outbox="00000000000000cc")
    assert len(whose(rig)) == 2
    change(rig, patient="p2")
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (1, 9, 1, '2025-01-01Z')")
    change(rig, patient="p2")
    assert whose(rig) == [(2, 20, 94)]


def test_readings_of_nobody_become_the_patients_to_whom_the_device_is_bound_afterwards(rig: Rig) -> None:
    file(rig, spo2(20, 94, STRANGER), spo2(200, 91, STRANGER), spo2(30, 92, STRANGER))
    assert whose(rig) == []
    id_ = change(rig, STRANGER, patient="p1")
    assert whose(rig) == [(1, 20, 94)]
    assert rig.ask("select value from device_observation order by value") == [(91,), (92,)]
    assert [row[:6] for row in rebinding.told(rig.conn, id_)] == [("reading", 0, 0, 1, 0, 1)]
    change(rig, STRANGER, patient="p1", from_=ALWAYS)
    assert whose(rig) == [(1, 20, 94), (1, 30, 92), (1, 200, 91)]
    assert rig.one("select count(*) from device_observation") == 0


def test_a_binding_that_ended_earlier_leaves_its_readings_to_nobody(rig: Rig) -> None:
    file(rig, spo2(30, 93), spo2(20, 94))
    change(rig)
    assert whose(rig) == [(1, 30, 93)]
    assert rig.ask("select device_id, home_id, value from device_observation") == [(1, None, 94)]
    assert rig.ask("select patient_id, valid_to from binding where device_id = 1") == [(1, NOW - 24 * HOUR)]
    assert rig.ask("select value from latest where patient_id = 1") == [(93,)]


def test_a_period_in_the_middle_changes_and_what_is_around_it_stays(rig: Rig) -> None:
    file(rig, *(spo2(hours, 90 + hours) for hours in (1, 2, 3, 4, 5)))
    change(rig, patient="p2", from_=NOW - 4 * HOUR, to=NOW - 2 * HOUR)
    assert whose(rig) == [(1, 1, 91), (1, 2, 92), (2, 3, 93), (2, 4, 94), (1, 5, 95)]
    change(rig, patient="p1", from_=NOW - 4 * HOUR, to=NOW - 2 * HOUR)
    assert {who for who, _, _ in whose(rig)} == {1}
    assert rig.one("select count(*) from binding where device_id = 1") == 3


def test_users_of_one_meter_are_re_filed_apart(rig: Rig) -> None:
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (4, 2, 2, '2025-01-01Z')")
    file(rig, glucose(1, 0, 5.0), glucose(1, 2, 7.0))
    change(rig, METER, slot=2, patient="p1")
    assert whose(rig) == [(2, 1, 5.0), (1, 1, 7.0)]


def test_a_battery_and_a_demonstration_stay_nobodys(rig: Rig) -> None:
    battery = Observation(device=STRANGER, kind=Kind.BATTERY, taken_at=NOW - HOUR, value=80)
    file(rig, battery, spo2(2, 99, STRANGER, Quality.DEMONSTRATION), spo2(3, 94, STRANGER))
    change(rig, STRANGER, patient="p1")
    assert whose(rig) == [(1, 3, 94)]
    assert rig.ask("select value from device_observation order by value") == [(80,), (99,)]


def test_events_and_silences_change_hands_too(rig: Rig) -> None:
    press = Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW - HOUR)
    early = Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW - 30 * HOUR)
    gap = Gap(device=BUTTON, from_at=NOW - HOUR, to_at=NOW, why=GapReason.AGENT_RESTARTED)
    file(rig, early, press, lane=Lane.ALARM)
    file(rig, gap)
    id_ = change(rig, BUTTON, patient="p2")
    assert rig.ask("select patient_id, home_id from event order by occurred_at") == [(1, None), (2, None)]
    assert rig.ask("select patient_id from stream_gap") == [(2,)]
    assert [row[:6] for row in rebinding.told(rig.conn, id_)] == [("event", 1, 0, 2, 0, 1), ("gap", 1, 0, 2, 0, 1)]
    file(rig, press, outbox="00000000000000cc", lane=Lane.ALARM)
    assert rig.one("select count(*) from event") == 2


def test_a_sensor_of_one_home_becomes_another_homes(rig: Rig) -> None:
    measured = spo2(1, 95, DOOR)
    file(rig, measured, Event(device=DOOR, type=EventType.DOOR_OPENED, occurred_at=NOW - HOUR))
    id_ = change(rig, DOOR, home="home-2", place="bedroom door")
    assert rig.ask("select home_id from device_observation") == [(2,)]
    assert rig.ask("select patient_id, home_id from event") == [(None, 2)]
    assert [row[:6] for row in rebinding.told(rig.conn, id_)] == [("event", 0, 1, 0, 2, 1), ("reading", 0, 1, 0, 2, 1)]


def test_the_board_shows_each_patients_own_newest_value(rig: Rig) -> None:
    file(rig, spo2(30, 93), spo2(1, 95))
    before = rig.one("select batch from latest where patient_id = 1")
    change(rig, patient="p2")
    assert rig.ask("select patient_id, value, taken_at from latest order by patient_id") == [
        (1, 93, NOW - 30 * HOUR),
        (2, 95, NOW - HOUR),
    ]
    assert rig.one("select min(batch) from latest") > before
    change(rig, patient="p2", from_=ALWAYS)
    assert rig.ask("select patient_id, value from latest") == [(2, 95)]


def test_an_alert_stays_where_it_was_with_a_note(rig: Rig) -> None:
    file(rig, spo2(1, 70), Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW))
    before = rig.ask("select id, patient_id, team_id, state, priority, rev from alert order by id")
    assert [row[1] for row in before] == [1, 1]
    head = rig.one("select head from team where id = 1")
    change(rig, patient="p2")
    after = rig.ask("select id, patient_id, team_id, state, priority, rev from alert order by id")
    limit = rig.one("select id from alert where rule like 'limit:spo2:%%'")
    assert after == [(*row[:5], row[5] + (row[0] == limit)) for row in before]
    told = rig.ask("select alert_id, action, detail ->> 'note' from alert_history where action = 'refiled'")
    assert told == [(limit, "refiled", "what it is about turned out to be of somebody else (re-filing 1)")]
    assert rig.one("select head from team where id = 1") == head + 1
    assert rig.ask("select body -> 'ring' from team_log order by seq desc limit 1") == [(False,)]


def test_readings_of_weeks_move_in_pieces_and_the_clock_does_what_was_left_over(rig: Rig) -> None:
    days = [day + part for day in range(0, 20) for part in (0.1, 0.6)]
    file(rig, *(spo2(24 * day, 90 + day % 9) for day in days))
    wanted = Rebinding(device=OXIMETER, from_=ALWAYS, patient="p2", by="kari", reason="swapped")
    id_ = rebinding.rebind(rig.conn, wanted, NOW)
    assert rebinding.refile_piece(rig.conn, id_, NOW)
    assert rig.one("select count(*) from observation where patient_id = 2") in (1, 2)
    assert rig.one("select done_at from rebinding") is None
    file(rig, *(spo2(24 * day, 90 + day % 9) for day in days), outbox="00000000000000cc")
    for _ in range(100):
        rebinding.refile_some(rig.conn, NOW)
    assert [who for who, _, _ in whose(rig)] == [2] * len(days)
    assert rig.one("select done_at from rebinding") == NOW
    assert rig.one("select sum(rows) from refiling") == len(days)


def test_who_got_some_readings_and_lost_newer_ones_is_shown_the_newest_that_is_left(rig: Rig) -> None:
    """The oximeter was p2's for three hours that were filed to p1, and p1's afterwards, filed to p2."""
    rig.tell("update binding set valid_to = %s where device_id = 1", NOW - 3 * HOUR)
    rig.tell("insert into binding (device_id, patient_id, valid_from) values (1, 2, %s)", NOW - 3 * HOUR)
    file(rig, spo2(5, 95), spo2(4, 94), spo2(2, 92), spo2(1, 91))
    rig.tell("update binding set patient_id = 3 - patient_id where device_id = 1")
    change(rig, from_=NOW - 10 * HOUR, to=NOW - 9 * HOUR, patient="p1")
    rig.tell("update rebinding set from_at = %s, to_at = %s, next_at = null, done_at = null", NOW - 6 * HOUR, NOW)
    rebinding.finish(rig.conn, NOW)
    assert rig.ask("select patient_id, value from latest where kind = 3 order by 1") == [(1, 91), (2, 94)]


@pytest.mark.only_plain
def test_a_piece_looks_at_no_day_before_it(rig: Rig) -> None:
    file(rig, *(spo2(6 * n + 1) for n in range(160)))
    ten_days_ago = NOW - 10 * 24 * HOUR
    wanted = Rebinding(
        device=OXIMETER, patient="p2", from_=ten_days_ago, to=NOW - 8 * 24 * HOUR, by="kari", reason="swapped"
    )
    id_ = rebinding.rebind(rig.conn, wanted, NOW)
    assert rebinding.refile_piece(rig.conn, id_, NOW)
    with rig.conn.transaction():
        assert rebinding.refile_piece(rig.conn, id_, NOW)
        days = rig.conn.execute(
            r"select min(relname), max(relname) from pg_locks join pg_class on pg_class.oid = relation"
            r" where pid = pg_backend_pid() and relname ~ '^observation_\d{8}$'"
        ).fetchone()
    assert days is not None and days[0] == f"observation_{ten_days_ago:%Y%m%d}"
    assert [row[0] for row in rig.ask("select rows from refiling")] == [2]


def test_a_change_waits_for_the_batch_that_files_by_the_old_binding(rig: Rig) -> None:
    file(rig, spo2(1, 95))
    with psycopg.connect(rig.dsn) as ingest:
        ingest.execute("select from device where id = 1 for share")
        thread = threading.Thread(target=change, args=(rig,), kwargs={"patient": "p2"})
        thread.start()
        with psycopg.connect(rig.dsn, autocommit=True) as look:
            while not look.execute("select 1 from pg_locks where not granted").fetchone():
                assert thread.is_alive()
        ingest.execute(
            "insert into observation select patient_id, kind, taken_at + interval '1 min', span_s, device_id, 96, low,"
            " high, n, quality, sign, clock, mode, received_at, slot from observation"
        )
    thread.join(60)
    assert [(who, value) for who, _, value in whose(rig)] == [(2, 96), (2, 95)]


def test_a_list_with_an_earlier_date_re_files_as_well(rig: Rig) -> None:
    file(rig, spo2(20, 94, STRANGER), spo2(30, 93, STRANGER))
    bound = {"device": STRANGER, "from": (NOW - 24 * HOUR).isoformat(), "patient": "p2"}
    listed = {"devices": [{"address": STRANGER, "profile": "oximeter"}], "bindings": [bound]}
    wanted = enrolment.read(enrolment.msgspec.json.encode(listed))
    for dry_run in (True, False, False):
        people.load(rig.conn, wanted, hash_password=str, is_right=lambda *_: True, dry_run=dry_run)
    assert whose(rig) == [(2, 20, 94)]
    assert rig.ask("select changed_by, done_at is not null from rebinding") == [("hjemvakt load", True)]


def test_the_command_says_what_moved(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file(rig, spo2(20, 94), spo2(1, 95))
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    period = ["--from", (NOW - 24 * HOUR).isoformat(), "--to", NOW.isoformat()]
    trace = ["--by", "kari", "--reason", "swapped"]
    assert main(["rebind", OXIMETER, *period, "--patient", "p2", *trace]) == 0
    assert "2 readings moved" in capsys.readouterr().out
    assert main(["rebind", OXIMETER, *period, "--patient", "p9", *trace]) == 1
    assert "There is no patient p9 in the database." in capsys.readouterr().err
    assert {who for who, _, _ in whose(rig)} == {2}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"patient": "p1", "home": "home-1", "place": "bed"}, "and not both"),
        ({"home": "home-1"}, "Say the place"),
        ({"patient": "p2", "to": NOW - 25 * HOUR}, "must come after its beginning"),
        ({"patient": "p2", "from_": NOW.replace(tzinfo=None)}, "with their zone"),
        ({"patient": "p2", "by": ""}, "Say who changes it"),
        ({"patient": "p2", "device": "C0:00:00:00:00:77"}, "There is no device C0:00:00:00:00:77"),
        ({"home": "home-9", "place": "bed"}, "There is no home home-9"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused_with_a_sentence(
    rig: Rig, wrong: dict[str, object], sentence: str
) -> None:
    before = rig.ask("select * from (select id, valid_from, valid_to::text from binding) b order by id")
    with pytest.raises(RebindingError, match=sentence):
        change(rig, **wrong)  # type: ignore[arg-type]
    assert rig.ask("select * from (select id, valid_from, valid_to::text from binding) b order by id") == before
    assert rig.one("select count(*) from rebinding") == 0
