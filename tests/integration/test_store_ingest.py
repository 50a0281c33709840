import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import (
    ClockTrust,
    Event,
    EventType,
    Gap,
    GapReason,
    Kind,
    Mode,
    Observation,
    Quality,
    Sign,
)
from devices.wire.messages import Lane, Lost, LostWhy
from devices.wire.topics import Channel
from tests.integration.ingest_rig import (
    BUTTON,
    DOOR,
    METER,
    NOW,
    OUTBOX,
    OXIMETER,
    STRANGER,
    Rig,
    arrival,
    batch,
    receipt_of,
    seconds,
    sent,
)

pytestmark = pytest.mark.integration


def spo2(value: float | None, *, ago_s: float = 0, mode: Mode = Mode.SPOT, device: str = OXIMETER) -> Observation:
    quality = Quality.GOOD if value is not None else Quality.NO_READING
    taken_at = NOW - seconds(ago_s)
    return Observation(device=device, kind=Kind.SPO2, taken_at=taken_at, value=value, quality=quality, mode=mode)


def test_a_reading_is_stored_with_all_it_said(rig: Rig) -> None:
    reading = Observation(
        device=METER,
        kind=Kind.GLUCOSE,
        taken_at=NOW - timedelta(days=40, seconds=1.5),
        value=1.1,
        sign=Sign.BELOW,
        clock=ClockTrust.CORRECTED,
        record=7,
    )
    rig.file(sent(batch([reading])))
    (row,) = rig.ask(
        "select patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,"
        " received_at from observation"
    )
    assert row == (2, 4, reading.taken_at, 0.0, 4, 1.1, None, None, 1, 0, -1, 1, 0, NOW)


def test_an_attempt_without_a_value_is_stored_as_no_value(rig: Rig) -> None:
    rig.file(sent(batch([spo2(None)])))
    assert rig.ask("select value, quality from observation") == [(None, 2)]
    assert rig.ask("select value, quality from latest") == [(None, 2)]


def test_a_batch_that_comes_twice_is_stored_once_and_answered_twice(rig: Rig) -> None:
    message = sent(batch([spo2(95), spo2(96, ago_s=1)]))
    assert receipt_of(rig.file(message)).bulk == 2
    assert receipt_of(rig.file(message)).bulk == 2
    assert receipt_of(rig.file(message, message)).bulk == 2
    assert rig.one("select count(*) from observation") == 2


def test_rows_that_a_longer_batch_repeats_are_skipped(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95, ago_s=9)])))
    assert rig.file(sent(batch([spo2(11, ago_s=8), spo2(96, ago_s=7)], first=1))).readings == 1
    assert rig.ask("select value from observation order by taken_at") == [(95,), (96,)]


def test_a_batch_after_a_hole_waits_until_the_hole_is_filled(rig: Rig) -> None:
    one, two, three = (sent(batch([spo2(90 + n, ago_s=n)], first=n)) for n in (1, 2, 3))
    assert receipt_of(rig.file(one)).bulk == 1
    assert receipt_of(rig.file(three)).bulk == 1
    assert rig.one("select count(*) from observation") == 1
    assert receipt_of(rig.file(two, three)).bulk == 3
    assert rig.one("select count(*) from observation") == 3


def test_lanes_have_marks_of_their_own(rig: Rig) -> None:
    press = Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW)
    rig.file(sent(batch([press], lane=Lane.ALARM)))
    receipt = receipt_of(rig.file(sent(batch([spo2(95), spo2(96, ago_s=1)]))))
    assert (receipt.alarm, receipt.bulk) == (1, 2)


def test_rows_declared_lost_are_recorded_once_and_alerted(rig: Rig) -> None:
    lost = Lost(first=2, last=9, why=LostWhy.DAMAGED)
    rig.file(sent(batch([spo2(95)])))
    message = sent(batch([spo2(96, ago_s=1)], first=10, after=1, lost=[lost]))
    assert receipt_of(rig.file(message)).bulk == 10
    rig.file(message)
    assert rig.ask("select first_seq, last_seq, why from lost_rows") == [(2, 9, "damaged")]
    assert rig.ask("select rule, priority, gateway_id, team_id from alert") == [("technical:rows_lost", "grey", 1, 1)]


