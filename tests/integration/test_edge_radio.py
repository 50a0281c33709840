"""The gateway's own radio code on the virtual radio: visits, bonds, clocks, changes while it runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bumble import att
from bumble.gatt import Service

from devices.profiles import PROFILES, current_time, glucose, heart_rate, thermometer
from devices.profiles.base import DeviceClock, SetsClock
from devices.virtual.gatt_servers.connectable import READ, WRITE, WRITEABLE, characteristic, service
from devices.virtual.hci_server import HciServer, serve_hci
from devices.virtual.peripherals import BTHomeAdvertiser, Glucose, HeartRate, Thermometer
from devices.virtual.radio import Air
from devices.virtual.remote import RemoteAdapter
from devices.vocabulary import Kind
from edge.adapters import VirtualDoor
from edge.core.watchdog import Patience
from edge.doors import Dropped
from tests.integration.edge_radio_rig import ADAPTERS, radio, served

pytestmark = pytest.mark.integration

STRAP, METER, EAR, BELL, STRAP_2 = (f"F1:00:00:00:01:0{number}" for number in range(1, 6))
STRAPS = PROFILES["heart_rate"]
METERS = replace(PROFILES["glucose"], clock=SetsClock.NO, bonds=True)
BEAT = heart_rate.encode_measurement(per_min=72, on_body=True)
LOCAL_NOON = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001 - a device knows no zone; in Oslo it is 10 UTC, as in the rig


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    """On which a test may break what it likes."""
    async with Air() as opened:
        yield opened


def measure(meter: Glucose, record: int, mmol_per_l: float = 6.1) -> None:
    meter.measure(glucose.encode_measurement(record=record, at=LOCAL_NOON, mmol_per_l=mmol_per_l))


def bonding_meter(air: Air, **more: Any) -> Glucose:
    return Glucose(air, name="METER", address=METER, needs_bond=True, advertising_interval_ms=50, **more)


async def test_notifications_do_not_multiply_however_often_the_link_drops(air: Air, home: HciServer) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    async with strap, radio([home.address], {STRAP: STRAPS}) as rig:
        for drop in range(4):
            await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
            before = len(rig.ears.values(STRAP, Kind.HEART_RATE))
            for _ in range(5):
                assert await strap.publish(BEAT) == 1
            await rig.until(lambda least=before + 5: len(rig.ears.values(STRAP, Kind.HEART_RATE)) >= least)  # type: ignore[misc]
            await strap.set_battery(50 + drop)  # behind the beats: had they come twice, they would be here by now
            assert len(rig.ears.values(STRAP, Kind.HEART_RATE)) == before + 5
            air.drop(strap)
            await rig.until(lambda: rig.radio.states()[STRAP] != "connected")


class Counted(BleakClient):
    made = ended = 0

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        Counted.made += 1

    async def disconnect(self) -> None:
        await super().disconnect()
        Counted.ended += 1


class CountingDoor(VirtualDoor):
    def client(self, device: BLEDevice, dropped: Dropped, timeout_s: float) -> BleakClient:
        assert Counted.ended == Counted.made, "the one before was not disconnected: on BlueZ it would hear, too"
        return Counted(device, dropped, timeout=timeout_s, backend=self._client)


async def test_a_client_is_disconnected_before_the_next_one_is_made_however_it_was_lost(
    air: Air, home: HciServer
) -> None:
    """bleak#2002: on BlueZ a dropped client that nobody disconnects goes on hearing, beside the next one."""
    Counted.made = Counted.ended = 0
    doors = (CountingDoor("counting", RemoteAdapter(home.address)),)
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    async with strap, radio([], {STRAP: STRAPS}, doors=doors) as rig:
        for drop in range(1, 4):
            await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
            assert Counted.made == drop
            air.drop(strap)
            await rig.until(lambda: rig.radio.states()[STRAP] != "connected")
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
    assert Counted.ended == Counted.made == 4


async def test_a_meter_that_needs_a_bond_is_paired_and_read_and_the_bond_outlives_us(
    air: Air, home: HciServer, tmp_path: Path
) -> None:
    meter = bonding_meter(air)
    measure(meter, 1)
    async with meter:
        async with radio([home.address], {METER: METERS}, tmp_path / "bonds.json") as rig:
            await rig.until(lambda: rig.ears.remembered == {METER: 1})
            assert rig.radio.bonds() == {METER: True}
        meter.is_pairing = False  # a new start has to do with the bond that there is
        measure(meter, 2)
        async with radio([home.address], {METER: METERS}, tmp_path / "bonds.json", {METER: 1}) as rig:
            await rig.until(lambda: rig.ears.remembered == {METER: 2})


