"""The public shapes of who works in a team."""

from typing import Annotated

from pydantic import Field

from server.api.schemas import Role, Shape, StaffMember


class Member(Shape):
    staff: StaffMember
    role: Role
    answers: Annotated[bool, Field(description="may have alerts, be on duty, and stand in a chain")]


class Members(Shape):
    team: int
    members: Annotated[list[Member], Field(description="by name")]
