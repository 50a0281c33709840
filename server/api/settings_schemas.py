"""The public shapes of what counts: limits, rules and the measuring plan."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.vocabulary import Kind
from server.api.fields import Edge, Reason, Rev, TimeOfDay
from server.api.schemas import Limits, Shape, StaffMember

Source = Literal["patient", "prescribed_range", "accepted_baseline", "team", "shipped"]


class Reference(Shape):
    """`checked` false: the number is from memory and waits for its source."""

    document: str
    edition: str
    page: str
    checked: bool


class EffectiveLimit(Shape):
    """`limits` null: this kind never alerts by its value; `source` says who wants it so, null: nobody said anything.
    `by` and `since` null: it is shipped."""

    kind: Kind
    unit: str
    decimals: int
    limits: Limits | None
    source: Source | None
    rests_on: Annotated[str, Field(description="one line for a nurse; empty: there is no limit")]
    by: StaffMember | None
    since: datetime | None
    reason: str
    until: Annotated[datetime | None, Field(description="when it may be another one, as far as is known now")]
    references: list[Reference]


class EffectiveLimits(Shape):
    rev: str
    limits: list[EffectiveLimit]


class SetLimit(Shape):
    """The last values inside each band, in the kind's unit. All null: this kind never alerts."""

    red_low: Edge | None = None
    yellow_low: Edge | None = None
    yellow_high: Edge | None = None
    red_high: Edge | None = None
    reason: Reason
    rev: Rev


class TakeBack(Shape):
    """What stands behind it counts again."""

    reason: Reason
    rev: Rev


class EffectiveRule(Shape):
    """`numbers`: those that can be changed, as they count now; `shipped`: as they come. `enabled` false: it is off.
    `proposal`: a starting value that waits for a clinical owner to sign."""

    rule: str
    version: int
    colour: Literal["yellow", "red"]
    enabled: bool
    numbers: dict[str, float]
    shipped: dict[str, float]
    source: Literal["patient", "team", "shipped"]
    by: StaffMember | None
    since: datetime | None
    reason: str
    proposal: bool
    references: list[Reference]


class EffectiveRules(Shape):
    rev: str
    rules: list[EffectiveRule]


class SetRule(Shape):
    """`numbers`: those that shall differ from the shipped ones."""

    enabled: bool
    numbers: Annotated[dict[Annotated[str, Field(max_length=60)], Edge], Field(max_length=20, default_factory=dict)]
    reason: Reason
    rev: Rev


class Night(Shape):
    """By the clock on the wall: in these hours an opened front door is an alert. Both ends equal: there is none."""

    from_at: TimeOfDay
    to_at: TimeOfDay


class EffectiveHomeRule(Shape):
    """As `EffectiveRule`. `bounds`: the smallest and the largest that each number can be set to."""

    rule: str
    version: int
    enabled: bool
    numbers: dict[str, float]
    shipped: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    source: Literal["home", "shipped"]
    by: StaffMember | None
    since: datetime | None
    reason: str
    proposal: bool
    references: list[Reference]


class EffectiveHomeRules(Shape):
    """`rev` is about the rules alone."""

    home: int
    rev: str
    night: Night
    rules: list[EffectiveHomeRule]


Weekday = Annotated[int, Field(ge=1, le=7)]
WaitMin = Annotated[int, Field(ge=0, le=1440)]


class EffectivePlan(Shape):
    """`times` in Europe/Oslo; `weekdays`: 1 is Monday. A value is awaited from `before_min` before each until
    `after_min` after it. No `times`: nothing is awaited."""

    kind: Kind
    weekdays: list[int]
    times: list[TimeOfDay]
    before_min: int
    after_min: int
    source: Literal["patient", "team", "shipped"]
    by: StaffMember | None
    since: datetime | None
    reason: str
    proposal: bool
    references: list[Reference]


class EffectivePlans(Shape):
    rev: str
    plan: list[EffectivePlan]


class SetPlan(Shape):
    weekdays: Annotated[list[Weekday], Field(max_length=7)]
    times: Annotated[list[TimeOfDay], Field(max_length=12)]
    before_min: WaitMin
    after_min: WaitMin
    reason: Reason
    rev: Rev
