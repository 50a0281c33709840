"""What is on the air reaches us through the kernel, bluetoothd and D-Bus."""

import pytest

from devices.virtual.peripherals import BTHomeAdvertiser, HeartRate
from devices.virtual.radio import Air
from edge.scan import scan
from tests.bluez_vm.guest.gateway import gateway

pytestmark = pytest.mark.usefixtures("dongle")

STRAP, DOOR, BUTTON = "F1:00:00:00:00:01", "F1:00:00:00:00:02", "F1:00:00:00:00:03"
# https://bthome.io/format: device information, packet id 1, battery 93 %, door open; the same, button pressed
DOOR_OPENED = bytes.fromhex("440001015d1a01")
BUTTON_PRESSED = bytes.fromhex("440001015d3a01")


async def test_a_scan_says_address_name_and_profile_of_what_is_on_the_air(air: Air) -> None:
    async with (
        HeartRate(air, name="STRAP", address=STRAP),
        BTHomeAdvertiser(air, name="DOOR", address=DOOR, idle=DOOR_OPENED, idle_interval_ms=100.0),
    ):
        said = {line.split()[0]: line for line in await scan(None, 3.0)}
    assert set(said) == {STRAP, DOOR}
    assert "STRAP" in said[STRAP] and "heart_rate" in said[STRAP]
    assert "DOOR" in said[DOOR] and "bthome" in said[DOOR]


async def test_a_pressed_button_reaches_the_ears_byte_by_byte(air: Air) -> None:
    async with gateway({BUTTON: "bthome_sos"}) as running, BTHomeAdvertiser(air, name="SOS", address=BUTTON) as button:
        await button.publish(BUTTON_PRESSED)
        await running.ears.until(lambda: (BUTTON, BUTTON_PRESSED) in running.ears.adverts)
        assert set(running.ears.adverts) == {(BUTTON, BUTTON_PRESSED)}


async def test_every_press_is_heard_while_a_stream_is_connected(air: Air) -> None:
    presses = [bytes.fromhex(f"4400{packet:02x}015d3a01") for packet in range(1, 6)]
    async with (
        gateway({BUTTON: "bthome_sos", STRAP: "heart_rate"}) as running,
        HeartRate(air, name="STRAP", address=STRAP) as strap,
        BTHomeAdvertiser(air, name="SOS", address=BUTTON) as button,
    ):
        await running.ears.until(lambda: bool(running.ears.said_by(STRAP, "00002a19-0000-1000-8000-00805f9b34fb")))
        assert strap.connections
        for press in presses:
            await button.publish(press)
            await running.ears.until(lambda press=press: (BUTTON, press) in running.ears.adverts)  # type: ignore[misc]
        assert strap.connections
