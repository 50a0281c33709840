"""The sensors of a virtual home: what each says on the air is what its profile hears, and what its book has."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.profiles import PROFILES
from devices.profiles.base import Happening, Presence, Sender
from devices.virtual.faults import ClockFault
from devices.virtual.physiology import Person
from devices.virtual.radio import Air
from devices.virtual.script import Baseline, DeviceInHome
from devices.virtual.sensor import Around, Sensor, Word
from devices.virtual.sensors import SENSORS
from devices.vocabulary import EventType

pytestmark = pytest.mark.integration
ADDRESS = "C0:33:00:00:00:07"
PATIENCE_S = 30


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    async with await Air.open() as opened:
        with opened.as_default():
            yield opened


def sensor(air: Air, profile: str, book: list[str], clock: ClockFault | None = None) -> Sensor:
    def write(_device: str, word: Word) -> None:
        book.append(word.what)

    around = Around(
        air=air,
        person=Person(seed=1, baseline=Baseline(spo2=95, pulse=70, temperature=36.8, glucose=6)),
        clock=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        zone=ZoneInfo("Europe/Oslo"),
        book=write,
    )
    return SENSORS[profile](DeviceInHome(address=ADDRESS, profile=profile, name="X", clock=clock), around)


CASES: dict[str, tuple[str, Callable[[Sensor], Awaitable[None]], Happening | Presence]] = {
    "pendant sos": ("pendant", lambda each: each.press(), Happening(type=EventType.SOS)),
    "pendant fall": ("pendant", lambda each: each.fall(False), Happening(type=EventType.FALL)),
    "pendant fall, taken back": ("pendant", lambda each: each.fall(True), Happening(type=EventType.FALL)),
    "dispenser dose_taken": ("dispenser", lambda each: each.dose(True), Happening(type=EventType.DOSE_TAKEN)),
    "dispenser dose_missed": ("dispenser", lambda each: each.dose(False), Happening(type=EventType.DOSE_MISSED)),
    "bed vacant": ("bthome_bed", lambda each: each.occupy(False), Presence(occupied=False)),
    "smoke": ("bthome_smoke", lambda each: each.press(), Happening(type=EventType.SMOKE)),
    "gas": ("bthome_gas", lambda each: each.press(), Happening(type=EventType.GAS)),
    "water": ("bthome_water", lambda each: each.press(), Happening(type=EventType.WATER)),
    "motion": ("bthome_motion", lambda each: each.press(), Happening(type=EventType.MOTION)),
    "vibration": ("bthome_vibration", lambda each: each.press(), Happening(type=EventType.VIBRATION)),
}


@pytest.mark.parametrize(("profile", "use", "wanted"), CASES.values(), ids=CASES.keys())
async def test_what_it_says_is_heard_and_written_in_its_book(
    air: Air, profile: str, use: Callable[[Sensor], Awaitable[None]], wanted: Happening | Presence
) -> None:
    book: list[str] = []
    heard = asyncio.Event()
    decode = PROFILES[profile].decode_advert
    assert decode is not None

    def listen(_device: BLEDevice, advert: AdvertisementData) -> None:
        for data in advert.service_data.values():
            if wanted in decode(data, Sender(address=ADDRESS)).said:
                heard.set()

    each = sensor(air, profile, book)
    async with each.peripheral, BleakScanner(listen):
        await use(each)
        await asyncio.wait_for(heard.wait(), PATIENCE_S)
    event = wanted.type if isinstance(wanted, Happening) else EventType.VACANT
    assert book == [event.value]


async def test_what_a_sensor_cannot_do_is_refused_by_name(air: Air) -> None:
    button = sensor(air, "bthome_sos", [])
    for use in (button.fall(False), button.dose(True), button.occupy(True), button.turn(True)):
        with pytest.raises(NotImplementedError, match="X "):
            await use


async def test_a_meter_tells_what_its_own_clock_shows_right_or_wrong(air: Air) -> None:
    """2026-11-22 00:00 UTC is 01:00 in Oslo, on a Sunday: GSS Current Time, by hand. A year ahead it is a Monday."""
    shown = {None: "ea 07 0b 16 01 00 00 07 00 02", ClockFault.YEAR_AHEAD: "eb 07 0b 16 01 00 00 01 00 02"}
    for fault, wanted in shown.items():
        meter = sensor(air, "glucose", [], fault)
        async with meter.peripheral:
            await meter.measure(0.0)
            found = await BleakScanner.find_device_by_name("X", timeout=PATIENCE_S)
            assert found is not None
            async with BleakClient(found) as client:
                clock = await client.read_gatt_char("00002a2b-0000-1000-8000-00805f9b34fb")
        assert bytes(clock) == bytes.fromhex(wanted)