async def test_a_bond_that_the_device_forgot_is_made_anew(air: Air, home: HciServer, tmp_path: Path) -> None:
    meter = bonding_meter(air)
    measure(meter, 1)
    async with meter, radio([home.address], {METER: METERS}, tmp_path / "bonds.json") as rig:
        await rig.until(lambda: rig.ears.remembered == {METER: 1})
        await meter.forget_bonds()
        measure(meter, 2)
        await rig.until(lambda: rig.ears.remembered == {METER: 2})
        assert rig.troubles.sentences() == []


async def test_a_bond_that_we_lost_is_made_anew(air: Air, home: HciServer, tmp_path: Path) -> None:
    meter = bonding_meter(air)
    for record in (1, 2):
        measure(meter, record)
        async with meter, radio([home.address], {METER: METERS}, tmp_path / f"bonds{record}.json") as rig:
            await rig.until(lambda number=record: rig.ears.remembered == {METER: number})  # type: ignore[misc]


async def test_a_meter_whose_profile_does_not_say_that_it_needs_a_bond_is_paired_too(air: Air, home: HciServer) -> None:
    meter = bonding_meter(air)
    measure(meter, 1)
    async with meter, radio([home.address], {METER: replace(METERS, bonds=False)}) as rig:
        await rig.until(lambda: rig.ears.remembered == {METER: 1})


async def test_a_meter_that_does_not_let_us_pair_is_a_trouble_until_somebody_puts_it_in_pairing_mode(
    air: Air, home: HciServer
) -> None:
    meter = bonding_meter(air, is_always_on_the_air=True)
    meter.is_pairing = False
    measure(meter, 1)
    async with meter, radio([home.address], {METER: METERS}) as rig:
        await rig.until(lambda: rig.trouble(f"{METER} (glucose) does not let us pair: put it in pairing mode"))
        assert rig.radio.bonds() == {METER: False}
        meter.is_pairing = True
        await rig.until(lambda: rig.ears.remembered == {METER: 1})
        await rig.until(lambda: rig.troubles.sentences() == [])


class Hanging(HeartRate):
    """Asked for its location, it never answers."""

    def services(self) -> Sequence[Service]:
        async def never(_reader: object) -> bytes:
            await asyncio.Event().wait()
            return b""

        self._location = characteristic(0x2A38, READ, att.AttributeValue[bytes](read=never))
        return [service(self.service_uuid, self._measurement, self._location)]


