"""`hjemvakt-gateway pair`: read once is not paired; only what is read again after off and on is."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from devices.virtual.gatt_servers.connectable import ConnectablePeripheral
from devices.virtual.hci_server import HciServer
from devices.virtual.peripherals import BTHomeAdvertiser, Glucose, HeartRate, PulseOximeter
from devices.virtual.radio import Air
from edge.config import Config, parse
from edge.errors import RadioError
from edge.pair import PairOutcome, PairPatience, pair
from edge.scan import scan

pytestmark = pytest.mark.integration

METER, STRAP, BELL = (f"F1:00:00:00:02:0{number}" for number in range(1, 4))
PATIENCE = PairPatience(find_s=3, silent_s=0.3, power_cycle_s=3)
SLOW_TO_BELIEVE = PairPatience(find_s=30, silent_s=2.5, power_cycle_s=3)  # a busy machine is no silence


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    """On which a test may break what it likes."""
    async with Air() as opened:
        yield opened


def config(directory: Path, virtual: str, devices: str = "") -> Config:
    text = 'gateway = "hv-1"\nbucket = 1\nmqtt = "mqtt://127.0.0.1:1"\ndata_dir = "data"\n'
    text += f'[radio]\nvirtual = "{virtual}"\n'
    return parse(text + devices, directory / "gateway.toml")


def person(device: ConnectablePeripheral, lines: list[str]) -> Callable[[str], None]:
    """Does what the lines say: off, and when it is asked to, on again without the pairing mode."""
    tasks: list[asyncio.Task[None]] = []

    def say(line: str) -> None:
        lines.append(line)
        if "turn it off and on" in line:
            device.is_pairing = False
            tasks.append(asyncio.create_task(device.stop()))
        elif "Turn it on" in line:
            tasks.append(asyncio.create_task(device.start()))

    return say


async def paired(air: Air, home: HciServer, directory: Path, meter: Glucose) -> tuple[PairOutcome, list[str]]:
    lines: list[str] = []
    async with meter:
        outcome = await pair(
            config(directory, home.address, f'[[devices]]\naddress = "{METER}"\nprofile = "glucose"\n'),
            METER.lower(),
            person(meter, lines),
            PATIENCE,
        )
    return outcome, lines


def meter_on(air: Air) -> Glucose:
    return Glucose(
        air, name="METER", address=METER, needs_bond=True, is_always_on_the_air=True, advertising_interval_ms=50
    )


async def test_a_meter_that_is_read_again_without_pairing_mode_is_paired(
    air: Air, home: HciServer, tmp_path: Path
) -> None:
    outcome, lines = await paired(air, home, tmp_path, meter_on(air))
    assert outcome == PairOutcome(is_proven=True, sentence=f"{METER} is paired: it was read again without pairing mode")
    assert [line.split()[0] for line in lines] == ["Put", "Heard:", "Read", "It", "Heard:"]
    assert lines[1] == lines[4] and lines[1].endswith("0 records stored")


async def test_nothing_that_a_patient_measured_is_taken_out_of_the_meter(
    air: Air, home: HciServer, tmp_path: Path
) -> None:
    meter = meter_on(air)
    meter.measure(bytes.fromhex("00 01 00 ea 07 07 01 0c 00 00".replace(" ", "")))
    outcome, _ = await paired(air, home, tmp_path, meter)
    assert outcome.is_proven
    assert meter._unreported == {1}


async def test_a_meter_that_forgets_the_bond_was_only_read_once(air: Air, home: HciServer, tmp_path: Path) -> None:
    lines: list[str] = []
    meter = meter_on(air)
    meter.keeps_bonds = False
    async with meter:
        say = person(meter, lines)
        devices = f'[[devices]]\naddress = "{METER}"\nprofile = "glucose"\n'
        outcome = await pair(config(tmp_path, home.address, devices), METER, say, PATIENCE)
    assert not outcome.is_proven
    assert "did not keep the pairing" in outcome.sentence


async def test_a_meter_that_is_not_in_pairing_mode_is_said_to_refuse(air: Air, home: HciServer, tmp_path: Path) -> None:
    meter = meter_on(air)
    meter.is_pairing = False
    outcome, _ = await paired(air, home, tmp_path, meter)
    assert outcome == PairOutcome(
        is_proven=False, sentence=f"{METER} could not be read in pairing mode (it refused the pairing)"
    )


async def test_a_device_that_nobody_switches_off_is_not_proven(air: Air, home: HciServer, tmp_path: Path) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=50)
    async with strap:
        outcome = await pair(config(tmp_path, home.address), STRAP, lambda _line: None, SLOW_TO_BELIEVE)
    assert outcome.sentence == f"{STRAP} was not turned off within 3 s"


async def test_a_device_that_is_not_there_or_cannot_pair_is_said_so(air: Air, home: HciServer, tmp_path: Path) -> None:
    outcome = await pair(config(tmp_path, home.address), METER, lambda _line: None, PATIENCE)
    assert "was not heard: is the address right" in outcome.sentence
    async with BTHomeAdvertiser(air, name="BELL", address=BELL, idle=b"\x40\x00\x01", idle_interval_ms=50):
        outcome = await pair(config(tmp_path, home.address), BELL, lambda _line: None, PATIENCE)
    assert "only advertises" in outcome.sentence


async def test_an_advertiser_of_the_configuration_is_said_to_have_nothing_to_pair_before_anybody_waits(
    tmp_path: Path, free_port: int
) -> None:
    lines: list[str] = []
    devices = f'[[devices]]\naddress = "{BELL}"\nprofile = "bthome_sos"\n'
    outcome = await pair(config(tmp_path, f"tcp:127.0.0.1:{free_port}", devices), BELL, lines.append, PATIENCE)
    assert "only advertises" in outcome.sentence
    assert lines == []


async def test_without_bluetooth_the_error_is_one_sentence(tmp_path: Path, free_port: int) -> None:
    with pytest.raises(RadioError, match="no Bluetooth"):
        await pair(config(tmp_path, f"tcp:127.0.0.1:{free_port}"), METER, lambda _line: None, PATIENCE)


async def test_a_scan_says_what_is_heard_how_well_and_whether_it_is_ours(
    air: Air, home: HciServer, tmp_path: Path
) -> None:
    strap = HeartRate(air, name="STRAP", address=STRAP, advertising_interval_ms=50)
    clip = PulseOximeter(air, name="CLIP", address=METER, advertising_interval_ms=50)
    air.set_rssi(clip, -81)
    ours = f'[[devices]]\naddress = "{STRAP}"\nprofile = "heart_rate"\nname = "Grete"\n'
    async with strap, clip:
        first, second = await scan(config(tmp_path, home.address, ours), 0.5)
    assert first == f"{STRAP}   -60 dBm    0 s ago  STRAP  profile: heart_rate, in the configuration as Grete"
    assert second == f"{METER}   -81 dBm    0 s ago  CLIP  profile: oximeter"
