"""The public shapes of the fleet: who runs what, what was said to gateways, what comes to them in rings."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.wire.messages import PROGRAM_VERSION
from server.api.enrolment_schemas import GatewayName
from server.api.fields import Reason
from server.api.schemas import Shape, StaffMember

Team = Annotated[int, Field(ge=1, le=2**31 - 1)]
Order = Literal["scan", "restart", "diagnose", "renew"]
Version = Annotated[str, Field(pattern=PROGRAM_VERSION, examples=["1.2.3"])]


class Target(Shape):
    """Of the newest rollout that it is in."""

    rollout: int
    program: str | None
    heartbeat_s: float | None
    state: Annotated[
        Literal["waits", "asked", "there", "done", "failed"],
        Field(description="there: it has it, and is watched for a while"),
    ]
    why: str


class Upgrading(Shape):
    """As the gateway says it."""

    program: str
    state: Literal["waits", "runs", "done", "failed"]
    why: str


class FleetGateway(Shape):
    gateway: str
    label: str
    team: int
    home: Annotated[int | None, Field(description="null: it stands at the depot")]
    state: Literal["never", "online", "offline", "lost", "silent"]
    state_since: datetime
    heard_at: datetime | None
    program: Annotated[str, Field(description="the version that it runs; empty: it has not said")]
    takes_orders: Annotated[bool, Field(description="its program knows commands with a proof")]
    troubles: list[str]
    urgency: Annotated[
        int, Field(ge=0, le=3, description="0: all is well; 3: it does not watch over its home, or went wrong now")
    ]
    target: Target | None
    upgrading: Upgrading | None


class Fleet(Shape):
    gateways: Annotated[list[FleetGateway], Field(description="those with trouble first")]


class GiveOrder(Shape):
    what: Order


class Given(Shape):
    """`staff` null: the server itself. `state`: `waits` until `until`."""

    id: str
    what: str
    detail: str
    at: datetime
    staff: StaffMember | None
    until: datetime | None
    state: Literal["waits", "done", "refused", "expired"]
    answered_at: datetime | None
    why: str
    handed_in_at: Annotated[datetime | None, Field(description="there is a diagnosis to be fetched")]


class GivenOrders(Shape):
    """Who told it what, for ever; the newest."""

    gateway: str
    orders: Annotated[list[Given], Field(description="the newest first")]


class HandedIn(Shape):
    """How a gateway is. Nothing in it is about a person."""

    gateway: str
    at: datetime
    diagnosis: Annotated[dict[str, object], Field(description="as the gateway said it: see devices/wire/diagnosis.py")]


class BeginRollout(Shape):
    """Either a version of the program, or how often gateways say a word."""

    teams: Annotated[list[Team], Field(min_length=1, max_length=200)]
    program: Version | None = None
    heartbeat_s: Annotated[float | None, Field(ge=5, le=300)] = None
    rings: Annotated[
        list[Annotated[int, Field(ge=1, le=100_000)]],
        Field(
            default_factory=lambda: [1, 10],
            max_length=7,
            description="how many gateways each ring has; after the last one come all the others",
        ),
    ]
    first: Annotated[
        list[GatewayName],
        Field(
            default_factory=list,
            max_length=100,
            description="these before others; then those at the depot, then those without trouble",
        ),
    ]


class DecideRollout(Shape):
    what: Literal["stopped", "running", "ended"]
    why: Reason


class RolloutMember(Shape):
    gateway: str
    ring: int
    state: Literal["waits", "asked", "there", "done", "failed"]
    asked_at: datetime | None
    changed_at: datetime
    why: str


class Rollout(Shape):
    """`stopped`: nobody else is asked until somebody lets it go on. `changed_by` null: the server itself."""

    id: int
    teams: list[int]
    program: str | None
    heartbeat_s: float | None
    rings: list[int]
    made_at: datetime
    made_by: StaffMember
    state: Literal["running", "stopped", "done", "ended"]
    ring: int
    ring_at: datetime
    changed_at: datetime
    changed_by: StaffMember | None
    why: str
    gateways: list[RolloutMember]


class Rollouts(Shape):
    rollouts: Annotated[list[Rollout], Field(description="the newest first")]