async def test_a_device_that_never_answers_a_question_is_heard_all_the_same(air: Air, home: HciServer) -> None:
    strap = Hanging(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    profile = replace(STRAPS, read=("00002a38-0000-1000-8000-00805f9b34fb",))
    async with strap, radio([home.address], {STRAP: profile}) as rig:
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
        await strap.publish(BEAT)
        await rig.until(lambda: rig.ears.values(STRAP, Kind.HEART_RATE) == [72])


async def test_more_streams_than_places_are_told(air: Air, home: HciServer) -> None:
    straps = {f"F1:00:00:00:03:{number:02X}": STRAPS for number in range(7)}
    async with radio([home.address], straps) as rig:
        assert rig.trouble("7 sensors stream, and 6 can be connected at once")
        rig.radio.set_devices(dict(list(straps.items())[:6]), {})
        assert not rig.trouble("sensors stream")


class Timed(HeartRate):
    """A strap with a clock: Current Time Service 1.1, section 3.1."""

    def __init__(self, air: Air, shows: datetime | None, **common: Any) -> None:
        super().__init__(air, **common)
        self.written: list[bytes] = []
        self.subscribed_when_written: list[bool] = []
        shown = current_time.encode(shows) if shows else current_time.encode_not_set()
        self._time = characteristic(
            0x2A2B, READ | WRITE, att.AttributeValue(read=lambda _reader: shown, write=self._set), WRITEABLE
        )

    def services(self) -> Sequence[Service]:
        return [*super().services(), service(0x1805, self._time)]

    def _set(self, _reader: object, value: bytes) -> None:
        self.written.append(bytes(value))


@pytest.mark.parametrize(
    ("shows", "we_know", "is_set"),
    [
        (LOCAL_NOON - timedelta(hours=1), True, True),
        (None, True, True),
        (LOCAL_NOON, True, False),
        (LOCAL_NOON - timedelta(hours=1), False, False),
    ],
)
async def test_a_clock_that_is_wrong_is_heard_first_and_then_set_to_local_time(
    air: Air, home: HciServer, shows: datetime | None, we_know: bool, is_set: bool
) -> None:
    def decode(uuid: str, data: bytes) -> Any:
        return current_time.decode(data) if uuid == current_time.CURRENT_TIME else STRAPS.decode(uuid, data)  # type: ignore[misc]

    profile = replace(STRAPS, clock=SetsClock.SETS, decode=decode)
    strap = Timed(air, shows, name="STRAP", address=STRAP, advertising_interval_ms=20)
    async with strap, radio([home.address], {}, zone=ZoneInfo("Europe/Oslo")) as rig:
        rig.clock.knows = we_know
        rig.ears.profiles = {STRAP: profile}
        rig.radio.set_devices({STRAP: profile}, {})
        await rig.until(lambda: rig.radio.states().get(STRAP) == "connected")
        assert (STRAP, DeviceClock(shows=shows)) in rig.ears.said
        # GATT Specification Supplement, Current Time: 2026-07-01 12:00:00, a Wednesday, no fractions
        assert [data[:9] for data in strap.written] == [bytes.fromhex("ea0707010c00000300")] * is_set


async def test_devices_change_while_it_runs(air: Air, home: HciServer) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    other = HeartRate(air, name="OTHER", address=STRAP_2, advertising_interval_ms=20)
    both = {STRAP: STRAPS, STRAP_2: STRAPS}
    async with strap, other, radio([home.address], {STRAP: STRAPS}) as rig:
        rig.ears.profiles = both
        await rig.until(lambda: rig.radio.states() == {STRAP: "connected"})
        rig.radio.set_devices(both, {})
        await rig.until(lambda: rig.radio.states() == dict.fromkeys(both, "connected"), 2)
        assert len(strap.connections) == 1
        rig.radio.set_devices({STRAP_2: STRAPS}, {})
        await rig.until(lambda: not strap.connections, 2)
        assert await other.publish(BEAT) == 1  # which was not disturbed
        rig.radio.set_devices({STRAP: STRAPS, STRAP_2: PROFILES["oximeter"]}, {})
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
        await rig.until(lambda: rig.trouble(f"{STRAP_2} (oximeter) has nothing that a oximeter has"))


async def test_a_device_is_served_by_the_adapter_that_hears_it_and_moves_when_that_one_dies(air: Air) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    async with served(air, 2) as servers, strap, radio([each.address for each in servers], {STRAP: STRAPS}) as rig:
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
        (reader,) = strap.connections
        dead = str(reader.peer_address)[:17]
        await servers[ADAPTERS.index(dead)].close()
        await rig.until(lambda: [str(reader.peer_address)[:17] for reader in strap.connections] not in ([], [dead]))
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
        await rig.until(lambda: rig.trouble("no Bluetooth"))


async def test_a_stack_that_comes_back_is_listened_to_at_once(air: Air, free_port: int) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    where = f"tcp:127.0.0.1:{free_port}"
    async with strap, radio([where], {STRAP: STRAPS}) as rig:
        await rig.until(lambda: rig.trouble("no Bluetooth"))
        for _ in range(2):
            async with await serve_hci(air, where):
                await rig.until(lambda: rig.radio.states()[STRAP] == "connected")
                assert rig.troubles.sentences() == []
            await rig.until(lambda: rig.trouble("no Bluetooth"))


async def test_a_silent_canary_is_a_deaf_radio_though_others_are_heard(air: Air, home: HciServer) -> None:
    canary = BTHomeAdvertiser(air, name="CANARY", address=BELL, idle=b"\x40\x00\x01", idle_interval_ms=20)
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=20)
    patience = Patience(silent_s=0.3, longest_s=2)
    async with canary, radio([home.address], {STRAP: STRAPS}, canary=BELL, patience=patience) as rig, strap:
        await rig.until(lambda: rig.radio.states()[STRAP] == "connected" and rig.troubles.sentences() == [])
        air.set_range(canary, False)
        await rig.until(lambda: rig.trouble("has not heard the canary"))
        air.set_range(canary, True)
        await rig.until(lambda: rig.troubles.sentences() == [])


async def test_a_scanner_that_died_in_silence_is_started_again(air: Air, home: HciServer) -> None:
    door = BTHomeAdvertiser(air, name="DOOR", address=BELL, idle=b"\x40\x00\x01", idle_interval_ms=20)
    profile = {BELL: PROFILES["bthome_door"]}
    async with door, radio([home.address], profile, patience=Patience(silent_s=0.3, longest_s=2)) as rig:
        await rig.until(lambda: bool(rig.ears.adverts))
        (controller,) = air.link.centrals
        controller.le_scan_enable = False  # nobody is told: the adapter only falls silent
        heard = len(rig.ears.adverts)
        await rig.until(lambda: len(rig.ears.adverts) > heard + 3)


async def test_a_meter_that_hangs_up_and_comes_back_is_read_each_time(air: Air, home: HciServer) -> None:
    ear = Thermometer(air, name="EAR", address=EAR, advertising_interval_ms=50)
    async with ear, radio([home.address], {EAR: PROFILES["thermometer"]}) as rig:
        for number in range(1, 3):
            ear.measure(thermometer.encode_measurement(celsius=36.0 + number))
            await rig.until(lambda count=number: len(rig.ears.values(EAR, Kind.BODY_TEMPERATURE)) == count)  # type: ignore[misc]
            air.drop(ear)
        assert rig.ears.values(EAR, Kind.BODY_TEMPERATURE) == [37.0, 38.0]
        assert rig.troubles.sentences() == []
