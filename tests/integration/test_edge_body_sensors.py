"""From the body to the ears of the gateway: each sensor of a virtual home is measured with, reached over the radio as
its profile says, and what is heard is what stands in its book."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.profiles import PROFILES
from devices.profiles.base import Reading, SessionStarted
from devices.virtual.gatt_servers.blood_pressure import BloodPressure
from devices.virtual.hci_server import HciServer
from devices.virtual.physiology import Person
from devices.virtual.radio import Air
from devices.virtual.script import Baseline, DeviceInHome
from devices.virtual.sensor import Around, Sensor, Word
from devices.virtual.sensors import SENSORS
from tests.integration.edge_radio_rig import NOON, radio

pytestmark = pytest.mark.integration

DEVICE = "F1:00:00:00:02:01"
OSLO = ZoneInfo("Europe/Oslo")
PERSON = Person(seed=7, baseline=Baseline(spo2=93, pulse=80, temperature=37, glucose=7.1))


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    """On which a test may break what it likes."""
    async with Air() as opened:
        yield opened


class Book:
    def __init__(self, air: Air, profile: str) -> None:
        self.now = NOON
        self.words: list[Word] = []
        around = Around(air=air, person=PERSON, clock=lambda: self.now, zone=OSLO, book=self._write)
        self.sensor: Sensor = SENSORS[profile](DeviceInHome(address=DEVICE, profile=profile, name="Måler"), around)

    def _write(self, device: str, word: Word) -> None:
        assert device == DEVICE
        self.words.append(word)


@pytest.mark.parametrize("profile", ["blood_pressure", "blood_pressure_omron", "scale", "health_sensor"])
async def test_what_a_spot_meter_measured_is_heard_once_with_its_time(
    air: Air, home: HciServer, tmp_path: Path, profile: str
) -> None:
    book = Book(air, profile)
    async with book.sensor.peripheral, radio([home.address], {DEVICE: PROFILES[profile]}, tmp_path / "bonds") as rig:
        await book.sensor.measure(1.0)
        measured = {word.what: word.value for word in book.words}
        await rig.until(lambda: {kind for kind in measured if rig.ears.values(DEVICE, kind)} == set(measured))
        for kind, value in measured.items():
            assert rig.ears.values(DEVICE, kind) == [pytest.approx(value)]
        times = {word.device_time for _, word in rig.ears.said if isinstance(word, Reading) and word.kind in measured}
        assert times == {NOON.astimezone(OSLO).replace(tzinfo=None)}


async def test_a_meter_that_wants_the_time_is_given_it(air: Air, home: HciServer, tmp_path: Path) -> None:
    book = Book(air, "blood_pressure_omron")
    meter = book.sensor.peripheral
    assert isinstance(meter, BloodPressure)
    profiles = {DEVICE: PROFILES["blood_pressure_omron"]}
    async with meter, radio([home.address], profiles, tmp_path / "bonds", zone=OSLO) as rig:
        await book.sensor.measure(1.0)
        await rig.until(lambda: bool(rig.ears.values(DEVICE, "systolic")))
        assert meter.clock == NOON.astimezone(OSLO).replace(tzinfo=None)


async def test_every_minute_of_a_glucose_sensor_is_heard_with_its_session(
    air: Air, home: HciServer, tmp_path: Path
) -> None:
    book = Book(air, "cgm")
    for _ in range(3):  # before the gateway is there: fetched from its memory
        book.now += timedelta(minutes=1)
        await book.sensor.beat(1.0)
    async with book.sensor.peripheral, radio([home.address], {DEVICE: PROFILES["cgm"]}, tmp_path / "bonds") as rig:
        await rig.until(lambda: rig.radio.states()[DEVICE] == "connected")
        book.now += timedelta(minutes=1)
        await book.sensor.beat(2.0)
        await rig.until(lambda: len(rig.ears.values(DEVICE, "glucose_isf")) >= 4)
        said = [word for _, word in rig.ears.said]
        started = next(word for word in said if isinstance(word, SessionStarted))
        readings = [word for word in said if isinstance(word, Reading) and word.kind == "glucose_isf"]
        assert started.utc_offset == timedelta(hours=2)  # Oslo in July
        heard = {(started.at + (word.into_session or timedelta()), word.value) for word in readings}
    assert sorted(heard) == [(word.at.astimezone(OSLO).replace(tzinfo=None), word.value) for word in book.words]
