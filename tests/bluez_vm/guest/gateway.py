"""The gateway's radio with real bleak, and what its other half would hear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from devices.profiles import PROFILES
from devices.profiles.base import Said
from edge.ble import BleRadio
from edge.core.health import Troubles
from edge.core.watchdog import Patience
from edge.own_clock import SystemClock

PATIENCE_S: Final = 60.0
PAUSE_S: Final = 0.1


@dataclass(kw_only=True, slots=True)
class Listener:
    """The Ears: keeps what they hear, in order."""

    profiles: Mapping[str, str]
    adverts: list[tuple[str, bytes]] = field(default_factory=list)
    notes: list[tuple[str, str, bytes]] = field(default_factory=list)
    remembered: dict[str, int] = field(default_factory=dict)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def seen(self, device: str, rssi_dbm: int | None) -> None:
        pass

    def advertised(self, device: str, service_data: bytes) -> None:
        self.adverts.append((device, service_data))
        self._stirred.set()

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]:
        self.notes.append((device, uuid, data))
        self._stirred.set()
        decode = PROFILES[self.profiles[device]].decode
        return decode(uuid, data) if decode is not None else ()

    async def remember(self, device: str, record: int) -> bool:
        self.remembered[device] = record
        self._stirred.set()
        return True

    def said_by(self, device: str, uuid: str) -> list[bytes]:
        return [data for who, what, data in self.notes if (who, what) == (device, uuid)]

    async def pause(self) -> None:
        """Until something is heard, or a moment."""
        self._stirred.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                await self._stirred.wait()

    async def until(self, is_so: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
        async with asyncio.timeout(limit_s):
            while not is_so():
                self._stirred.clear()
                await self._stirred.wait()


@dataclass(kw_only=True, slots=True)
class Gateway:
    ears: Listener
    radio: BleRadio
    troubles: Troubles
    running: "asyncio.Task[None]"

    async def until_troubled(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not self.troubles.sentences():
                await self.ears.pause()


@contextlib.asynccontextmanager
async def gateway(profiles: Mapping[str, str], *, silent_s: float = 120.0, **settings: Any) -> AsyncIterator[Gateway]:
    """`profiles`: by address, in the words of the configuration. Runs until the block ends; must not end by itself."""
    ears, troubles = Listener(profiles=profiles), Troubles()
    devices = {address: PROFILES[name] for address, name in profiles.items()}
    radio = BleRadio(devices, {}, ears, SystemClock(), troubles, patience=Patience(silent_s=silent_s), **settings)
    running = asyncio.create_task(radio.run())
    try:
        yield Gateway(ears=ears, radio=radio, troubles=troubles, running=running)
        assert not running.done(), running
    except BaseException:
        print("states", radio.states(), "bonds", radio.bonds(), "troubles", troubles.sentences())
        raise
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
