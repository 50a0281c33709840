"""From the radio to the outbox: decode, make items, commit. Alarms at once, the rest in small batches.

While the outbox cannot be written, items wait here in bounded memory, alarms kept longest; they are not accepted yet.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from devices.errors import DecodeError
from devices.profiles import PROFILES
from devices.profiles.base import Profile, Said, Sender
from devices.vocabulary import CALLS_FOR_HELP, Event, Item, Mode, Observation
from devices.wire.messages import Lane
from edge.config import DeviceConfig
from edge.core.health import DeviceReport, Troubles
from edge.core.hearing import Hearing, Remembered
from edge.errors import OutboxError
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.ports import Clock

TOGETHER_S: Final = 0.02  # how long a reading waits for company; each commit is a write to flash
TOGETHER_ROWS: Final = 500
HELD: Final = 20_000  # items in memory while the outbox cannot be written: about 10 MB, an hour of six devices
RETRY_S: Final = (1.0, 10.0)  # first and longest
REMEMBER_S: Final = 10.0

log = logging.getLogger(__name__)

Committed = Callable[[str, Mapping[Lane, int]], None]


@dataclass(slots=True)
class _Device:
    config: DeviceConfig
    profile: Profile
    hearing: Hearing
    sender: Sender
    seen_at: datetime | None = None
    rssi_dbm: int | None = None
    refused: int = 0


class Inbound:
    """`committed(outbox id, newest seq by lane)` is called after each commit."""

    def __init__(
        self,
        devices: Iterable[DeviceConfig],
        zone: ZoneInfo,
        outbox: OutboxThread,
        clock: Clock,
        troubles: Troubles,
        committed: Committed,
    ) -> None:
        self._outbox, self._clock, self._troubles, self._committed = outbox, clock, troubles, committed
        self._zone = zone
        self._devices = {each.address: self._device(each, None) for each in devices}
        self._waiting: dict[Lane, deque[Item]] = {lane: deque() for lane in Lane}
        self._something, self._urgent, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._dropped = 0

    def _device(self, config: DeviceConfig, remembered: Remembered | None) -> _Device:
        hearing = Hearing(config.address, self._zone, remembered)
        sender = Sender(address=config.address)
        return _Device(config=config, profile=PROFILES[config.profile], hearing=hearing, sender=sender)

    def recall(self, remembered: Mapping[str, Remembered]) -> None:
        """Before the radio starts: what the outbox knows of the devices."""
        for address, device in self._devices.items():
            self._devices[address] = self._device(device.config, remembered.get(address))

    def seen(self, device: str, rssi_dbm: int | None) -> None:
        known = self._devices[device]
        known.seen_at, known.rssi_dbm = self._clock.now(), rssi_dbm

    def advertised(self, device: str, service_data: bytes) -> None:
        known = self._devices[device]
        if known.profile.decode_advert is None:
            return
        try:
            advert = known.profile.decode_advert(service_data, known.sender)
        except DecodeError as error:
            self._refuse(known, service_data, error)
            return
        self._take(known.hearing.advert(advert, self._clock.now(), self._clock.monotonic_s()))

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]:
        known = self._devices[device]
        known.seen_at = self._clock.now()
        if known.profile.decode is None:
            return ()
        try:
            said = known.profile.decode(uuid, data)
        except DecodeError as error:
            self._refuse(known, data, error)
            return ()
        self._take(known.hearing.heard(said, known.seen_at, self._clock.monotonic_s()))
        return said

    def _refuse(self, device: _Device, data: bytes, error: DecodeError) -> None:
        device.refused += 1
        if device.refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a broken device must not fill the disk
            address = device.config.address
            log.warning("%s said %s, refused (number %d): %s", address, data.hex(), device.refused, error)

    async def remember(self, device: str, record: int) -> bool:
        try:
            async with asyncio.timeout(REMEMBER_S):
                await self._empty.wait()
                await self._outbox.do(lambda outbox: outbox.remember_record(device, record))
        except (TimeoutError, OutboxError):
            return False
        return True

    def reports(self, states: Mapping[str, str]) -> list[DeviceReport]:
        return [
            DeviceReport(
                device=address,
                state=states.get(address) or ("not heard" if device.seen_at is None else "heard"),
                seen_at=device.seen_at,
                rssi_dbm=device.rssi_dbm,
                battery_percent=device.hearing.battery_percent,
                refused=device.refused,
            )
            for address, device in self._devices.items()
        ]

    async def flush(self, limit_s: float) -> bool:
        """Everything heard is committed (False: not in time)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        return self._empty.is_set()

    async def run(self) -> None:
        failures = 0
        while True:
            await self._wait_for_something()
            self._settle()
            if not any(self._waiting.values()):
                continue
            if await self._commit():
                failures = 0
            else:
                failures += 1
                await asyncio.sleep(min(RETRY_S[0] * 2.0 ** min(failures - 1, 8), RETRY_S[1]))

    async def _wait_for_something(self) -> None:
        due_s = [due for device in self._devices.values() if (due := device.hearing.due_s()) is not None]
        wait_s = max(0.0, min(due_s) - self._clock.monotonic_s()) if due_s else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._something.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOGETHER_S):
                await self._urgent.wait()

    def _settle(self) -> None:
        for device in self._devices.values():
            self._take(device.hearing.settle(self._clock.monotonic_s()))

    def _take(self, items: Iterable[Item]) -> None:
        for item in items:
            calls = isinstance(item, Event) and item.type in CALLS_FOR_HELP
            self._waiting[Lane.ALARM if calls else Lane.BULK].append(item)
            self._something.set()
            self._empty.clear()
            if calls or _is_spot(item):
                self._urgent.set()
        while sum(map(len, self._waiting.values())) > HELD:
            (self._waiting[Lane.BULK] or self._waiting[Lane.ALARM]).popleft()
            self._dropped += 1

    async def _commit(self) -> bool:
        self._urgent.clear()
        batch = [(lane, self._waiting[lane].popleft()) for lane in Lane for _ in range(self._portion(lane))]
        now = self._clock.now()
        try:
            name, newest = await self._outbox.do(lambda outbox: (outbox.id, outbox.append(batch, now)))
        except OutboxError as error:
            for lane, item in reversed(batch):
                self._waiting[lane].appendleft(item)
            if isinstance(error, OutboxReplaced):
                return True  # once more, into the new one
            self._cannot_write(str(error))
            return False
        self._all_written()
        self._committed(name, newest)
        return True

    def _portion(self, lane: Lane) -> int:
        return min(len(self._waiting[lane]), TOGETHER_ROWS)

    def _cannot_write(self, why: str) -> None:
        sentence = f"{why}; {self._dropped} readings dropped" if self._dropped else why
        if self._troubles.begin("outbox", sentence):
            log.error("readings wait in memory: %s", sentence)

    def _all_written(self) -> None:
        if self._troubles.end("outbox"):
            log.info("the outbox can be written again; %d readings were dropped meanwhile", self._dropped)
        if not any(self._waiting.values()):
            self._something.clear()
            self._empty.set()


def _is_spot(item: Item) -> bool:
    """Its device may forget it as soon as the radio has confirmed it."""
    return isinstance(item, Observation) and item.mode is Mode.SPOT
