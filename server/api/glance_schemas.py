"""The public shapes of a team's figures: how its alerts were answered, and what the last fortnight brought."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from devices.vocabulary import Kind
from server.api.clinic_schemas import GlucoseBands, Percentage
from server.api.schemas import Priority, Shape

Count = Annotated[int, Field(ge=0)]


class HourOfAlerts(Shape):
    begins: datetime
    red: Count
    yellow: Count
    grey: Count


class Answered(Shape):
    """`median_s`: from when it was raised (the last time) until somebody took it; null: nobody has. `unreal`: of the
    closed, those that were an error of measuring, technical, or a wrong limit."""

    priority: Priority
    raised: Count
    answered: Count
    median_s: float | None
    longest_s: float | None
    closed: Count
    unreal: Count


class AnswerTimes(Shape):
    """`hours`: the oldest first, all of them; the last one ends at `to_at`."""

    team: int
    from_at: datetime
    to_at: datetime
    hours: list[HourOfAlerts]
    answers: list[Answered]


class PatientInRange(Shape):
    """`sufficient`: at least 14 days, of which at least 70 % measured; without it the shares are shown as uncertain."""

    patient: int
    worn_percent: Percentage
    sufficient: bool
    bands: GlucoseBands


class MissedOfKind(Shape):
    """`due`: when a planned measurement was due of which nothing came, in order."""

    patient: int
    kind: Kind
    due: list[datetime]


class Fortnight(Shape):
    """`in_range`: of patients with a continuous glucose sensor, over whole days in Norway, `first_day` and `last_day`
    included; today is not over. `missed`: of planned measurements until now, those of which nothing came."""

    team: int
    first_day: date
    last_day: date
    in_range: list[PatientInRange]
    missed: list[MissedOfKind]
