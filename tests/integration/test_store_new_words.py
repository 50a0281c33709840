"""The words of this edition from the wire to the row and the alert, and words that are newer than this server."""

import json
from datetime import timedelta

import pytest

from devices.vocabulary import KINDS, Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation, Sign
from devices.wire.codec import encode
from devices.wire.messages import Lane
from devices.wire.topics import Channel
from tests.integration.ingest_rig import (
    BUTTON,
    DOOR,
    METER,
    NOW,
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


def happened(type_: EventType, *, device: str = BUTTON, ago_s: float = 1) -> Event:
    return Event(device=device, type=type_, occurred_at=NOW - seconds(ago_s))


def file(rig: Rig, *items: Item, lane: Lane = Lane.BULK, first: int = 1, gateway: str = "gw-one") -> None:
    rig.file(sent(batch(items, lane=lane, first=first, gateway=gateway)))


def test_gas_is_a_call_for_help_like_smoke(rig: Rig) -> None:
    file(rig, happened(EventType.GAS, device=DOOR), lane=Lane.ALARM)
    assert rig.ask("select rule, priority, home_id, evidence ->> 'event' from alert") == [("call:gas", "red", 1, "gas")]


def test_a_missed_dose_is_a_yellow_alert_about_whose_dispenser_it_is(rig: Rig) -> None:
    file(rig, happened(EventType.DOSE_MISSED, ago_s=60), happened(EventType.DOSE_MISSED))
    assert rig.ask("select rule, priority, patient_id, count from alert") == [("dose:missed", "yellow", 1, 2)]
    assert [body["ring"] for (body,) in rig.ask("select body from team_log order by seq")] == [True, True]


def test_a_missed_dose_of_nobodys_dispenser_is_the_homes(rig: Rig) -> None:
    file(rig, happened(EventType.DOSE_MISSED, device=STRANGER))
    assert rig.ask("select rule, home_id, patient_id from alert") == [("dose:missed", 1, None)]


@pytest.mark.parametrize(
    "type_",
    [
        EventType.DOSE_TAKEN,
        EventType.OCCUPIED,
        EventType.VACANT,
        EventType.VIBRATION,
        EventType.MOTION,
        EventType.LOCAL_ALARM,
    ],
)
def test_what_calls_nobody_is_stored(rig: Rig, type_: EventType) -> None:
    file(rig, happened(type_))
    assert rig.ask("select type, patient_id from event") == [(str(type_), 1)]
    assert rig.ask("select rule from alert") == []


def test_every_event_of_the_contract_is_stored(rig: Rig) -> None:
    file(rig, *[happened(type_, ago_s=place) for place, type_ in enumerate(EventType)])
    elsewhere = {EventType.PROOF}  # with the question that it answers
    assert {type_ for (type_,) in rig.ask("select type from event")} == set(EventType) - elsewhere
    assert rig.ask("select reason from set_aside") == []


def test_what_the_disk_of_a_gateway_could_not_take_is_on_record(rig: Rig) -> None:
    gap = Gap(device=OXIMETER, from_at=NOW - seconds(60), to_at=NOW, why=GapReason.NOT_WRITTEN)
    file(rig, gap)
    assert rig.ask("select why, patient_id from stream_gap") == [("not_written", 1)]


def test_every_kind_of_the_contract_is_stored(rig: Rig) -> None:
    readings = [
        Observation(device=OXIMETER, kind=kind, taken_at=NOW, value=(KINDS[kind].lowest + KINDS[kind].highest) / 2)
        for kind in Kind
        if kind is not Kind.BATTERY
    ]
    file(rig, *readings)
    assert {kind for (kind,) in rig.ask("select kind from observation")} == {KINDS[r.kind].number for r in readings}
    without = [Kind.HEIGHT, Kind.BMI, Kind.BODY_FAT, Kind.MUSCLE_MASS, Kind.BODY_WATER, Kind.PERFUSION_INDEX]
    alerted = {rule.split(":")[1] for (rule,) in rig.ask("select rule from alert")}
    assert alerted.isdisjoint({*without, Kind.RR_INTERVAL})


def test_a_glucose_sensor_that_says_lo_is_red_at_once_in_a_stream_too(rig: Rig) -> None:
    lo = Observation(
        device=METER, kind=Kind.GLUCOSE_ISF, taken_at=NOW, value=2.2, sign=Sign.BELOW, mode=Mode.CONTINUOUS
    )
    file(rig, lo, gateway="gw-two")
    assert rig.ask("select rule, priority from alert") == [("limit:glucose_isf:low", "red")]


def interval(at_s: float, value: float = 85) -> Observation:
    taken = NOW + seconds(at_s)
    return Observation(
        device=OXIMETER,
        kind=Kind.SPO2,
        taken_at=taken,
        value=value,
        low=value - 4,
        high=value + 2,
        n=15,
        span_s=14,
        mode=Mode.CONTINUOUS,
    )


def test_an_interval_is_stored_whole_and_the_board_knows_its_span(rig: Rig) -> None:
    file(rig, interval(-25))
    assert rig.ask("select value, low, high, n, span_s from observation") == [(85, 81, 87, 15, 14)]
    assert rig.ask("select taken_at, span_s from latest") == [(NOW - seconds(25), 14)]
    assert rig.ask("select last_at, end_at from stream_state") == [(NOW - seconds(25), NOW - seconds(11))]


def test_the_evidence_of_an_interval_has_its_extremes(rig: Rig) -> None:
    file(rig, interval(-30), interval(-15))
    ((evidence,),) = rig.ask("select evidence from alert")
    assert (evidence["value"], evidence["low"], evidence["high"], evidence["span_s"]) == (85, 81, 87, 14)


def test_raw_seconds_between_intervals_are_one_stream_also_after_a_restart(rig: Rig) -> None:
    long = Observation(
        device=OXIMETER, kind=Kind.SPO2, taken_at=NOW - seconds(600), value=89, span_s=599, n=600, mode=Mode.CONTINUOUS
    )
    file(rig, long)
    rig.restart()
    raw = [
        Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + seconds(second), value=89, mode=Mode.CONTINUOUS)
        for second in range(301)
    ]
    rig.file(sent(batch(raw, first=2), at=NOW + seconds(301)), now=NOW + seconds(301))
    assert rig.ask("select rule, priority, began_at from alert") == [
        ("limit:spo2:low", "yellow", NOW - timedelta(seconds=600))
    ]


