"""Words and shapes that many parts of the API share. The dashboard's types are generated from all of them.

Times are RFC 3339 in UTC. A value is in the kind's UCUM unit; null is "no reading", never zero.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Priority = Literal["red", "yellow", "grey"]
Direction = Literal["low", "high"]
Role = Literal["nurse", "coordinator", "doctor", "technician", "administrator", "auditor"]
Pathway = Literal["kols", "diabetes", "heart_failure", "palliative", "safety"]
Level = Annotated[int, Field(ge=-2, le=2, description="-2 red low, -1 yellow low, 0 inside, 1 yellow high, 2 red high")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Shape):
    """RFC 9457 problem details; `detail` is a sentence for a person."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class CareConflict(Problem):
    """It is no longer as the screen showed it: `rev` is what it is now. Fetch it, look, and decide again."""

    rev: str


class StaffMember(Shape):
    id: int
    name: str
    initials: str


class TeamMembership(Shape):
    id: int
    name: str
    role: Role


class Me(Shape):
    """`leave`: where the browser goes after it has signed out, so that the identity provider forgets it, too.
    `code_awaited`: nothing else opens before this person has begun with codes."""

    leave: str | None = None
    code_awaited: bool = False
    staff: StaffMember
    teams: list[TeamMembership]


class Limits(Shape):
    red_low: float | None
    yellow_low: float | None
    yellow_high: float | None
    red_high: float | None


class Alive(Shape):
    alive: Literal[True]


class Ready(Shape):
    ready: Literal[True]
