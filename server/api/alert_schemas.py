"""The public shapes of an alert, and of what staff do with it. `rev` is the revision on the screen: when the alert has
changed since, the change is refused with the alert as it stands."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from devices.vocabulary import Kind
from server.api.fields import TEXT, Instant, Reason
from server.api.schemas import Direction, Level, Priority, Problem, Shape, StaffMember

AlertState = Literal["raised", "acknowledged", "cleared", "handled", "ended"]
Outcome = Literal["real_acted", "real_no_action", "measuring_error", "technical", "wrong_limit"]

Rev = Annotated[int, Field(ge=1, le=2**31 - 1, description="as the screen got it")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=TEXT)]


class Evidence(Shape):
    """Why: the rule, the numbers, the window and the reference it rests on."""

    kind: Kind | None = None
    value: float | None = None
    sign: Annotated[int, Field(ge=-1, le=1)] = 0
    limit: float | None = None
    level: Level | None = None
    direction: Direction | None = None
    event: str | None = None
    place: str | None = None
    cause: str | None = None
    since: datetime | None = None
    reference: str = ""
    low: Annotated[float | None, Field(description="the least in an interval of which `value` is the median")] = None
    high: float | None = None
    span_s: Annotated[float | None, Field(description="how long that interval was; null: a single reading")] = None
    rules: list[str] = Field(default=[], description="that found it, the one first that `numbers` are of")
    numbers: dict[str, float] = Field(
        default={},
        description="what the rule compared, by name; those of the other rules begin with `<rule>_`. Of any alert: "
        "`calls` for help in a row, none more than `within_min` after the one before; `urgent`: called again soon; "
        "`steps`: how bad it was when it last rang",
    )
    from_at: Annotated[datetime | None, Field(description="the window that ended at `since`")] = None
    readings: Annotated[int | None, Field(description="how many days, points or windows the numbers rest on")] = None


class Called(Shape):
    """Somebody was called about an alert, on all ways that they have."""

    step: Annotated[int, Field(description="of its chain")]
    at: datetime
    name: Annotated[str, Field(description="of somebody of the staff, or whose telephone it is")]
    staff: Annotated[int | None, Field(description="null: a telephone that stands in the chain")]


class MeasurementAsked(Shape):
    """Somebody who answered the alert has asked for a new measurement. Both nulls: it is awaited."""

    kind: Kind
    at: datetime
    until: datetime
    measured_at: Annotated[datetime | None, Field(description="when the first value that answers it was taken")]
    missed_at: Annotated[datetime | None, Field(description="when it was told that none had come")]


class Alert(Shape):
    id: int
    team: int
    rev: int
    rule: str
    priority: Priority
    state: AlertState
    patient: int | None
    home: int | None
    gateway: str | None
    device: str | None
    lives_there: Annotated[list[int], Field(description="patients in the home, for an alarm of the home")]
    began_at: datetime
    raised_at: datetime
    last_at: datetime
    late: Annotated[bool, Field(description="out of a backlog: it began then, it is not known to be so now")]
    count: int
    condition_ended_at: datetime | None
    owner: Annotated[
        StaffMember | None, Field(description="of a raised one: whom it rings for, who has not taken it yet")
    ]
    acknowledged_at: datetime | None
    on_way_at: Annotated[datetime | None, Field(description="its owner is")]
    there_at: datetime | None
    contact_at: Annotated[datetime | None, Field(description="somebody spoke with who called, since the newest call")]
    contact_needed: Annotated[bool, Field(description="it cannot be closed before `contact_at`")]
    snoozed_until: Annotated[datetime | None, Field(description="its owner has put it off; then it rings again")]
    step: Annotated[int, Field(description="where it stands in its chain")]
    next_at: Annotated[datetime | None, Field(description="when it goes on along its chain")]
    called: Annotated[list[Called], Field(description="who was called last; `calls` of its detail has them all")]
    asked: Annotated[MeasurementAsked | None, Field(description="the newest new measurement that was asked for")]
    quiet: Annotated[bool, Field(description="it waits for the morning list")]
    response: Annotated[str | None, Field(description="what was agreed to happen out of hours")]
    handled_by: StaffMember | None
    handled_at: datetime | None
    outcome: Outcome | None
    seen_on: Annotated[int, Field(description="number of screens that have shown it")]
    evidence: Evidence


class HistoryEntry(Shape):
    rev: int
    at: datetime
    action: str
    staff: Annotated[StaffMember | None, Field(description="null: the system")]
    note: str | None
    to: Annotated[StaffMember | None, Field(description="whom it was assigned to")] = None
    until: Annotated[datetime | None, Field(description="until when it was put off")] = None
    outcome: Outcome | None = None
    kind: Annotated[Kind | None, Field(description="of the new measurement that was asked for, came, or did not")] = (
        None
    )


class Snooze(Shape):
    """A lease on an alert: what is worse than `up_to` rings nevertheless, and so does every other rule."""

    until: datetime
    up_to: Literal["yellow", "red"]
    by: StaffMember
    reason: str
    begun_at: datetime
    ended_at: datetime | None
    ended_by: Annotated[StaffMember | None, Field(description="null: the time was up, or it turned for the worse")]
    ended_because: Annotated[str | None, Field(description="the action in the history that ended it")]


class AlertDetail(Shape):
    alert: Alert
    history: list[HistoryEntry]
    snoozes: Annotated[list[Snooze], Field(description="the newest first")]
    calls: Annotated[list[Called], Field(description="everybody who was called, the first one first")]


class SilentGateway(Shape):
    gateway: str
    home: int | None
    operator: Annotated[str | None, Field(description="of its line; null: nobody has said")]
    heard_at: Annotated[datetime, Field(description="when it was last heard of before")]
    back_at: Annotated[datetime | None, Field(description="null: it is silent")]


class SilentPatient(Shape):
    """Somebody in whose home a gateway is, or was, silent."""

    patient: int
    name: str
    phone: str | None
    home: int
    has_alarm: Annotated[bool, Field(description="a fall or an SOS of theirs would have been told by it")]
    lives_alone: Annotated[bool, Field(description="said so; or, when nobody has said, the only one of the home")]
    alone_is_said: bool


class Silence(Shape):
    """Whom to ask how they are: those with a fall or SOS alarm who live alone first; homes that are back come last."""

    alert: int
    gateways: Annotated[list[SilentGateway], Field(description="the longest silent first")]
    patients: list[SilentPatient]


class AlertConflict(Problem):
    """Somebody was first: `alert` is as it stands now, with who has it."""

    alert: Alert


# ---- what staff do


class Wish(Shape):
    rev: Rev


class Acknowledge(Wish):
    pass


class TakeBackAcknowledgement(Wish):
    """Within ten seconds of one's own acknowledgement."""


class Coming(Wish):
    pass


class Remark(Wish):
    note: Note | None = None


class MeasureAgain(Remark):
    """`kind` null: what the alert is about; of an alert that is of no kind nothing is awaited."""

    kind: Kind | None = None
    within_min: Annotated[int, Field(ge=5, le=1440, description="then it is told that nothing came")] = 60


class WriteNote(Wish):
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=TEXT)]


class Assign(Wish):
    """`to`: a colleague in the alert's team, or oneself to take it from who has it."""

    to: Annotated[int, Field(ge=1, le=2**31 - 1)]
    note: Note | None = None


class Handle(Wish):
    outcome: Outcome
    note: Note | None = None


class Reopen(Wish):
    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000, pattern=TEXT)]


class PutOff(Wish):
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
