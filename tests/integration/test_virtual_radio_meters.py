"""Virtual blood pressure meters, scales, glucose sensors and health sensors: as their services' specifications and the
makers of such devices say."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from bleak import BleakClient

from devices.virtual.peripherals import BloodPressure, GlucoseSensor, HealthSensor, Scale
from devices.virtual.radio import Air
from tests.integration.virtual_radio_rig import find, into, names_on_the_air, next_of

pytestmark = pytest.mark.integration

PRESSURE = "00002a35-0000-1000-8000-00805f9b34fb"
CUFF = "00002a36-0000-1000-8000-00805f9b34fb"
CURRENT_TIME = "00002a2b-0000-1000-8000-00805f9b34fb"
WEIGHT = "00002a9d-0000-1000-8000-00805f9b34fb"
COMPOSITION = "00002a9c-0000-1000-8000-00805f9b34fb"
WEIGHT_FEATURE = "00002a9e-0000-1000-8000-00805f9b34fb"
GLUCOSE = "00002aa7-0000-1000-8000-00805f9b34fb"
FEATURE = "00002aa8-0000-1000-8000-00805f9b34fb"
SESSION_START = "00002aaa-0000-1000-8000-00805f9b34fb"
RUN_TIME = "00002aab-0000-1000-8000-00805f9b34fb"
RECORD_ACCESS = "00002a52-0000-1000-8000-00805f9b34fb"
LIVE = "00002b8b-0000-1000-8000-00805f9b34fb"
CONTROL_POINT = "00002bf4-0000-1000-8000-00805f9b34fb"
ELAPSED_TIME = "00002bf2-0000-1000-8000-00805f9b34fb"
METER = "F2:00:00:00:00:01"

# BLS 1.1.1, 3.1: 120/80 mmHg, no mean; 118/79.
FIRST = bytes.fromhex("00 78 00 50 00 ff 07")
SECOND = bytes.fromhex("00 76 00 4f 00 ff 07")
# CTS 1.1, 3.1: Sunday 9 March 2025, 07:05:30, set by hand.
MORNING = bytes.fromhex("e9 07 03 09 07 05 1e 07 00 01")


async def test_a_pressure_meter_is_silent_until_it_has_measured_and_when_all_is_confirmed(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BloodPressure(air, name="BP", address=METER) as meter:
        assert await names_on_the_air() == set()
        meter.measure(FIRST)
        meter.measure(SECOND)
        await find("BP")
        async with BleakClient(METER) as client:
            await client.start_notify(PRESSURE, into(heard))
            assert [await next_of(heard), await next_of(heard)] == [FIRST, SECOND]
        assert meter.unsent == ()
        assert await names_on_the_air() == set()


async def test_a_pressure_meter_tells_who_listens_what_is_in_the_cuff_and_keeps_nothing_of_it(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    pumping = bytes.fromhex("00 a0 00 ff 07 ff 07")  # BLS 1.1.1, 3.2: 160 mmHg
    async with BloodPressure(air, name="BP", address=METER) as meter:
        assert meter.pump(pumping) == 0
        meter.measure(FIRST)
        async with BleakClient(METER) as client:
            await client.start_notify(CUFF, into(heard))
            assert meter.pump(pumping) == 1
            assert await next_of(heard) == pumping
        assert meter.unsent == (FIRST,)


async def test_a_meter_whose_clock_is_not_set_sends_nothing_until_it_is(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BloodPressure(air, name="BP", address=METER, wants_time=True) as meter:
        meter.measure(FIRST)
        async with BleakClient(METER) as client:
            assert await client.read_gatt_char(CURRENT_TIME) == bytes(10)
            await client.start_notify(PRESSURE, into(heard))
            await client.read_gatt_char(CURRENT_TIME)  # whatever it had sent would have come before this answer
            assert heard.empty()
            await client.write_gatt_char(CURRENT_TIME, MORNING, response=True)
            assert await next_of(heard) == FIRST
            assert await client.read_gatt_char(CURRENT_TIME) == MORNING
        assert meter.clock is not None and meter.clock.isoformat() == "2025-03-09T07:05:30"


async def test_a_meter_keeps_its_time_to_the_next_visit(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BloodPressure(air, name="BP", address=METER, wants_time=True) as meter:
        meter.set_clock(MORNING)
        meter.measure(FIRST)
        async with BleakClient(METER) as client:
            await client.start_notify(PRESSURE, into(heard))
            assert await next_of(heard) == FIRST


async def test_a_meter_that_is_cut_off_says_it_again(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BloodPressure(air, name="BP", address=METER) as meter:
        meter.measure(FIRST)
        await BleakClient(METER).connect()
        air.drop(meter)
        async with BleakClient(METER) as client:
            await client.start_notify(PRESSURE, into(heard))
            assert await next_of(heard) == FIRST


async def test_a_meter_with_a_full_memory_loses_the_oldest_and_counts_it(air: Air) -> None:
    async with BloodPressure(air, name="BP", address=METER) as meter:
        for number in range(32):
            meter.measure(bytes([number]))
    assert meter.unsent == tuple(bytes([number]) for number in range(2, 32))
    assert meter.lost == 2


# The scale: WSS 1.0 and BCS 1.0. 83.42 kg; fat 25.0 %.
WEIGHED = bytes.fromhex("00 2c 41")
COMPOSED = bytes.fromhex("00 00 fa 00")


async def test_a_scale_says_the_weight_and_then_what_it_is_made_of(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with Scale(air, name="SCALE", address=METER) as scale:
        assert await names_on_the_air() == set()
        scale.weigh(WEIGHED, COMPOSED)
        async with BleakClient(METER) as client:
            assert await client.read_gatt_char(WEIGHT_FEATURE) == bytes.fromhex("1f 00 00 00")
            await client.start_notify(WEIGHT, into(heard))
            assert await next_of(heard) == WEIGHED
            await client.start_notify(COMPOSITION, into(heard))
            assert await next_of(heard) == COMPOSED
        assert scale.unsent == ()


async def test_a_scale_keeps_the_order_though_the_composition_is_asked_for_first(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with Scale(air, name="SCALE", address=METER) as scale:
        scale.weigh(WEIGHED, COMPOSED)
        async with BleakClient(METER) as client:
            await client.start_notify(COMPOSITION, into(heard))
            await client.read_gatt_char(WEIGHT_FEATURE)
            assert heard.empty()
            await client.start_notify(WEIGHT, into(heard))
            assert [await next_of(heard), await next_of(heard)] == [WEIGHED, COMPOSED]


# The glucose sensor: CGMS 1.0.2, 3.1 (size, flags, 100 mg/dL, minute) and 3.8.
MINUTES = {minute: bytes.fromhex("06 00 64 00") + minute.to_bytes(2, "little") for minute in (5, 10, 15, 300)}
BEGAN = bytes.fromhex("ea 07 09 1c 0e 05 1e ec 04")  # 3.4: 28 September 2026, 14:05:30, UTC-5, summer


@pytest.fixture
async def patch(air: Air) -> AsyncIterator[GlucoseSensor]:
    async with GlucoseSensor(air, name="CGM", address=METER, session_start=BEGAN) as sensor:
        for record in MINUTES.values():
            sensor.measure(record)
        yield sensor


class Reader:
    """Subscribed to the records and to the control point."""

    def __init__(self, client: BleakClient) -> None:
        self.client = client
        self.records: asyncio.Queue[bytes] = asyncio.Queue()
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def begin(self) -> "Reader":
        await self.client.start_notify(GLUCOSE, into(self.records))
        await self.client.start_notify(RECORD_ACCESS, into(self.answers))
        return self

    async def ask(self, request: str) -> str:
        await self.client.write_gatt_char(RECORD_ACCESS, bytes.fromhex(request), response=True)
        return (await next_of(self.answers)).hex(" ")

    def heard(self) -> list[bytes]:
        return [self.records.get_nowait() for _ in range(self.records.qsize())]


async def test_a_glucose_sensor_says_what_it_is_and_when_it_was_started(patch: GlucoseSensor) -> None:
    async with BleakClient(METER) as client:
        assert await client.read_gatt_char(FEATURE) == bytes.fromhex("00 00 00 59 ff ff")
        assert await client.read_gatt_char(SESSION_START) == BEGAN
        assert await client.read_gatt_char(RUN_TIME) == bytes.fromhex("f0 00")  # ten days


@pytest.mark.parametrize(
    ("request_", "minutes", "answer"),
    [
        ("01 01", [5, 10, 15, 300], "06 00 01 01"),
        ("01 03 01 0a 00", [10, 15, 300], "06 00 01 01"),
        ("01 04 01 06 00 0f 00", [10, 15], "06 00 01 01"),
        ("01 06", [300], "06 00 01 01"),
        ("01 03 01 2d 01", [], "06 00 01 06"),
        ("04 03 01 0a 00", [], "05 00 03 00"),
        ("01 03 02 0a 00", [], "06 00 01 09"),
        ("02 01", [], "06 00 02 02"),
    ],
)
async def test_a_glucose_sensor_reports_the_minutes_that_are_asked_for(
    patch: GlucoseSensor, request_: str, minutes: list[int], answer: str
) -> None:
    async with BleakClient(METER) as client:
        reader = await Reader(client).begin()
        assert await reader.ask(request_) == answer
        assert reader.heard() == [MINUTES[minute] for minute in minutes]
    assert patch.records == tuple(MINUTES.values())


async def test_a_glucose_sensor_notifies_each_new_record(patch: GlucoseSensor) -> None:
    new = bytes.fromhex("06 00 65 00 31 01")
    async with BleakClient(METER) as client:
        reader = await Reader(client).begin()
        assert patch.measure(new) == 1
        assert await next_of(reader.records) == new


async def test_a_new_session_counts_from_the_beginning(patch: GlucoseSensor) -> None:
    later = bytes.fromhex("ea 07 0a 08 0e 05 1e ec 04")
    patch.restart(later)
    patch.measure(MINUTES[5])
    async with BleakClient(METER) as client:
        assert await client.read_gatt_char(SESSION_START) == later
        reader = await Reader(client).begin()
        assert await reader.ask("01 01") == "06 00 01 01"
        assert reader.heard() == [MINUTES[5]]


# The health sensor: GHSS 1.0. SpO2 91 % in two segments.
SEGMENTS = [bytes.fromhex("01 01 0c 00 01 00 b8 4b"), bytes.fromhex("06 02 00 20 02 5b 00 00 00")]


async def test_a_health_sensor_sends_nothing_until_it_is_told_to_start(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    async with HealthSensor(air, name="GHS", address=METER) as sensor:
        sensor.observe(*SEGMENTS)
        async with BleakClient(METER) as client:
            await client.start_notify(LIVE, into(heard))
            await client.start_notify(CONTROL_POINT, into(answers))
            await client.read_gatt_char(ELAPSED_TIME)  # whatever it had sent would have come before this answer
            assert heard.empty()
            await client.write_gatt_char(CONTROL_POINT, b"\x01", response=True)
            assert await next_of(answers) == b"\x80"
            assert [await next_of(heard), await next_of(heard)] == SEGMENTS
        assert sensor.unsent == ()


async def test_a_health_sensor_has_to_be_told_in_each_visit(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    async with HealthSensor(air, name="GHS", address=METER) as sensor:
        sensor.observe(SEGMENTS[0])
        async with BleakClient(METER) as client:
            await client.start_notify(CONTROL_POINT, into(answers))
            await client.write_gatt_char(CONTROL_POINT, b"\x01", response=True)
            assert await next_of(answers) == b"\x80"
            await client.write_gatt_char(CONTROL_POINT, b"\x07", response=True)
            assert await next_of(answers) == b"\x81"
        async with BleakClient(METER) as client:
            await client.start_notify(LIVE, into(heard))
            await client.read_gatt_char(ELAPSED_TIME)
            assert heard.empty()
        assert sensor.unsent == (SEGMENTS[0],)
