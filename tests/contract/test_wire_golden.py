"""Golden messages, written by hand: what a gateway in a cupboard sends today must be understood for ever."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from devices.errors import HeaderError, WireError
from devices.vocabulary import (
    ClockTrust,
    Event,
    EventType,
    Gap,
    GapReason,
    Item,
    Kind,
    Mode,
    Observation,
    Quality,
    Sign,
)
from devices.wire.codec import (
    decode_body,
    decode_command,
    decode_config,
    decode_header,
    decode_receipt,
    decode_status,
    undeclared,
    unknown_fields,
    unpack,
)
from devices.wire.messages import (
    Batch,
    Command,
    DeviceSetup,
    GatewayConfig,
    KindLimit,
    Lane,
    LinkState,
    Lost,
    LostWhy,
    NearbyDevice,
    RawBatch,
    Receipt,
    SlotSetup,
    Status,
)

GOLDEN = Path(__file__).parent / "golden"
# 1735732800000 ms is 2025-01-01 12:00:00 UTC: `date -u -d @1735732800`.
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def batch(name: str) -> tuple[RawBatch, list[tuple[int, Item]]]:
    header = decode_header(golden(name))
    return header, unpack(decode_body(header))


def test_spot_readings_of_version_1_are_read_for_ever() -> None:
    header, rows = batch("v1_batch_spot")
    assert (header.gateway, header.outbox, header.lane) == ("hjem-3f2a", "0123456789abcdef", Lane.BULK)
    assert (header.after, header.first, header.last, header.lost) == (40, 41, 43, [])
    assert rows == [
        (
            41,
            Observation(
                device="C0:26:DA:00:00:01",
                slot=2,
                kind=Kind.GLUCOSE,
                taken_at=datetime(2025, 1, 1, 10, 40, tzinfo=UTC),
                value=1.1,
                sign=Sign.BELOW,
                clock=ClockTrust.CHECKED,
                record=17,
            ),
        ),
        (
            42,
            Observation(
                device="C0:26:DA:00:00:02",
                kind=Kind.SPO2,
                taken_at=datetime(2025, 1, 1, 11, 59, tzinfo=UTC),
                value=91,
                quality=Quality.QUESTIONABLE,
            ),
        ),
        (
            43,
            Observation(
                device="C0:26:DA:00:00:02",
                kind=Kind.PULSE_RATE,
                taken_at=datetime(2025, 1, 1, 11, 59, tzinfo=UTC),
                value=None,
                quality=Quality.NO_READING,
            ),
        ),
    ]


def test_a_thinned_stream_with_a_gap_and_a_declared_loss_is_read_for_ever() -> None:
    header, rows = batch("v1_batch_stream")
    assert header.lost == [Lost(first=45, last=46, why=LostWhy.THINNED)]
    strap = "C0:26:DA:00:00:02"
    assert rows == [
        (
            44,
            Observation(
                device=strap,
                kind=Kind.HEART_RATE,
                taken_at=NOON,
                value=72,
                low=70,
                high=81,
                n=60,
                span_s=59,
                mode=Mode.CONTINUOUS,
            ),
        ),
        (
            47,
            Gap(
                device=strap,
                from_at=datetime(2025, 1, 1, 12, 0, 10, tzinfo=UTC),
                to_at=datetime(2025, 1, 1, 12, 0, 55, 500_000, tzinfo=UTC),
                why=GapReason.NOT_CONNECTED,
            ),
        ),
        (
            48,
            Observation(
                device=strap,
                kind=Kind.HEART_RATE,
                taken_at=datetime(2025, 1, 1, 12, 1, tzinfo=UTC),
                value=75.5,
                mode=Mode.CONTINUOUS,
            ),
        ),
    ]
    assert undeclared(header, decode_body(header)) == 0


def test_events_of_version_1_are_read_for_ever() -> None:
    header, rows = batch("v1_batch_alarm")
    assert header.lane is Lane.ALARM
    assert rows == [
        (
            1,
            Event(
                device="A4:C1:38:00:00:09",
                type=EventType.DOOR_OPENED,
                occurred_at=datetime(2025, 1, 1, 3, tzinfo=UTC),
            ),
        ),
        (
            2,
            Event(
                device="A4:C1:38:00:00:0A",
                type=EventType.FALL,
                occurred_at=datetime(2025, 1, 1, 3, 0, 0, 100_000, tzinfo=UTC),
            ),
        ),
        (
            3,
            Event(
                device="A4:C1:38:00:00:0A",
                type=EventType.SOS,
                occurred_at=datetime(2025, 1, 1, 3, 0, 0, 200_000, tzinfo=UTC),
            ),
        ),
    ]


def test_a_batch_may_say_nothing_but_what_is_lost() -> None:
    header, rows = batch("v1_batch_lost_only")
    assert rows == []
    assert [lost.why for lost in header.lost] == [LostWhy.DAMAGED, LostWhy.UNDECODABLE]
    assert undeclared(header, decode_body(header)) == 0


def test_fields_of_a_later_edition_are_ignored_and_counted() -> None:
    _, rows = batch("v1_batch_from_the_future")
    assert [(seq, item.value) for seq, item in rows if isinstance(item, Observation)] == [(1, 94)]
    assert unknown_fields(golden("v1_batch_from_the_future"), Batch) == 3  # colour, moods, posture


@pytest.mark.parametrize("name", ["v1_batch_spot", "v1_batch_stream", "v1_batch_alarm", "v1_batch_lost_only"])
def test_a_batch_of_today_has_no_unknown_field(name: str) -> None:
    assert unknown_fields(golden(name), Batch) == 0


def test_another_version_is_refused_and_not_asked_to_be_halved() -> None:
    with pytest.raises(WireError, match="version 2") as refused:
        decode_header(golden("v2_batch"))
    assert not isinstance(refused.value, HeaderError)


def test_a_heartbeat_of_version_1_is_read_for_ever() -> None:
    status = decode_status(golden("v1_status"))
    assert (status.state, status.hello, status.every_s) == (LinkState.ONLINE, True, 30)
    assert (status.waiting_alarm, status.waiting_bulk, status.set_aside) == (1, 1200, 2)
    strap, door = status.devices
    assert (strap.rssi_dbm, strap.battery_percent, strap.refused) == (-71, 80, 3)
    assert (door.device, door.seen_at, door.refused) == ("A4:C1:38:00:00:09", None, 0)
    assert status.troubles == ["the disk is 96 % full"]
    assert unknown_fields(golden("v1_status"), Status) == 0


def test_a_last_will_of_version_1_is_read_for_ever() -> None:
    status = decode_status(golden("v1_status_last_will"))
    assert (status.state, status.at, status.hello) == (LinkState.LOST, None, False)


def test_a_receipt_of_version_1_is_read_for_ever() -> None:
    receipt = decode_receipt(golden("v1_receipt"))
    assert (receipt.outbox, receipt.epoch) == ("0123456789abcdef", "2025-01-01a")
    assert (receipt.alarm, receipt.bulk) == (3, 48)
    assert receipt.refused[0].digest == "e3b0c44298fc1c14"


def test_config_and_command_of_version_1_are_read_for_ever() -> None:
    assert decode_config(golden("v1_config")).version == 7
    assert decode_command(golden("v1_command")).command == "scan"


def test_a_whole_config_is_read_for_ever() -> None:
    config = decode_config(golden("v1_config_full"))
    glucose = KindLimit(kind=Kind.GLUCOSE, red_low=3.0, yellow_low=3.9, yellow_high=13.9, red_high=20.0)
    spo2 = KindLimit(kind=Kind.SPO2, red_low=88, yellow_low=90)
    assert config == GatewayConfig(
        gateway="hjem-3f2a",
        version=1735732800,
        devices=[
            DeviceSetup(address="A4:C1:38:00:00:09", profile="bthome_door", name="front door", slots=[SlotSetup()]),
            DeviceSetup(
                address="C0:26:DA:00:00:01",
                profile="glucose",
                slots=[SlotSetup(slot=1, limits=[glucose]), SlotSetup(slot=2)],
            ),
            DeviceSetup(
                address="C0:26:DA:00:00:02",
                profile="oximeter",
                name="oximeter by the bed",
                cadence_s=15,
                slots=[SlotSetup(limits=[spo2])],
            ),
        ],
    )


def test_a_config_that_says_nothing_of_devices_leaves_the_gateways_own() -> None:
    assert decode_config(golden("v1_config")).devices is None


def test_the_command_that_a_person_has_the_alert_is_read_for_ever() -> None:
    command = decode_command(golden("v1_command_acknowledged"))
    assert (command.command, command.id, command.type) == ("acknowledged", "00112233445566ff", EventType.SOS)
    assert (command.device, command.slot, command.kind) == ("A4:C1:38:00:00:0A", 0, None)
    assert (command.at, command.until, command.occurred_at) == (1735732860000, 1735733460000, 1735732800000)


def test_a_receipt_that_tells_the_time_is_read_for_ever() -> None:
    receipt = decode_receipt(golden("v1_receipt_at"))
    assert (receipt.alarm, receipt.bulk, receipt.at) == (3, 0, 1735732860123)
    assert decode_receipt(golden("v1_receipt")).at is None


def test_the_trial_of_the_alarm_path_is_read_for_ever() -> None:
    command = decode_command(golden("v1_command_prove"))
    assert (command.command, command.id, command.device) == ("prove", "00112233445566aa", None)
    header, rows = batch("v1_batch_proof")
    assert header.lane is Lane.ALARM
    at = datetime(2025, 1, 1, 12, 1, 1, tzinfo=UTC)
    assert rows == [(4, Event(device="00:00:00:00:00:00", type=EventType.PROOF, occurred_at=at))]


def test_a_heartbeat_about_its_config_and_commands_is_read_for_ever() -> None:
    status = decode_status(golden("v1_status_config"))
    assert status.config == 1735732800
    assert status.config_refused == "device C0:26:DA:00:00:01: this program has no profile 'glucose_new'"
    assert status.done == ["00112233445566ff"]
    assert status.devices[0].model == "Nonin 3230, firmware 1.02"
    assert (decode_status(golden("v1_status")).config, decode_status(golden("v1_status")).done) == (0, [])


def test_the_command_to_listen_is_read_for_ever() -> None:
    command = decode_command(golden("v1_command_listen"))
    assert (command.command, command.id) == ("listen", "00112233445566bb")
    assert (command.at, command.until) == (1735732860000, 1735733040000)


def test_what_a_gateway_hears_nearby_is_read_for_ever() -> None:
    status = decode_status(golden("v1_status_listening"))
    assert status.listening_until == 1735733040000
    assert status.devices[0].bonded is True
    assert status.nearby == [
        NearbyDevice(device="C0:26:DA:00:00:02", profiles=["oximeter"], seen_at=1735732859000, rssi_dbm=-60),
        NearbyDevice(
            device="A4:C1:38:00:00:09",
            profiles=["bthome_door"],
            seen_at=1735732858000,
            rssi_dbm=-71,
            battery_percent=90,
        ),
        NearbyDevice(
            device="A4:C1:38:00:00:0A",
            profiles=["bthome_door", "bthome_sos"],
            seen_at=1735732857000,
            encrypted=True,
        ),
    ]
    before = decode_status(golden("v1_status_config"))
    assert (before.listening_until, before.nearby, before.devices[0].bonded) == (None, [], None)


def test_the_key_of_a_sensor_is_read_for_ever() -> None:
    key = "231d39c1d7cc1ab1aee224cd096db932"
    assert decode_config(golden("v1_config_key")).devices == [
        DeviceSetup(address="A4:C1:38:00:00:0A", profile="bthome_sos", name="pendant 7", slots=[SlotSetup()], key=key)
    ]
    assert [device.key for device in decode_config(golden("v1_config_full")).devices or []] == [None, None, None]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("v1_config_full", GatewayConfig),
        ("v1_config_key", GatewayConfig),
        ("v1_command_listen", Command),
        ("v1_status_listening", Status),
        ("v1_command_acknowledged", Command),
        ("v1_command_prove", Command),
        ("v1_batch_proof", Batch),
        ("v1_receipt_at", Receipt),
        ("v1_status_config", Status),
    ],
)
def test_what_the_server_says_today_has_no_unknown_field(name: str, kind: type) -> None:
    assert unknown_fields(golden(name), kind) == 0
