"""The messages of the live socket: first what a screen sends, then what it receives."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from server.api.alert_schemas import Alert
from server.api.board_schemas import GatewayRow, LatestValue
from server.api.duty_schemas import OnDuty
from server.api.schemas import Shape, StaffMember

ResetReason = Literal["unknown_epoch", "unknown_cursor", "too_far_behind", "teams_changed"]


class Hello(Shape):
    type: Literal["hello"]
    epoch: str | None
    cursors: dict[int, int]
    screen: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="a random id of this open screen")]


class Seen(Shape):
    type: Literal["seen"]
    alerts: Annotated[list[Annotated[int, Field(ge=1, le=2**53)]], Field(max_length=500)]


class Proven(Shape):
    """The trial of the alarm path that `passed` told of is on this screen."""

    type: Literal["proven"]
    proof: Annotated[int, Field(ge=1, le=2**53)]


class Ping(Shape):
    type: Literal["ping"]


ClientMessage = Annotated[Hello | Seen | Proven | Ping, Field(discriminator="type")]


# ---- server to client


class Resumed(Shape):
    """The events after the client's cursors follow; nothing was missed."""

    type: Literal["resumed"]
    epoch: str
    cursors: dict[int, int]


class Reset(Shape):
    """Fetch the board again and say hello with its epoch and cursors."""

    type: Literal["reset"]
    epoch: str
    reason: ResetReason


class AlertChanged(Shape):
    """`ring`: this change must be heard (raised, raised again, pressed again). One that somebody has rings for its
    owner alone: nothing was logged about it for a while."""

    type: Literal["alert"]
    team: int
    seq: int
    ring: bool
    alert: Alert


class GatewayChanged(Shape):
    type: Literal["gateway"]
    team: int
    seq: int
    gateway: GatewayRow


class DutyChanged(Shape):
    """Who is on duty in the team now."""

    type: Literal["duty"]
    team: int
    seq: int
    on_duty: list[OnDuty]


class Passed(Shape):
    """An event that shows nothing (one about a gateway that moved away, a trial of the alarm path): only the cursor
    moves."""

    type: Literal["passed"]
    team: int
    seq: int
    proof: Annotated[
        int | None, Field(description="a gateway's daily trial of the alarm path got here: answer `proven` with it")
    ] = None


class EmergencyOpened(Shape):
    """Somebody of another team has opened one of the team's patients, to read until then."""

    type: Literal["emergency"]
    team: int
    seq: int
    patient: int
    staff: StaffMember
    reason: str
    until: datetime


class PatientLeft(Shape):
    """Handed over to another team, or over: fetch the board again and say hello."""

    type: Literal["left"]
    team: int
    seq: int
    patient: int


class PatientJoined(Shape):
    """From another team, with open alerts perhaps: fetch the board again and say hello."""

    type: Literal["joined"]
    team: int
    seq: int
    patient: int


class Readings(Shape):
    """Newest values. They carry no seq and may be dropped for a slow client: the next one is newer."""

    type: Literal["readings"]
    values: list[LatestValue]


class SeenOn(Shape):
    """How many screens have shown an alert. No seq: the next one or the next board corrects it."""

    type: Literal["seen_on"]
    alert: int
    seen_on: int


class Heartbeat(Shape):
    """Every 5 s. A screen that has missed 2.5 of them says that it is disconnected."""

    type: Literal["heartbeat"]
    at: datetime
    cursors: dict[int, int]


class Pong(Shape):
    type: Literal["pong"]
    at: datetime


ServerMessage = Annotated[
    Resumed
    | Reset
    | AlertChanged
    | GatewayChanged
    | DutyChanged
    | EmergencyOpened
    | PatientLeft
    | PatientJoined
    | Passed
    | Readings
    | SeenOn
    | Heartbeat
    | Pong,
    Field(discriminator="type"),
]
