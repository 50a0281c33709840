"""What a gateway says of the air around it: while somebody listens, of sorts that it reads, and never a value."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.profiles.base import Sender
from devices.wire.columns import to_millis
from devices.wire.messages import Command
from edge.core.around import MOST_KNOWN, MOST_SAID, Around, Sort, sort_of

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
DOOR, BUTTON = "A4:C1:38:00:00:09", "A4:C1:38:00:00:0A"
OXIMETER = Sort(profiles=("oximeter",))


def listen(*, at: datetime = NOON, for_s: float = 180) -> Command:
    until = to_millis(at + timedelta(seconds=for_s))
    return Command(gateway="hjem-3f2a", command="listen", id="0" * 16, at=to_millis(at), until=until)


def listening(for_s: float = 180) -> Around:
    around = Around()
    around.listen(listen(for_s=for_s), NOON, 0.0, is_clock_set=True)
    return around


def sort(hexadecimal: str, *, key: bytes | None = None, configured: str | None = None) -> Sort:
    return sort_of([], bytes.fromhex(hexadecimal), Sender(address=DOOR, key=key), configured)


def test_nothing_is_kept_or_said_while_nobody_listens() -> None:
    around = Around()
    around.hear(DOOR, OXIMETER, -60, NOON, 0.0)
    assert (around.until(0.0), around.nearby(0.0)) == (None, [])
    around.listen(listen(), NOON, 1.0, is_clock_set=True)
    assert around.nearby(1.0) == [], "whoever begins to listen hears nothing from before"


def test_the_strongest_is_said_first_and_one_without_strength_last() -> None:
    around = listening()
    for address, rssi_dbm in ((DOOR, -80), (BUTTON, None), ("A4:C1:38:00:00:0B", -41)):
        around.hear(address, OXIMETER, rssi_dbm, NOON, 1.0)
    said = [(each.device[-2:], each.rssi_dbm) for each in around.nearby(1.0)]
    assert said == [("0B", -41), ("09", -80), ("0A", None)]


def test_the_window_ends_by_itself_and_forgets_the_neighbours() -> None:
    around = listening(for_s=180)
    around.hear(DOOR, OXIMETER, -60, NOON, 1.0)
    assert around.until(179.9) == NOON + timedelta(seconds=180)
    assert len(around.nearby(30.0)) == 1
    assert (around.until(180.0), around.nearby(180.0)) == (None, [])
    around.listen(listen(), NOON, 200.0, is_clock_set=True)
    assert around.nearby(200.0) == []


def test_no_window_is_longer_than_ten_minutes_whatever_the_server_says() -> None:
    around = listening(for_s=86_400)
    assert around.until(599.9) is not None
    assert around.until(600.0) is None


def test_what_comes_late_opens_no_window_and_what_is_left_of_one_counts() -> None:
    around = Around()
    around.listen(listen(for_s=60), NOON + timedelta(seconds=60), 0.0, is_clock_set=True)
    assert around.until(0.0) is None
    around.listen(listen(for_s=60), NOON + timedelta(seconds=50), 0.0, is_clock_set=True)
    assert around.until(9.9) is not None
    assert around.until(10.0) is None


def test_a_gateway_that_does_not_know_the_time_listens_as_long_as_it_was_asked_to() -> None:
    around = Around()
    around.listen(listen(for_s=60), datetime(2020, 1, 1, tzinfo=UTC), 0.0, is_clock_set=False)
    assert around.until(59.9) is not None
    assert around.until(60.0) is None


def test_one_that_is_not_heard_for_a_minute_is_not_said_any_more() -> None:
    around = listening()
    around.hear(DOOR, OXIMETER, -60, NOON, 1.0)
    around.hear(BUTTON, OXIMETER, -60, NOON, 30.0)
    assert [each.device for each in around.nearby(61.5)] == [BUTTON]


def test_a_street_full_of_devices_does_not_fill_the_memory_or_the_message() -> None:
    around = listening()
    for number in range(MOST_KNOWN + 50):
        around.hear(f"A4:C1:38:00:{number >> 8:02X}:{number & 255:02X}", OXIMETER, -90, NOON, 1.0)
    around.hear(DOOR[:-2] + "FF", OXIMETER, -30, NOON, 1.0)
    assert len(around.nearby(1.0)) == MOST_SAID
    around.hear(BUTTON, OXIMETER, -30, NOON, 70.0)  # the others are gone by now
    assert [each.device for each in around.nearby(70.0)] == [BUTTON]


def test_what_no_profile_reads_is_not_said() -> None:
    around = listening()
    around.hear(DOOR, sort_of(["0000fd6f-0000-1000-8000-00805f9b34fb"], None, Sender(address=DOOR), None), -50, NOON, 1)
    assert around.nearby(1.0) == []


# bthome.io/format: 0x40 is version 2, not encrypted; 0x44 sends when something happens; 0x41 encrypts. Objects: 0x01
# battery, 0x1a door, 0x29 smoke, 0x20 moisture, 0x21 motion, 0x23 occupancy, 0x17 carbon monoxide, 0x3a button.
@pytest.mark.parametrize(
    ("frame", "likeliest", "battery"),
    [
        ("40 01 5a 1a 01", ("bthome_door",), 90),
        ("40 2d 00", ("bthome_door",), None),
        ("40 01 64 29 00", ("bthome_smoke",), 100),
        ("40 29 00 17 00", ("bthome_smoke", "bthome_gas"), None),
        ("40 20 00", ("bthome_water",), None),
        ("40 21 01", ("bthome_motion",), None),
        ("40 23 01", ("bthome_bed",), None),
        ("44 00 07 01 50 3a 01", ("bthome_sos", "bthome_fall"), 80),
        ("44 3a 01 3a 00 3a 00", ("pendant", "bthome_sos"), None),
    ],
)
def test_what_a_beacon_says_tells_what_it_is(frame: str, likeliest: tuple[str, ...], battery: int | None) -> None:
    found = sort(frame)
    assert (found.profiles, found.battery_percent, found.encrypted) == (likeliest, battery, False)


def test_a_beacon_that_encrypts_may_be_any_of_its_sort_and_needs_its_key() -> None:
    # bthome.io/encryption: the example of the format, of 54:48:E6:8F:80:A5.
    found = sort("41 a4 72 66 c9 5f 73 00 11 22 33 78 23 72 14")
    assert found.encrypted and found.battery_percent is None
    assert {"bthome_door", "bthome_sos", "bthome_smoke"} <= set(found.profiles)


def test_a_beacon_that_says_only_its_battery_may_be_any_of_its_sort() -> None:
    found = sort("40 01 5a")
    assert found.battery_percent == 90
    assert {"bthome_door", "bthome_sos", "pendant"} <= set(found.profiles)


def test_what_one_advertisement_says_is_not_taken_back_by_the_next() -> None:
    around = listening()
    around.hear(BUTTON, sort("44 01 50"), -60, NOON, 1.0)
    around.hear(BUTTON, sort("44 3a 01"), -62, NOON, 2.0)
    around.hear(BUTTON, sort("44 00 07"), -61, NOON, 3.0)
    (said,) = around.nearby(3.0)
    assert (said.profiles, said.battery_percent, said.rssi_dbm) == (["bthome_sos", "bthome_fall"], 80, -61)


def test_a_meter_is_known_by_the_services_that_it_names() -> None:
    pulse_oximeter = "00001822-0000-1000-8000-00805f9b34fb"  # Bluetooth assigned numbers, 3.4.1
    assert sort_of([pulse_oximeter], None, Sender(address=DOOR), None).profiles == ("oximeter",)


def test_what_is_read_here_already_is_called_as_it_is_read() -> None:
    found = sort("44 3a 01", configured="bthome_fall")
    assert found.profiles == ("bthome_fall",)


# Nothing; a door without its state; version 1; an information byte that announces an address and has none.
@pytest.mark.parametrize("frame", ["", "40 1a", "20 01 5a", "42 01"])
def test_garbage_on_the_air_is_nothing(frame: str) -> None:
    assert sort(frame).profiles == ()
