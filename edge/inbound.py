"""From the radio to the outbox: decode, judge, thin, commit. Alarms and spot readings at once, the rest in batches.

While the outbox takes nothing, items wait here in bounded memory (edge.core.waiting); they are not accepted yet."""

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.errors import DecodeError
from devices.profiles import PROFILES
from devices.profiles.base import Said
from devices.vocabulary import CALLS_FOR_HELP, Event, Item, Mode, Observation
from devices.wire.columns import to_millis
from devices.wire.messages import Lane
from edge.config import DeviceConfig
from edge.core.health import DeviceReport, Troubles
from edge.core.hearing import Remembered
from edge.core.listener import Judged, Listener, Setup
from edge.core.shift import shifted
from edge.core.thin import fold
from edge.core.waiting import HELD, Row, Waiting
from edge.errors import OutboxError
from edge.open_values import OpenValues
from edge.outbox import Outbox
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.ports import Clock, Home

TOGETHER_S: Final = 1.0  # how long a value of a stream waits for company; each commit is a write to flash
TOGETHER_ROWS: Final = 500
RETRY_S: Final = (1.0, 10.0)  # first and longest
REMEMBER_S: Final = 10.0

log = logging.getLogger(__name__)

Committed = Callable[[str, Mapping[Lane, int]], None]


