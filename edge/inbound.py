"""What the radio hears, of every device: decoded, judged, told to the home, thinned, and given to the disk."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from devices.errors import DecodeError
from devices.profiles import PROFILES
from devices.profiles.base import Said
from devices.vocabulary import Gap, GapReason, Item, Observation
from devices.wire.columns import to_millis
from edge.committer import Committed, Committer, Notes, calls_for_help
from edge.config import DeviceConfig
from edge.core.health import DeviceReport, Troubles
from edge.core.hearing import Remembered
from edge.core.listener import Judged, Listener, Setup
from edge.core.silence import SHORTEST_GAP_S
from edge.core.thin import fold
from edge.open_values import OpenValues
from edge.outbox_thread import OutboxThread
from edge.ports import Clock, Home

log = logging.getLogger(__name__)


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
        self._clock, self._zone, self._open_values = clock, zone, open_values
        self._committer = Committer(outbox, clock, troubles, committed, home, open_values)
        self._remembered: dict[str, Remembered] = {}
        self._listeners = {each.address: self._listener(each) for each in devices}

    @property
    def home(self) -> Home | None:
        return self._committer.home

    @home.setter
    def home(self, home: Home) -> None:
        self._committer.home = home

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
            known_of = self._remembered.setdefault(device, Remembered())
            self._committer.put(_lost_between(known_of.last_taken.get(slot), found))
            self._committer.put(fold(found))
            known_of.last_taken[slot] = max(value.taken_at for value in found)

    def configure(self, devices: Iterable[DeviceConfig]) -> None:
        """At run time. What is in memory stays; open intervals end."""
        wanted = {each.address: each for each in devices}
        for address, listener in list(self._listeners.items()):
            config = wanted.get(address)
            if config is not None and PROFILES[config.profile] is listener.profile:
                self._committer.put(listener.configure(_setup(config)))
                del wanted[address]
            else:
                self._committer.put(listener.thin.end())
                self._committer.note(_notes(listener))
                self._remembered[address] = self._listeners.pop(address).hearing.remembered()
        for address, config in wanted.items():
            self._listeners[address] = self._listener(config)
        self._committer.stir()

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
        return await self._committer.remember(device, record)

    # ---- to the agent

    def write(self, items: Iterable[Item]) -> None:
        """What the gateway itself has to say of a device."""
        self._committer.put(items)

    def jumped(self, by: timedelta, since: datetime) -> None:
        """Our own clock was wrong by so much, and so is what was heard since then by that clock."""
        self._committer.jumped(by, since)
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
        """Open intervals end, and everything heard is committed (False: not in time)."""
        for listener in self._listeners.values():
            self._committer.put(listener.thin.end())
        return await self._committer.flush(limit_s)

    async def run(self) -> None:
        await self._committer.run(self)

    # ---- edge.committer.Source

    def settle(self) -> None:
        now_s = self._clock.monotonic_s()
        for listener in self._listeners.values():
            self._hear(listener, listener.settle(now_s), now_s)
            self._committer.put(listener.thin.settle(now_s))

    def due_s(self) -> float | None:
        return min((due for each in self._listeners.values() if (due := each.due_s()) is not None), default=None)

    def notes(self) -> Notes:
        return {key: content for listener in self._listeners.values() for key, content in _notes(listener).items()}

    def held(self) -> Iterator[Observation]:
        return (value for listener in self._listeners.values() for value in listener.thin.held())

    # ---- what was heard

    def _hear(self, listener: Listener, judged: Iterable[Judged], now_s: float) -> None:
        home = self._committer.home
        for item, level in judged:
            if home is not None:
                home.heard(item, level)
            rows = listener.thin.take(item, level, now_s)
            if isinstance(item, Observation) and not (rows and rows[-1] is item):
                self._committer.opened(item)
            self._committer.put(rows)
            if calls_for_help(item):
                self._stir_others(listener, now_s)
        self._committer.stir()

    def _stir_others(self, listener: Listener, now_s: float) -> None:
        """Whose call it is the gateway does not know: what everybody's sensors say around it goes raw."""
        for other in self._listeners.values():
            if other is not listener:
                self._committer.put(other.thin.stir(now_s))


def _lost_between(known: datetime | None, found: Iterable[Observation]) -> list[Gap]:
    """What was only in memory, because the disk could not be written, went with the agent that was killed."""
    first = min(found, key=attrgetter("taken_at"))
    if known is None or first.taken_at - known <= timedelta(seconds=SHORTEST_GAP_S):
        return []
    return [
        Gap(
            device=first.device,
            slot=first.slot,
            from_at=known,
            to_at=first.taken_at,
            why=GapReason.AGENT_RESTARTED,
        )
    ]


def _setup(config: DeviceConfig) -> Setup:
    return Setup(key=config.key, cadence_s=config.cadence_s, limits=config.limits)


def _notes(listener: Listener) -> Notes:
    return {(listener.address, what): content for what, content in listener.hearing.learned().items()}


def _refuse(listener: Listener, data: bytes, error: DecodeError) -> None:
    if listener.refused.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a broken device must not fill the disk
        log.warning("%s said %s, refused (number %d): %s", listener.address, data.hex(), listener.refused, error)
