"""The public shapes of letting gateways in. What gateways themselves say is in devices/wire/enrolment.py."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.wire.topics import GATEWAY_ID
from server.api.fields import Reason
from server.api.schemas import Shape

GatewayName = Annotated[str, Field(pattern=f"^{GATEWAY_ID.pattern}$", description="the gateway's name")]


class Enrolment(Shape):
    """`accepted`: it has no certificate yet; `fault` says why, if that takes long."""

    id: int
    code: Annotated[str, Field(description="as it stands on the box")]
    key: Annotated[str, Field(description="SHA-256 of the gateway's public key, as `hjemvakt-gateway` shows it")]
    model: str
    version: str
    asked_at: datetime
    heard_at: Annotated[datetime, Field(description="when it asked last")]
    state: Literal["waiting", "accepted"]
    gateway: Annotated[str | None, Field(description="its name, or how it will be called; null: nobody has said")]
    fault: str
    doubtful: Annotated[
        bool, Field(description="another key came with the same code: neither is let in; give the box a new code")
    ]


class Enrolments(Shape):
    enrolments: Annotated[list[Enrolment], Field(description="the oldest first")]


class AcceptEnrolment(Shape):
    """In a home, or at the depot of a team until it is given one."""

    home: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="where it stands from now on")] = None
    team: Annotated[int | None, Field(ge=1, le=2**31 - 1, description="whose depot; null: it stands in a home")] = None
    name: Annotated[
        GatewayName | None, Field(description="null: as it was named when its code was made, or else a new name")
    ] = None


class LetIn(Shape):
    """`home` null: it stands at the depot."""

    id: int
    gateway: str
    home: int | None


class RefuseEnrolment(Shape):
    why: Reason


class RefusedEnrolment(Shape):
    id: int
    why: str


class RevokeGateway(Shape):
    why: Literal["lost", "stolen", "returned"]


class RevokedGateway(Shape):
    gateway: str
    why: Literal["lost", "stolen", "returned"]
    at: datetime
    certificates: Annotated[int, Field(description="how many ended by it; 0: it had none")]
