"""The virtual devices behave as the services' specifications and the makers of such devices say."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakError, BleakGATTProtocolError

from devices.virtual.gatt_servers import spot
from devices.virtual.peripherals import BTHomeAdvertiser, Glucose, Thermometer
from devices.virtual.radio import Air
from tests.integration.virtual_radio_rig import (
    PATIENCE_S,
    SHORT_WHILE_S,
    find,
    into,
    names_on_the_air,
    next_of,
    nobody_is_on_the_air,
)

pytestmark = pytest.mark.integration

TEMPERATURE = "00002a1c-0000-1000-8000-00805f9b34fb"
TEMPERATURE_TYPE = "00002a1d-0000-1000-8000-00805f9b34fb"
GLUCOSE = "00002a18-0000-1000-8000-00805f9b34fb"
CONTEXT = "00002a34-0000-1000-8000-00805f9b34fb"
FEATURE = "00002a51-0000-1000-8000-00805f9b34fb"
RECORD_ACCESS = "00002a52-0000-1000-8000-00805f9b34fb"
BTHOME = "0000fcd2-0000-1000-8000-00805f9b34fb"
THERMOMETER, METER, BUTTON = "F1:00:00:00:00:01", "F1:00:00:00:00:02", "F1:00:00:00:00:03"
OTHER_BUTTON = "F1:00:00:00:00:04"

# HTS 1.0, 3.1: flags 0x02 = Celsius with time stamp; FLOAT 36.4, 36.5 (mantissa 364, exponent -1); 2026-01-05 08:00:00
MORNING = bytes.fromhex("026c0100ffea070105080000")
NOON = bytes.fromhex("026d0100ffea0701050c0000")


# The thermometer: a spot-check device.


async def test_a_thermometer_is_silent_until_it_has_measured_and_again_when_its_time_is_over(air: Air) -> None:
    async with Thermometer(air, name="TEMP", address=THERMOMETER, on_the_air_s=2) as thermometer:
        assert await names_on_the_air() == set()
        thermometer.measure(MORNING)
        await find("TEMP")
        assert await nobody_is_on_the_air()
        assert thermometer.unsent == (MORNING,)
        thermometer.wake()
        await find("TEMP")


def test_a_thermometer_is_on_the_air_for_ten_seconds() -> None:
    assert spot.ON_THE_AIR_S == 10  # as spot-check meters are: github.com/bkbilly/medisanabp_ble issue 10


async def test_a_thermometer_sends_what_it_kept_oldest_first_and_forgets_what_was_confirmed(air: Air) -> None:
    said: list[tuple[str, str, bytes]] = []
    thermometer = Thermometer(air, name="TEMP", address=THERMOMETER, on_said=lambda *words: said.append(words))
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with thermometer:
        thermometer.measure(MORNING)
        thermometer.measure(NOON)
        async with BleakClient(THERMOMETER) as client:
            assert await client.read_gatt_char(TEMPERATURE_TYPE) == b"\x03"  # HTS 1.0, 3.2: ear
            await client.start_notify(TEMPERATURE, into(heard))
            assert [await asyncio.wait_for(heard.get(), PATIENCE_S) for _ in range(2)] == [MORNING, NOON]
        assert thermometer.unsent == ()
        assert await names_on_the_air() == set()
    assert said == [(THERMOMETER, TEMPERATURE, MORNING), (THERMOMETER, TEMPERATURE, NOON)]


async def test_a_thermometer_that_measures_while_connected_sends_at_once(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with Thermometer(air, name="TEMP", address=THERMOMETER) as thermometer:
        thermometer.measure(MORNING)
        async with BleakClient(THERMOMETER) as client:
            await client.start_notify(TEMPERATURE, into(heard))
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == MORNING
            thermometer.measure(NOON)
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == NOON


async def test_a_thermometer_keeps_what_nobody_confirmed_and_comes_back_on_the_air(air: Air) -> None:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with Thermometer(air, name="TEMP", address=THERMOMETER) as thermometer:
        thermometer.measure(MORNING)
        await BleakClient(THERMOMETER).connect()
        air.drop(thermometer)
        async with BleakClient(THERMOMETER) as client:
            await client.start_notify(TEMPERATURE, into(heard))
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == MORNING


async def test_a_thermometer_keeps_what_was_sent_but_not_confirmed(air: Air) -> None:
    said: list[bytes] = []
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    def out_of_reach_at_the_first_word(_address: str, _uuid: str, data: bytes) -> None:
        said.append(data)
        if len(said) == 1:
            air.drop(thermometer)

    thermometer = Thermometer(air, name="TEMP", address=THERMOMETER, on_said=out_of_reach_at_the_first_word)
    async with thermometer:
        thermometer.measure(MORNING)
        gone = asyncio.Event()
        client = BleakClient(THERMOMETER, lambda _client: gone.set())
        await client.connect()
        with contextlib.suppress(BleakError):  # the link may be gone before the subscription is answered
            await client.start_notify(TEMPERATURE, into(heard))
        await asyncio.wait_for(gone.wait(), PATIENCE_S)
        assert thermometer.unsent == (MORNING,)
        async with BleakClient(THERMOMETER) as client:
            await client.start_notify(TEMPERATURE, into(heard))
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == MORNING
    assert said == [MORNING, MORNING]


async def test_a_thermometer_with_a_full_memory_loses_the_oldest_and_counts_it(air: Air) -> None:
    thermometer = Thermometer(air, name="TEMP", address=THERMOMETER)
    async with thermometer:
        for number in range(32):
            thermometer.measure(bytes([number]))
    assert thermometer.unsent == tuple(bytes([number]) for number in range(2, 32))
    assert thermometer.lost == 2


# The glucose meter: GLS 1.0.1, record access in 3.4.

RECORDS = {  # 3.1: flags 0x00, sequence number, base time 2026-01-05 08:MM:00
    number: bytes([0x00, number, 0x00, 0xEA, 0x07, 1, 5, 8, number, 0]) for number in range(1, 6)
}
SUCCESS = bytes.fromhex("06000101")


@dataclass
class Reading:
    """A reader of a glucose meter, subscribed to everything."""

    client: BleakClient
    measurements: list[bytes] = field(default_factory=list)
    contexts: list[bytes] = field(default_factory=list)
    answers: "asyncio.Queue[bytes]" = field(default_factory=asyncio.Queue)

    async def begin(self) -> "Reading":
        await self.client.start_notify(GLUCOSE, lambda _c, data: self.measurements.append(bytes(data)))
        await self.client.start_notify(CONTEXT, lambda _c, data: self.contexts.append(bytes(data)))
        await self.client.start_notify(RECORD_ACCESS, into(self.answers))
        return self

    async def ask(self, request: str) -> str:
        await self.client.write_gatt_char(RECORD_ACCESS, bytes.fromhex(request), response=True)
        return await self.answer()

    async def answer(self) -> str:
        return (await asyncio.wait_for(self.answers.get(), PATIENCE_S)).hex()


@pytest.fixture
async def meter(air: Air) -> AsyncIterator[Glucose]:
    async with Glucose(air, name="METER", address=METER) as peripheral:
        for record in RECORDS.values():
            peripheral.measure(record)
        yield peripheral


@pytest.fixture
async def reading(meter: Glucose) -> AsyncIterator[Reading]:
    async with BleakClient(METER) as client:
        yield await Reading(client).begin()


@pytest.mark.parametrize(
    ("request_bytes", "numbers"),
    [
        pytest.param("0101", [1, 2, 3, 4, 5], id="all"),
        pytest.param("0103010400", [4, 5], id="from 4 on"),
        pytest.param("0102010200", [1, 2], id="up to 2"),
        pytest.param("01040102000400", [2, 3, 4], id="2 to 4"),
        pytest.param("0105", [1], id="first"),
        pytest.param("0106", [5], id="last"),
    ],
)
async def test_a_meter_reports_the_records_asked_for(reading: Reading, request_bytes: str, numbers: list[int]) -> None:
    assert await reading.ask(request_bytes) == "06000101"
    assert reading.measurements == [RECORDS[number] for number in numbers]


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        pytest.param("0401", "05000500", id="number of all"),
        pytest.param("0403010600", "05000000", id="number of none is a number"),
        pytest.param("0103010600", "06000106", id="no records found"),
        pytest.param("0701", "06000702", id="op code not supported"),
        pytest.param("0100", "06000103", id="null is an invalid operator for a report"),
        pytest.param("0107", "06000104", id="operator not supported"),
        pytest.param("0103", "06000105", id="operand missing"),
        pytest.param("01040105000100", "06000105", id="range the wrong way round"),
        pytest.param("0103020600", "06000109", id="user facing time is not supported"),
        pytest.param("0300", "06000301", id="abort when nothing runs"),
    ],
)
async def test_a_meter_answers_as_specified(reading: Reading, request_bytes: str, answer: str) -> None:
    assert await reading.ask(request_bytes) == answer
    assert reading.measurements == []


async def test_a_meter_deletes_only_what_it_is_told_to(meter: Glucose, reading: Reading) -> None:
    assert await reading.ask("0202010300") == "06000201"
    assert [record.measurement for record in meter.records] == [RECORDS[4], RECORDS[5]]
    assert await reading.ask("0401") == "05000200"


async def test_a_context_follows_its_measurement(air: Air) -> None:
    context = bytes.fromhex("02010001")  # 3.2: meal present, sequence number 1, before meal
    async with Glucose(air, name="METER", address=METER, features=b"\x01\x00") as meter:
        meter.measure(RECORDS[1], context)
        async with BleakClient(METER) as client:
            assert await client.read_gatt_char(FEATURE) == b"\x01\x00"
            reading = await Reading(client).begin()
            await reading.ask("0101")
    assert (reading.measurements, reading.contexts) == ([RECORDS[1]], [context])


@pytest.mark.parametrize("subscribed", [[], [GLUCOSE], [RECORD_ACCESS]], ids=["nothing", "measurement", "access"])
async def test_a_report_needs_both_subscriptions(meter: Glucose, subscribed: list[str]) -> None:
    async with BleakClient(METER) as client:
        for uuid in subscribed:
            await client.start_notify(uuid, lambda _characteristic, _data: None)
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.write_gatt_char(RECORD_ACCESS, b"\x01\x01", response=True)
    assert refused.value.code == 0xFD  # CSS part B 1.2: CCCD improperly configured


async def test_a_second_request_during_a_report_is_refused_and_an_abort_ends_it(air: Air) -> None:
    async with Glucose(air, name="METER", address=METER, pace_s=0.05) as meter:
        for number in range(1, 201):
            meter.measure(bytes([0x00, number, 0x00, 0xEA, 0x07, 1, 5, 8, 0, 0]))
        async with BleakClient(METER) as client:
            reading = await Reading(client).begin()
            await client.write_gatt_char(RECORD_ACCESS, b"\x01\x01", response=True)
            with pytest.raises(BleakGATTProtocolError) as refused:
                await client.write_gatt_char(RECORD_ACCESS, b"\x04\x01", response=True)
            assert refused.value.code == 0xFE  # CSS part B 1.2: procedure already in progress
            assert await reading.ask("0300") == "06000301"
            assert len(reading.measurements) < 200
            assert await reading.ask("0401") == "0500c800"
            assert reading.answers.empty()


async def test_a_meter_is_on_the_air_until_a_report_was_completed(air: Air, meter: Glucose) -> None:
    await find("METER")
    async with BleakClient(METER) as client:
        reading = await Reading(client).begin()
        assert await reading.ask("0104010100" + "0400") == "06000101"
    await find("METER")  # the fifth has not been reported
    async with BleakClient(METER) as client:
        reading = await Reading(client).begin()
        assert await reading.ask("0106") == "06000101"
    assert await names_on_the_air() == set()
    meter.measure(bytes([0x00, 6, 0x00, 0xEA, 0x07, 1, 5, 9, 0, 0]))
    await find("METER")


async def test_a_report_that_a_drop_cuts_short_is_not_completed(air: Air) -> None:
    said: list[bytes] = []
    meter = Glucose(
        air, name="METER", address=METER, pace_s=0.02, on_said=lambda _address, _uuid, data: said.append(data)
    )
    async with meter:
        for record in RECORDS.values():
            meter.measure(record)
        client = BleakClient(METER)
        await client.connect()
        reading = await Reading(client).begin()
        await client.write_gatt_char(RECORD_ACCESS, b"\x01\x01", response=True)
        air.drop(meter)
        async with BleakClient(METER) as client:
            reading = await Reading(client).begin()
            assert await reading.ask("0101") == "06000101"
    assert reading.measurements == list(RECORDS.values())
    assert said.count(SUCCESS) == 1


async def test_records_survive_the_meter_being_switched_off(air: Air, meter: Glucose) -> None:
    await meter.stop()
    await meter.start()
    async with BleakClient(METER) as client:
        reading = await Reading(client).begin()
        assert await reading.ask("0101") == "06000101"
    assert reading.measurements == list(RECORDS.values())


async def test_a_meter_with_a_full_memory_drops_the_oldest_and_counts_what_was_never_reported(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER)
    for number in range(1, 503):
        meter.measure(bytes([0x00]) + number.to_bytes(2, "little") + bytes.fromhex("ea070105080000"))
    assert len(meter.records) == 500
    assert meter.records[0].sequence_number == 3
    assert meter.lost == 2


# BTHome v2: https://bthome.io/format. 0x44 = version 2, trigger based; 00 packet id, 01 battery, 3a button press.


@pytest.fixture
async def adverts(air: Air) -> AsyncIterator["asyncio.Queue[bytes]"]:
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    async with BleakScanner(lambda _device, advert: heard.put_nowait(advert.service_data[BTHOME])):
        yield heard


async def test_an_event_is_repeated_and_then_there_is_silence(air: Air, adverts: "asyncio.Queue[bytes]") -> None:
    said: list[tuple[str, str, bytes]] = []
    press = bytes.fromhex("44000101643a01")
    async with BTHomeAdvertiser(air, name="SOS", address=BUTTON, on_said=lambda *words: said.append(words)) as button:
        await button.publish(press)
        heard = [await next_of(adverts), await next_of(adverts)]
        with contextlib.suppress(TimeoutError):
            while len(heard) <= 11:  # ten a second, for a second
                heard.append(await asyncio.wait_for(adverts.get(), SHORT_WHILE_S))
    assert len(heard) <= 11
    assert set(heard) == {press}
    assert said == [(BUTTON, BTHOME, press)]


async def test_between_events_the_idle_advert_is_heard(air: Air, adverts: "asyncio.Queue[bytes]") -> None:
    closed, opened = bytes.fromhex("4400001a00"), bytes.fromhex("4400011a01")
    door = BTHomeAdvertiser(air, name="DOOR", address=BUTTON, idle=closed, idle_interval_ms=20, burst_s=0.3)
    async with door:
        assert await asyncio.wait_for(adverts.get(), PATIENCE_S) == closed
        await door.publish(opened)
        order = [closed]
        async with asyncio.timeout(PATIENCE_S):
            while order != [closed, opened, closed]:
                if (payload := await adverts.get()) != order[-1]:
                    order.append(payload)


async def test_of_events_in_quick_succession_none_is_skipped(air: Air, adverts: "asyncio.Queue[bytes]") -> None:
    presses = [bytes.fromhex("4400") + bytes([number]) + bytes.fromhex("3a01") for number in range(4)]
    heard: list[bytes] = []
    async with BTHomeAdvertiser(air, name="SOS", address=BUTTON) as button:
        for press in presses:
            await button.publish(press)
        async with asyncio.timeout(PATIENCE_S):
            while set(heard) != set(presses):
                heard.append(await adverts.get())
    assert list(dict.fromkeys(heard)) == presses
    assert all(heard.count(press) >= 2 for press in presses[:-1])


async def test_an_advertiser_cannot_be_connected_to(air: Air) -> None:
    async with BTHomeAdvertiser(air, name="SOS", address=BUTTON, idle=bytes.fromhex("44"), idle_interval_ms=20):
        device = await BleakScanner.find_device_by_name("SOS", timeout=PATIENCE_S)
        assert device is not None
        with pytest.raises(TimeoutError):
            await BleakClient(device, timeout=0.3).connect()


async def test_a_button_far_away_is_not_heard(air: Air, adverts: "asyncio.Queue[bytes]") -> None:
    far_away, near = bytes.fromhex("44000101643a01"), bytes.fromhex("44000201643a01")
    other = BTHomeAdvertiser(air, name="OTHER", address=OTHER_BUTTON)
    async with BTHomeAdvertiser(air, name="SOS", address=BUTTON) as button, other:
        air.set_range(button, False)
        await button.publish(far_away)
        await other.publish(near)
        assert [await next_of(adverts) for _ in range(4)] == [near] * 4
