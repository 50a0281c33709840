"""One adapter listens: a long-lived scanner, made anew when it is silent, broken or its stack restarted."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from typing import Final

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from edge.core.health import Troubles
from edge.core.watchdog import Step, Watchdog
from edge.doors import RADIO_FAULTS, Door, no_bluetooth
from edge.ports import Clock

START_S: Final = 10.0
STOP_S: Final = 2.0
POWER_CYCLE_S: Final = 20.0
AGAIN_S: Final = 0.5  # after the Bluetooth service went away: one that flaps must not keep us busy

Advertised = Callable[[str, BLEDevice, AdvertisementData], None]
log = logging.getLogger(__name__)


class Listening:
    """`advertised` is told the adapter's name with each advertisement; `lost` is called when every link through this
    adapter is dead; `has_links` asks whether there are any. `canary`: its address in capitals."""

    def __init__(
        self,
        door: Door,
        watchdog: Watchdog,
        clock: Clock,
        troubles: Troubles,
        *,
        canary: str | None,
        advertised: Advertised,
        lost: Callable[[str], None],
        has_links: Callable[[str], bool],
        dice: random.Random,
    ) -> None:
        self.door, self.watchdog = door, watchdog
        self.is_scanning = False
        self._clock, self._troubles, self._dice = clock, troubles, dice
        self._canary, self._advertised, self._lost, self._has_links = canary, advertised, lost, has_links
        self._subject = f"radio {door.name}"
        self._anew = asyncio.Event()

    def begin_anew(self) -> None:
        """Whatever the watchdog thinks: somebody asks for it."""
        self._anew.set()

    async def run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(START_S):
                    await self.door.open()
                step = await self._scan()
            except RADIO_FAULTS as error:
                step = await self._could_not_scan(error)
            if step is Step.POWER_CYCLE:
                await self._power_cycle()

    async def _scan(self) -> Step | None:
        scanner = self.door.scanner(self._heard)
        try:
            async with asyncio.timeout(START_S):
                await scanner.start()
            self._up()
            return await self._until_something_must_be_done()
        finally:
            self.is_scanning = False
            await _stop(scanner)

    def _up(self) -> None:
        self.is_scanning = True
        self.watchdog.scanning(self._clock.monotonic_s())
        if self.watchdog.trouble(self._clock.monotonic_s(), has_links=False) is None and self._troubles.end(
            self._subject
        ):
            log.info("%s: the radio is there again", self.door.name)

    async def _could_not_scan(self, error: BaseException) -> Step:
        step, wait_s = self.watchdog.not_scanning(self._dice.random())
        sentence = f"{self.door.name}: {no_bluetooth(error)}"
        if not self.watchdog.is_failing():
            log.info("%s; trying again", sentence)
        elif self._troubles.begin(self._subject, sentence):
            log.error("%s; trying again", sentence)
        await asyncio.sleep(wait_s)
        return step

    async def _until_something_must_be_done(self) -> Step | None:
        """None: what is behind the door went away."""
        self._anew.clear()
        gone, anew = asyncio.create_task(self.door.gone()), asyncio.create_task(self._anew.wait())
        try:
            while True:
                wait_s = max(0.0, self.watchdog.due_s() - self._clock.monotonic_s())
                await asyncio.wait({gone, anew}, timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    log.warning("%s: the Bluetooth service went away", self.door.name)
                    self._lost(self.door.name)
                    await asyncio.sleep(AGAIN_S)
                    return None
                if anew.done():
                    log.info("%s: the scan begins anew, as somebody asked", self.door.name)
                    return Step.RESTART_SCAN
                step = self._what_to_do()
                if step is not None:
                    return step
        finally:
            gone.cancel()
            anew.cancel()

    def _what_to_do(self) -> Step | None:
        now_s, has_links = self._clock.monotonic_s(), self._has_links(self.door.name)
        step = self.watchdog.step(now_s, has_links=has_links)
        if step is not None:
            log.info("%s: nothing on the air for long: %s", self.door.name, step.name.lower().replace("_", " "))
        trouble = self.watchdog.trouble(now_s, has_links=has_links)
        if trouble is not None and self._troubles.begin(self._subject, f"{self.door.name} {trouble}"):
            log.error("%s %s", self.door.name, trouble)
        return step

    async def _power_cycle(self) -> None:
        self._lost(self.door.name)
        try:
            async with asyncio.timeout(POWER_CYCLE_S):
                await self.door.power_cycle()
        except RADIO_FAULTS as error:
            log.warning("%s could not be switched off and on: %s", self.door.name, error or type(error).__name__)

    def _heard(self, device: BLEDevice, advert: AdvertisementData) -> None:
        is_canary = self._canary is not None and device.address.upper() == self._canary
        if self.watchdog.heard(self._clock.monotonic_s(), is_canary=is_canary) and self._troubles.end(self._subject):
            log.info("%s hears again", self.door.name)
        self._advertised(self.door.name, device, advert)


async def _stop(scanner: BleakScanner) -> None:
    """bluetoothd may be gone, or out of step about who is scanning: the next scanner is a new one anyway."""
    with contextlib.suppress(*RADIO_FAULTS):
        async with asyncio.timeout(STOP_S):
            await scanner.stop()
