"""The public shapes of the board, and of one patient's readings.

Times are RFC 3339 in UTC. A value is in the kind's UCUM unit; null is "no reading", never zero."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.vocabulary import Kind
from server.api.alert_schemas import Alert
from server.api.schemas import Level, Limits, Pathway, Shape

GatewayState = Literal["never", "online", "offline", "lost", "silent"]


class LatestValue(Shape):
    patient: int
    kind: Kind
    value: float | None
    unit: str
    decimals: int
    sign: Annotated[int, Field(ge=-1, le=1)]
    quality: Annotated[int, Field(ge=0, le=3)]
    taken_at: datetime
    span_s: Annotated[float, Field(description="of an interval that began at `taken_at`; it is as old as its end")]
    received_at: datetime
    clock: Annotated[int, Field(ge=0, le=3)]
    device: str
    level: Level | None


class Spark(Shape):
    """A small chart's points as columns, the oldest first; `after_ms` is how long after `begins` each was taken."""

    begins: datetime
    after_ms: list[int]
    value: list[float]


class Vital(Shape):
    """One kind of one patient as the board shows it. `spark` is thinned, null when there is no point; points are not
    joined across `gap_s`. An interval is old `stale_after_s` after the next one should have ended."""

    kind: Kind
    latest: LatestValue
    limits: Limits | None
    spark: Spark | None
    gap_s: float
    stale_after_s: float


class PatientRow(Shape):
    id: int
    name: str
    born_on: date
    pathway: Pathway
    team: int
    home: int | None
    gateways: list[str]
    sensors_off: Annotated[list[str], Field(description="devices that say they are not on the body")]
    virtual: bool
    municipality: Annotated[str | None, Field(description="its name; null: nobody has said")]
    week: Annotated[
        list[Literal["none", "technical", "missed", "yellow", "red"]],
        Field(description="the gravest alert that began on each of the last seven days, today last; [] when none did"),
    ]
    response: Annotated[
        str | None, Field(description="what was agreed to happen with a yellow alert out of hours; null: nothing")
    ]
    vitals: list[Vital]


class HomeRow(Shape):
    id: int
    address: Annotated[str, Field(description="in force now; empty: it is protected")]
    team: int


class GatewayRow(Shape):
    id: str
    home: int | None
    team: int | None
    state: GatewayState
    state_since: datetime
    heard_at: datetime | None
    waiting: Annotated[int, Field(description="readings still in its outbox")]
    troubles: list[str]
    refused: Annotated[
        dict[str, int],
        Field(description="device address -> messages that broke its specification, since the gateway's agent started"),
    ]
    battery: Annotated[dict[str, int], Field(description="device address -> percent, of those that say so")]
    signal: Annotated[
        dict[str, int], Field(description="device address -> dBm at the gateway, of those that were heard")
    ]


class Board(Shape):
    epoch: str
    cursors: Annotated[dict[int, int], Field(description="team -> seq of the newest event that this state contains")]
    at: datetime
    practice: Annotated[bool, Field(description="some of these patients do not exist: say so on every screen")]
    alerts: list[Alert]
    patients: list[PatientRow]
    homes: list[HomeRow]
    gateways: list[GatewayRow]


class Series(Shape):
    """At most the number of points asked for; `low`/`high` keep the extremes of what each stands for, from `at` to
    `until`. `continuous` false: single readings, which are not joined."""

    patient: int
    kind: Kind
    unit: str
    continuous: bool
    at: list[datetime]
    until: list[datetime | None]
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]


class Day(Shape):
    """`mean` weighs every raw value the same; an interval is one of `readings` and stands for several of `n`."""

    day: date
    mean: float
    low: float
    high: float
    readings: int
    n: int


class Days(Shape):
    patient: int
    kind: Kind
    unit: str
    days: list[Day]
