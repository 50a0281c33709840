"""What a screen is told of a sensor that is being paired, as far as it follows from values alone."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import ClockTrust, EventType, Kind
from server.api.heard import loudest
from server.api.pairing_shapes import awaits
from server.store.installation_rows import GatewayRow, PartRow, SensorRow, Word

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOOR = SensorRow(
    id=1,
    address="A4:C1:38:00:00:09",
    slot=0,
    profile="bthome_door",
    label="",
    place="front door",
    patient=None,
    since=NOON - MINUTE,
    has_key=False,
)
CYCLED = PartRow(device=1, slot=0, part="power_cycle", at=NOON, staff=1, rests_on="")


def sensor(profile: str) -> SensorRow:
    return SensorRow(
        id=1, address=DOOR.address, slot=0, profile=profile, label="", place=None, patient=7, since=NOON, has_key=False
    )


def word(*, at: datetime = NOON, late: timedelta = timedelta(), clock: ClockTrust = ClockTrust.CHECKED) -> Word:
    return Word(taken_at=at, received_at=at + late, clock=clock, kind=Kind.SPO2, value=93)


def gateway(name: str, dbm: int, *, seen_ago_s: float = 1) -> GatewayRow:
    """Its clock is an hour ahead, which must not matter."""
    ahead_ms = int((NOON + timedelta(hours=1)).timestamp() * 1000)
    said = {
        "gateway": name,
        "state": "online",
        "outbox": "0" * 16,
        "started": "0" * 16,
        "at": ahead_ms,
        "devices": [
            {"device": DOOR.address, "state": "heard", "rssi_dbm": dbm, "seen_at": ahead_ms - int(seen_ago_s * 1000)}
        ],
    }
    return GatewayRow(
        id=len(name), name=name, label="", home=1, depot_team=None, state="online", heard_at=NOON, status=said
    )


def test_a_beacon_is_back_when_it_is_heard_and_what_connects_only_when_it_was_read() -> None:
    heard_at = NOON + MINUTE
    assert awaits("reconnect", DOOR, CYCLED, None, heard_at)[0] is None
    assert awaits("reconnect", sensor("oximeter"), CYCLED, None, heard_at)[0] == "contact", "in pairing mode, perhaps"
    assert awaits("reconnect", sensor("oximeter"), CYCLED, word(at=heard_at), heard_at)[0] is None
    assert awaits("reconnect", sensor("oximeter"), CYCLED, word(at=NOON - MINUTE), heard_at)[0] == "contact"


def test_whoever_was_not_turned_off_cannot_have_come_back() -> None:
    assert awaits("reconnect", DOOR, None, word(), NOON + MINUTE)[0] == "power_cycle"


def test_nobody_says_whose_value_it_is_before_there_is_one() -> None:
    assert awaits("person", DOOR, CYCLED, None, NOON)[0] == "value"
    event = Word(taken_at=NOON, received_at=NOON, clock=ClockTrust.ARRIVAL, event=EventType.DOOR_OPENED)
    assert awaits("person", DOOR, CYCLED, event, NOON) == (None, "door_opened at 2026-07-01 12:00:00 UTC.")


@pytest.mark.parametrize(
    ("said", "first"),
    [
        (None, "value"),
        (word(clock=ClockTrust.ARRIVAL), None),
        (word(clock=ClockTrust.CHECKED, late=timedelta(hours=3)), None),
        (word(clock=ClockTrust.CHECKED, late=-5 * MINUTE), "clock"),
        (word(clock=ClockTrust.CORRECTED), "clock"),
        (word(clock=ClockTrust.DEVICE, late=14 * MINUTE), None),
        (word(clock=ClockTrust.DEVICE, late=16 * MINUTE), "clock"),
        (word(clock=ClockTrust.DEVICE, late=-16 * MINUTE), "clock"),
    ],
)
def test_a_clock_is_right_when_it_was_compared_or_agrees_with_ours(said: Word | None, first: str | None) -> None:
    """A meter that was compared may bring what it stored for hours; one that nobody compared must measure now."""
    assert awaits("clock", DOOR, CYCLED, said, NOON)[0] == first


def test_the_walk_takes_the_gateway_that_hears_best_just_now_whatever_its_clock_says() -> None:
    near, far, late = gateway("gw-near", -55), gateway("gw-far", -90), gateway("gw-late", -40, seen_ago_s=30)
    found = loudest([far, late, near], DOOR.address, NOON + timedelta(seconds=5))
    assert found is not None and (found[0].name, found[1]) == ("gw-near", -55)
    assert loudest([late], DOOR.address, NOON + timedelta(seconds=5)) is None
    assert loudest([near], "A4:C1:38:00:00:FF", NOON) is None