class Inbound:
    """`committed(outbox id, newest seq by lane)` is called after each commit. `home` may be given until `run`."""

    def __init__(
        self,
        devices: Iterable[DeviceConfig],
        zone: ZoneInfo,
        outbox: OutboxThread,
        clock: Clock,
        troubles: Troubles,
        committed: Committed,
        home: Home | None = None,
        open_values: OpenValues | None = None,
    ) -> None:
        self._outbox, self._clock, self._troubles, self._committed = outbox, clock, troubles, committed
        self.home, self._open_values, self._zone = home, open_values, zone
        self._remembered: dict[str, Remembered] = {}
        self._listeners = {each.address: self._listener(each) for each in devices}
        self._waiting = Waiting(HELD)
        self._opened: list[Observation] = []  # held by an interval, and not yet in the file of open values
        self._notes: dict[tuple[str, str], str] = {}
        self._stirred, self._urgent, self._empty = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._outbox_id: str | None = None
        self._jumps: list[tuple[timedelta, datetime]] = []  # while a batch is on its way

    def _listener(self, config: DeviceConfig) -> Listener:
        remembered = self._remembered.get(config.address)
        return Listener(config.address, PROFILES[config.profile], self._zone, _setup(config), remembered)

    # ---- before the radio starts, and when the configuration changes

    def recall(self, remembered: Mapping[str, Remembered]) -> None:
        """Before the radio starts: what the outbox knows of the devices, and what a killed agent had still held."""
        self._remembered = dict(remembered)
        self._take_up(self._open_values.read() if self._open_values else [])
        for address, each in self._listeners.items():
            known = self._remembered.get(address)
            self._listeners[address] = Listener(address, each.profile, self._zone, each.setup, known)

    def _take_up(self, values: Iterable[Observation]) -> None:
        """An interval of what was heard after the newest row of its stream on the disk; the gap begins after it."""
        streams: dict[tuple[str, int], list[Observation]] = defaultdict(list)
        for value in values:
            known = self._remembered.get(value.device, Remembered()).last_taken.get(value.slot)
            if known is None or to_millis(value.taken_at) > to_millis(known):
                streams[value.device, value.slot].append(value)
        for (device, slot), found in streams.items():
            self._put(fold(found))
            known_of = self._remembered.setdefault(device, Remembered())
            known_of.last_taken[slot] = max(value.taken_at for value in found)

    def configure(self, devices: Iterable[DeviceConfig]) -> None:
        """At run time. What is in memory stays; open intervals end."""
        wanted = {each.address: each for each in devices}
        for address, listener in list(self._listeners.items()):
            config = wanted.get(address)
            if config is not None and PROFILES[config.profile] is listener.profile:
                self._put(listener.configure(_setup(config)))
                del wanted[address]
            else:
                self._put(listener.thin.end())
                self._note(listener)
                self._remembered[address] = self._listeners.pop(address).hearing.remembered()
        for address, config in wanted.items():
            self._listeners[address] = self._listener(config)
        self._stirred.set()

    # ---- edge.ports.Ears

    def seen(self, device: str, rssi_dbm: int | None) -> None:
        listener = self._listeners.get(device)
        if listener is not None:
            listener.seen_at, listener.rssi_dbm = self._clock.now(), rssi_dbm

    def advertised(self, device: str, service_data: bytes) -> None:
        listener = self._listeners.get(device)
        if listener is None:
            return
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        try:
            self._hear(listener, listener.advert(service_data, now, now_s, is_set=self._clock.is_set()), now_s)
        except DecodeError as error:
            _refuse(listener, service_data, error)

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]:
        listener = self._listeners.get(device)
        if listener is None:
            return ()
        now, now_s = self._clock.now(), self._clock.monotonic_s()
        listener.seen_at = now
        try:
            said, judged = listener.notification(uuid, data, now, now_s, is_set=self._clock.is_set())
        except DecodeError as error:
            _refuse(listener, data, error)
            return ()
        self._hear(listener, judged, now_s)
        return said

    async def remember(self, device: str, record: int) -> bool:
        self._hurry()
        try:
            async with asyncio.timeout(REMEMBER_S):
                await self._empty.wait()
                if self._outbox.spare is not None:
                    return False  # in memory only: the device must keep it
                await self._outbox.do(lambda outbox: outbox.remember_record(device, record))
        except (TimeoutError, OutboxError):
            return False
        return True

    # ---- to the agent

    def write(self, items: Iterable[Item]) -> None:
        """What the gateway itself has to say of a device."""
        self._put(items)

    def jumped(self, by: timedelta, since: datetime) -> None:
        """Our own clock was wrong by so much, and so is what was heard since then by that clock."""
        self._jumps.append((by, since))
        self._waiting.jumped(by, since)
        for listener in self._listeners.values():
            listener.jumped(by, since)

    def reports(self, states: Mapping[str, str]) -> list[DeviceReport]:
        return [
            DeviceReport(
                device=address,
                state=states.get(address) or ("not heard" if each.seen_at is None else "heard"),
                seen_at=each.seen_at,
                rssi_dbm=each.rssi_dbm,
                battery_percent=each.hearing.battery_percent,
                refused=each.refused,
                model=each.hearing.model(),
            )
            for address, each in self._listeners.items()
        ]

    async def flush(self, limit_s: float) -> bool:
        """Everything heard is committed (False: not in time)."""
        for listener in self._listeners.values():
            self._put(listener.thin.end())
        self._hurry()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        return self._empty.is_set()

    async def run(self) -> None:
        failures = 0
        while True:
            await self._wait()
            self._settle()
            await self._keep_open()
            while len(self._waiting):
                if await self._commit():
                    failures = 0
                else:
                    failures += 1
                    await asyncio.sleep(min(RETRY_S[0] * 2.0 ** min(failures - 1, 8), RETRY_S[1]))
            self._empty.set()

    # ---- what was heard

    def _hear(self, listener: Listener, judged: Iterable[Judged], now_s: float) -> None:
        for item, level in judged:
            if self.home is not None:
                self.home.heard(item, level)
            rows = listener.thin.take(item, level, now_s)
            if isinstance(item, Observation) and not (rows and rows[-1] is item):
                self._opened.append(item)
            self._put(rows)
            if _calls(item):
                self._stir_others(listener, now_s)
        self._stirred.set()

    def _stir_others(self, listener: Listener, now_s: float) -> None:
        """Whose call it is the gateway does not know: what everybody's sensors say around it goes raw."""
        for other in self._listeners.values():
            if other is not listener:
                self._put(other.thin.stir(now_s))

    def _put(self, rows: Iterable[Item]) -> None:
        for row in rows:
            calls = _calls(row)
            self._waiting.put(Lane.ALARM if calls else Lane.BULK, row)
            self._empty.clear()
            if calls or _is_at_once(row):
                self._hurry()
            self._stirred.set()

    def _hurry(self) -> None:
        self._urgent.set()
        self._stirred.set()

    def _settle(self) -> None:
        now_s = self._clock.monotonic_s()
        for listener in self._listeners.values():
            self._hear(listener, listener.settle(now_s), now_s)
            self._put(listener.thin.settle(now_s))
        self._stirred.clear()
        self._urgent.clear()

    async def _wait(self) -> None:
        """Until a window is over, something urgent was heard, or anything has had its time for company."""
        due_s = min((due for each in self._listeners.values() if (due := each.due_s()) is not None), default=None)
        wait_s = None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())
        try:
            async with asyncio.timeout(wait_s):
                await self._stirred.wait()
        except TimeoutError:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TOGETHER_S if wait_s is None else min(TOGETHER_S, wait_s)):
                await self._urgent.wait()

    # ---- to the disk

    async def _keep_open(self) -> None:
        """What an interval holds, in a file that survives a kill."""
        file, values = self._open_values, self._opened
        self._opened = []
        if file is not None and values:
            with contextlib.suppress(OutboxError):
                await self._outbox.do(lambda _: file.add(values))

    async def _rewrite_open(self) -> None:
        file = self._open_values
        if file is None or not file.is_long() or len(self._waiting) or self._outbox.spare is not None:
            return
        held = [value for listener in self._listeners.values() for value in listener.thin.held()]
        self._opened = []
        with contextlib.suppress(OutboxError):
            await self._outbox.do(lambda _: file.rewrite(held))

    async def _commit(self) -> bool:
        now = self._clock.now()
        self._jumps.clear()
        batch, notes = self._waiting.take(TOGETHER_ROWS), self._all_notes()

        def append(outbox: Outbox) -> tuple[str, dict[Lane, int]]:
            for (device, what), content in notes.items():
                outbox.note(device, what, content)
            return outbox.id, outbox.append(batch, now)

        try:
            accepted = await self._outbox.accept(append, urgent=batch[0][0] is Lane.ALARM)
        except OutboxError as error:
            for by, since in self._jumps:
                batch = [(lane, shifted(item, by, since)) for lane, item in batch]
            self._waiting.put_back(batch)
            if isinstance(error, OutboxReplaced):
                return True  # once more, into the new one
            self._cannot_write(str(error))
            return False
        if accepted.is_safe:
            self._notes = {key: content for key, content in self._notes.items() if notes.get(key) != content}
        self._was_written(batch, *accepted.value, is_safe=accepted.is_safe)
        await self._rewrite_open()
        return True

    def _all_notes(self) -> dict[tuple[str, str], str]:
        for listener in self._listeners.values():
            self._note(listener)
        return dict(self._notes)

    def _note(self, listener: Listener) -> None:
        for what, content in listener.hearing.learned().items():
            self._notes[listener.address, what] = content

    def _was_written(self, batch: list[Row], name: str, newest: Mapping[Lane, int], *, is_safe: bool) -> None:
        if is_safe and self._troubles.end("outbox"):
            log.info("the outbox takes rows again; %d were dropped meanwhile", self._waiting.dropped)
        self._put(self._waiting.declare())
        self._committed(name, newest)
        if self.home is not None:
            if self._outbox_id not in (None, name):
                self.home.renumbered()
            # "Saved" is said of what is on the disk; an alarm under way counts wherever it lies.
            self.home.kept([row for row in _numbered(batch, newest) if is_safe or row[0] is Lane.ALARM])
        self._outbox_id = name

    def _cannot_write(self, why: str) -> None:
        dropped = self._waiting.dropped
        sentence = f"{why}; {dropped} readings dropped" if dropped else why
        if self._troubles.begin("outbox", sentence):
            log.error("readings wait in memory: %s", sentence)


def _setup(config: DeviceConfig) -> Setup:
    return Setup(key=config.key, cadence_s=config.cadence_s, limits=config.limits)


def _numbered(batch: Iterable[Row], newest: Mapping[Lane, int]) -> list[tuple[Lane, int, Item]]:
    batch = list(batch)
    counts = {lane: sum(each is lane for each, _ in batch) for lane in newest}
    following = {lane: newest[lane] - counts[lane] + 1 for lane in newest}
    numbered = []
    for lane, item in batch:
        numbered.append((lane, following[lane], item))
        following[lane] += 1
    return numbered


def _refuse(listener: Listener, data: bytes, error: DecodeError) -> None:
    if listener.refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a broken device must not fill the disk
        log.warning("%s said %s, refused (number %d): %s", listener.address, data.hex(), listener.refused, error)


def _calls(item: Item) -> bool:
    return isinstance(item, Event) and item.type in CALLS_FOR_HELP


def _is_at_once(item: Item) -> bool:
    """A spot reading may be forgotten by its device as soon as the radio has confirmed it; an event is news."""
    return isinstance(item, Event) or (isinstance(item, Observation) and item.mode is Mode.SPOT)
