"""What the agent's parts are to each other: small doors, so that each can be tested without the others."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from devices.profiles.base import Said
from devices.wire.topics import Channel


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC."""

    def monotonic_s(self) -> float: ...


class Ears(Protocol):
    """Where a radio brings what it heard. `device`: an address of the configuration."""

    def seen(self, device: str, rssi_dbm: int | None) -> None: ...

    def advertised(self, device: str, service_data: bytes) -> None: ...

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]: ...

    async def remember(self, device: str, record: int) -> bool:
        """Commit what was heard, then note that everything up to `record` is safe. False: not possible now."""


class Radio(Protocol):
    async def run(self) -> None:
        """Until cancelled; then every link is down."""

    def states(self) -> Mapping[str, str]:
        """By device, in words."""


class Uplink(Protocol):
    async def run(self) -> None: ...

    def publish(self, channel: Channel, payload: bytes) -> bool:
        """False: the line is down or busy; nothing was kept."""

    def rebuild(self, why: str) -> None: ...
