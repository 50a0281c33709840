"""Meters that are on the air for ten seconds, with twenty other devices around, and how fast they are read."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

from devices.profiles import PROFILES, bthome, heart_rate, thermometer
from devices.virtual.gatt_servers.spot import ON_THE_AIR_S
from devices.virtual.peripherals import BTHomeAdvertiser, Glucose, HeartRate, Thermometer
from devices.virtual.radio import Air
from devices.vocabulary import Kind
from tests.integration.edge_radio_rig import Rig, radio, served

STREAMS, DOORS, SLEEPLESS, UNREACHABLE = 8, 9, 2, 1  # twenty; streams are more than there are places for
USUAL_ADVERTISING_MS: Final = 400.0
OFF_THE_AIR_S: Final = 6.0


class Crowd:
    def __init__(self, seed: int, meters: int) -> None:
        self.air, self._dice = Air(), random.Random(seed)
        common: dict[str, Any] = {"advertising_interval_ms": USUAL_ADVERTISING_MS}
        self.straps = [HeartRate(self.air, name=f"S{n}", address=_address(1, n), **common) for n in range(STREAMS)]
        self.doors = [
            BTHomeAdvertiser(
                self.air,
                name=f"D{n}",
                address=_address(2, n),
                idle=bthome.encode_door(opened=False, packet_id=n, battery_percent=90),
                idle_interval_ms=500,
            )
            for n in range(DOORS)
        ]
        self.sleepless = [
            Glucose(self.air, name=f"G{n}", address=_address(3, n), is_always_on_the_air=True, **common)
            for n in range(SLEEPLESS + UNREACHABLE)
        ]
        self.meters = [Thermometer(self.air, name=f"M{n}", address=_address(4, n), **common) for n in range(meters)]
        self.profiles = (
            {strap.address: PROFILES["heart_rate"] for strap in self.straps}
            | {door.address: PROFILES["bthome_door"] for door in self.doors}
            | {meter.address: PROFILES["glucose"] for meter in self.sleepless}
            | {meter.address: PROFILES["thermometer"] for meter in self.meters}
        )
        self.tried = 0
        self.took_s: list[float] = []

    async def beat(self) -> None:
        while True:
            for strap in self.straps:
                await strap.publish(heart_rate.encode_measurement(per_min=72, on_body=True))
            await asyncio.sleep(1)

    async def measure(self, rig: Rig, meter: Thermometer, tries: int) -> None:
        """Each try begins at some moment; what is not heard within its ten seconds was missed."""
        loop = asyncio.get_running_loop()
        for number in range(tries):
            await asyncio.sleep((OFF_THE_AIR_S if number else 0) + self._dice.uniform(0, 2))
            self.tried += 1
            celsius = 36 + number / 10
            meter.measure(thermometer.encode_measurement(celsius=celsius))
            began_s = loop.time()
            if await rig.is_in_time(lambda value=celsius: self._is_heard(rig, meter, value), ON_THE_AIR_S):  # type: ignore[misc]
                self.took_s.append(loop.time() - began_s)
            await rig.is_in_time(lambda: not meter.connections, ON_THE_AIR_S)  # the gateway waits for more

    def _is_heard(self, rig: Rig, meter: Thermometer, celsius: float) -> bool:
        return celsius in rig.ears.values(meter.address, Kind.BODY_TEMPERATURE)


@asynccontextmanager
async def crowd(*, seed: int, meters: int) -> AsyncIterator[tuple[Crowd, Rig]]:
    home = Crowd(seed, meters)
    async with AsyncExitStack() as stack:
        for device in (*home.straps, *home.doors, *home.sleepless, *home.meters):
            await stack.enter_async_context(device)
        home.air.set_deaf(home.sleepless[-1], True)
        (server,) = await stack.enter_async_context(served(home.air))
        rig = await stack.enter_async_context(radio([server.address], home.profiles))
        beating = asyncio.create_task(home.beat())
        try:
            yield home, rig
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)


def _address(group: int, number: int) -> str:
    return f"F1:00:00:01:{group:02X}:{number:02X}"