def test_rows_that_a_gateway_forgets_to_declare_are_recorded(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95)], first=5, after=0, last=7)))
    assert rig.ask("select first_seq, last_seq, why from lost_rows order by 1") == [
        (1, 4, "undeclared"),
        (6, 7, "undeclared"),
    ]


def test_a_body_that_cannot_be_read_is_set_aside_whole_and_the_rest_goes_on(rig: Rig) -> None:
    good = sent(batch([spo2(95)], first=2))
    text = sent(batch([spo2(96)])).payload.replace(b'"value":[96', b'"value":[1e999')
    poison = arrival(text)
    assert receipt_of(rig.file(poison, good)).bulk == 2
    assert rig.ask("select gateway, topic, payload from set_aside") == [("gw-one", "hv/1/7/gw-one/up/obs", text)]
    assert rig.ask("select value from observation") == [(95,)]


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e308", "101", "0.5", '"95"', "true"])
def test_an_impossible_value_never_becomes_a_reading(rig: Rig, value: str) -> None:
    text = sent(batch([spo2(96)])).payload.replace(b'"value":[96]', f'"value":[{value}]'.encode())
    assert value.encode() in text
    rig.file(arrival(text))
    assert rig.one("select count(*) from observation") == 0
    assert rig.one("select count(*) from set_aside") == 1


def test_a_header_that_cannot_be_read_moves_nothing_and_asks_for_halves(rig: Rig) -> None:
    payload = sent(batch([spo2(96)])).payload[:-30]
    receipt = receipt_of(rig.file(arrival(payload)))
    assert [refusal.digest for refusal in receipt.refused] == [hashlib.sha256(payload).hexdigest()[:16]]
    assert receipt.outbox is None
    assert rig.one("select count(*) from watermark") == 0
    assert rig.one("select count(*) from set_aside") == 1


def test_the_same_unreadable_message_is_kept_once_and_refused_each_time(rig: Rig) -> None:
    for _ in range(3):
        assert receipt_of(rig.file(arrival(b"{"), arrival(b"{"))).refused
    assert rig.one("select count(*) from set_aside") == 1


def test_a_gateway_that_speaks_for_another_is_set_aside_and_nothing_moves(rig: Rig) -> None:
    filed = rig.file(sent(batch([spo2(96)], gateway="gw-two"), topic_gateway="gw-one"))
    assert filed.receipts == []
    assert rig.one("select count(*) from observation") == 0
    assert rig.one("select count(*) from watermark") == 0
    (reason,) = rig.ask("select reason from set_aside")[0]
    assert "gw-two" in reason and "gw-one" in reason


def test_a_batch_on_the_other_lanes_topic_is_set_aside(rig: Rig) -> None:
    rig.file(arrival(sent(batch([spo2(96)])).payload, Channel.ALARM))
    assert rig.one("select count(*) from observation") == 0
    assert "lane" in rig.one("select reason from set_aside")


def test_readings_of_a_device_that_nobody_enrolled_are_kept_as_nobodys(rig: Rig) -> None:
    assert rig.file(sent(batch([spo2(70, device=STRANGER)]))).readings == 1
    assert rig.one("select count(*) from observation") == 0
    assert rig.ask(
        "select d.address, d.profile, o.value, o.home_id from device_observation o join device d on d.id = o.device_id"
    ) == [(STRANGER, None, 70.0, None)]
    assert rig.one("select count(*) from alert") == 0


def test_a_gateway_that_nobody_enrolled_is_kept_with_its_readings(rig: Rig) -> None:
    rig.file(sent(batch([spo2(70, device=STRANGER)], gateway="gw-unknown")))
    assert rig.ask("select enrolled, home_id from gateway where name = 'gw-unknown'") == [(False, None)]
    assert rig.one("select count(*) from device_observation") == 1


def test_a_battery_and_control_solution_are_never_a_patients_reading(rig: Rig) -> None:
    battery = Observation(device=OXIMETER, kind=Kind.BATTERY, taken_at=NOW, value=12)
    control = Observation(device=METER, kind=Kind.GLUCOSE, taken_at=NOW, value=2.0, quality=Quality.DEMONSTRATION)
    rig.file(sent(batch([battery, control])))
    assert rig.one("select count(*) from observation") == 0
    assert rig.one("select count(*) from alert") == 0
    assert rig.ask("select kind, value from device_observation order by kind") == [(4, 2.0), (6, 12.0)]


