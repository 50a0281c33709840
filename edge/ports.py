"""What the agent's parts are to each other: small doors, so that each can be tested without the others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from devices.limits import Level
from devices.profiles.base import Said
from devices.vocabulary import Item
from devices.wire.messages import Command, Lane
from devices.wire.topics import Channel


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC."""

    def monotonic_s(self) -> float: ...

    def is_set(self) -> bool:
        """False: not since the power came back. `now` then goes on from the last known time."""

    def is_wrong(self) -> bool:
        """What the machine shows is not what we know; `now` may be right all the same."""

    def hear(self, server_at: datetime) -> None:
        """The server's time, on a receipt that has just come."""


class Ears(Protocol):
    """Where a radio brings what it heard. `device`: an address of the configuration."""

    def seen(self, device: str, rssi_dbm: int | None) -> None: ...

    def advertised(self, device: str, service_data: bytes) -> None: ...

    def notified(self, device: str, uuid: str, data: bytes) -> tuple[Said, ...]: ...

    async def remember(self, device: str, record: int) -> bool:
        """Commit what was heard, then note that everything up to `record` is safe. False: not possible now."""


class Home(Protocol):
    """What the lamp and the sound at home follow. Nothing here waits."""

    def heard(self, item: Item, level: Level) -> None:
        """An event, or a raw reading (INSIDE too, for that ends an episode), at once and before it is on the disk."""

    def kept(self, rows: Sequence[tuple[Lane, int, Item]]) -> None:
        """Committed to the outbox, with their sequence numbers."""

    def arrived(self, lane: Lane, mark: int) -> None:
        """The server has committed the rows up to `mark`."""

    def renumbered(self) -> None:
        """The outbox has a new id and counts from 1 again: earlier sequence numbers mean nothing."""

    def line(self, is_up: bool) -> None: ...

    def acknowledged(self, command: Command) -> None: ...


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
