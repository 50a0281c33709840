"""The public shapes of duty, chains and service hours. Hours are those of the clocks in Norway; 1 is Monday."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import Field, StringConstraints

from server.api.fields import TEXT, Instant, Reason, Rev, TimeOfDay
from server.api.schemas import Pathway, Priority, Shape, StaffMember

Part = Literal["duty", "backup", "coordinator"]
Weekdays = Annotated[
    list[Annotated[int, Field(ge=1, le=7)]], Field(min_length=1, max_length=7, description="on which it begins")
]
PlannedNumber = Annotated[int, Path(ge=1, le=2**63 - 1)]
StaffId = Annotated[int, Field(ge=1, le=2**31 - 1)]
Sentence = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=TEXT)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80, pattern=TEXT)]
Seconds = Annotated[int, Field(ge=0, le=86_400)]
Municipality = Annotated[str, Field(pattern=r"^\d{4}$")]


class OnDuty(Shape):
    part: Part
    staff: StaffMember
    since: datetime
    ways: Annotated[
        list[Literal["push", "sms", "email"]],
        Field(description="on which they are called beside the screens, the first one first; empty: on none"),
    ]


class Duty(Shape):
    """Who is on duty in a team, who has been so longest first."""

    team: int
    on_duty: list[OnDuty]


class DutyPeriod(Shape):
    """`to_at` null: still on duty. `ended_by` null: nobody did, or the team's list."""

    part: Part
    staff: StaffMember
    from_at: datetime
    to_at: datetime | None
    started_by: StaffMember | None
    ended_by: StaffMember | None
    note: Annotated[str, Field(description="why nobody was left on duty")]


class DutyHistory(Shape):
    """Of the time from `since`; a time that no period covers had nobody on duty."""

    team: int
    since: datetime
    periods: Annotated[list[DutyPeriod], Field(description="the newest first")]
    more: Annotated[bool, Field(description="there are older ones of that time, too")]


class GoOnDuty(Shape):
    part: Part
    staff: Annotated[
        StaffId | None, Field(description="null: oneself; a colleague's duty is for whoever leads the team")
    ] = None


class LeaveDuty(Shape):
    part: Part
    staff: Annotated[StaffId | None, Field(description="null: oneself")] = None
    nobody_because: Annotated[Sentence, Field(description="why nobody is left on duty, when nobody is")] = ""


class LeftDuty(Shape):
    duty: Duty
    handed_over: Annotated[list[int], Field(description="alerts that ring for the next one now")]


class PlannedDuty(Shape):
    """`begun_at` null: not yet. By whom and when it was planned."""

    id: int
    part: Part
    staff: StaffMember
    from_at: datetime
    to_at: datetime
    by: StaffMember
    at: datetime
    begun_at: datetime | None


class Unplanned(Shape):
    from_at: datetime
    to_at: datetime


class DutyPlan(Shape):
    team: int
    planned: Annotated[list[PlannedDuty], Field(description="what is not over, the first one first")]
    unplanned: Annotated[list[Unplanned], Field(description="when of the next 14 days nobody is, in whatever part")]
    rev: str


class PlanDuty(Shape):
    part: Part
    staff: StaffId
    from_at: Instant
    to_at: Instant
    rev: Rev


class TakeBackDuty(Shape):
    rev: Rev


class ChainStep(Shape):
    """Exactly one of `part`, `staff` and `phone` (with `name`)."""

    part: Part | None = None
    staff: StaffId | None = None
    name: Annotated[Name | None, Field(description="whose the telephone is; of staff: their name")] = None
    phone: Annotated[str | None, Field(max_length=24, pattern=r"^[+\d\s()./-]{3,24}$")] = None
    after_s: Annotated[Seconds, Field(description="after the step before it")]


class Chain(Shape):
    """`to_time` not after `from_time`: until the next day; the same: a whole day."""

    weekdays: Weekdays
    from_time: TimeOfDay
    to_time: TimeOfDay
    steps: Annotated[list[ChainStep], Field(min_length=1, max_length=10)]


class Chains(Shape):
    """Of one colour. The first chain whose hours hold counts."""

    priority: Priority
    chains: list[Chain]
    unlogged_s: Annotated[int, Field(description="so long may nothing be logged about a red alert that somebody has")]
    again_s: Annotated[int, Field(description="from the last step to where it begins again")]
    source: Literal["team", "shipped"]
    proposal: Annotated[bool, Field(description="shipped, and to be decided by the team")]


class TeamChains(Shape):
    team: int
    colours: list[Chains]
    rev: str


class ChainDecision(Shape):
    """`chains` as they were decided; of source `shipped`: the team went back to those."""

    chains: Chains
    by: StaffMember
    at: datetime
    reason: str


class ChainHistory(Shape):
    team: int
    decisions: Annotated[list[ChainDecision], Field(description="the newest first, at most 100")]


class SetChains(Shape):
    chains: Annotated[list[Chain], Field(min_length=1, max_length=20)]
    unlogged_s: Annotated[int, Field(ge=60, le=86_400)] = 900
    again_s: Annotated[int, Field(ge=30, le=86_400)] = 300
    reason: Reason
    rev: Rev


class Hours(Shape):
    weekdays: Weekdays
    from_time: TimeOfDay
    to_time: TimeOfDay


class ServiceHours(Shape):
    """When alerts of a colour ring; else they wait for the morning list. Calls for help ring around the clock."""

    priority: Literal["red", "yellow"]
    municipality: Annotated[str | None, Field(description="null: whichever")]
    pathway: Annotated[Pathway | None, Field(description="null: whichever")]
    periods: list[Hours]
    response: Annotated[str | None, Field(description="what was agreed to happen out of hours")]
    source: Literal["team", "shipped"]
    by: StaffMember | None
    at: datetime | None
    reason: str


class TeamHours(Shape):
    """The nearest counts: of both municipality and pathway, of the pathway, of the municipality, of the team."""

    team: int
    hours: list[ServiceHours]
    rev: str


class HoursDecision(Shape):
    """`periods` null: back to what stands behind it."""

    priority: Literal["red", "yellow"]
    municipality: str | None
    pathway: Pathway | None
    periods: list[Hours] | None
    response: str | None
    by: StaffMember
    at: datetime
    reason: str


class HoursHistory(Shape):
    team: int
    decisions: Annotated[list[HoursDecision], Field(description="the newest first, at most 100")]


class SetHours(Shape):
    priority: Literal["red", "yellow"]
    municipality: Municipality | None = None
    pathway: Pathway | None = None
    periods: Annotated[list[Hours], Field(max_length=20)]
    response: Sentence | None = None
    reason: Reason
    rev: Rev


class TakeBackHours(Shape):
    priority: Literal["red", "yellow"]
    municipality: Municipality | None = None
    pathway: Pathway | None = None
    reason: Reason
    rev: Rev
