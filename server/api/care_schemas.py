"""The public shapes of what staff say and decide about a patient, and of what is calculated from it.

`rev` names what the screen showed: a change is refused when something of it has changed meanwhile. Every change says
why, and carries the header `Idempotency-Key`: sent again with the same key it is done once."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints, WithJsonSchema

from devices.vocabulary import Kind
from server.api.schemas import Limits, Pathway, Problem, Shape, StaffMember


def _of_day(given: object) -> object:
    if isinstance(given, str) and re.fullmatch(OF_DAY, given) is None:
        raise ValueError("a time of day in Norway has no time zone: write 08:00")
    return given


# Neither control characters nor nothing but blanks.
TEXT = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=TEXT)]
Remark = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500, pattern=TEXT)]
Rev = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="as the screen got it")]
RevOrNone = Annotated[Rev | None, Field(description="null: it does not rest on what the screen showed")]
Edge = Annotated[float, Field(ge=-1e6, le=1e6, allow_inf_nan=False)]
Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
# Nobody measured before, and whoever plans beyond has mistyped.
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
Instant = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
Day = Annotated[date, Field(ge=EARLIEST.date(), le=LATEST.date())]
# A time of day has no offset; the format "time" of JSON Schema would demand one.
OF_DAY = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
TimeOfDay = Annotated[
    time, BeforeValidator(_of_day), WithJsonSchema({"type": "string", "pattern": OF_DAY, "examples": ["08:00"]})
]
RecordId = Annotated[int, Field(ge=1, le=2**63 - 1)]

Symptom = Literal["dyspnoea", "sputum_volume", "sputum_purulence", "cold", "fever", "wheeze", "cough", "faster"]
Acvpu = Literal["alert", "confused", "voice", "pain", "unresponsive"]
Scale = Literal["scale_1", "scale_2"]
FactType = Literal[
    "baseline",
    "saturation_range",
    "oxygen",
    "oxygen_seen",
    "consciousness",
    "news2_scale",
    "symptoms",
    "treatment_limits",
    "cave",
    "critical",
]
EndingType = Literal["baseline", "saturation_range", "oxygen", "news2_scale", "treatment_limits", "cave", "critical"]
Source = Literal["patient", "prescribed_range", "accepted_baseline", "team", "shipped"]
Why = Literal["hospital", "short_stay", "holiday", "away", "other"]


def _once_each(given: list[Symptom]) -> list[Symptom]:
    return sorted(set(given))


class CareConflict(Problem):
    """It is no longer as the screen showed it: `rev` is what it is now. Fetch it, look, and decide again."""

    rev: str


# ---- facts


class Baseline(Shape):
    """What is usual, as a clinician accepted it: median and median absolute deviation of `days` daily values."""

    type: Literal["baseline"]
    kind: Kind
    center: Edge
    mad: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
    days: Annotated[int, Field(ge=1, le=400)]
    last_day: Day
    first_day: Annotated[Day | None, Field(description="null: the days lie side by side")] = None


class SaturationRange(Shape):
    type: Literal["saturation_range"]
    low_percent: Percent
    high_percent: Percent


class Oxygen(Shape):
    """What the patient gets at home, as agreed. `litres_per_min` null: not known, or none."""

    type: Literal["oxygen"]
    on: bool
    litres_per_min: Annotated[float | None, Field(gt=0, le=60, allow_inf_nan=False)] = None


class OxygenSeen(Shape):
    """What somebody saw, for NEWS2: a prescription of oxygen is not yet oxygen."""

    type: Literal["oxygen_seen"]
    on: bool


class Consciousness(Shape):
    type: Literal["consciousness"]
    acvpu: Acvpu


class News2Scale(Shape):
    type: Literal["news2_scale"]
    scale: Scale


class Symptoms(Shape):
    """Of one day, compared with usual ones; the last word about a day counts. None of them: a good day."""

    type: Literal["symptoms"]
    day: Day
    symptoms: Annotated[list[Symptom], Field(max_length=20), AfterValidator(_once_each)]


class TreatmentLimits(Shape):
    """What is not done any more, as a doctor has decided it. `no_resuscitation`: HLR-."""

    type: Literal["treatment_limits"]
    no_resuscitation: bool
    no_hospital: bool = False
    text: Remark = ""


class Reaction(Shape):
    to: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=TEXT)]
    how: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=TEXT)] = ""


class Cave(Shape):
    """All that must not be given: a newer list takes the place of this one."""

    type: Literal["cave"]
    reactions: Annotated[list[Reaction], Field(min_length=1, max_length=30)]


class Critical(Shape):
    """What whoever comes must know."""

    type: Literal["critical"]
    lines: Annotated[
        list[Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=TEXT)]],
        Field(min_length=1, max_length=20),
    ]


Fact = Annotated[
    Baseline
    | SaturationRange
    | Oxygen
    | OxygenSeen
    | Consciousness
    | News2Scale
    | Symptoms
    | TreatmentLimits
    | Cave
    | Critical,
    Field(discriminator="type"),
]


class SaidFact(Shape):
    """`fact` null: from `at` on nothing of this type (and kind) holds. `said_by` null: the patient said it."""

    id: int
    type: FactType
    kind: Kind | None
    fact: Fact | None
    at: datetime
    until: datetime | None
    said_by: StaffMember | None
    said_at: datetime
    reason: str
    withdrawn_by: StaffMember | None
    withdrawn_at: datetime | None


class Facts(Shape):
    """What was said and not taken back, the newest first. It holds from `at` on, until the next of its type (and kind),
    its own `until`, or an end that was said."""

    patient: int
    rev: str
    facts: list[SaidFact]


class SayFact(Shape):
    """`at` null: now. A baseline, a range, oxygen and a scale need the `rev` that the decision rests on."""

    fact: Fact
    at: Instant | None = None
    until: Instant | None = None
    reason: Remark = ""
    rev: RevOrNone = None


class EndFact(Shape):
    """From `at` on nothing of this type holds until it is said again. `kind`: of a baseline."""

    type: EndingType
    kind: Kind | None = None
    at: Instant | None = None
    reason: Reason
    rev: Rev


class Withdraw(Shape):
    """It was said by mistake, and never held."""

    reason: Reason
    rev: Rev


class BaselineDay(Shape):
    day: date
    value: float


class BaselineProposal(Shape):
    """What the days from `first_day` to `last_day` say: a proposal that moves nothing until a clinician accepts it.
    `center` and `mad` null: there was no day to compute them from. `enough`: as many days as a rule asks for. A day's
    `value` is the median of its hours; a day of which too little was measured is not there. `accepted`: what is
    accepted now."""

    patient: int
    rev: Annotated[str, Field(description="of this proposal: accept names it")]
    kind: Kind
    unit: str
    decimals: int
    first_day: date
    last_day: date
    center: float | None
    mad: float | None
    days: list[BaselineDay]
    least_days: int
    enough: bool
    accepted: SaidFact | None


class AcceptBaseline(Shape):
    """`last_day`, `window_days` and `rev` as in the proposal: what is accepted is what was looked at."""

    last_day: Day
    window_days: Annotated[int, Field(ge=7, le=90)] = 14
    reason: Reason
    rev: Rev


# ---- limits, rules, plans


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


# ---- excuses


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

ChangeType = Literal["fact", "fact_withdrawn", "limit", "rule", "plan", "excuse", "excuse_ended"]


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


class Changes(Shape):
    """The newest first. `next` null: there is nothing older."""

    changes: list[Change]
    next: str | None