def test_a_reading_belongs_to_whoever_was_bound_when_it_was_taken(rig: Rig) -> None:
    rig.tell("update binding set valid_to = '2026-03-01Z' where device_id = 1")
    rig.tell("insert into binding (device_id, patient_id, valid_from) values (1, 2, '2026-03-01 12:00Z')")
    day_s = 86_400.0
    rows = [spo2(91, ago_s=3 * day_s), spo2(92, ago_s=1.2 * day_s), spo2(93, ago_s=day_s), spo2(94)]
    rig.file(sent(batch(rows)))
    assert rig.ask("select patient_id, value from observation order by value") == [(1, 91), (2, 93), (2, 94)]
    assert rig.ask("select value from device_observation") == [(92,)]


@pytest.mark.parametrize(
    ("ago", "kept"),
    [
        (timedelta(days=399), True),
        (timedelta(days=401), False),
        (-timedelta(minutes=9), True),
        (-timedelta(minutes=11), False),
    ],
)
def test_a_time_beyond_the_retention_or_in_the_future_is_set_aside_alone(rig: Rig, ago: timedelta, kept: bool) -> None:
    odd = spo2(91, ago_s=ago.total_seconds())
    assert receipt_of(rig.file(sent(batch([odd, spo2(95)])))).bulk == 2
    assert rig.one("select count(*) from observation") == 1 + kept
    assert rig.one("select count(*) from set_aside") == (not kept)


def test_latest_never_goes_back(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95), spo2(91, ago_s=60)])))
    rig.file(sent(batch([spo2(80, ago_s=30)], first=3)))
    assert rig.ask("select taken_at, value from latest") == [(NOW, 95)]


def test_the_same_reading_by_two_gateways_is_one_reading(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95)])), sent(batch([spo2(95)], gateway="gw-two")))
    assert rig.one("select count(*) from observation") == 1
    assert rig.one("select count(*) from watermark where seq = 1") == 2


def test_a_red_spot_reading_is_alerted_in_the_transaction_that_stores_it(rig: Rig) -> None:
    rig.file(sent(batch([spo2(80)])))
    assert rig.ask("select patient_id, team_id, priority, state, began_at, late from alert") == [
        (1, 1, "red", "raised", NOW, False)
    ]
    assert rig.ask("select team_id, seq, type from team_log") == [(1, 1, "alert")]
    assert rig.ask("select head from team order by id") == [(1,), (0,)]
    assert rig.one("select count(*) from alert_history") == 1
    assert rig.ask("select patient_id, kind, level from stream_state") == [(1, 3, -2)]


def test_a_backlog_is_alerted_with_its_own_time_and_not_as_now(rig: Rig) -> None:
    hours = 3600.0
    rig.file(sent(batch([spo2(80, ago_s=3 * hours), spo2(95, ago_s=2 * hours)])))
    ((began, late, priority),) = rig.ask("select began_at, late, priority from alert")
    assert (began, late, priority) == (NOW - seconds(3 * hours), True, "yellow")


def test_a_monitor_that_runs_on_knows_where_each_stream_stood(rig: Rig) -> None:
    for n in range(10):
        rig.file(sent(batch([spo2(80, ago_s=20 - 2 * n, mode=Mode.CONTINUOUS)], first=n + 1)))
        assert rig.one("select count(*) from alert") == (1 if n >= 8 else 0)  # 15 s of red: the reading after 16 s


def test_a_monitor_that_restarts_knows_where_each_stream_stood(rig: Rig) -> None:
    for n in range(10):
        rig.file(sent(batch([spo2(80, ago_s=20 - 2 * n, mode=Mode.CONTINUOUS)], first=n + 1)))
        rig.restart()
    assert rig.ask("select rule, priority, count from alert") == [("limit:spo2:low", "red", 1)]


