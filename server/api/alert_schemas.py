"""The public shapes of what staff do with an alert. `rev` is the revision on the screen: when the alert has changed
since, the change is refused with the alert as it stands."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from devices.vocabulary import Kind
from server.api.care_schemas import TEXT, Instant, Reason
from server.api.schemas import Alert, Outcome, Shape, StaffMember

Rev = Annotated[int, Field(ge=1, le=2**31 - 1, description="as the screen got it")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT)]


class Acknowledge(Shape):
    rev: Rev


class TakeBack(Shape):
    """Within ten seconds of one's own acknowledgement."""

    rev: Rev


class Coming(Shape):
    rev: Rev


class Remark(Shape):
    rev: Rev
    note: Note | None = None


class WriteNote(Shape):
    rev: Rev
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=TEXT)]


class Assign(Shape):
    """`to`: a colleague in the alert's team, or oneself to take it from who has it."""

    rev: Rev
    to: Annotated[int, Field(ge=1, le=2**31 - 1)]
    note: Note | None = None


class Handle(Shape):
    rev: Rev
    outcome: Outcome
    note: Note | None = None


class Reopen(Shape):
    rev: Rev
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=TEXT)]


class PutOff(Shape):
    rev: Rev
    until: Instant
    reason: Reason


class LimitHint(Shape):
    """The limit was wrong: try another one on what is stored, then set it."""

    patient: int
    kind: Kind
    try_out: Annotated[str, Field(description="where another limit is tried (POST)")]


class HandledAlert(Alert):
    suggests: LimitHint | None = None


class AskedAgain(Alert):
    at_home: Annotated[
        Literal["not_told"], Field(description="no sensor can be told from here: somebody must ask the patient")
    ] = "not_told"


class Colleagues(Shape):
    """Who may be given the team's alerts."""

    team: int
    staff: list[StaffMember]


class SnoozeLimit(Shape):
    """`set_by` null: what Hjemvakt ships."""

    priority: Literal["yellow", "red"]
    most_min: Annotated[int, Field(description="0: alerts of this colour are not put off")]
    set_by: StaffMember | None
    set_at: datetime | None
    reason: str


class SnoozeLimits(Shape):
    team: int
    rev: str
    limits: list[SnoozeLimit]


class SetSnoozeLimit(Shape):
    rev: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="as the screen got it")]
    priority: Literal["yellow", "red"]
    most_min: Annotated[int, Field(ge=0, le=1440)]
    reason: Reason
