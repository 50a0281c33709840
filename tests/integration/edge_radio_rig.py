"""The gateway's radio between virtual homes and ears that keep what they heard."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from devices.profiles.base import Decode, Profile, Reading, Said
from devices.virtual.hci_server import HciServer, serve_hci
from devices.virtual.radio import Air
from edge.adapters import doors_of
from edge.ble import BleRadio
from edge.config import RadioConfig
from edge.core.health import Troubles
from edge.doors import Door

PATIENCE_S: Final = 30.0
LOOK_AGAIN_S: Final = 0.02
ADAPTERS: Final = ("5C:F3:70:00:00:01", "5C:F3:70:00:00:02")
NOON: Final = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


class Clock:
    """Stands at noon in Oslo; `knows` False: it was never set."""

    def __init__(self) -> None:
        self.knows = True

    def now(self) -> datetime:
        return NOON

    def monotonic_s(self) -> float:
        return time.monotonic()

    def is_set(self) -> bool:
        return self.knows

    def is_wrong(self) -> bool:
        return not self.knows

    def hear(self, server_at: datetime) -> None: ...


@dataclass(kw_only=True)
class Listener:
    profiles: Mapping[str, Profile]
    decoders: dict[str, Decode | None] = field(default_factory=dict)
    seen_dbm: dict[str, list[int | None]] = field(default_factory=dict)
    adverts: list[tuple[str, bytes]] = field(default_factory=list)
    notes: list[tuple[str, str, bytes]] = field(default_factory=list)
    said: list[tuple[str, Said]] = field(default_factory=list)
    remembered: dict[str, int] = field(default_factory=dict)
    stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def seen(self, device: str, rssi_dbm: int | None) -> None:
        self.seen_dbm.setdefault(device, []).append(rssi_dbm)

    def advertised(self, device: str, service_data: bytes) -> None:
        self.adverts.append((device, service_data))
        self.stirred.set()

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]:
        self.notes.append((device, uuid, data))
        self.stirred.set()
        decode = self.decoders.setdefault(device, self.profiles[device].decoder())
        said = decode(uuid, data) if decode is not None else ()
        self.said += ((device, word) for word in said)
        return said

    async def remember(self, device: str, record: int) -> bool:
        self.remembered[device] = record
        self.stirred.set()
        return True

    def values(self, device: str, kind: str) -> list[float | None]:
        return [
            word.value for who, word in self.said if who == device and isinstance(word, Reading) and word.kind == kind
        ]


@dataclass(kw_only=True)
class Rig:
    ears: Listener
    radio: BleRadio
    troubles: Troubles
    clock: Clock

    async def is_in_time(self, is_so: Callable[[], bool], limit_s: float) -> bool:
        """Looked at whenever something is heard, and now and then: not everything that is waited for is heard."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                while not is_so():
                    self.ears.stirred.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self.ears.stirred.wait(), LOOK_AGAIN_S)
        return is_so()

    async def until(self, is_so: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        assert await self.is_in_time(is_so, limit_s), (
            self.radio.states(),
            self.troubles.sentences(),
            self.ears.notes[-5:],
        )

    def trouble(self, part: str) -> bool:
        return any(part in sentence for sentence in self.troubles.sentences())


@asynccontextmanager
async def served(air: Air, count: int = 1) -> AsyncIterator[list[HciServer]]:
    """As many adapters on this air, each at its own address."""
    servers = [await serve_hci(air, adapter_address=address) for address in ADAPTERS[:count]]
    try:
        yield servers
    finally:
        for server in servers:
            await server.close()
        await air.close()


@asynccontextmanager
async def radio(
    virtual: Sequence[str],
    profiles: Mapping[str, Profile],
    bonds: Path | None = None,
    records: Mapping[str, int] | None = None,
    doors: Sequence[Door] | None = None,
    **settings: Any,
) -> AsyncIterator[Rig]:
    """Runs until the block ends, and must not end by itself."""
    ears, troubles, clock = Listener(profiles=dict(profiles)), Troubles(), Clock()
    through = doors or doors_of(RadioConfig(virtual=tuple(virtual)), bonds)
    ble = BleRadio(profiles, records or {}, ears, clock, troubles, doors=through, **settings)
    running = asyncio.create_task(ble.run())
    try:
        yield Rig(ears=ears, radio=ble, troubles=troubles, clock=clock)
        assert not running.done(), running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
