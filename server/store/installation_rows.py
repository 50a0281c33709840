"""What stands in a home and what was tried there, as the store tells it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from devices.vocabulary import ClockTrust, EventType, Kind

State = Literal["never", "online", "offline", "lost", "silent"]
Whose = Literal["here", "prepared", "elsewhere"]
Missing = Literal["gateway", "sensor", "pairing", "coverage", "test"]


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeRow:
    home: int
    name: str
    address: str
    team: int
    gateways: list[str]
    sensors: int
    residents: int
    finished_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResidentRow:
    patient: int
    reference: str
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRow:
    """`status`: its last word, as it came on the wire."""

    id: int
    name: str
    label: str
    home: int | None
    depot_team: int | None
    state: State
    heard_at: datetime | None
    status: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SensorRow:
    id: int
    address: str
    slot: int
    profile: str
    label: str
    place: str | None
    patient: int | None
    since: datetime
    has_key: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class DepotSensorRow:
    gateway: str
    address: str
    profile: str
    label: str
    has_key: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """What a sensor said: a value of a kind, or an event."""

    taken_at: datetime
    received_at: datetime
    clock: ClockTrust
    kind: Kind | None = None
    value: float | None = None
    event: EventType | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PartRow:
    device: int
    slot: int
    part: str
    at: datetime
    staff: int
    rests_on: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RoomRow:
    room: str
    device: str
    gateway: str | None
    rssi_dbm: int | None
    at: datetime
    staff: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRow:
    """`made_at`: by the gateway's clock, which said `said_ms` in a word that came at `heard_at`."""

    id: int
    home: int
    gateway: str
    device: str | None
    slot: int | None
    staff: int
    asked_at: datetime
    until_at: datetime
    made_at: datetime | None
    received_at: datetime | None
    stored_at: datetime | None
    raised_at: datetime | None
    seen_at: datetime | None
    screens: int
    alert: int | None
    said_ms: int | None
    heard_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolLine:
    id: int
    at: datetime
    staff: int
    remark: str
    missing: list[Missing]


@dataclass(frozen=True, kw_only=True, slots=True)
class ProtocolRow:
    id: int
    home: int
    at: datetime
    staff: int
    remark: str
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stands:
    """All of a home, at one time."""

    home: HomeRow
    residents: Sequence[ResidentRow]
    gateways: Sequence[GatewayRow]
    trust: Mapping[str, tuple[datetime, datetime | None]]
    taken: Mapping[str, datetime]
    sensors: Sequence[SensorRow]
    words: Mapping[tuple[int, int], Word]  # by device and slot
    parts: Sequence[PartRow]
    rooms: Sequence[RoomRow]
    trials: Sequence[TrialRow]

    def sensor(self, address: str, slot: int) -> SensorRow | None:
        return next((each for each in self.sensors if (each.address, each.slot) == (address, slot)), None)
