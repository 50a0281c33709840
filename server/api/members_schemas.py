"""The public shapes of who works in a team."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import Field

from server.api.fields import Reason, Rev
from server.api.schemas import Role, Shape, StaffMember

StaffNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class Member(Shape):
    staff: StaffMember
    role: Role
    answers: Annotated[bool, Field(description="may have alerts, be on duty, and stand in a chain")]


class Members(Shape):
    team: int
    members: Annotated[list[Member], Field(description="by name")]
    rev: str


class MemberChange(Shape):
    """`role` null: left the team."""

    staff: StaffMember
    role: Role | None
    by: StaffMember
    at: datetime
    reason: str


class MemberHistory(Shape):
    """What administrators decided; what whoever runs the server did is not among it."""

    team: int
    changes: Annotated[list[MemberChange], Field(description="the newest first, at most 100")]


class AddMember(Shape):
    login: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]
    role: Role
    reason: Reason
    rev: Rev


class SetRole(Shape):
    role: Role
    reason: Reason
    rev: Rev


class EndMembership(Shape):
    reason: Reason
    rev: Rev