def newer(rig: Rig, *, lane: Lane) -> dict[str, object]:
    """Three events, the middle one to become a word of the future."""
    items = [
        happened(type_, ago_s=3 - place)
        for place, type_ in enumerate((EventType.SOS, EventType.MOTION, EventType.FALL))
    ]
    said: dict[str, object] = json.loads(encode(batch(items, lane=lane)))
    return said


def test_a_call_for_help_is_heard_though_the_event_beside_it_is_unknown_here(rig: Rig) -> None:
    said = newer(rig, lane=Lane.ALARM)
    said["body"]["events"]["type"][1] = "choking"  # type: ignore[index]
    payload = json.dumps(said).encode()
    filed = rig.file(arrival(payload, Channel.ALARM))
    assert receipt_of(filed).alarm == 3
    assert rig.ask("select type from event order by occurred_at") == [("sos",), ("fall",)]
    assert rig.ask("select rule from alert where priority = 'red' order by rule") == [("call:fall",), ("call:sos",)]
    ((reason, kept),) = rig.ask("select reason, payload from set_aside")
    assert reason == "1 rows say what this server does not know yet: choking"
    assert bytes(kept) == payload
    ((cause,),) = rig.ask("select evidence ->> 'cause' from alert where priority = 'grey'")
    assert cause == "1 rows were set aside: they say what this server does not know yet: is the gateway newer?"
    assert rig.ask("select from lost_rows") == []


def test_a_hole_beside_an_unknown_word_is_still_a_hole(rig: Rig) -> None:
    said = newer(rig, lane=Lane.ALARM)
    events = said["body"]["events"]  # type: ignore[index]
    events["type"][1] = "choking"
    for column in events.values():
        del column[2]
    rig.file(arrival(json.dumps(said).encode(), Channel.ALARM))
    assert rig.ask("select first_seq, last_seq, why from lost_rows") == [(3, 3, "undeclared")]
