"""The public shapes of what is said of a patient: dated facts, and the usual that is accepted."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from devices.vocabulary import Kind
from server.api.fields import TEXT, Day, Edge, Instant, Percent, Reason, Remark, Rev, RevOrNone
from server.api.schemas import Shape, StaffMember

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


def _once_each(given: list[Symptom]) -> list[Symptom]:
    return sorted(set(given))


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
