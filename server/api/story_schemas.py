"""The public shapes of what happened to one patient, and of what measures at home."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.vocabulary import Kind
from server.api.alert_schemas import Alert, HistoryEntry
from server.api.schemas import Shape
from server.api.technical_schemas import DeviceState

EventName = Literal[
    "fall",
    "sos",
    "smoke",
    "water",
    "co",
    "gas",
    "door_opened",
    "door_closed",
    "sensor_off",
    "sensor_on",
    "dose_taken",
    "dose_missed",
    "local_alarm",
]


class ToldAlert(Shape):
    """`deeds`: what staff did about it, in order."""

    alert: Alert
    deeds: list[HistoryEntry]


class ToldEvent(Shape):
    """`of_home`: whoever lives there. `place`: as it was bound; empty: none was said."""

    at: datetime
    type: EventName
    device: str
    place: str
    of_home: bool


class MissedMeasurement(Shape):
    kind: Kind
    due: datetime


class Story(Shape):
    """Alerts and events the newest first; `more_alerts`, `more_events`: there were older ones, too. `missed`: planned
    measurements that did not come, judged by the plan that counts now, since `missed_since`."""

    patient: int
    from_at: datetime
    to_at: datetime
    alerts: list[ToldAlert]
    more_alerts: bool
    events: list[ToldEvent]
    more_events: bool
    missed: list[MissedMeasurement]
    missed_since: datetime


class StoredReading(Shape):
    """`value` null: the device tried and has none. `low`, `high`: of the `n` values in an interval of `span_s`.
    `device`: its address."""

    at: datetime
    span_s: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    sign: Annotated[int, Field(ge=-1, le=1)]
    quality: Annotated[int, Field(ge=0, le=3)]
    clock: Annotated[int, Field(ge=0, le=3)]
    received_at: datetime
    device: str


class StoredReadings(Shape):
    """The newest first. `next`: the `before` of the next page; null: there is no more."""

    patient: int
    kind: Kind
    unit: str
    decimals: int
    readings: list[StoredReading]
    next: datetime | None


class PatientDevice(Shape):
    """`of_home`: it is the home's, not the patient's own. `said`: what its gateway said of it last; null: nothing.
    `gateway`: that heard it last."""

    device: str
    profile: str | None
    slot: int
    place: str
    of_home: bool
    since: datetime
    until: datetime | None
    gateway: str | None
    gateway_heard_at: datetime | None
    said: DeviceState | None


class PatientDevices(Shape):
    patient: int
    devices: list[PatientDevice]
