"""The real agent as a process, and a virtual home around it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from devices.profiles import bthome, glucose, heart_rate, oximeter
from devices.virtual.hci_server import serve_hci
from devices.virtual.peripherals import BTHomeAdvertiser, Glucose, HeartRate, PulseOximeter, Thermometer
from devices.virtual.radio import Air
from devices.vocabulary import Event, EventType, Kind, Observation
from tests.integration.edge_contract_server import BUCKET, GATEWAY, ContractServer

STRAP, CLIP, METER = "F1:00:00:00:00:01", "F1:00:00:00:00:02", "F1:00:00:00:00:03"
EAR, DOOR, BUTTON = "F1:00:00:00:00:04", "F1:00:00:00:00:05", "F1:00:00:00:00:06"
OSLO = ZoneInfo("Europe/Oslo")
MEASURED_AT = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
PROFILES = {
    STRAP: "heart_rate",
    CLIP: "oximeter",
    METER: "glucose",
    EAR: "thermometer",
    DOOR: "bthome_door",
    BUTTON: "bthome_sos",
}


class Home:
    """Six devices; a task lets the two streams speak five times a second."""

    def __init__(self) -> None:
        self.per_min = 72
        self.air = Air()
        self.strap = HeartRate(self.air, name="STRAP", address=STRAP, battery_percent=77)
        self.clip = PulseOximeter(self.air, name="CLIP", address=CLIP)
        self.meter = Glucose(self.air, name="METER", address=METER)
        self.ear = Thermometer(self.air, name="EAR", address=EAR)
        self.door = BTHomeAdvertiser(
            self.air, name="DOOR", address=DOOR, idle=self.says_door(opened=False, packet_id=1), idle_interval_ms=200
        )
        self.button = BTHomeAdvertiser(self.air, name="BUTTON", address=BUTTON)
        self.all = (self.strap, self.clip, self.meter, self.ear, self.door, self.button)

    def says_door(self, *, opened: bool, packet_id: int) -> bytes:
        return bthome.encode_door(opened=opened, packet_id=packet_id, battery_percent=90)

    async def beat(self) -> None:
        while True:
            await self.strap.publish(heart_rate.encode_measurement(per_min=self.per_min, on_body=True))
            await self.clip.publish_continuous(oximeter.encode_continuous(spo2_percent=93, pulse_per_min=72))
            await asyncio.sleep(0.2)

    def measure_glucose(self, record: int, mmol_per_l: float) -> None:
        at = (MEASURED_AT + timedelta(minutes=record)).astimezone(OSLO).replace(tzinfo=None)
        self.meter.measure(glucose.encode_measurement(record=record, at=at, mmol_per_l=mmol_per_l))

    async def press(self, packet_id: int) -> None:
        press = bthome.encode_button(press=bthome.Press.SHORT, packet_id=packet_id, battery_percent=80)
        await self.button.publish(press)


@asynccontextmanager
async def living(home: Home, address: str = "tcp:127.0.0.1:0") -> AsyncIterator[str]:
    for device in home.all:
        await device.start()
    server = await serve_hci(home.air, address)
    beating = asyncio.create_task(home.beat())
    try:
        yield server.address
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)
        await server.close()
        for device in home.all:
            await device.stop()
        await home.air.close()


def write_config(
    directory: Path, mqtt: str, virtual: str, *, profiles: Mapping[str, str] = PROFILES, more: str = ""
) -> Path:
    """`more`: lines at the end, of the last device or of tables."""
    devices = "".join(
        f'[[devices]]\naddress = "{a}"\nprofile = "{p}"\nname = "{p}"\ncadence_s = 0\n' for a, p in profiles.items()
    )
    path = directory / "gateway.toml"
    path.write_text(
        f'gateway = "{GATEWAY}"\nbucket = {BUCKET}\nmqtt = "{mqtt}"\ndata_dir = "data"\nheartbeat_s = 2\n'
        f'[radio]\nvirtual = "{virtual}"\n{devices}{more}'
    )
    return path


@asynccontextmanager
async def agent(config: Path, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    with (config.parent / "agent.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", "run", "--config", str(config)),
            stderr=log,
            stdout=log,
            env=os.environ | environment,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(20):
                assert await process.wait() == 0, (config.parent / "agent.log").read_text()


async def command(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "edge", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def values(server: ContractServer, kind: Kind) -> list[float | None]:
    return [row.value for row in list(server.stored.values()) if isinstance(row, Observation) and row.kind is kind]


def events(server: ContractServer) -> list[EventType]:
    return [row.type for row in list(server.stored.values()) if isinstance(row, Event)]