@pytest.mark.parametrize("kind", [EventType.FALL, EventType.SOS, EventType.SMOKE, EventType.WATER, EventType.CO])
def test_each_press_rings(rig: Rig, kind: EventType) -> None:
    for n in range(2):
        press = Event(device=BUTTON, type=kind, occurred_at=NOW + seconds(n))
        rig.file(sent(batch([press], lane=Lane.ALARM, first=n + 1), at=NOW + seconds(n)))
    assert rig.ask("select patient_id, priority, count, device_id from alert") == [(1, "red", 2, 2)]
    assert [body["ring"] for (body,) in rig.ask("select body from team_log order by seq")] == [True, True]


def test_a_press_that_comes_twice_rings_once(rig: Rig) -> None:
    press = Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW)
    rig.file(sent(batch([press], lane=Lane.ALARM)), sent(batch([press], lane=Lane.ALARM, gateway="gw-two")))
    assert rig.one("select count from alert") == 1
    assert rig.one("select count(*) from event") == 1


def test_a_call_from_a_button_that_is_bound_to_nobody_calls_for_the_gateways_home(rig: Rig) -> None:
    press = Event(device=STRANGER, type=EventType.SOS, occurred_at=NOW)
    rig.file(sent(batch([press], lane=Lane.ALARM)))
    assert rig.ask("select home_id, patient_id, priority from alert") == [(1, None, "red")]


@pytest.mark.parametrize(
    ("utc", "alerts"),
    # Europe/Oslo is UTC+1 in winter and UTC+2 in summer: 22-06 there is 21-05 and 20-04 here.
    [
        ("2026-02-01T20:59:59", 0),
        ("2026-02-01T21:00:00", 1),
        ("2026-02-02T04:59:59", 1),
        ("2026-02-02T05:00:00", 0),
        ("2025-07-01T20:00:00", 1),
        ("2025-07-02T04:00:00", 0),
    ],
)
def test_a_front_door_that_opens_at_night_is_an_alert_by_the_clock_on_the_wall(rig: Rig, utc: str, alerts: int) -> None:
    at = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    opened = Event(device=DOOR, type=EventType.DOOR_OPENED, occurred_at=at)
    rig.file(sent(batch([opened]), at=at), now=at)
    assert rig.ask("select home_id, rule from alert") == [(1, "night:door")] * alerts


def test_a_silence_of_a_live_stream_is_on_record_once(rig: Rig) -> None:
    gap = Gap(device=OXIMETER, from_at=NOW - seconds(9), to_at=NOW, why=GapReason.AGENT_RESTARTED)
    rig.file(sent(batch([gap])), sent(batch([gap], gateway="gw-two")))
    assert rig.ask("select patient_id, from_at, to_at, why from stream_gap") == [
        (1, NOW - seconds(9), NOW, "agent_restarted")
    ]


def test_a_fault_in_the_middle_leaves_nothing_of_the_batch(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95, ago_s=5)])))
    with pytest.raises(Exception, match="team_log"):
        _break_then_file(rig)
    assert rig.ask("select value from observation") == [(95,)]
    assert rig.one("select seq from watermark") == 1
    assert rig.one("select count(*) from alert") == 0


def _break_then_file(rig: Rig) -> None:
    rig.tell("alter table team_log add check (seq > 1000)")
    rig.file(sent(batch([spo2(80)], first=2)))


def test_an_outbox_id_of_another_gateway_is_another_outbox(rig: Rig) -> None:
    rig.file(sent(batch([spo2(95)])))
    receipt = receipt_of(rig.file(sent(batch([spo2(96, ago_s=1)], gateway="gw-two", first=2))), "gw-two")
    assert (receipt.outbox, receipt.bulk) == (OUTBOX, 0)


def test_two_users_of_one_meter_at_one_instant_are_two_readings_also_of_one_person(rig: Rig) -> None:
    rig.tell("insert into binding (device_id, slot, patient_id, valid_from) values (4, 2, 2, '2025-01-01Z')")
    both = [Observation(device=METER, kind=Kind.GLUCOSE, taken_at=NOW, value=5 + slot, slot=slot) for slot in (0, 2)]
    again = sent(batch(both, outbox="00000000000000cc"))
    assert (rig.file(sent(batch(both))).readings, rig.file(again).readings) == (2, 0)
    assert rig.ask("select patient_id, slot, value from observation order by slot") == [(2, 0, 5), (2, 2, 7)]
