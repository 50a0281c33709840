"""The public shapes of excuses, and of who decided what about a patient.

`rev` names what the screen showed: a change is refused when something of it has changed meanwhile. Every change says
why, and carries the header `Idempotency-Key`: sent again with the same key it is done once."""

from datetime import datetime
from typing import Literal

from devices.vocabulary import Kind
from server.api.fact_schemas import Fact, FactType
from server.api.fields import Instant, Reason, Remark, TimeOfDay
from server.api.schemas import Limits, Pathway, Shape, StaffMember

Why = Literal["hospital", "short_stay", "holiday", "away", "other"]


class Excuse(Shape):
    """`ended_at`: it was ended before `to_at`. `of_home`: said of everybody who lives there. It never stops a call for
    help."""

    id: int
    of_home: bool
    why: Why
    from_at: datetime
    to_at: datetime
    said_by: StaffMember | None
    said_at: datetime
    reason: str
    ended_by: StaffMember | None
    ended_at: datetime | None
    in_force: bool


class Excuses(Shape):
    """The newest first."""

    patient: int
    excuses: list[Excuse]


class SayExcuse(Shape):
    """`from_at` null: from now on. It always has an end."""

    why: Why
    from_at: Instant | None = None
    to_at: Instant
    reason: Remark = ""


class EndExcuse(Shape):
    reason: Reason


# ---- history

ChangeType = Literal["fact", "fact_withdrawn", "limit", "rule", "plan", "excuse", "excuse_ended", "home_rule"]


class LimitChange(Shape):
    """`limits` null: it was taken back."""

    kind: Kind
    limits: Limits | None


class RuleChange(Shape):
    """`enabled` null: it was taken back."""

    rule: str
    enabled: bool | None
    numbers: dict[str, float]


class PlanChange(Shape):
    """`times` null: it was taken back."""

    kind: Kind
    weekdays: list[int]
    times: list[TimeOfDay] | None
    before_min: int
    after_min: int


class FactChange(Shape):
    """`fact` null: from `from_at` on nothing of this type holds."""

    id: int
    type: FactType
    kind: Kind | None
    fact: Fact | None
    from_at: datetime
    until: datetime | None


class ExcuseChange(Shape):
    id: int
    why: Why
    from_at: datetime
    to_at: datetime


class Change(Shape):
    """`by` null: the enrolment list, or the patient. `pathway` null: it is about this patient alone."""

    at: datetime
    type: ChangeType
    by: StaffMember | None
    reason: str
    pathway: Pathway | None
    limit: LimitChange | None = None
    rule: RuleChange | None = None
    plan: PlanChange | None = None
    fact: FactChange | None = None
    excuse: ExcuseChange | None = None
    home_rule: RuleChange | None = None


class Changes(Shape):
    """The newest first. `next` null: there is nothing older."""

    changes: list[Change]
    next: str | None
