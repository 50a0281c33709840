"""The public shapes of what is calculated from a patient's readings: NEWS2, glucose, worsening of KOLS, what
a limit would have raised."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from devices.vocabulary import Kind
from server.api.fact_schemas import Acvpu, Scale, Symptom
from server.api.fields import Edge
from server.api.schemas import Direction, Level, Limits, Shape, StaffMember
from server.api.settings_schemas import Reference

News2Parameter = Literal["respiration", "spo2", "oxygen", "systolic", "pulse", "consciousness", "temperature"]
News2Risk = Literal["none", "low", "one_red", "medium", "high"]
Points = Annotated[int, Field(ge=0, le=3)]
Total = Annotated[int, Field(ge=0, le=20)]
Sign = Annotated[int, Field(ge=-1, le=1, description="-1 below, 1 above what the device can measure")]
Percentage = Annotated[float, Field(ge=0, le=100)]


class News2Part(Shape):
    """`points` null: not known, or on both sides of a boundary. `too_old`: longer before the newest than may be."""

    parameter: News2Parameter
    points: Points | None
    value: float | None
    sign: Sign
    on_oxygen: bool | None
    acvpu: Acvpu | None
    at: datetime | None
    too_old: bool
    red: bool


class News2(Shape):
    """`total` and `risk` null: not computable, because a parameter is missing or too old; nothing is assumed for it.
    `scale_2_by`: who prescribed scale 2. The hospital's response to a score does not apply at home."""

    patient: int
    at: Annotated[datetime | None, Field(description="of the newest observation; null: there is none")]
    total: Total | None
    risk: News2Risk | None
    scale: Scale
    scale_2_by: StaffMember | None
    scale_2_since: datetime | None
    parts: list[News2Part]
    missing: list[News2Parameter]
    too_old: list[News2Parameter]
    together_within_min: int
    references: list[Reference]


class News2Row(Shape):
    parameter: News2Parameter
    points: list[Points | None]


class News2Trail(Shape):
    """One column for each instant of `at`: a quarter of an hour, or (`every_min` 60) the worst of an hour. `total`
    null: not computable then. `rows`: the partial scores; one that is too old for its column is null."""

    patient: int
    from_at: datetime
    to_at: datetime
    every_min: int
    at: list[datetime]
    total: list[Total | None]
    risk: list[News2Risk | None]
    scale: list[Scale]
    rows: list[News2Row]


class GlucoseBands(Shape):
    """Percent of the measured time: <3.0, 3.0-3.8, 3.9-10.0, 10.1-13.9, >13.9 mmol/L."""

    very_low: Percentage
    low: Percentage
    in_range: Percentage
    high: Percentage
    very_high: Percentage


class GlucoseMetrics(Shape):
    """`bands` and what follows null: nothing was measured. `sufficient`: at least 14 days, at least 70 % of them
    measured; without it the figures are uncertain. `censored`: readings that were LO or HI."""

    readings: int
    censored: int
    days: float
    worn_percent: float
    sufficient: bool
    bands: GlucoseBands | None
    mean_mmol_per_l: float | None
    gmi_percent: float | None
    gmi_mmol_per_mol: float | None
    cv_percent: float | None
    stable: Annotated[bool | None, Field(description="cv at most 36 %")]
    gri: float | None


class GlucoseTarget(Shape):
    """Time in these bands together; `met` null: too little was measured to say."""

    bands: list[Literal["very_low", "low", "in_range", "high", "very_high"]]
    over_percent: float | None
    under_percent: float | None
    percent: float | None
    met: bool | None


class GlucoseProfile(Shape):
    """The usual day in Norway: one entry per time of day. null: nobody measured then."""

    minute: Annotated[list[int], Field(description="after midnight")]
    count: list[int]
    p5: list[float | None]
    p25: list[float | None]
    p50: list[float | None]
    p75: list[float | None]
    p95: list[float | None]


class GlucoseEpisode(Shape):
    """`recovered` false: the data end, or a gap begins, before 15 minutes in range were seen. `prolonged`: a low one of
    level 1, below 3.9 for more than 120 minutes; a high one of level 2, above 13.9 for 90 of 120 minutes."""

    direction: Literal["low", "high"]
    level: Annotated[int, Field(ge=1, le=2)]
    began_at: datetime
    ended_at: datetime
    recovered: bool
    extreme_mmol_per_l: float
    prolonged: bool


class GlucoseEpisodeCount(Shape):
    direction: Literal["low", "high"]
    level: Annotated[int, Field(ge=1, le=2)]
    count: int
    prolonged: int


class GlucoseReport(Shape):
    """`doubted`: readings that the sensor itself did not trust; they are left out. `episodes`: the newest of each
    direction and level, `counts` has all of them."""

    patient: int
    from_at: datetime
    to_at: datetime
    cadence_min: float
    doubted: int
    metrics: GlucoseMetrics
    group: Literal["adult", "older"]
    targets: list[GlucoseTarget]
    profile: GlucoseProfile
    counts: list[GlucoseEpisodeCount]
    episodes: list[GlucoseEpisode]
    references: list[Reference]


class GlucoseDay(Shape):
    """`after_min` since the day began in Norway. `sign` is empty when no reading was LO or HI."""

    day: date
    begins: datetime
    metrics: GlucoseMetrics
    after_min: list[float]
    mmol_per_l: list[float]
    sign: list[Sign]


class GlucoseDays(Shape):
    patient: int
    days: list[GlucoseDay]


class SymptomDay(Shape):
    day: date
    symptoms: list[Symptom]
    type: Annotated[int | None, Field(ge=1, le=3, description="of this day alone")]


class Exacerbation(Shape):
    """Anthonisen's type, 1 is the worst; null: no exacerbation. `began`: the first of the days in a row; `as_of`: the
    newest day that was reported. A day that is missing in `days` is not known."""

    patient: int
    type: Annotated[int | None, Field(ge=1, le=3)]
    began: date | None
    as_of: date | None
    days: list[SymptomDay]
    references: list[Reference]


# ---- a limit tried on what is stored


class TriedLimit(Shape):
    """The last values inside each band, in the kind's unit. All null: this kind never alerts."""

    kind: Kind
    red_low: Edge | None = None
    yellow_low: Edge | None = None
    yellow_high: Edge | None = None
    red_high: Edge | None = None


class TryOut(Shape):
    limits: Annotated[list[TriedLimit], Field(min_length=1, max_length=8)]
    days: Annotated[int, Field(ge=1, le=92)] = 30


class LimitBeside(Shape):
    """null: the kind never alerts."""

    kind: Kind
    now: Limits | None
    then: Limits | None


class WouldBe(Shape):
    """One alert from its raising until it was over; `over_at` null: it stands. `level` and `value` at its worst."""

    kind: Kind
    direction: Direction
    level: Level
    priority: Literal["red", "yellow"]
    value: float | None
    limit: float | None
    began_at: datetime
    raised_at: datetime
    over_at: datetime | None
    late: bool


class AlertCounts(Shape):
    yellow: int
    red: int


class TriedOut(Shape):
    """`now`: with the limits that hold now, whatever held on the day; `then`: with those that were tried. `gone`: only
    with the former; `new`: only with the latter; the newest of each, `gone_count` and `new_count` are all.
    `thinned_until`: before it streams are kept as means of hours, so what they would have raised is not known."""

    patient: int
    from_at: datetime
    to_at: datetime
    readings: int
    thinned_until: datetime | None
    limits: list[LimitBeside]
    now: AlertCounts
    then: AlertCounts
    gone_count: int
    new_count: int
    gone: list[WouldBe]
    new: list[WouldBe]
