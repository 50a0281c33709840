"""Unmodified bleak code on the virtual radio: what the gateway's shell relies on, promise by promise."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDeviceNotFoundError,
    BleakError,
)

from devices.virtual.peripherals import BTHomeAdvertiser, DeviceInformation, HeartRate, PulseOximeter
from devices.virtual.radio import Air
from tests.integration.virtual_radio_rig import PATIENCE_S, find, next_of, notifications

pytestmark = pytest.mark.integration

# Bluetooth Assigned Numbers 3.8.1 and 3.4.2, in bleak's 128-bit form
HEART_RATE_SERVICE = "0000180d-0000-1000-8000-00805f9b34fb"
OXIMETER_SERVICE = "00001822-0000-1000-8000-00805f9b34fb"
HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
BODY_LOCATION = "00002a38-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
SERIAL = "00002a25-0000-1000-8000-00805f9b34fb"
SPOT_CHECK = "00002a5e-0000-1000-8000-00805f9b34fb"
CONTINUOUS = "00002a5f-0000-1000-8000-00805f9b34fb"
BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"

STRAP, STRAP_2, OXIMETER, DOOR = (f"F1:00:00:00:00:0{n}" for n in range(1, 5))
NOBODY = "F1:00:00:00:00:99"

# HRS 1.0, 3.1: flags 0x16 = 8-bit value, contact detected, RR present; 60/min; RR 1024/1024 s
BEAT = bytes.fromhex("163c0004")


@pytest.fixture
async def strap(air: Air) -> AsyncIterator[HeartRate]:
    peripheral = HeartRate(air, name="STRAP", address=STRAP, battery_percent=77, advertising_interval_ms=20)
    async with peripheral:
        yield peripheral


async def first_heard(name: str, **scanner: Any) -> tuple[BLEDevice, AdvertisementData]:
    heard: asyncio.Queue[tuple[BLEDevice, AdvertisementData]] = asyncio.Queue()
    async with BleakScanner(lambda device, advert: heard.put_nowait((device, advert)), **scanner):
        async with asyncio.timeout(PATIENCE_S):
            while True:
                device, advert = await heard.get()
                if device.name == name:
                    return device, advert


async def test_a_scan_reports_name_service_address_and_signal_strength(air: Air, strap: HeartRate) -> None:
    air.set_rssi(strap, -83)
    device, advert = await first_heard("STRAP")
    assert device.address == STRAP
    assert advert.local_name == "STRAP"
    assert advert.service_uuids == [HEART_RATE_SERVICE]
    assert advert.rssi == -83


async def test_a_scan_for_a_service_hears_no_other_device(air: Air, strap: HeartRate) -> None:
    async with PulseOximeter(air, name="OXI", address=OXIMETER, advertising_interval_ms=20):
        heard: set[str | None] = set()
        async with BleakScanner(lambda device, _advert: heard.add(device.name), service_uuids=[OXIMETER_SERVICE]):
            await find("STRAP")
            await find("OXI")
    assert heard == {"OXI"}


async def test_each_advert_is_reported_once(air: Air) -> None:
    door = BTHomeAdvertiser(air, name="DOOR", address=DOOR, burst_s=0.3)
    opened, closed = bytes.fromhex("44000101641a01"), bytes.fromhex("44000201641a00")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with door, BleakScanner(lambda _device, advert: heard.put_nowait(advert.service_data[BTHOME])):
        await door.publish(opened)
        await door.publish(closed)
        before = [await next_of(heard)]
        while before[-1] != closed:
            before.append(await next_of(heard))
    assert before.count(opened) in range(1, 5)  # at 0, 100, 200 and perhaps 300 ms


async def test_reading_gives_the_value_that_the_device_has(air: Air) -> None:
    information = DeviceInformation(serial="SN-4711")
    strap = HeartRate(air, name="STRAP", address=STRAP, battery_percent=77, information=information)
    async with strap, BleakClient(await find("STRAP")) as client:
        assert await client.read_gatt_char(BATTERY) == b"\x4d"
        assert await client.read_gatt_char(BODY_LOCATION) == b"\x01"
        assert await client.read_gatt_char(SERIAL) == b"SN-4711"


async def test_notifications_arrive_in_order_and_complete(strap: HeartRate) -> None:
    heard, callback = notifications()
    async with BleakClient(await find("STRAP")) as client:
        await client.start_notify(HEART_RATE, callback)
        sent = [bytes([0x06, pulse]) for pulse in range(50, 150)]
        for measurement in sent:
            assert await strap.publish(measurement) == 1
        assert [await asyncio.wait_for(heard.get(), PATIENCE_S) for _ in sent] == sent


async def test_a_coroutine_may_be_the_notification_callback(strap: HeartRate) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def callback(_characteristic: object, data: bytearray) -> None:
        await heard.put(bytes(data))

    async with BleakClient(await find("STRAP")) as client:
        await client.start_notify(HEART_RATE, callback)
        await strap.publish(BEAT)
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == BEAT


async def test_after_stop_notify_nothing_is_sent_and_starting_again_works(strap: HeartRate) -> None:
    heard, callback = notifications()
    async with BleakClient(await find("STRAP")) as client:
        await client.start_notify(HEART_RATE, callback)
        with pytest.raises(BleakError, match="already started"):
            await client.start_notify(HEART_RATE, callback)
        await client.stop_notify(HEART_RATE)
        assert await strap.publish(BEAT) == 0
        await client.start_notify(HEART_RATE, callback)
        assert await strap.publish(BEAT) == 1
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == BEAT


async def test_an_indication_is_confirmed_and_delivered(air: Air) -> None:
    said: list[tuple[str, str, bytes]] = []
    spot, continuous = bytes.fromhex("0060003c00"), bytes.fromhex("0061003d00")  # PLXS 1.0, 3.1 and 3.2
    oximeter = PulseOximeter(air, name="OXI", address=OXIMETER, on_said=lambda *words: said.append(words))
    heard_spot, on_spot = notifications()
    heard_continuous, on_continuous = notifications()
    async with oximeter, BleakClient(await find("OXI")) as client:
        assert await oximeter.publish_spot_check(spot) == 0  # nobody listens yet: not said
        await client.start_notify(SPOT_CHECK, on_spot)
        await client.start_notify(CONTINUOUS, on_continuous)
        assert await oximeter.publish_spot_check(spot) == 1
        assert await oximeter.publish_continuous(continuous) == 1
        assert await asyncio.wait_for(heard_spot.get(), PATIENCE_S) == spot
        assert await asyncio.wait_for(heard_continuous.get(), PATIENCE_S) == continuous
    assert said == [(OXIMETER, SPOT_CHECK, spot), (OXIMETER, CONTINUOUS, continuous)]


async def test_a_disconnect_of_our_own_is_told_once(strap: HeartRate) -> None:
    told: list[BleakClient] = []
    client = BleakClient(await find("STRAP"), disconnected_callback=told.append)
    async with client:
        assert client.is_connected
    await client.disconnect()
    async with BleakClient(await find("STRAP")):
        assert told == [client]


async def test_a_device_that_is_switched_off_disconnects_and_can_be_switched_on_again(air: Air) -> None:
    gone = asyncio.Event()
    strap = HeartRate(air, name="STRAP", address=STRAP)
    await strap.start()
    client = BleakClient(await find("STRAP"), disconnected_callback=lambda _client: gone.set())
    await client.connect()
    await strap.stop()
    await asyncio.wait_for(gone.wait(), PATIENCE_S)
    async with strap:
        await client.connect()
        assert await client.read_gatt_char(BODY_LOCATION) == b"\x01"
        await client.disconnect()


async def test_reconnecting_after_drops_does_not_multiply_notifications(air: Air, strap: HeartRate) -> None:
    heard, callback = notifications()
    gone = asyncio.Event()
    client = BleakClient(await find("STRAP"), disconnected_callback=lambda _client: gone.set())
    for _ in range(4):
        await client.connect()
        await client.start_notify(HEART_RATE, callback)
        gone.clear()
        air.drop(strap)
        await asyncio.wait_for(gone.wait(), PATIENCE_S)
    await client.connect()
    await client.start_notify(HEART_RATE, callback)
    assert await strap.publish(BEAT) == 1
    assert await asyncio.wait_for(heard.get(), PATIENCE_S) == BEAT
    await client.disconnect()
    assert heard.empty()


async def test_connecting_to_an_absent_device_ends_and_leaves_the_adapter_usable(air: Air, strap: HeartRate) -> None:
    absent = HeartRate(air, name="GONE", address=STRAP_2, advertising_interval_ms=20)
    async with absent:
        device = await find("GONE")
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.3).connect()
    with pytest.raises(BleakDeviceNotFoundError):
        await BleakClient(NOBODY, timeout=0.3).connect()
    async with BleakClient(STRAP, timeout=PATIENCE_S) as client:
        assert client.is_connected


async def test_a_connect_that_is_cancelled_leaves_the_adapter_usable(air: Air, strap: HeartRate) -> None:
    device = await find("STRAP")
    cancelled = 0
    told: list[BleakClient] = []
    for milliseconds in range(60):  # before, during and after the moment when the connection is made
        client = BleakClient(device, disconnected_callback=told.append)
        attempt = asyncio.ensure_future(client.connect())
        await asyncio.sleep(milliseconds / 1000)
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
        cancelled += not client.is_connected
        await client.disconnect()
    assert cancelled > 0
    assert len(told) == 60 - cancelled  # only who was connected can be told of a disconnection
    async with BleakClient(device, timeout=PATIENCE_S) as client:
        assert client.is_connected


async def test_an_absent_device_does_not_keep_others_waiting(air: Air, strap: HeartRate) -> None:
    async with HeartRate(air, name="GONE", address=STRAP_2, advertising_interval_ms=20):
        absent = await find("GONE")
    hopeless = asyncio.ensure_future(BleakClient(absent, timeout=60).connect())
    async with BleakClient(await find("STRAP"), timeout=PATIENCE_S) as client:
        assert client.is_connected
    assert not hopeless.done()
    hopeless.cancel()
    await asyncio.gather(hopeless, return_exceptions=True)


async def test_several_clients_and_scanners_work_at_once(air: Air) -> None:
    straps = [
        HeartRate(air, name=f"S{n}", address=f"F2:00:00:00:00:0{n}", advertising_interval_ms=20) for n in range(6)
    ]
    for each in straps:
        await each.start()
    other_ears: set[str | None] = set()
    async with BleakScanner(lambda device, _advert: other_ears.add(device.name)):
        found = await asyncio.gather(*(find(each.name) for each in straps))
        clients = [BleakClient(device) for device in found]
        await asyncio.gather(*(client.connect() for client in clients))
        heard, callback = notifications()
        for client in clients:
            await client.start_notify(HEART_RATE, callback)
        for number, each in enumerate(straps):
            await each.publish(bytes([0x06, number]))
        got = [await asyncio.wait_for(heard.get(), PATIENCE_S) for _ in straps]
        await asyncio.gather(*(client.disconnect() for client in clients))
    assert sorted(got) == [bytes([0x06, number]) for number in range(6)]
    assert other_ears == {each.name for each in straps}


async def test_out_of_range_is_silent_and_drops_the_link(air: Air, strap: HeartRate) -> None:
    gone = asyncio.Event()
    device = await find("STRAP")
    client = BleakClient(device, disconnected_callback=lambda _client: gone.set())
    await client.connect()
    air.set_range(strap, False)
    await asyncio.wait_for(gone.wait(), PATIENCE_S)
    assert await BleakScanner.discover(0.2) == []
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.2).connect()
    air.set_range(strap, True)
    await client.connect()
    await client.disconnect()


async def test_an_adapter_that_is_off_says_so_and_works_again_when_it_is_on(air: Air, strap: HeartRate) -> None:
    gone = asyncio.Event()
    device = await find("STRAP")
    client = BleakClient(device, disconnected_callback=lambda _client: gone.set())
    await client.connect()
    await air.off()
    await asyncio.wait_for(gone.wait(), PATIENCE_S)
    with pytest.raises(BleakBluetoothNotAvailableError):
        await client.connect()
    with pytest.raises(BleakBluetoothNotAvailableError):
        await BleakScanner().start()
    await air.on()
    await client.connect()
    assert await client.read_gatt_char(BATTERY) == b"\x4d"
    await client.disconnect()


async def test_an_adapter_that_goes_off_ends_a_connection_attempt(air: Air) -> None:
    async with HeartRate(air, name="GONE", address=STRAP_2, advertising_interval_ms=20):
        absent = await find("GONE")
    attempt = asyncio.ensure_future(BleakClient(absent, timeout=60).connect())
    await asyncio.sleep(0.1)
    await air.off()
    with pytest.raises(BleakError):
        await asyncio.wait_for(attempt, PATIENCE_S)


async def test_an_exception_in_a_callback_stays_out_of_the_radio(air: Air, strap: HeartRate) -> None:
    seen: list[str] = []
    loop = asyncio.get_running_loop()
    told = loop.get_exception_handler()
    loop.set_exception_handler(lambda _loop, context: seen.append(str(context["exception"])))
    heard, callback = notifications()

    def faulty(_source: object, _data: object) -> None:
        raise RuntimeError("a bug of the application")

    async with BleakScanner(faulty):
        device = await find("STRAP")
    async with BleakClient(device) as client:
        await client.start_notify(HEART_RATE, faulty)
        await client.start_notify(BATTERY, callback)
        await strap.publish(BEAT)
        await strap.set_battery(76)
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == b"\x4c"
    loop.set_exception_handler(told)
    assert seen.count("a bug of the application") >= 2


async def test_a_deaf_device_is_heard_and_cannot_be_reached(air: Air, strap: HeartRate) -> None:
    air.set_deaf(strap, True)
    device = await find("STRAP")
    with pytest.raises(TimeoutError):
        await BleakClient(device, timeout=0.3).connect()
    air.set_deaf(strap, False)
    async with BleakClient(device) as client:
        assert client.is_connected
