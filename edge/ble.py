"""The radio: unmodified bleak. Each adapter listens; each visit to a device is a task that ends disconnected."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Final

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.profiles.base import Profile, Reach
from edge.adapters import doors_of
from edge.config import RadioConfig
from edge.core.health import Troubles
from edge.core.nearby import Nearby
from edge.core.schedule import Busy, GiveWay, Go, Phase, Places, Wish, next_up
from edge.core.session import Session
from edge.core.session_words import Event, State
from edge.core.watchdog import Patience, Watchdog
from edge.doors import RADIO_FAULTS, Door
from edge.listening import Listening
from edge.ports import Clock, Ears
from edge.visit import Visit

NO_RSSI_DBM: Final = -127  # what bleak says when BlueZ does not know it
CLOSE_S: Final = 2.0

Overheard = Callable[[str, AdvertisementData], None]  # an address in capitals
log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """`session` None: an advertiser, never connected to. `devices`: as each adapter last heard it."""

    address: str
    profile: Profile
    session: Session | None
    nearby: Nearby
    devices: dict[str, BLEDevice] = field(default_factory=dict)
    visit: Visit | None = None
    task: "asyncio.Task[None] | None" = None


class BleRadio:
    """`devices`: profiles by address. `doors` None: the machine's first adapter. `zone`: of the devices' clocks."""

    def __init__(
        self,
        devices: Mapping[str, Profile],
        last_records: Mapping[str, int],
        ears: Ears,
        clock: Clock,
        troubles: Troubles,
        *,
        doors: Sequence[Door] | None = None,
        zone: tzinfo = UTC,
        canary: str | None = None,
        places: Places | None = None,
        patience: Patience | None = None,
        dice: random.Random | None = None,
        overheard: Overheard | None = None,
    ) -> None:
        """`overheard` is told of every advertisement, whoever it is of."""
        self._ears, self._clock, self._troubles, self._zone = ears, clock, troubles, zone
        self._overheard = overheard
        self._doors = {door.name: door for door in (doors or doors_of(RadioConfig(), None))}
        self._canary, self._places, self._patience = canary, places or Places(), patience or Patience()
        self._dice = dice or random.Random()
        self._listening: dict[str, Listening] = {}
        self._leaving: list[asyncio.Task[None]] = []
        self._known: dict[str, _Known] = {}
        self.set_devices(devices, last_records)

    def states(self) -> dict[str, str]:
        return {known.address: self._state(known) for known in self._known.values() if known.session is not None}

    def bonds(self) -> dict[str, bool]:
        """Whether there is a bond, of devices that need one and were visited."""
        return {
            known.address: known.session.is_bonded
            for known in self._known.values()
            if known.session is not None and known.session.is_bonded is not None
        }

    def set_devices(self, devices: Mapping[str, Profile], last_records: Mapping[str, int]) -> None:
        """At once, while it runs: links to devices that are gone, or have another profile now, end."""
        for address, known in list(self._known.items()):
            if devices.get(address) != known.profile:
                self._part_with(known)
        for address, profile in devices.items():
            if address not in self._known:
                session = None if profile.reach is Reach.ADVERT else Session(profile, last_records.get(address))
                self._known[address] = _Known(
                    address=address, profile=profile, session=session, nearby=Nearby(reach=profile.reach)
                )
        for listening in self._listening.values():
            listening.watchdog.is_expected = self._is_something_expected()
        self._count_places()

    async def run(self) -> None:
        self._listening = {name: self._listener(door) for name, door in self._doors.items()}
        try:
            async with asyncio.TaskGroup() as group:
                for listening in self._listening.values():
                    group.create_task(listening.run())
        finally:
            await self._close()

    def scan_anew(self) -> bool:
        """False: nothing scans yet."""
        for listening in self._listening.values():
            listening.begin_anew()
        return bool(self._listening)

    def _listener(self, door: Door) -> Listening:
        watchdog = Watchdog(
            self._patience,
            has_canary=self._canary is not None,
            is_expected=self._is_something_expected(),
            now_s=self._clock.monotonic_s(),
        )
        return Listening(
            door,
            watchdog,
            self._clock,
            self._troubles,
            canary=self._canary,
            advertised=self._advertised,
            lost=self._lost,
            has_links=self._has_links,
            dice=self._dice,
        )

    async def _close(self) -> None:
        visits = [*self._leaving, *(known.task for known in self._known.values() if known.task is not None)]
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)
        for door in self._doors.values():
            try:
                async with asyncio.timeout(CLOSE_S):
                    await door.close()
            except RADIO_FAULTS as error:
                log.info("%s: %s", door.name, error)

    def _is_something_expected(self) -> bool:
        return any(known.profile.reach is not Reach.SPOT for known in self._known.values())

    def _count_places(self) -> None:
        streams = sum(known.profile.reach is Reach.STREAM for known in self._known.values())
        room = len(self._doors) * (self._places.connections - self._places.kept_for_spot)
        if streams <= room:
            self._troubles.end("places")
        else:
            words = f"{streams} sensors stream, and {room} can be connected at once: they take turns"
            self._troubles.begin("places", f"{words}; with one more adapter none would have to wait")

    def _part_with(self, known: _Known) -> None:
        del self._known[known.address]
        self._troubles.end(f"device {known.address}")
        if known.visit is not None and known.task is not None:
            known.visit.deafen()
            known.task.cancel()
            self._leaving.append(known.task)
            known.task.add_done_callback(self._leaving.remove)

    def _state(self, known: _Known) -> str:
        assert known.session is not None
        if known.session.state is State.WANTED and not known.nearby.heard_by(self._clock.monotonic_s()):
            return State.AWAY.value
        return known.session.state.value

    def _advertised(self, adapter: str, device: BLEDevice, advert: AdvertisementData) -> None:
        address = device.address.upper()
        if self._overheard is not None:
            self._overheard(address, advert)
        known = self._known.get(address)
        if known is None:
            return
        now_s = self._clock.monotonic_s()
        known.nearby.hear(adapter, advert.rssi, now_s)
        known.devices[adapter] = device
        if known.nearby.heard_by(now_s)[0] == adapter:
            self._ears.seen(known.address, advert.rssi if advert.rssi > NO_RSSI_DBM else None)
        if known.session is None:
            data = advert.service_data.get(known.profile.service)
            if data is not None:
                self._ears.advertised(known.address, bytes(data))
            return
        known.session.on(Event.SEEN, now_s)
        if known.session.state is State.WANTED:
            self._admit()

    def _lost(self, adapter: str) -> None:
        """Nothing is left of what went through this adapter; the others take over."""
        for known in self._known.values():
            known.nearby.lose(adapter)
            if known.visit is not None and known.visit.adapter == adapter and known.task is not None:
                known.task.cancel()

    def _has_links(self, adapter: str) -> bool:
        return any(
            known.visit is not None and known.visit.adapter == adapter and known.session.state is State.LISTENING
            for known in self._known.values()
            if known.session is not None
        )

    def _admit(self) -> None:
        places = {name: self._places for name, listening in self._listening.items() if listening.is_scanning}
        while turn := next_up(self._wishes(), self._busy(), places, self._clock.monotonic_s()):
            match turn:
                case Go(device, adapter):
                    self._visit(self._known[device], adapter)
                case GiveWay(device):
                    visit = self._known[device].visit
                    assert visit is not None
                    visit.give_way()

    def _wishes(self) -> list[Wish]:
        now_s = self._clock.monotonic_s()
        return [
            Wish(
                device=known.address,
                reach=known.profile.reach,
                is_urgent=known.session.is_urgent(),
                since_s=known.session.wanted_since_s,
                heard_by=known.nearby.heard_by(now_s),
            )
            for known in self._known.values()
            if known.session is not None and known.session.state is State.WANTED and known.visit is None
        ]

    def _busy(self) -> list[Busy]:
        return [
            Busy(
                device=known.address,
                reach=known.profile.reach,
                is_urgent=known.session.is_urgent(),
                adapter=known.visit.adapter,
                phase=_phase(known.visit, known.session),
                since_s=known.visit.since_s,
            )
            for known in self._known.values()
            if known.session is not None and known.visit is not None
        ]

    def _visit(self, known: _Known, adapter: str) -> None:
        session = known.session
        assert session is not None
        if self._doors[adapter].is_bonded(known.devices[adapter]):
            session.has_bond()
        commands = session.on(Event.ADMITTED, self._clock.monotonic_s())
        known.visit = Visit(
            known.address,
            session,
            self._doors[adapter],
            known.devices[adapter],
            self._ears,
            self._clock,
            self._zone,
            self._dice,
        )
        known.task = asyncio.create_task(known.visit.run(commands))
        known.task.add_done_callback(lambda task: self._visited(known, session, task))

    def _visited(self, known: _Known, session: Session, task: "asyncio.Task[None]") -> None:
        assert known.visit is not None
        known.nearby.visited(known.visit.adapter, session.is_bonded)
        known.visit = known.task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            # A bug of ours: the next visit may go better.
            log.error("a visit ended with %s: %s", type(error).__name__, error, exc_info=error)
        if self._known.get(known.address) is known:
            self._tell(known.address, session)
        self._admit()

    def _tell(self, address: str, session: Session) -> None:
        subject, trouble = f"device {address}", session.trouble()
        if trouble is None:
            self._troubles.end(subject)
        elif self._troubles.begin(subject, f"{address} ({session.profile.name}) {trouble}"):
            log.warning("%s %s", address, trouble)


def _phase(visit: Visit, session: Session) -> Phase:
    if visit.is_giving_way:
        return Phase.GIVING_WAY
    return {State.CONNECTING: Phase.CONNECTING, State.LISTENING: Phase.STREAMING}.get(session.state, Phase.WORKING)
